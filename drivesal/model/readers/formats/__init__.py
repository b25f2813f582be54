"""One module per model format; the registry finds every module here."""
