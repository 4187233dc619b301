"""Answers questions about a person's events."""
