"""The picture: heat on the drive, the steering answer, and what explains both. One file an element."""
