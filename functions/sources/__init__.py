"""Monitors, their keys and their health."""
