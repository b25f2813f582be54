"""One file a family of methods; every module here is found by the registry."""
