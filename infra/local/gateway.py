"""The gateway of a laptop: the one of `infra/serving.py`, for nobody else's machine."""

from infra import serving


def command(port: int, workers: int) -> list[str]:
    """The command line of a gateway on loopback; run it in the repository's root."""
    return serving.command(f"127.0.0.1:{port}", workers)
