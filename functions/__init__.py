"""The backend: one folder per cloud function, plus `core`, which they share."""
