"""What is told of an agent's commands: a name from a list, a class from a list, nothing else."""

import itertools
import os
import subprocess
import sys
import timeit
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.rollup import failures
from vibeloom import commands, outcomes, programs, shell
from vibeloom.commands import error_class, is_refusal, program

COMMIT = """git add -A && git commit -m "$(cat <<'END'
It's "done"; npm run build && cargo test

Don't stop
END
)" && git push"""
DOCUMENT = """cat > run.sh <<'END'
#!/bin/bash
cargo test && npm run build
END
chmod +x run.sh && ls"""

PROGRAMS: tuple[tuple[str, str | None], ...] = (
    # programs and their subcommands
    ("cargo test", "cargo test"),
    ("cargo t --all-features -- --nocapture", "cargo test"),
    ("cargo +nightly clippy --workspace -- -D warnings", "cargo clippy"),
    ("cargo nextest run", "cargo nextest run"),
    ("cargo --version", "cargo"),
    ("git status", "git status"),
    ("git -C /home/ada/loom --no-pager log --oneline -5", "git log"),
    ("git push origin feature/secret-plan", "git push"),
    ("git stash pop", "git stash pop"),
    ("git frobnicate", "git"),
    ("gh pr create --title 'Secret' --body 'x'", "gh pr create"),
    ("gh --repo ada/secret issue list", "gh issue list"),
    ("npm i", "npm install"),
    ("npm run build", "npm run build"),
    ("npm run test:unit -- --watch", "npm run test:unit"),
    ("npm run deploy-acme-secret", "npm run"),
    ("npm --prefix web test", "npm test"),
    ("npm run -w web build", "npm run build"),
    ("kubectl rollout -n secret restart deploy/api", "kubectl rollout restart"),
    ("pnpm --filter web build", "pnpm build"),
    ("yarn", "yarn"),
    ("yarn acme", "yarn"),
    ("yarn jest src/secret.test.ts", "jest"),
    ("bun run typecheck", "bun run typecheck"),
    ("npx tsc --noEmit", "tsc"),
    ("npx -y prettier@3.1 --check .", "prettier"),
    ("npx @biomejs/biome check src", "biome check"),
    ("npx @acme/secret-tool", "npx"),
    ("pytest tests/test_secret.py -x", "pytest"),
    ("python -m pytest -q", "pytest"),
    ("python3.12 -m pytest", "pytest"),
    (".venv/bin/python -m pytest", "pytest"),
    ('"$VIRTUAL_ENV/bin/pytest" -q', "pytest"),
    ("python -m unittest discover", "python -m unittest"),
    ("python -m acme.secret", "python"),
    ("python -c 'import secret; secret.go()'", "python"),
    ("python3 scripts/secret.py", "python"),
    ("python manage.py migrate", "manage.py migrate"),
    ("./manage.py test accounts", "manage.py test"),
    ("uv run pytest", "pytest"),
    ("uv run --with httpx python -m pytest", "pytest"),
    ("uv run -m pytest", "pytest"),
    ("uv run secret.py", "uv run"),
    ("uv pip install -r requirements.txt", "uv pip install"),
    ("uvx ruff@latest check", "ruff check"),
    ("poetry run mypy src", "mypy"),
    ("coverage run -m pytest", "pytest"),
    ("conda run -n secret python train.py", "python"),
    ("bundle exec rspec", "rspec"),
    ("pip3 install secret-package", "pip install"),
    ("go test ./...", "go test"),
    ("go mod tidy", "go mod tidy"),
    ("make", "make"),
    ("make test", "make test"),
    ("make -j 4 -C backend CC=clang check", "make check"),
    ("make clean test", "make test"),
    ("make clean", "make clean"),
    ("make deploy-to-acme", "make"),
    ("./gradlew :app:testDebugUnitTest --info", "gradle testDebugUnitTest"),
    ("mvn -q -pl core clean install -DskipTests", "mvn install"),
    ("cmake --build build -j8", "cmake --build"),
    ("dotnet test Acme.sln", "dotnet test"),
    ("docker compose -f ops/secret.yml up -d", "docker compose up"),
    ("docker-compose logs -f api", "docker compose logs"),
    ("docker exec -it secret bash", "docker exec"),
    ("kubectl -n secret rollout restart deploy/api", "kubectl rollout restart"),
    ("kubectl apply -f k8s/", "kubectl apply"),
    ("terraform -chdir=infra plan", "terraform plan"),
    ("aws --profile acme s3 cp a s3://secret/b", "aws s3 cp"),
    ("psql -h db.acme.example -c 'select 1'", "psql"),
    ("ssh ada@acme.example 'cargo test'", "ssh"),
    ("curl -s https://acme.example/secret", "curl"),
    ("/usr/local/bin/node server.js", "node"),
    ("node_modules/.bin/vitest run", "vitest run"),
    ("C:/tools/bin/git.exe pull", "git pull"),
    ("gcc-13 -o a a.c", "gcc"),
    # everyday ones
    ("ls -la /home/ada/secret", "ls"),
    ("cat a | grep -v secret | head -5", "cat"),
    ("[ -f secret ]", "test"),
    ("command -v node", "command"),
    ("timeout", "timeout"),
    # wrappers, assignments, folders
    ("cd x && FOO=1 sudo timeout 60 cargo test 2>&1 | tail -5", "cargo test"),
    ("env A=1 B='x y' nice -n 10 make lint", "make lint"),
    ("sudo -u postgres psql", "psql"),
    ("time nohup stdbuf -oL pytest", "pytest"),
    ("bash -c 'cd x; cargo build --release'", "cargo build"),
    ('bash -lc "make test"', "make test"),
    ("sh -e run.sh", "sh"),
    ("eval 'npm test'", "npm test"),
    ("find . -name '*.py' | xargs -n 1 mypy", "mypy"),
    ("find . -type f | xargs -0 secret", "find"),
    ("xargs secret", "xargs"),
    ("source .venv/bin/activate && ruff check .", "ruff check"),
    ("export RUST_LOG=debug; cargo run", "cargo run"),
    ("A=1 B=2", None),
    ("cd /home/ada/secret", None),
    ("VERSION=$(git describe)", None),
    # compound commands
    ("sleep 5 && curl -s localhost:3000", "curl"),
    ("echo start; python3 train.py | head", "python"),
    ("mkdir -p a && touch a/b", "mkdir"),
    ("(cd foo && go vet ./...)", "go vet"),
    ("for i in 1 2 3; do curl localhost; done", "curl"),
    ("if [ -f Makefile ]; then make test; fi", "make test"),
    ("while ! nc -z localhost 5432; do sleep 1; done", "nc"),
    ("! grep -q secret a.txt", "grep"),
    ("npm test\ngit push", "npm test"),
    ("cargo build \\\n  --release", "cargo build"),
    ("ls # && cargo test", "ls"),
    ("cargo test > out.log 2>&1 &", "cargo test"),
    ("> out.log cargo test", "cargo test"),
    ("diff <(git show a) <(git show b)", "diff"),
    ('echo "a && cargo test"', "echo"),
    ("echo 'git push'", "echo"),
    (COMMIT, "git add"),
    (COMMIT.partition(" && ")[2], "git commit"),
    (DOCUMENT, "cat"),
    # what nobody knows
    ("./run.sh --secret", None),
    ("./test", None),
    ("./bin/test", None),
    ("acme-deploy --all", None),
    ("sudo acme", None),
    ("$(which python) a.py", None),
    ("${PYTHON:-python3} -m pytest", None),
    ("", None),
    ("# cargo test", None),
)


