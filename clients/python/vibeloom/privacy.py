"""What may leave the machine, decided here and nowhere else.

Nothing is filtered out of a log entry: each value that leaves is *built* by one of these functions
from a single field, and what does not fit its narrow shape becomes a fixed word or nothing. An
entry's other fields are never looked at.
"""

import re
import unicodedata
import uuid
from hashlib import sha256
from pathlib import PurePosixPath

OTHER = "other"
UNKNOWN_PROJECT = "unknown"
SESSION_ENDED = "Session ended"

MAX_NAME = 255  # characters; no common file system allows a longer file name
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

# Tool names are CamelCase without digits, or `mcp__server__tool` made of words that end in two
# digits at most (context7). The shape leaves no room for a key or an id.
_TOOL = re.compile(
    r"[A-Z][A-Za-z]{0,31}"
    r"|(?=.{1,100}$)mcp(?:_{1,3}|[.-])(?:[A-Za-z]{1,24}[0-9]{0,2}(?:_{1,3}|[.-]))+"
    r"[A-Za-z]{1,24}[0-9]{0,2}"
)
_MODEL = re.compile(
    r"(?:(?:us|eu|apac|global)\.)?(?:anthropic\.)?"
    r"(?:claude|gpt|o[134]|codex|gemini|llama|mistral|codestral|devstral|deepseek|qwen|grok|kimi|glm)"
    r"(?:[-.:@][a-z0-9]{1,10}){0,7}"
)
# No word has eight letters or more of a to f alone; a hash may.
_WORD = re.compile(r"(?![A-Fa-f]{8})[A-Za-z]{1,24}[0-9]{0,2}|v?[0-9]{1,6}")
_BRANCH_SEPARATORS = re.compile(r"([/._-]+)")
MASK = "x"
# What keys of well-known services begin with: whatever follows may be letters alone, and is a key.
_KEY_PREFIXES = frozenset(
    {"sk", "pk", "rk", "ghp", "gho", "ghs", "ghu", "ghr", "glpat", "xoxb", "xoxp", "akia", "npm"}
)

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


def basename(path: object) -> str | None:
    """The last part of a Unix, Windows or relative path; nothing if it is no name."""
    if not isinstance(path, str):
        return None
    name = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    name = re.sub(r"^[A-Za-z]:", "", name)  # C:notes.txt, or the drive alone
    if not name or name in (".", "..", "~") or len(name) > MAX_NAME:
        return None
    # A line break, a control character or half a surrogate is not in a file name but in a text.
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return None
    return name


def extension(name: str) -> str:
    """The lower-case extension with its dot, or nothing: `.env` and `Makefile` have none."""
    return PurePosixPath(name).suffix.lower()


def tool_name(name: object) -> str:
    """A tool's name if it has the shape of one, otherwise `other`."""
    return name if isinstance(name, str) and _TOOL.fullmatch(name) else OTHER


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


def model_name(name: object) -> str:
    """A language model's name if it is of a known family, otherwise `other`."""
    return name if isinstance(name, str) and _MODEL.fullmatch(name) else OTHER


def branch_name(name: object) -> str | None:
    """A branch with every part masked that is not a word or a short number.

    >>> branch_name("feature/ISSUE-42-add-login-9f8a7c6b5d4e")
    'feature/ISSUE-42-add-login-x'
    """
    if not isinstance(name, str) or not name or len(name) > 200 or not name.isascii():
        return None
    parts = _BRANCH_SEPARATORS.split(name)
    for index in range(0, len(parts), 2):
        after_prefix = index >= 2 and parts[index - 2].lower() in _KEY_PREFIXES
        if parts[index] and (after_prefix or not _WORD.fullmatch(parts[index])):
            parts[index] = MASK
    return "".join(parts)


def project_name(cwd: object) -> str | None:
    """The basename of the working directory."""
    return basename(cwd)


def session_id(value: object) -> str | None:
    """A UUID as it is; any other text as a UUID derived from its hash, the same every time."""
    if not isinstance(value, str) or not value:
        return None
    if re.fullmatch(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value):
        return value.lower()
    digest = sha256(b"vibeloom-session-v1\n" + value.encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def token_count(value: object) -> int:
    """A token count, or 0 if it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= MAX_TOKENS else 0
