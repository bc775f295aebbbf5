"""PhotoSearch finds any photo a person owns by what it shows, on their own computer."""

__version__ = "0.1.0"
