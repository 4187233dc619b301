"""Every error that leaves the house, as one tree.

    ApiError
    ├── Malformed 400 invalid_request
    ├── InvalidCursor 400 invalid_cursor
    ├── Unauthenticated 401
    │   ├── MissingAuth missing_auth
    │   └── InvalidToken invalid_token
    ├── Forbidden 403 insufficient_scope
    ├── NotFound 404 not_found
    ├── MethodNotAllowed 405 method_not_allowed
    ├── Conflict 409
    │   ├── SourceNameTaken source_name_taken · SourceExists source_exists
    │   ├── KeyTaken key_taken · TooManyKeys too_many_keys
    ├── PayloadTooLarge 413 payload_too_large
    ├── UnsupportedMediaType 415 unsupported_media_type
    ├── Invalid 422 invalid_field
    ├── InternalError 500 internal_error
    ├── Unavailable 503 unavailable
    │   └── LockTimeout lock_timeout
    └── TimedOut 504
        ├── StatementTimeout statement_timeout
        ├── TransactionTimeout transaction_timeout
        └── IdleTransactionTimeout idle_transaction_timeout

Rooms add leaves of their own beside what they do. The class docstring is the default message, the
class attributes are the wire: `{"error": error, "message": message}` with `status`. An error that
Postgres raises names its SQLSTATE, and `BY_SQLSTATE` has it from then on. The states of our own
SQL functions begin with VL.
"""

from typing import ClassVar

BY_SQLSTATE: dict[str, type["ApiError"]] = {}


class ApiError(Exception):
    """Something went wrong."""

    status: ClassVar[int] = 500
    error: ClassVar[str] = "internal_error"
    retry_after: ClassVar[int | None] = None  # seconds
    sqlstate: ClassVar[str | None] = None

    def __init_subclass__(cls) -> None:
        if state := vars(cls).get("sqlstate"):
            BY_SQLSTATE[state] = cls

    def __init__(self, message: str | None = None) -> None:
        self.message = message or " ".join((type(self).__doc__ or "").split())
        super().__init__(self.message)


class Malformed(ApiError):
    """The request cannot be read."""

    status = 400
    error = "invalid_request"


class InvalidCursor(ApiError):
    """cursor is the `next` of an answer to the same question; leave it out for the first page."""

    status = 400
    error = "invalid_cursor"


class Unauthenticated(ApiError):
    """The request does not say who makes it, or says it wrongly."""

    status = 401


class MissingAuth(Unauthenticated):
    """Authorization header is required"""

    error = "missing_auth"


class InvalidToken(Unauthenticated):
    """Bearer token is invalid"""

    error = "invalid_token"


class Forbidden(ApiError):
    """This token may not do that."""

    status = 403
    error = "insufficient_scope"


class NotFound(ApiError):
    """There is nothing here."""

    status = 404
    error = "not_found"


class MethodNotAllowed(ApiError):
    """This path does not answer to that method."""

    status = 405
    error = "method_not_allowed"


class Conflict(ApiError):
    """The request conflicts with something that exists."""

    status = 409


class SourceNameTaken(Conflict):
    """Another account has a source of this name; choose another name."""

    error = "source_name_taken"
    sqlstate = "VL001"


class SourceExists(Conflict):
    """You have a source of this name with another key; add a key to it instead."""

    error = "source_exists"
    sqlstate = "VL005"


class KeyTaken(Conflict):
    """This public key was used before; make a new one."""

    error = "key_taken"
    sqlstate = "VL002"


class TooManyKeys(Conflict):
    """The source has two active keys; revoke one first."""

    error = "too_many_keys"
    sqlstate = "VL003"


class PayloadTooLarge(ApiError):
    """The request is too large."""

    status = 413
    error = "payload_too_large"


class UnsupportedMediaType(ApiError):
    """The request's Content-Type or Content-Encoding is not one that is read here."""

    status = 415
    error = "unsupported_media_type"


class Invalid(ApiError):
    """The request is well formed, but a value in it is not valid."""

    status = 422
    error = "invalid_field"


class InternalError(ApiError):
    """Something broke on our side; the request id leads to it in the logs."""


class Unavailable(ApiError):
    """The database cannot be reached; try again."""

    status = 503
    error = "unavailable"
    retry_after = 5


class LockTimeout(Unavailable):
    """Another request held the same rows for too long; try again."""

    error = "lock_timeout"
    sqlstate = "55P03"
    retry_after = 1


class TimedOut(ApiError):
    """The request took too long."""

    status = 504  # without Retry-After: the same request would take as long again


class StatementTimeout(TimedOut):
    """The database needed too long for this request; ask for less, such as a shorter period."""

    error = "statement_timeout"
    sqlstate = "57014"  # also where an administrator cancels a statement


class TransactionTimeout(TimedOut):
    """The request needed too long in the database; ask for less, such as a shorter period."""

    error = "transaction_timeout"
    sqlstate = "25P04"


class IdleTransactionTimeout(TimedOut):
    """The server left the database waiting for too long, and the request was rolled back."""

    error = "idle_transaction_timeout"
    sqlstate = "25P03"
