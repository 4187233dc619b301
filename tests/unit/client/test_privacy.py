"""Nothing leaves that was not meant to: not over the wire, not into the spool."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.support import examples
from vibeloom import keys, privacy, settings
from vibeloom.collect import Collector
from vibeloom.events import wire
from vibeloom.spool import Spool

# A secret looks like what people paste by mistake: a key, a token, an id, a name with a number.
SECRETS = st.from_regex(
    r"\A(?:sk-[a-z0-9]{12}|ghp_[A-Z0-9]{10}|[a-f0-9]{16}|Zq[0-9]{6}x|pass[0-9]{4}word)\Z"
)
FIELDS = (
    "name", "id", "input", "content", "text", "thinking", "command", "pattern", "query", "url",
    "prompt", "description", "old_string", "new_string", "stdout", "stderr", "model", "usage",
    "toolUseResult", "slug", "requestId", "from_the_future", "tool_name", "hookName", "hookEvent",
    "sessionId", "gitBranch", "version", "uuid", "summary", "leafUuid", "input_tokens",
)  # fmt: skip
TOOLS = ("Read", "Edit", "Bash", "Grep", "Glob", "WebSearch", "WebFetch", "Task", "mcp__git__log")


def _nested(secret: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        secret | st.none() | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(FIELDS) | secret, inner, max_size=4)
        ),
        max_leaves=6,
    )


@st.composite
def entries(draw: st.DrawFn) -> tuple[list[str], dict[str, Any]]:
    """An entry of some type with a secret in each field, and the secrets."""
    secrets: list[str] = []

    def secret() -> str:
        secrets.append(draw(SECRETS))
        return secrets[-1]

    def hidden() -> Any:
        return draw(_nested(st.builds(secret)))

    block = {
        "type": draw(st.sampled_from(("text", "thinking", "tool_use", "tool_result", "image"))),
        "id": secret(),
        "tool_use_id": secret(),
        "name": draw(st.sampled_from(TOOLS) | st.builds(secret)),
        "input": draw(
            st.builds(
                lambda: {
                    "file_path": f"/home/{secret()}/src/main.py",
                    "path": f"C:\\{secret()}\\main.rs",
                    "notebook_path": f"../{secret()}/analysis.ipynb",
                    "command": f"curl -H 'Authorization: {secret()}'",
                    "pattern": secret(),
                    "query": secret(),
                    "url": f"https://example.org/?key={secret()}",
                    "content": secret(),
                    secret(): hidden(),
                }
            )
            | st.builds(hidden)
        ),
        "content": hidden(),
        "text": secret(),
    }
    message = {
        "id": secret(),
        "role": draw(st.sampled_from(("user", "assistant")) | st.builds(secret)),
        "model": draw(st.sampled_from(("claude-opus-4-5", "gpt-5")) | st.builds(secret)),
        "content": draw(st.just([block, block]) | st.builds(hidden)),
        "usage": draw(
            st.just({"input_tokens": 5, "output_tokens": 7, "service_tier": secret()})
            | st.builds(lambda: {"input_tokens": secret(), "output_tokens": 1})
        ),
        secret(): hidden(),
    }
    hook = {
        "type": draw(st.sampled_from(("hook_progress", "PostToolUse")) | st.builds(secret)),
        "hookEvent": "PostToolUse",
        "hookName": draw(st.builds(lambda: f"PostToolUse:{secret()}") | st.none()),
        "tool_name": secret(),
        "command": secret(),
        "result": hidden(),
    }
    document = {
        "type": draw(
            st.sampled_from(("assistant", "user", "progress", "summary", "system", "attachment"))
            | st.builds(secret)
        ),
        "timestamp": draw(st.just("2026-09-14T09:26:53.589Z") | st.builds(secret)),
        "sessionId": draw(st.just("6f1f0f2a-7d55-4a0e-9d4b-0c5a54a1c0de") | st.builds(secret)),
        "cwd": f"/home/{secret()}/code/tidewatch",
        "gitBranch": draw(st.just("main") | st.builds(lambda: f"feature/{secret()}")),
        "message": draw(st.just(message) | st.builds(hidden)),
        "data": draw(st.just(hook) | st.builds(hidden)),
        "progress": hook,
        "toolUseID": secret(),
        "summary": secret(),
        "toolUseResult": hidden(),
        secret(): hidden(),
    }
    return secrets, document


@pytest.mark.parametrize("key", ["sk-jdjajzwfyeqj", "ghp_ABCDEFGHIJ", "abcdefabcdefabcd"])
def test_a_key_of_letters_alone_is_no_word_of_a_branch(key: str) -> None:
    """By its prefix it is known, and what follows is masked."""
    masked = privacy.branch_name(f"feature/{key}")
    assert masked is not None
    assert key not in masked


@hypothesis_settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each try makes a spool: no shrinking
)
@given(st.lists(entries(), min_size=1, max_size=3))
def test_no_secret_leaves(drawn: list[tuple[list[str], dict[str, Any]]]) -> None:
    """A secret in any field of any entry is neither in the spool's file nor on the wire."""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            "VIBELOOM_KEY_PATH": f"{folder}/home",
            "VIBELOOM_CLAUDE_DIR": f"{folder}/claude",
            "VIBELOOM_SOURCE_ID": "laptop",
        }
        configured = settings.load(env)
        keys.prepare_home(configured.home)
        folder_secret = drawn[0][0][0]
        log = (
            configured.project_folders[0]
            / f"-home-{folder_secret}"
            / "6f1f0f2a-7d55-4a0e-9d4b-0c5a54a1c0de.jsonl"
        )
        log.parent.mkdir(parents=True)
        first = {"type": "user", "timestamp": "2026-09-14T09:00:00Z", "message": {"content": "x"}}
        lines = [first, *(document for _, document in drawn)]
        log.write_text("".join(json.dumps(document) + "\n" for document in lines))
        spool = Spool.open(configured.spool)
        for _ in Collector(configured, spool).scan():
            pass
        sent = b"\n".join(wire("laptop", event.body) for event in spool.oldest(1_000))
        spool.close()
        at_rest = b"".join(path.read_bytes() for path in configured.home.iterdir())
    assert sent
    for secrets, _ in drawn:
        for secret in secrets:
            assert secret.encode() not in sent
            assert secret.encode() not in at_rest


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/ada/notes.md", "notes.md"),
        ("C:\\Users\\ada\\notes.md", "notes.md"),
        ("C:notes.md", "notes.md"),
        ("src/../notes.md", "notes.md"),
        ("notes.md", "notes.md"),
        ("/home/ada/", "ada"),
        ("\\\\server\\share\\mixed/notes.md", "notes.md"),
        ("/home/ada/日本語.md", "日本語.md"),
        ("/", None),
        ("C:\\", None),
        ("..", None),
        ("", None),
        ("a\nprompt", None),
        ("half \ud800", None),
        ("x" * 256, None),
        (None, None),
        (7, None),
    ],
)
def test_a_path_becomes_its_basename(path: object, name: str | None) -> None:
    """Of a Unix, Windows or relative path the last part is left; of a text, nothing."""
    assert privacy.basename(path) == name


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("main.rs", "main.rs"),
        ("App.TS", "App.TS"),
        ("types.d.ts", "types.d.ts"),
        ("main.py", None),
        ("Makefile", None),
        (".env", None),
        (".ts", None),
        ("main.rs.bak", None),
    ],
)
def test_the_allowlist_lets_only_its_extensions_pass(name: str, context: str | None) -> None:
    """With an allowlist, other files and files without an extension are not named."""
    allowlist = frozenset({".rs", ".ts"})
    assert privacy.tool_context("Read", {"file_path": f"/a/{name}"}, allowlist) == context


