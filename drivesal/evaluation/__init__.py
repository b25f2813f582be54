"""How far a model's answers are from the labels of recordings, one file a subject; `run` joins them."""
