"""What may leave the machine, decided here and nowhere else.

Nothing is filtered out of a log entry: each value that leaves is *built* by one of these functions
from a single field, and what does not fit its narrow shape becomes a fixed word or nothing. An
entry's other fields are never looked at.
"""

import re
import unicodedata
import uuid
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

OTHER = "other"
UNKNOWN_PROJECT = "unknown"
SESSION_ENDED = "Session ended"

MAX_NAME = 255  # characters; no common file system allows a longer file name
MAX_PATH = 4_096  # characters
MAX_TOKENS = 1_000_000_000  # of one message; more is not a token count

# Tools that take a file, and the one field that names it. Bash, Grep, Glob, WebSearch, WebFetch and
# everything else have no context: their input is a command, a pattern, a query.
FILE_FIELDS = {
    "Read": ("file_path", "path"),
    "Write": ("file_path", "path"),
    "Edit": ("file_path", "path"),
    "MultiEdit": ("file_path", "path"),
    "NotebookEdit": ("notebook_path", "file_path"),
    "NotebookRead": ("notebook_path", "file_path"),
}

# A word of a name: lower case, Capitalised, an acronym, a number. Letters of a hash are no word.
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_HASH = re.compile(r"[A-Fa-f0-9]{8,}")
_PART_SEPARATORS = re.compile(r"([_.-]+)")
MAX_PART = 48  # characters between two separators of a name
_SHORT = re.compile(r"(?=.{1,4}$)[A-Za-z]+[0-9]{0,2}[A-Za-z]?|[0-9]{1,2}")  # s3, db2, n8n
# No word has eight letters or more of a to f alone; a hash may.
_WORD = re.compile(r"(?![A-Fa-f]{8})[A-Za-z]{1,24}[0-9]{0,2}|v?[0-9]{1,6}")
_BRANCH_SEPARATORS = re.compile(r"([/._-]+)")
MASK = "x"
# What keys of well-known services begin with: whatever follows may be letters alone, and is a key.
_KEY_PREFIXES = frozenset(
    {"sk", "pk", "rk", "ghp", "gho", "ghs", "ghu", "ghr", "glpat", "xoxb", "xoxp", "akia", "npm"}
)

# Tools whose names are not CamelCase: those that models' makers offer, of any version.
_PLAIN_TOOLS = frozenset(
    {
        "apply_patch", "bash", "bash_code_execution", "code_execution", "computer", "edit_file",
        "list_dir", "memory", "read_file", "shell", "str_replace_based_edit_tool",
        "str_replace_editor", "text_editor_code_execution", "tool_search", "update_plan",
        "view_image", "web_fetch", "web_search", "write_file",
    }
)  # fmt: skip
_CAMEL = re.compile(r"(?:[A-Z][a-z]{1,15}|[A-Z]{2,5}(?![a-z])){1,5}|LSP|REPL")
_MCP = re.compile(r"(mcp(?:_{1,3}|[.-]))(.{1,150})", re.DOTALL)

# Who makes models, by what their names begin with. The rest of a name is words and numbers.
_FAMILY = re.compile(
    r"(claude|gpt|chatgpt|o[1-9]|codex|gemini|gemma|llama|mistral|ministral|magistral|codestral"
    r"|devstral|mixtral|pixtral|deepseek|qwen|qwq|grok|kimi|moonshot|glm|minimax|abab|command"
    r"|nova|titan|phi|jamba|sonar|ernie|doubao|seed|hunyuan|mimo|step|yi|granite|nemotron"
    r"|composer|cursor|swe|sonnet|opus|haiku|text-embedding)(?=[^a-z]|$)",
    re.IGNORECASE,
)
# Clouds and proxies put their own words before a model's name.
_REGION = re.compile(
    r"(?:(?:us|eu|apac|au|jp|ca|sa|me|af|il|uk|global|us-gov)\.)?"
    r"(?:anthropic|meta|amazon|mistral|deepseek|qwen|openai|cohere|ai21|moonshotai?|zai|minimax"
    r"|nvidia|google|x-?ai)\.",
    re.IGNORECASE,
)
_ROUTES = frozenset(
    {
        "accounts", "amazon", "anthropic", "azure", "azure_ai", "bedrock", "cerebras", "cohere",
        "copilot", "dashscope", "deepinfra", "deepseek", "fireworks", "fireworks_ai", "gemini",
        "github", "github_copilot", "google", "groq", "hf", "huggingface", "litellm", "lm_studio",
        "meta-llama", "minimax", "minimaxai", "mistral", "mistralai", "models", "moonshot",
        "moonshotai", "nebius", "novita", "nvidia", "ollama", "openai", "opencode", "openrouter",
        "perplexity", "qwen", "replicate", "sambanova", "siliconflow", "together", "together_ai",
        "vertex", "vertex_ai", "vllm", "x-ai", "xai", "z-ai", "zai", "zai-org",
    }
)  # fmt: skip
_MODEL_PART = re.compile(
    r"[A-Za-z]{1,12}|[a-zA-Z]?[0-9]{1,4}(?:\.[0-9]{1,3})?[a-zA-Z]?|[0-9]{8}|[0-9]{1,3}x[0-9]{1,3}[bB]"
    r"|[a-zA-Z][0-9]{1,4}[a-zA-Z][0-9]{1,4}"
)
_MODEL_SEPARATORS = re.compile(r"[-.:@_]+")
MAX_MODEL = 100  # characters
NO_MODEL = "<synthetic>"  # what the agent itself wrote, in the place of a model's answer

