"""Code that attribution methods share."""
