"""The cases, one file each; a file registers its `Case`."""
