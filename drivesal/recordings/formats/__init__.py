"""One file a recording format; every module here is found by the registry."""
