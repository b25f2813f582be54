"""An example of a package that adds a method and a recording format to drivesal."""