LANGUAGES = {
    ".bash": "shell", ".c": "c", ".cc": "cpp", ".clj": "clojure", ".cpp": "cpp", ".cs": "csharp",
    ".css": "css", ".dart": "dart", ".ex": "elixir", ".exs": "elixir", ".go": "go", ".h": "c",
    ".hpp": "cpp", ".hs": "haskell", ".html": "html", ".ipynb": "jupyter", ".java": "java",
    ".js": "javascript", ".json": "json", ".jsx": "javascript", ".kt": "kotlin", ".lua": "lua",
    ".md": "markdown", ".mjs": "javascript", ".php": "php", ".pl": "perl", ".py": "python",
    ".pyi": "python", ".r": "r", ".rb": "ruby", ".rs": "rust", ".scala": "scala", ".scss": "css",
    ".sh": "shell", ".sql": "sql", ".svelte": "svelte", ".swift": "swift", ".tf": "terraform",
    ".toml": "toml", ".ts": "typescript", ".tsx": "typescript", ".vue": "vue", ".yaml": "yaml",
    ".yml": "yaml", ".zig": "zig",
}  # fmt: skip


_DRIVE = re.compile(r"^[A-Za-z]:")


def basename(path: object) -> str | None:
    """The last part of a Unix, Windows or relative path; nothing if it is no name."""
    if not isinstance(path, str):
        return None
    name = path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    name = _DRIVE.sub("", name)  # C:notes.txt, or the drive alone
    if not name or name in (".", "..", "~") or len(name) > MAX_NAME:
        return None
    # A line break, a control character or half a surrogate is not in a file name but in a text.
    if name.isprintable():
        return name
    categories = map(unicodedata.category, name)
    return None if any(each in ("Cc", "Cs", "Zl", "Zp") for each in categories) else name


def extension(name: str) -> str:
    """The lower-case extension with its dot, or nothing: `.env` and `Makefile` have none."""
    stem, _, last = name.rpartition(".")
    return f".{last.lower()}" if stem and last else ""


_cached = lru_cache(maxsize=1_024)  # a log says the same on many lines


def tool_name(name: object) -> str:
    """The name of a built-in tool, or of an MCP server's tool; anything else is `other`.

    >>> tool_name("mcp__github__listAllRepositoriesInOrganization")
    'mcp__github__listAllRepositoriesInOrganization'
    >>> tool_name("mcp__4f3c2a10-9c1b__run")
    'mcp__x-x__run'
    """
    return _tool_name(name) if isinstance(name, str) else OTHER


@_cached
def _tool_name(name: str) -> str:
    if name in _PLAIN_TOOLS or (len(name) <= 32 and _CAMEL.fullmatch(name)):
        return name
    mcp = _MCP.fullmatch(name)
    if mcp is None:
        return OTHER
    parts = _PART_SEPARATORS.split(mcp[2])
    in_key = False
    for index in range(0, len(parts), 2):
        single = index >= 2 and len(parts[index - 1]) == 1
        in_key = single and (in_key or parts[index - 2].lower() in _KEY_PREFIXES)
        if parts[index] and (in_key or not _is_plain(parts[index])):
            parts[index] = MASK
    return mcp[1] + "".join(parts)


def _is_plain(part: str) -> bool:
    """Whether a part of a name is made of words, as no key and no hash is."""
    if not part.isascii() or not part.isalnum() or len(part) > MAX_PART:
        return False
    if _SHORT.fullmatch(part):
        return True
    words = _WORDS.findall(part)
    numbers = [word for word in words if word.isdigit()]
    return (
        not _HASH.fullmatch(part)
        and len(words) <= 1 + len(part) / 3  # a key changes case at every other letter
        and len(numbers) <= 1
        and all(len(number) <= 2 for number in numbers)
        and all(len(word) <= 24 and not _HASH.fullmatch(word) for word in words)
    )


def tool_context(tool: str, inputs: object, allowlist: frozenset[str] | None) -> str | None:
    """The basename of the file a known file tool works on, if the allowlist lets it pass."""
    fields = FILE_FIELDS.get(tool, ())
    if not isinstance(inputs, dict):
        return None
    path = next((inputs[field] for field in fields if isinstance(inputs.get(field), str)), None)
    name = basename(path)
    if name is None or (allowlist is not None and extension(name) not in allowlist):
        return None
    return name


def language(name: str | None) -> str | None:
    """The programming language of a file name, by its extension."""
    return LANGUAGES.get(extension(name)) if name else None


