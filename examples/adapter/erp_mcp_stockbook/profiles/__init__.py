"""The profile files of this package."""
