"""What `sources` does on a schedule."""

from datetime import UTC, datetime

from functions.core.work import Budget
from functions.sources import service


def delete_expired_challenges(_: Budget) -> bool:
    """Deletes nonces of registrations that never came."""
    service.delete_expired_challenges(datetime.now(UTC))
    return False
