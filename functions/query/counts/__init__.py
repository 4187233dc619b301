"""Events counted over time, by project and by language."""
