"""Frame-by-frame review of a drive in the browser."""
