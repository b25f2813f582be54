"""A method and a recording format for drivesal, as another package adds them."""
