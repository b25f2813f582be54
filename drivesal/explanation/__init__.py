"""The core: frames in, explained frames out; cases and their scale."""
