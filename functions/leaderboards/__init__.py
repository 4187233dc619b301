"""Rankings among those who agreed."""
