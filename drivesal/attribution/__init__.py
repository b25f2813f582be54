"""Attribution: `methods/` one file a family, `engine/` what they share, `registry` the table of methods."""
