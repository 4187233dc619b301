"""Every path of the contract reaches its room through the API that sam/template.yaml makes."""

import importlib
from collections.abc import Iterator

import pytest

from functions.core import openapi
from functions.core.room import rooms
from functions.rooms import room_of
from functions.rooms import routes as paths
from tests.unit.sam.templates import STACK, Stack, load

STACK_AS_IS = Stack(load(STACK))
FUNCTIONS = STACK_AS_IS.of_type("AWS::Serverless::Function")
DEFAULT = "$default"


def routes() -> Iterator[tuple[str, str]]:
    """Each route's path, and the handler that it leads to."""
    for function in FUNCTIONS.values():
        for event in function["Events"].values():
            assert event["Type"] == "HttpApi"
            properties = event["Properties"]
            assert properties["ApiId"] == "<Api>"
            # OPTIONS, and what is 405, are the room's to answer.
            assert properties.get("Method", "ANY") == "ANY"
            yield properties.get("Path", DEFAULT), function["Handler"]


def chosen(path: str) -> str:
    """The handler that API Gateway calls: the exact path, the longest `{proxy+}`, `$default`."""
    table = dict(routes())
    if path in table:
        return table[path]
    greedy = [
        route
        for route in table
        if route.endswith("/{proxy+}")
        and path.startswith(route.removesuffix("{proxy+}"))
        and len(path) > len(route.removesuffix("{proxy+}"))
    ]
    return table[max(greedy, key=len, default=DEFAULT)]


def documented() -> Iterator[str]:
    """Every path of the contract, with something in the place of its variables."""
    apps = [importlib.import_module(room.module).app for room in rooms()]
    for path in openapi.merge(apps)["paths"]:
        yield path.replace("{", "some-").replace("}", "")


# /metrics is for containers: on Lambda a figure is a line of the log, and the page is a 404.
PATHS = sorted({*documented(), *paths()} - {"/metrics"})


def test_no_route_stands_there_twice() -> None:
    """Two functions with one route would be a deployment that fails."""
    paths = [path for path, _ in routes()]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("prefix", ["", "/functions"])
@pytest.mark.parametrize("path", PATHS)
def test_a_path_reaches_its_room(path: str, prefix: str) -> None:
    """Also as Supabase-style monitors write it."""
    assert chosen(prefix + path) == f"{room_of(path)}.handler"


def test_every_route_is_of_the_contract() -> None:
    """None is left behind when a prefix goes."""
    for path, handler in routes():
        if path != DEFAULT:
            plain = path.removeprefix("/functions").removesuffix("/{proxy+}")
            assert handler == f"{room_of(plain)}.handler", path


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/jobs/nothing", "/v1/nothing", "/metrics"])
def test_what_is_nobodys_is_the_fronts_404(path: str) -> None:
    """API Gateway's own 404 would have another shape."""
    assert chosen(path) == "functions.front.handler.handler"


def test_there_is_a_function_for_each_room() -> None:
    """With the artefact of the same name."""
    found = {function["Handler"]: function["CodeUri"] for function in FUNCTIONS.values()}
    assert found == {f"{room.module}.handler": f"../build/{room.name}.zip" for room in rooms()}


def test_cors_is_left_to_the_functions() -> None:
    """API Gateway would answer OPTIONS itself, and put its headers over ours."""
    [api] = STACK_AS_IS.of_type("AWS::Serverless::HttpApi").values()
    assert "CorsConfiguration" not in api
    assert api["StageName"] == DEFAULT
    assert set(api["DefaultRouteSettings"]) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}
    assert "HttpApi" not in load(STACK)["Globals"]


def test_the_access_log_keeps_no_addresses() -> None:
    """One JSON object a request, without who asked and what for."""
    [api] = STACK_AS_IS.of_type("AWS::Serverless::HttpApi").values()
    assert api["AccessLogSettings"]["DestinationArn"] == "<ApiLog.Arn>"
    for private in ("sourceIp", "userAgent", "queryString", "authorizer", "header"):
        assert private not in api["AccessLogSettings"]["Format"]
