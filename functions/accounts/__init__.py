"""People and their access tokens."""

from functions.accounts.tokens import issue_owner_token

__all__ = ["issue_owner_token"]
