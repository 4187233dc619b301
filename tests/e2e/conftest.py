"""One running stack per module, so that a module's kills and logs are its own."""

from collections.abc import Iterator

import pytest

from tests.e2e.stack_fixture import Gateway, Stack, running_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Postgres with durable settings, and the gateway with two workers."""
    with running_stack() as running:
        yield running


@pytest.fixture
def gateway(stack: Stack) -> Gateway:
    """The stack's gateway."""
    return stack.gateway
