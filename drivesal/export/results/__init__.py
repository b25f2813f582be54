"""One file a kind of result; every module here is found by the registry."""
