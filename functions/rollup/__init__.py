"""Daily figures, computed anew for the days that changed."""

from functions.rollup.days import lane_totals, pending_days, refresh_days

__all__ = ["lane_totals", "pending_days", "refresh_days"]
