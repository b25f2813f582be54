"""A recording and a model in; an overlay video, a table and facts out."""
