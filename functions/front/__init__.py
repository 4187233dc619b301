"""Health, readiness, metrics and the API document."""
