"""Going through a drive frame by frame."""