def model_name(name: object) -> str | None:
    """A language model's name as it was written, if it is made of a known maker's name and words.

    `other:<family>` where the rest could be more than a name (a fine-tuning, an account), `other`
    where no maker is known, nothing for what the agent itself wrote.

    >>> model_name("us.anthropic.claude-sonnet-4-5-20250929-v1:0")
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0'
    """
    if name == NO_MODEL:
        return None
    return _model_name(name) if isinstance(name, str) and len(name) <= 200 else OTHER


@_cached
def _model_name(name: str) -> str:
    if not name.isascii():
        return OTHER
    *routes, last = name.split("/")
    region = _REGION.match(last)
    bare = last[region.end() :] if region else last
    family = _FAMILY.match(bare)
    if family is None:
        cloud = "bedrock" if name.startswith("arn:aws:bedrock:") else None
        return f"{OTHER}:{cloud}" if cloud else OTHER
    rest = bare[family.end() :].removesuffix("[1m]")
    parts = [part for part in _MODEL_SEPARATORS.split(rest) if part]
    known = (
        len(name) <= MAX_MODEL
        and all(route.lower() in _ROUTES for route in routes)
        and len(parts) <= 9
        and all(_MODEL_PART.fullmatch(part) for part in parts)
        and sum(len(part) for part in parts if part.isalpha()) <= 40
    )
    return name if known else f"{OTHER}:{family[1].lower()}"


def branch_name(name: object) -> str | None:
    """A branch with every part masked that is not a word or a short number.

    >>> branch_name("feature/ISSUE-42-add-login-9f8a7c6b5d4e")
    'feature/ISSUE-42-add-login-x'
    """
    if not isinstance(name, str) or not name or len(name) > 200 or not name.isascii():
        return None
    return _branch_name(name)


@_cached
def _branch_name(name: str) -> str:
    parts = _BRANCH_SEPARATORS.split(name)
    for index in range(0, len(parts), 2):
        after_prefix = index >= 2 and parts[index - 2].lower() in _KEY_PREFIXES
        if parts[index] and (after_prefix or not _WORD.fullmatch(parts[index])):
            parts[index] = MASK
    return "".join(parts)


@dataclass(frozen=True)
class Folder:
    """A working directory: its project's name, and digests that never leave the machine."""

    project: str
    digest: bytes  # of the project's directory
    above: frozenset[bytes]  # of the directories above it
    is_home: bool  # a person's own directory, which holds projects and is none


# Where tools keep worktrees, after the directory of the repository or before its name.
_WORKTREE_BELOW = re.compile(
    r"(.*[/\\][^/\\]+)[/\\](?:\.claude[/\\]worktrees|\.worktrees|\.git[/\\]worktrees|\.conductor"
    r"|\.claude-worktrees|\.codex[/\\]worktrees|\.cursor[/\\]worktrees)[/\\][^/\\]+(?:[/\\].*)?",
    re.DOTALL,
)
_WORKTREE_BESIDE = re.compile(
    r"(.*[/\\](?:\.claude-worktrees|\.cursor[/\\]worktrees|conductor[/\\]workspaces)[/\\][^/\\]+)"
    r"[/\\][^/\\]+(?:[/\\].*)?",
    re.DOTALL,
)
_WORKTREE_BY_ID = re.compile(
    r"(.*[/\\]\.codex[/\\]worktrees[/\\][^/\\]+[/\\][^/\\]+)(?:[/\\].*)?", re.DOTALL
)
_HOME = re.compile(
    r"/(?:home|Users)/[^/]+|/root|/mnt/[a-z]/Users/[^/]+|[A-Za-z]:[/\\]Users[/\\][^/\\]+|~"
)


@lru_cache(maxsize=1_024)  # a log names the same few on every line
def _folder(cwd: str) -> Folder | None:
    path = cwd.rstrip("/\\")
    worktree = (
        _WORKTREE_BY_ID.fullmatch(path)
        or _WORKTREE_BESIDE.fullmatch(path)
        or _WORKTREE_BELOW.fullmatch(path)
    )
    if worktree:
        path = worktree[1]
    name = basename(path)
    if name is None:
        return None
    separators = [found.start() for found in re.finditer(r"[/\\]", path)][-64:]
    above = frozenset(_digest(path[:at]) for at in separators if at > 0)
    return Folder(name, _digest(path), above, bool(_HOME.fullmatch(path)))


def _digest(path: str) -> bytes:
    return sha256(path.encode("utf-8", "surrogatepass")).digest()[:16]


def folder(cwd: object) -> Folder | None:
    """The project that a working directory belongs to: a worktree belongs to its repository."""
    return _folder(cwd) if isinstance(cwd, str) and len(cwd) <= MAX_PATH else None


def session_id(value: object) -> str | None:
    """A UUID as it is; any other text as a UUID derived from its hash, the same every time."""
    return _session_id(value) if isinstance(value, str) and value else None


@_cached
def _session_id(value: str) -> str:
    if re.fullmatch(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value):
        return value.lower()
    digest = sha256(b"vibeloom-session-v1\n" + value.encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def token_count(value: object) -> int:
    """A token count, or 0 if it cannot be one."""
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else 0
