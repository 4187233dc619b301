"""A person's own events."""