@pytest.mark.parametrize(("command", "expected"), PROGRAMS, ids=[c[:40] for c, _ in PROGRAMS])
def test_programs(command: str, expected: str | None) -> None:
    """Commands as agents write them, and what is told of each."""
    assert program(command) == expected


def test_the_table_is_large_enough() -> None:
    """Sixty rows at least stand for real life, and every answer is on the list."""
    assert len(PROGRAMS) + len(OUTPUTS) + len(REFUSALS) >= 60
    assert {name for _, name in PROGRAMS if name} <= commands.names()


words = st.sampled_from(
    [
        *sorted(commands.names()),
        *("cd", "sudo", "env", "timeout 5", "bash -c", "eval", "xargs", "npx", "uv run", "A=1"),
        *("&&", "||", ";", "|", "\n", "(", ")", "<<END", "END", "'", '"', "`", "$(", "\\", ">"),
        *("#", "-x", "--", "if", "then", "do", "done", "secret", "/x/bin/git", "a@b.example"),
    ]
)
anything = st.text() | st.lists(words | st.text(max_size=6), max_size=30).map(" ".join)
NAMES = commands.names()


@given(anything)
def test_only_names_of_the_list_leave(command: str) -> None:
    """Whatever a command is, what is told of it is nothing, or a member of one fixed set."""
    found = program(command)
    assert found is None or found in NAMES