@pytest.mark.parametrize("tool", ["Bash", "Grep", "Glob", "WebSearch", "WebFetch", "Task", "other"])
def test_tools_without_files_have_no_context(tool: str) -> None:
    """A path among the input of a command or a search is not looked at."""
    inputs = {"file_path": "/a/b.py", "path": "/a/b.py", "notebook_path": "/a/b.py"}
    assert privacy.tool_context(tool, inputs, None) is None


@pytest.mark.parametrize(
    ("branch", "kept"),
    [
        ("main", "main"),
        ("feature/ISSUE-42-add-login", "feature/ISSUE-42-add-login"),
        ("release/v2.1.0", "release/v2.1.0"),
        ("claude/tidy-9f8a7c6b5d4e", "claude/tidy-x"),
        ("fix/sk-live4815162342abc", "fix/sk-x"),
        ("it's a sentence", "x"),
        ("", None),
        ("ветка", None),
        ("a" * 201, None),
        (None, None),
    ],
)
def test_a_branch_keeps_its_words(branch: object, kept: str | None) -> None:
    """Words and short numbers of a branch leave, what looks like a key is masked."""
    assert privacy.branch_name(branch) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Read", "Read"),
        ("mcp__context7__get-library-docs", "mcp__context7__get-library-docs"),
        ("mcp__claude_ai_Gmail__search_threads", "mcp__claude_ai_Gmail__search_threads"),
        ("mcp__6f1f0f2a7d55__query", "mcp__x__query"),
        ("mcp__4f3c2a10-9c1b-4d2e__run", "mcp__x-x-x__run"),
        ("mcp__n8n-mcp__search_nodes", "mcp__n8n-mcp__search_nodes"),
        ("mcp__s3__get_object2", "mcp__s3__get_object2"),
        ("mcp__npm__search_packages", "mcp__npm__search_packages"),
        (
            "mcp__github__listAllRepositoriesInOrganization",
            "mcp__github__listAllRepositoriesInOrganization",
        ),
        ("mcp__gh__sk-ant-api03-AbCdEf", "mcp__gh__sk-x-x-x"),
        ("mcp__gh__ghp_abcdefghijklmnopqrstuv", "mcp__gh__ghp_x"),
        ("mcp__aB3dE5fG7hI9__deadbeefcafe", "mcp__x__x"),
        ("web_search", "web_search"),
        ("str_replace_based_edit_tool", "str_replace_based_edit_tool"),
        ("aB3dE5fG7hI9jK", "other"),
        ("rm -rf /", "other"),
        ("Read\n", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_a_tool_name_has_the_shape_of_one(name: object, kept: str) -> None:
    """Built-in and MCP tools are named; what could be a key or an id in a name is masked."""
    assert privacy.tool_name(name) == kept


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("claude-opus-4-5-20251101", "claude-opus-4-5-20251101"),
        (
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
        ),
        ("anthropic.claude-opus-4-5-20251101-v1:0", "anthropic.claude-opus-4-5-20251101-v1:0"),
        ("claude-opus-4-5@20251101", "claude-opus-4-5@20251101"),
        ("anthropic/claude-opus-4.5", "anthropic/claude-opus-4.5"),
        ("openrouter/z-ai/glm-4.5-air:free", "openrouter/z-ai/glm-4.5-air:free"),
        ("claude-opus-4-8[1m]", "claude-opus-4-8[1m]"),
        ("GLM-4.6", "GLM-4.6"),
        ("MiniMax-M2", "MiniMax-M2"),
        ("kimi-k2-0905-preview", "kimi-k2-0905-preview"),
        ("qwen3-235b-a22b-2507", "qwen3-235b-a22b-2507"),
        ("gpt-5.2-codex", "gpt-5.2-codex"),
        ("o4-mini", "o4-mini"),
        ("<synthetic>", None),
        ("ft:gpt-4o-2024-08-06:acme::9fGh", "other"),
        ("acme-internal/gpt-4o", "other:gpt"),
        ("claude-AKIAIOSFODNN7EXAMPLE", "other:claude"),
        ("claude my secret", "other:claude"),
        ("arn:aws:bedrock:us-east-1:000000000000:inference-profile/abc", "other:bedrock"),
        ("my-secret-model", "other"),
        (None, "other"),
    ],
)
def test_a_model_is_called_what_it_is(name: object, kept: str | None) -> None:
    """A name of a known maker leaves as it was written; what may be more than a name does not."""
    assert privacy.model_name(name) == kept


