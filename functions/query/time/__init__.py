"""Time of people and agents."""
