"""One file per family of methods; the registry imports every module of this package."""
