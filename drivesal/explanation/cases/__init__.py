"""The cases of a regression, one file each; a file registers its `Case`."""
