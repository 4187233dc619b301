"""What the capture kinds carry: a model per kind, with limits and units.

The models only check: what is stored is what was sent, unknown fields included. VibeTea's kinds
have no model, because their contract leaves the payloads to the monitors.
"""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.functional_validators import AfterValidator
from pydantic_core import PydanticCustomError

MAX_DURATION = 86_400_000  # ms; a day, longer spans are several events
MAX_TOKENS = 10**9  # of one call, as `token_count` in the migrations has it: no sum can overflow
MAX_COMMAND = 4_096  # characters, of a command and of what it wrote to stderr
MIN_EXIT, MAX_EXIT = -(2**31), 2**32 - 1  # Windows reports both signed and unsigned codes


def _refuse_path(name: str) -> str:
    if "/" in name or "\\" in name:
        raise PydanticCustomError("path", "Must be a name, not a path: send the last part only")
    return name


Name = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Basename = Annotated[Name, AfterValidator(_refuse_path)]
Domain = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253),  # RFC 1035
    AfterValidator(_refuse_path),
]
Text = Annotated[str, StringConstraints(max_length=512)]
Duration = Annotated[int, Field(ge=0, le=MAX_DURATION, description="Milliseconds")]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]


class Payload(BaseModel):
    """What every capture kind may name; kept as columns of the event."""

    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)

    project: Annotated[str, StringConstraints(max_length=256)] | None = None
    language: Annotated[str, StringConstraints(max_length=64)] | None = None
    branch: Annotated[str, StringConstraints(max_length=256)] | None = None


class Terminal(Payload):
    """A command that ended."""

    command: Annotated[str, StringConstraints(min_length=1, max_length=MAX_COMMAND)]
    exit_code: Annotated[int, Field(ge=MIN_EXIT, le=MAX_EXIT, description="0: it succeeded")]
    duration_ms: Duration | None = None
    stderr: Annotated[str, StringConstraints(max_length=MAX_COMMAND)] | None = None
    stderr_class: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")] | None = None
    cwd: Basename | None = None
    shell: Basename | None = None


class Editor(Payload):
    """Something done to a file."""

    file: Basename | None = None
    action: Literal["open", "edit", "save", "compile", "debug", "error"]
    lines: Annotated[int, Field(ge=0, le=10_000_000)] | None = None


class Window(Payload):
    """A window that had the focus."""

    app: Name
    title: Text | None = None
    duration_ms: Duration | None = None


class Browser(Payload):
    """A site that was looked at."""

    domain: Domain
    title: Text | None = None
    duration_ms: Duration | None = None
    category: Literal["development", "research", "entertainment", "other"] | None = None
    ai_provider: Word | None = None


class Heartbeat(Payload):
    """A sign of work on something."""

    entity: Basename
    is_write: bool | None = None
    category: Word | None = None


class Emotion(Payload):
    """A face, read on the machine that saw it; never a picture."""

    emotion: Literal["smile", "laugh", "cry", "fear", "anger", "neutral"]
    score: Annotated[float, Field(ge=0, le=1, description="0–1, how sure")] | None = None
    trigger: Name | None = Field(default=None, description="The app or domain in front")


# Input, output, cache reads, cache writes, and the cache writes that last an hour.
Request = Annotated[list[Tokens], Field(min_length=5, max_length=5)]


def _either(snake: str, camel: str) -> Any:
    """The database reads both spellings, the first that is there; so does the check."""
    return Field(default=None, validation_alias=AliasChoices(snake, camel))


class Llm(Payload):
    """A call of a language model."""

    provider: Word | None = None
    model: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    input_tokens: Tokens | None = _either("input_tokens", "inputTokens")
    output_tokens: Tokens | None = _either("output_tokens", "outputTokens")
    cache_read_tokens: Tokens | None = _either("cache_read_tokens", "cacheReadTokens")
    cache_creation_tokens: Tokens | None = _either("cache_creation_tokens", "cacheCreationTokens")
    cache_creation_1h_tokens: Tokens | None = _either(
        "cache_creation_1h_tokens", "cacheCreation1hTokens"
    )
    web_searches: Count | None = _either("web_searches", "webSearches")
    requests: Annotated[list[Request], Field(max_length=1_000)] | None = None
    speed: Literal["standard", "fast"] | None = None
    service_tier: Word | None = _either("service_tier", "serviceTier")
    purpose: Name | None = None


class Manual(Payload):
    """Work that a person wrote down."""

    task: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    duration_min: Annotated[float, Field(ge=0, le=1_440, description="Minutes")] | None = None
    errors: Count | None = None


class Custom(Payload):
    """Whatever else somebody counts."""

    name: Name
    tags: Annotated[list[Word], Field(max_length=32)] | None = None


MODELS: dict[str, type[Payload]] = {
    "terminal": Terminal,
    "editor": Editor,
    "window": Window,
    "browser": Browser,
    "heartbeat": Heartbeat,
    "emotion": Emotion,
    "llm": Llm,
    "manual": Manual,
    "custom": Custom,
}


def problem(model: type[Payload], payload: dict[str, Any]) -> str | None:
    """`field: what is wrong` of a payload that breaks `model`; None when it holds.

    The text never quotes a value, because values may be private.
    """
    try:
        model.__pydantic_validator__.validate_python(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(["payload", *(str(part) for part in first["loc"])])
        return f"{where}: {first['msg']}"
    return None