@given(st.lists(st.sampled_from(sorted(programs.TOOLS)), min_size=1, max_size=3), st.text())
def test_a_secret_word_changes_nothing(names: list[str], secret: str) -> None:
    """An argument that is on no list decides nothing, whatever stands in its quotes."""
    quoted = "'secret" + secret.replace("'", "") + "'"
    told = program(" && ".join(f"{name} {quoted}" for name in names))
    assert told == program(" && ".join(f"{name} 'secret'" for name in names))


@given(anything)
def test_the_parts_of_a_command_are_bounded(command: str) -> None:
    """Taking a command apart ends, and makes nothing up: no word is longer than the command."""
    parts = list(shell.commands(command))
    assert sum(len(word) for part in parts for word in part) <= len(command)


def test_subcommands_of_subcommands_exist() -> None:
    """A name of several words continues one that is on the list; aliases lead to it."""
    for name in programs.TOOLS:
        parent, _, word = name.rpartition(" ")
        assert not parent or name == "python -m" or word in programs.TOOLS[parent], name
    assert set(programs.ALIASES.values()) <= NAMES
    for name, aliases in programs.SUB_ALIASES.items():
        assert set(aliases.values()) <= programs.TOOLS[name]
    assert not set(programs.TOOLS) & programs.EVERYDAY


def seconds(work: Callable[[], object]) -> float:
    """How long it takes, the quickest of three times."""
    return min(timeit.repeat(work, number=1, repeat=3))


@pytest.mark.parametrize(
    "piece",
    [
        *("a", " ", "'", '"', "`", "$(", "${", "(", ")", "<<A ", "<<-'", "\\", "#", ">", "&", "A="),
        *(
            "sudo ",
            "bash -c '",
            "eval ",
            "xargs ",
            "npx ",
            "uv run ",
            "python -m ",
            "make ",
            "--x ",
        ),
        *("\n", "<(", "'\"", "$(cat <<A\n", "git ", "docker compose ", "env A=1 ", "\x1b[", "\x00"),
    ],
)
def test_a_hostile_command_takes_no_time(piece: str) -> None:
    """Of a megabyte only the beginning is read, in time that grows as its length does."""
    command = (piece * 1_000_000)[:1_000_000]
    assert program(command) == program(command[: commands.MAX_COMMAND])
    words = "ls -l a.txt; " * 80_000
    assert seconds(lambda: program(command)) < 50 * seconds(lambda: program(words))


def test_the_import_is_cheap() -> None:
    """Nothing but `re` comes with it: a status line and a hook import this, too."""
    code = (
        "import re, sys; before = {*sys.modules}; import vibeloom.commands;"
        "print(*sorted({*sys.modules} - before))"
    )
    folder = Path(commands.__file__).parent.parent
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    names = ("commands", "outcomes", "programs", "programs_of_code", "programs_of_systems", "shell")
    assert found.stdout.split() == [
        *("collections.abc", "vibeloom"),
        *(f"vibeloom.{name}" for name in names),
    ]


PYTEST = """Exit code 1
============================= test session starts ==============================
collected 3 items

tests/test_a.py F.F                                                       [100%]
E       ConnectionError: Connection refused
=========================== short test summary info ============================
FAILED tests/test_a.py::test_one - ConnectionError: Connection refused
========================= 2 failed, 1 passed in 0.12s =========================="""
COLLECTING = """Exit code 2
==================================== ERRORS ====================================
ImportError while importing test module '/home/ada/loom/tests/test_a.py'.
E   ModuleNotFoundError: No module named 'numpy'
=============================== 1 error in 0.08s ==============================="""
VITEST = """Exit code 1

\x1b[31m FAIL \x1b[39m src/a.test.ts > adds
AssertionError: expected 3 to be 4

 Test Files  1 failed | 3 passed (4)
      Tests  1 failed | 10 passed (11)"""
