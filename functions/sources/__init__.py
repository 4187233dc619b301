"""Monitors, their keys, and whether they are heard of."""
