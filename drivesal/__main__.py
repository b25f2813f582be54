"""`python -m drivesal`."""

from drivesal.cli import main

main()
