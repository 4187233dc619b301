"""A setting that is a secret: given as its value, or as the address where AWS keeps it.

    arn:aws:secretsmanager:eu-west-1:123456789012:secret:vibeloom-AbCdEf[:json-key]
    arn:aws:ssm:eu-west-1:123456789012:parameter/vibeloom/database-url

An address is looked up when the secret is first needed, through AWS' *Parameters and Secrets Lambda
Extension*, which listens on loopback beside the function: no SDK has to be imported, and the
extension does not answer before the first request anyway.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from functions.core.errors import Unavailable
from functions.core.observability import logger

ADDRESS = re.compile(
    r"arn:aws[a-z-]*:(?:"
    r"secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[^:]+(?::(?P<key>[^:]+))?"
    r"|ssm:[a-z0-9-]+:[0-9]{12}:parameter/.+)"
)
TIMEOUT = 5  # s; the extension asks AWS the first time

_MISCONFIGURED = "The service cannot read its configuration."


class Secret:
    """One secret. `reveal()` is its value; nothing else shows it."""

    def __init__(
        self, setting: str, text: str, checks: Sequence[Callable[[str, str], None]], store: "Store"
    ) -> None:
        """Each of `checks` gets the setting's name and the value, and raises `ValueError`."""
        self._setting = setting
        self._text = text
        self._checks = checks
        self._store = store
        self._value: str | None = None
        if not ADDRESS.fullmatch(text):
            self._value = self._checked(text)

    def __repr__(self) -> str:
        return f"Secret({self._setting})"

    def reveal(self) -> str:
        """The value. Raises `Unavailable` when it cannot be looked up or used."""
        if self._value is None:
            found = self._store.look_up(self._setting, self._text)
            try:
                self._value = self._checked(found)
            except ValueError as error:
                logger.error("a secret cannot be used", setting=self._setting, cause=str(error))
                raise Unavailable(_MISCONFIGURED) from error
        return self._value

    def forget(self) -> None:
        """Has an address looked up again next time: the secret may have been rotated."""
        if ADDRESS.fullmatch(self._text):
            self._value = None

    def _checked(self, value: str) -> str:
        for check in self._checks:
            check(self._setting, value)
        return value


class Store:
    """The extension on loopback that knows this function's secrets."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._token = token

    def look_up(self, setting: str, address: str) -> str:
        """What stands at `address`. Raises `Unavailable`; the log has `setting`, not the value."""
        match = ADDRESS.fullmatch(address)
        assert match is not None  # noqa: S101 (`Secret` made sure)
        key = match["key"]
        try:
            if ":ssm:" in address:
                name = quote(address, safe="")
                path = f"/systemsmanager/parameters/get?name={name}&withDecryption=true"
                return str(self._get(path)["Parameter"]["Value"])
            secret = address.removesuffix(f":{key}") if key else address
            text = str(
                self._get(f"/secretsmanager/get?secretId={quote(secret, safe='')}")["SecretString"]
            )
            return str(json.loads(text)[key]) if key else text
        except (OSError, ValueError, KeyError, TypeError) as error:
            cause = str(error) if isinstance(error, OSError) else type(error).__name__
            if isinstance(error, ConnectionRefusedError):
                cause = "no Parameters and Secrets Lambda Extension answers on loopback"
            logger.error("a secret cannot be looked up", setting=setting, cause=cause)
            raise Unavailable(_MISCONFIGURED) from error

    def _get(self, path: str) -> Any:
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT)
        try:
            connection.request("GET", path, headers={"X-Aws-Parameters-Secrets-Token": self._token})
            response = connection.getresponse()
            body = response.read()
        except HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()
        if response.status != 200:
            raise OSError(f"status {response.status}")
        return json.loads(body)
