"""A person's own rows, straight from a Supabase project: PostgREST under row-level security."""

from typing import TYPE_CHECKING

from vibeloom.errors import MissingExtra
from vibeloom.settings import load_project

if TYPE_CHECKING:
    from postgrest import SyncPostgrestClient

TIMEOUT = 30.0  # seconds


def rest(
    url: str | None = None, key: str | None = None, jwt: str | None = None
) -> "SyncPostgrestClient":
    """A client of the project's tables and views that reads what the signed-in person owns.

    `url` is the project's address, `key` its publishable (or legacy anon) key, `jwt` the access
    token of the person's sign-in; what is left out comes from `VIBELOOM_REST_URL`,
    `VIBELOOM_REST_KEY` and `VIBELOOM_REST_JWT`. A redirect is not followed: it would carry both
    credentials along. Close it with `aclose()`, or use it in a `with`.

    Raises `SettingError`, and `MissingExtra` without `pip install 'vibeloom[rest]'`.
    """
    project = load_project(url, key, jwt)
    try:  # here and not above: a monitor starts without them
        import httpx  # noqa: PLC0415
        from postgrest import SyncPostgrestClient  # noqa: PLC0415
    except ImportError as problem:
        raise MissingExtra(
            f"rest() needs the package {problem.name}: pip install 'vibeloom[rest]'"
        ) from None
    headers = {"apikey": project.key, "Authorization": f"Bearer {project.jwt}"}
    return SyncPostgrestClient(
        project.rest_url,
        headers=headers,
        http_client=httpx.Client(base_url=project.rest_url, timeout=TIMEOUT),
    )
