"""One file an element; every module here is found by the registry."""
