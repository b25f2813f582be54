"""Fitting a steering network and measuring how far it is off."""
