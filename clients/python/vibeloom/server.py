"""Talking to a Vibeloom server as a person: with an access token, and with words for errors."""

from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from vibeloom import __version__, settings
from vibeloom.errors import Refused, ServerError, SettingError
from vibeloom.settings import Settings

TIMEOUT = httpx.Timeout(30.0, connect=10.0)  # seconds


def server_base(configured: Settings, url: str | None) -> str:
    """The `/v1` base of the server to ask: the one given, otherwise the one that is set.

    Raises `SettingError`.
    """
    if url is not None:
        return settings.server_base(url, "--url")
    if configured.endpoint is None:
        raise SettingError("no server is known; give --url or set VIBELOOM_URL")
    if not configured.endpoint.vibeloom:
        raise SettingError(
            "VIBETEA_SUPABASE_URL names a server for batches alone; give --url or set VIBELOOM_URL "
            "to a Vibeloom server"
        )
    return configured.endpoint.base


class Server:
    """One server and one person's token."""

    def __init__(self, base: str, token: str | None) -> None:
        if not token:
            raise SettingError("no access token; give --token or set VIBELOOM_TOKEN")
        if not token.isascii() or any(character.isspace() for character in token):
            raise SettingError("VIBELOOM_TOKEN: not an access token; copy it again, without spaces")
        self._base = base
        self._client = httpx.Client(
            timeout=TIMEOUT,
            headers={"Authorization": f"Bearer {token}", "User-Agent": f"vibeloom/{__version__}"},
        )

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, parameters: Mapping[str, str | int]) -> dict[str, Any]:
        """GET a JSON object."""
        return self._call("GET", path, params=dict(parameters))[1]

    def pages(self, path: str, parameters: Mapping[str, str | int]) -> Iterator[dict[str, Any]]:
        """GET a list to its end, page by page."""
        asked = dict(parameters)
        seen: set[str] = set()
        while True:
            page = self.get(path, asked)
            yield page
            cursor = page.get("next")
            if cursor is None:
                return
            if not isinstance(cursor, str) or cursor in seen:
                raise ServerError(
                    f"{self._base}{path} sends the same page again and again; check VIBELOOM_URL"
                )
            seen.add(cursor)
            asked["cursor"] = cursor

    def post(
        self, path: str, document: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """POST a JSON object; gives the status and the object that comes back."""
        return self._call("POST", path, json=None if document is None else dict(document))

    def _call(self, method: str, path: str, **content: Any) -> tuple[int, dict[str, Any]]:
        url = f"{self._base}{path}"
        try:
            answer = self._client.request(method, url, **content)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            reason = str(problem) or type(problem).__name__
            raise ServerError(
                f"{url} does not answer ({reason}); check the address and that the server runs"
            ) from None
        try:
            document = answer.json()
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise ServerError(
                f"{url} answered {answer.status_code}, but not as a Vibeloom server does; "
                "check VIBELOOM_URL"
            )
        if not answer.is_success:
            raise Refused(_explain(answer.status_code, document), answer.status_code)
        return answer.status_code, document


_NEXT = {
    "source_name_taken": "choose another name with --source",
    "source_exists": "add this key to it with --add-key, or choose another name with --source",
    "too_many_keys": "revoke one: DELETE /v1/sources/{id}/keys/{key_id}",
    "key_taken": "this key belongs to another source; use that source's name, or make a new key "
    "with `vibeloom monitor init --force`",
}


def _explain(status: int, document: Mapping[str, Any]) -> str:
    code = str(document.get("error", "error"))
    words = " ".join(str(document.get("message", "")).split())[:300]
    advice = _NEXT.get(code)
    if advice is None and status in (401, 403):
        advice = "give a valid access token with --token or VIBELOOM_TOKEN"
    if advice is None:
        advice = "try again later" if status >= 500 or status == 429 else "check what you asked for"
    return f"the server says {status} {code}: {words.rstrip('.')}; {advice}"
