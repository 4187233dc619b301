"""Signed batches in."""
