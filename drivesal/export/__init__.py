"""Results on disk, one file a kind."""
