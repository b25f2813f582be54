"""Images out of video files, and an account of what could not be read."""
