"""What can go wrong, as one tree. Every message is one line that ends in what to do next.

VibeloomError
├── SettingError       a variable has a value that cannot be used
├── MissingExtra       an optional package is not installed
├── KeyFileError       the signing key is missing, unreadable or already there
├── SpoolError         the spool cannot be read or written
│   └── SpoolBusy      another monitor holds it
├── ServerError        the server did not answer, or not as it should
│   └── Refused        the server answered with an error
└── Undelivered        a flush gave up; the spool keeps everything
"""


class VibeloomError(Exception):
    """Something a person can act upon; the command line prints it as one line and exits with 1."""


class SettingError(VibeloomError):
    """A setting is missing or has a value that is not accepted."""


class MissingExtra(VibeloomError):
    """Something needs a package that is installed only when asked for."""


class KeyFileError(VibeloomError):
    """The signing key cannot be used or must not be replaced."""


class SpoolError(VibeloomError):
    """The spool cannot be read or written."""


class SpoolBusy(SpoolError):
    """Another monitor works on the same spool."""


class ServerError(VibeloomError):
    """The server refused a request or could not be reached."""


class Refused(ServerError):
    """The server answered with an error."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status  # of HTTP


class Undelivered(VibeloomError):
    """Some events are still in the spool after a flush."""
