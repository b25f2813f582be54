"""From a recording and a model to an overlay video, a table and facts."""
