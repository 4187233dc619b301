"""The owner's first access token: `python -m infra.container.issue_token NAME`.

For whoever installs. It is printed once and kept as a hash; the log goes to standard error.
"""

import argparse
import contextlib
import sys


def main() -> int:
    """0, with the token alone on standard output."""
    parser = argparse.ArgumentParser(prog="python -m infra.container.issue_token")
    parser.add_argument("name", help="what it is for; GET /v1/tokens lists it under this name")
    name = parser.parse_args().name
    with contextlib.redirect_stdout(sys.stderr):  # before the logger asks where to write
        from pydantic import ValidationError  # noqa: PLC0415

        from functions.accounts import issue_owner_token  # noqa: PLC0415
        from functions.core.config import ConfigError  # noqa: PLC0415
        from functions.core.errors import ApiError  # noqa: PLC0415

        try:
            token = issue_owner_token(name)
        except (ConfigError, ApiError) as error:
            return _failed(error)
        except ValidationError as error:
            return _failed(error.errors(include_url=False)[0]["msg"])
    print(token)
    return 0


def _failed(why: object) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
