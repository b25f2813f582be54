"""One module per kind of result; the registry finds every module here."""
