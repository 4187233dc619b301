"""Five-hour blocks of model usage."""
