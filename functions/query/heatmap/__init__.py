"""Events by hour, as VibeTea's clients know them."""
