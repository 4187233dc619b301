"""Questions out."""
