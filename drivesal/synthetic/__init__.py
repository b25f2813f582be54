"""A procedural road: frames whose steering and whose evidence are known exactly."""
