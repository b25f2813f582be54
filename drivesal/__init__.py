"""drivesal shows what a steering network looks at."""

__version__ = "0.1.0"
