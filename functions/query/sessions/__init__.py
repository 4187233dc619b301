"""Sessions of agents and of people."""