@pytest.mark.parametrize(
    ("cwd", "project"),
    [
        ("/home/ada/alpha", "alpha"),
        ("/home/ada/alpha/", "alpha"),
        ("C:\\Users\\Ada\\alpha", "alpha"),
        ("\\\\?\\C:\\Users\\Ada\\alpha", "alpha"),
        ("\\\\wsl.localhost\\Ubuntu\\home\\ada\\alpha", "alpha"),
        ("/home/ada/alpha/.claude/worktrees/elastic-cori-f29409", "alpha"),
        ("/home/ada/alpha/.claude/worktrees/elastic-cori-f29409/src/lib", "alpha"),
        ("C:\\Users\\Ada\\alpha\\.claude\\worktrees\\a-b", "alpha"),
        ("/home/ada/.claude-worktrees/alpha/elastic-cori", "alpha"),
        ("/home/ada/alpha/.worktrees/fix-12/src", "alpha"),
        ("/home/ada/.codex/worktrees/ab12/alpha/src", "alpha"),
        ("/home/ada/.cursor/worktrees/alpha/x1", "alpha"),
        ("/home/ada/conductor/workspaces/alpha/lyon", "alpha"),
        ("/home/ada/worktrees", "worktrees"),
        ("/", None),
        ("C:\\", None),
        ("~", None),
        ("/home/ada/al\ud83dpha", None),
        ("x" * 5_000, None),
        (7, None),
    ],
)
def test_a_folder_belongs_to_a_project(cwd: object, project: str | None) -> None:
    """A worktree belongs to the repository that it is of, wherever tools keep it."""
    found = privacy.folder(cwd)
    assert (found and found.project) == project


def test_a_session_id_is_always_a_uuid() -> None:
    """A UUID stays, another text becomes the same UUID every time."""
    assert privacy.session_id("6F1F0F2A-7d55-4a0e-9d4b-0c5a54a1c0de") == (
        "6f1f0f2a-7d55-4a0e-9d4b-0c5a54a1c0de"
    )
    assert privacy.session_id("my secret") == privacy.session_id("my secret")
    assert privacy.session_id("my secret") != privacy.session_id("my other secret")
    assert privacy.session_id(7) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [(5, 5), (0, 0), (-1, 0), (True, 0), ("5", 0), (5.0, 0), (10**12, 0), (None, 0)],
)
def test_a_token_count_is_a_count(value: object, count: int) -> None:
    """What cannot be a number of tokens is none."""
    assert privacy.token_count(value) == count


def test_every_field_that_leaves_is_documented() -> None:
    """Every field that can leave is in the README's table."""
    readme = Path(__file__).parents[3] / "clients" / "python" / "README.md"
    text = readme.read_text(encoding="utf-8")
    for field in (
        "sessionId", "project", "branch", "tool", "status", "context", "language", "success",
        "model", "inputTokens", "outputTokens", "cacheReadTokens", "cacheCreationTokens",
        "summary", "action",
    ):  # fmt: skip
        assert f"`{field}`" in text, f"{field} is not documented"
