"""A period at a glance, with the productivity score."""