GO_BUILD = """Exit code 1
# example.org/loom
./a.go:3:5: undefined: parseToken
FAIL\texample.org/loom [build failed]
FAIL"""

OUTPUTS: tuple[tuple[str, str | None, str], ...] = (
    # test failures
    (PYTEST, "pytest", "test_failure"),
    (VITEST, "npm test", "test_failure"),
    (VITEST, None, "test_failure"),
    ("Exit code 1\nTests:       1 failed, 2 passed, 3 total", "jest", "test_failure"),
    ("Exit code 101\ntest result: FAILED. 3 passed; 1 failed;", "cargo test", "test_failure"),
    ("Exit code 1\n--- FAIL: TestA (0.00s)\nFAIL\texample.org/a\t0.1s", "go test", "test_failure"),
    ("Exit code 1\nFAILED (failures=2)", "python -m unittest", "test_failure"),
    ("Exit code 1\n10 examples, 2 failures", "rspec", "test_failure"),
    ("Exit code 1\n  12 passing (3s)\n  2 failing", "mocha", "test_failure"),
    ("Exit code 1\n> There were failing tests. See the report", "gradle test", "test_failure"),
    ("Exit code 1\nFailed!  - Failed:     1, Passed:     3", "dotnet test", "test_failure"),
    ("Exit code 1\nTests run: 3, Failures: 1, Errors: 0", "mvn test", "test_failure"),
    ("Exit code 1\n  1 failed\n  3 passed (4.2s)", "playwright test", "test_failure"),
    ("Exit code 1", "pytest", "test_failure"),
    ("Exit code 1\nnpm ERR! code ELIFECYCLE", "npm run test:unit", "test_failure"),
    ("Exit code 2\nmake: *** [Makefile:3: test] Error 2", "make test", "test_failure"),
    # compile errors
    ("Exit code 101\nerror[E0382]: borrow of moved value: `x`", "cargo build", "compile"),
    ("Exit code 101\nerror: could not compile `loom` (lib test)", "cargo test", "compile"),
    (GO_BUILD, "go test", "compile"),
    ("Exit code 2\nsrc/a.ts(3,1): error TS2345: Argument of type", "tsc", "compile"),
    ("Exit code 1\na.c:3:5: error: 'x' undeclared", "gcc", "compile"),
    ("Exit code 1\nFound 3 errors in 1 file (checked 20 source files)", "mypy", "compile"),
    ("Exit code 1", "npm run build", "compile"),
    ("Exit code 2\nmake: *** [all] Error 2", "make", "compile"),
    ("Exit code 1\nFailed to compile.", "next build", "compile"),
    # missing dependencies
    (COLLECTING, "pytest", "missing_dependency"),
    ("Exit code 127\n/bin/bash: line 1: pnpm: command not found", "pnpm", "missing_dependency"),
    ("Error: Exit code 127\n(eval):1: command not found: gh", "gh", "missing_dependency"),
    ("Exit code 1\nsh: 1: vite: not found", "npm run dev", "missing_dependency"),
    ("Exit code 1\nError: Cannot find module 'express'", "node", "missing_dependency"),
    ("Exit code 1\nnpm error Missing script: \"lint\"", "npm run lint", "missing_dependency"),
    ("Exit code 100\nE: Unable to locate package foo", "apt-get install", "missing_dependency"),
    # permission
    ("Exit code 126\n/bin/bash: ./run.sh: Permission denied", None, "permission"),
    ("Exit code 1\nls: cannot open directory '/root': Permission denied", "ls", "permission"),
    ("Exit code 128\ngit@github.com: Permission denied (publickey).", "git push", "permission"),
    ("Exit code 128\nremote: Permission to ada/x.git denied to eve.", "git push", "permission"),
    ("Exit code 243\nnpm error code EACCES", "npm install", "permission"),
    ("Exit code 1\nPermissionError: [Errno 13]", "python", "permission"),
    # network
    ("Exit code 7", "curl", "network"),
    ("Exit code 6\ncurl: (6) Could not resolve host: x", "curl", "network"),
    ("Exit code 128\nfatal: unable to access 'https://x/': Could not resolve host: x", "git pull",
     "network"),
    ("Exit code 1\nnpm error code ENOTFOUND", "npm install", "network"),
    ("Exit code 1\nconnection to server at \"x\" failed: Connection refused", "psql", "network"),
    # timeouts
    ("Exit code 124", "pytest", "timeout"),
    ("Exit code 143\nCommand timed out after 2m 0s\n1 failed", "cargo test", "timeout"),
    ("Error: Command timed out after 2m 0.0s starting", "npm run dev", "timeout"),
    ("Exit code 28", "curl", "timeout"),
    ("Exit code 1\nError: context deadline exceeded", "kubectl get", "timeout"),
    # syntax
    ("Exit code 1\n  File \"a.py\", line 1\nSyntaxError: invalid syntax", "python", "syntax"),
    ("Exit code 2\n/bin/bash: -c: line 2: syntax error near unexpected token", None, "syntax"),
    ("Exit code 1\nbash: unexpected EOF while looking for matching `\"'", "git commit", "syntax"),
    # others
    ("Exit code 1", "grep", "other"),
    ("Exit code 1", None, "other"),
    ("", None, "other"),
    ("Exit code 2\nls: cannot access 'x': No such file or directory", "ls", "other"),
    ("Exit code 1\nsrc/a.py:raise TimeoutError\nsrc/b.py:SyntaxError: 2 failed", "grep", "other"),
    ("Exit code 1\nOn branch main\nnothing to commit", "git commit", "other"),
    ("Exit code 1\nusage: tool [--timeout N]", "python", "other"),
    ("Exit code 137\nKilled", "node", "other"),
    ("Exit code 1\n3 passed, 0 failed", "python", "other"),
    ("Exit code 5\nno tests ran in 0.01s", "pytest", "other"),
    ("Exit code 1\nF401 unused import\nFound 1 error.", "ruff check", "other"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    OUTPUTS,
    ids=[f"{n}-{e}-{i}" for i, (_, n, e) in enumerate(OUTPUTS)],
)
def test_classes(text: str, name: str | None, expected: str) -> None:
    """Outputs as an agent's log has them, and the class of each."""
    assert error_class(text, name) == expected


def test_the_classes_are_the_servers() -> None:
    """The same words on both sides, in the same order."""
    assert commands.CLASSES == failures.CLASSES


def test_the_servers_examples_are_of_the_same_class() -> None:
    """What a terminal's stderr means there, an agent's output means here."""
    for name, pattern in failures._PATTERNS:
        example = {
            "missing_dependency": "ModuleNotFoundError: No module named 'x'",
            "permission": "cp: Permission denied",
            "network": "Connection refused",
            "syntax": "SyntaxError: invalid syntax",
            "test_failure": "2 tests failed",
            "compile": "error[E0382]: x",
            "timeout": "context deadline exceeded",
        }[name]
        assert pattern.search(example.lower())
        assert error_class(f"Exit code 1\n{example}", None) == name


names_or_none = st.none() | st.sampled_from(sorted(NAMES)) | st.text(max_size=20)


@given(st.text(), names_or_none)
def test_a_class_is_always_one_of_the_list(text: str, name: str | None) -> None:
    """Whatever was written, and whatever the program is called."""
    assert error_class(text, name) in commands.CLASSES


@given(st.text(alphabet="x\n ", min_size=0, max_size=40_000).map(lambda t: t * 3))
def test_the_end_of_a_long_output_decides(middle: str) -> None:
    """Runners sum up at the end, however much was written before."""
    text = f"Exit code 1\n{middle}\n= 1 failed in 0.1s ="
    assert error_class(text, "pytest") == "test_failure"


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "\n",
            " ",
            "=",
            "= ",
            "1 failed",
            "1",
            "tests ",
            "tests: ",
            "error ts",
            "package x",
            "x: ",
        ),
        *(
            "assertion `",
            "failed ",
            "\x1b[",
            "\x1b[0m",
            "fatal error: ",
            "line 1: ",
            "permission to ",
        ),
        *("this command ", "was blocked", "exit code ", "ld returned 1", "a.c:1:", "/", "[error] "),
        *("bash: ", "git@x", "the user ", "npm err! ", "1: x: ", "FAIL\t"),
    ],
)
def test_a_hostile_output_takes_no_time(piece: str) -> None:
    """Of megabytes only the ends are read, in time that grows as their length does."""
    text, words = piece * (4_000_000 // len(piece)), "all is well. \n" * 300_000
    for name in ("pytest", "grep", None):
        assert error_class(text, name) in commands.CLASSES
        usual = seconds(lambda name=name: error_class(words, name))  # type: ignore[misc]
        assert seconds(lambda name=name: error_class(text, name)) < 50 * usual  # type: ignore[misc]
    assert seconds(lambda: is_refusal(text)) < 50 * usual


REFUSALS = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was"
    " a file edit, the new_string was NOT written to the file). STOP what you are doing and wait.",
    "The user doesn't want to take this action right now. STOP what you are doing and wait.",
    "The user has declined this action. Reason: not now",
    "[Request interrupted by user for tool use]",
    "Exit code 137\n[Request interrupted by user for tool use]\n\nFound 42 books to process",
    "partial\n<error>Command was aborted before completion</error>",
    "Permission to use Bash has been denied.",
    "Permission to use Bash with command rm -rf x has been denied.",
    "Permission to use Bash has been denied because Claude Code is running in don't ask mode.",
    "Permission for this tool use was denied. The tool use was rejected",
    "Permission for this action has been denied. Reason: Blocked by classifier.",
    "Permission for this command was denied by a built-in Claude Code safety check.",
    "Claude requested permissions to use Bash, but you haven't granted it yet.",
    "This command requires approval",
    "This Bash command contains multiple operations. The following parts require approval: ls",
    "This command uses shell operators that require approval for safety",
    "cd in '/foo' was blocked. For security, Claude Code may only change directories to the",
    "Error: cd to '/foo' was blocked. For security, Claude Code may only change directories to",
    "Hook PreToolUse:Bash denied this tool",
    "PreToolUse:Bash hook error: [npx block-no-verify]: BLOCKED: --no-verify is not allowed",
    "PreToolUse:Bash [/home/ada/hook.sh] failed",
    "Execution stopped by PreToolUse hook: no",
    "Bash operation blocked by hook:\n- [python3 guard.py]: use rg",
    "<tool_use_error>Cancelled: parallel tool call Bash(ls x) errored</tool_use_error>",
    "<tool_use_error>InputValidationError: Bash failed</tool_use_error>",
    "<tool_use_error>Blocked: sleep 120</tool_use_error>",
    "Cancelled: parallel tool call mcp__github__get_pull_request errored",
    "Error: No such tool available: Bash",
    "InputValidationError: command is missing",
    "Streaming fallback - tool execution discarded",
    "Tool permission stream closed before response received",
)


@pytest.mark.parametrize("text", REFUSALS, ids=[text[:40] for text in REFUSALS])
def test_refusals(text: str) -> None:
    """The person, a rule or a hook refused the call, or it was never made: no failed command."""
    assert is_refusal(text)
    assert is_refusal(f"\n{text}\n")


@pytest.mark.parametrize("text", [text for text, _, _ in OUTPUTS])
def test_failures_are_no_refusals(text: str) -> None:
    """A command that ran and failed is one."""
    assert not is_refusal(text)


def test_a_command_may_print_what_a_refusal_says() -> None:
    """After an exit code everything is the command's own output."""
    for text in REFUSALS:
        if not text.startswith(("Exit code", "[Request", "partial")):
            assert not is_refusal(f"Exit code 1\n{text}")


def test_both_ends_are_read_and_no_more() -> None:
    """What lies in the middle of a long output decides nothing."""
    padding = "x\n" * outcomes.MAX_END
    assert error_class(f"Exit code 1\n{padding}SyntaxError: x\n{padding}", None) == "other"
    for parts in itertools.permutations(("SyntaxError: x\n", padding, padding)):
        if parts[1] is padding:
            assert error_class("Exit code 1\n" + "".join(parts), None) in {"syntax", "other"}
