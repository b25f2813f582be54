"""Attribution: `methods/` (one file per family), `engine/` (shared code), `registry` (the table of methods)."""
