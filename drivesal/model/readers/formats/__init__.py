"""One file a model format; every module here is found by the registry."""
