"""Errors from commands: what is the same command, of what class a failure is, when it is fixed."""

import itertools
import string
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.rollup import failures
from functions.rollup.failures import Failure, Key, Place, Run
from vibeloom.commands import names

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LAPTOP = UUID(int=1)
COMMANDS = ("make test", "cargo build", "FOO=1 make  test")


def run(minute: int, command: str, exit_code: int, project: str = "loom", **more: str) -> Run:
    """A command that ended so many minutes after noon."""
    return Run(
        NOON + timedelta(minutes=minute),
        LAPTOP,
        f"evt_{minute:020}",
        project,
        command,
        exit_code != 0,
        exit_code,
        **more,
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("make test", "  make \t test\n"),
        ("make test", "RUST_LOG=debug CI='a b' make test"),
        ("make test", 'env A="x y" B= make test'),
        ("make test", "sudo time make test"),
        ("make test", "make --verbose test --color=always"),
        ("make test", "make test -vv --no-color"),
        ("cat /tmp/a1/x.log", "cat /tmp/b2/y.log"),
        ("cat /var/folders/zz/T/x", "cat /var/folders/yy/T/x"),
        ("kill 8f14e45f-ceea-467f-a0e6-1d1a2b3c4d5e", "kill 9F14E45F-CEEA-467F-A0E6-1D1A2B3C4D5E"),
        ("git show 1a2b3c4d5e6f7a8b", "git show 9f8e7d6c5b4a3f2e"),
        ("report --since 2026-11-01", "report --since 2026-11-02T10:00:00Z"),
        ("at 1763600000", "at 1763600000123"),
    ],
)
def test_the_same_attempt(one: str, other: str) -> None:
    """What differs from run to run without meaning anything is left out."""
    assert failures.normalise(one) == failures.normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("make test", "make tests"),
        ("make test", "make"),
        ("grep -v x a", "grep x a"),
        ("docker run -v a:b c", "docker run a:b c"),
        ("git show 1a2b3c4", "git show 9f8e7d6"),
        ("sleep 10", "sleep 20"),
        ("cargo test --package a", "cargo test --package b"),
        ("FOO=1", "FOO=2"),
        ("sudo -u ada make", "sudo -u eve make"),
        ("x 2026-11-20-alpha", "x 2026-11-21-alpha"),
    ],
)
def test_not_the_same_attempt(one: str, other: str) -> None:
    """What means something is kept."""
    assert failures.normalise(one) != failures.normalise(other)


words = st.sampled_from(
    ("make", "A=1", "B='x", "env", "sudo", "-vv", "--color", "/tmp/x", "'", '"', "\\", "=", "&&")
) | st.sampled_from(
    ("2026-11-20", "1a2b3c4d5e6f7", "1763600000", "8f14e45f-ceea-467f-a0e6-1d1a2b3c4d5e")
)
commands = st.lists(words | st.text(max_size=5), max_size=8).map(" ".join) | st.text()


@given(commands)
def test_white_space_never_matters(command: str) -> None:
    """Any command, however broken its quotes, is the same with more space between its words."""
    assert failures.normalise(f" {command.replace(' ', '  ')}\n") == failures.normalise(command)


@pytest.mark.parametrize(
    "piece", ["A=", "A='", 'A="x" ', "env ", "/tmp/", "0a", "2026-11-20T", "' "]
)
def test_no_command_takes_long(piece: str) -> None:
    """The longest command, of one piece again and again, is normalised and grows no longer."""
    command = (piece * 4_096)[:4_096]
    assert len(failures.normalise(command)) <= 4_096


@pytest.mark.parametrize(
    ("error_class", "exit_code", "command", "stderr"),
    [
        ("syntax", 1, "python a.py", "  File 'a.py'\nSyntaxError: invalid syntax"),
        ("syntax", 2, "bash x.sh", "x.sh: line 3: syntax error near unexpected token `fi'"),
        ("syntax", 1, "node a.js", "Uncaught: Unexpected identifier 'x'"),
        ("missing_dependency", 127, "carg build", ""),
        ("missing_dependency", 1, "python a.py", "ModuleNotFoundError: No module named 'numpy'"),
        ("missing_dependency", 1, "npm start", "Error: Cannot find module 'left-pad'"),
        ("missing_dependency", 1, "make", "a.c:1:10: fatal error: x.h: No such file or directory"),
        ("permission", 126, "./run", ""),
        ("permission", 1, "cp a /etc", "cp: cannot create: Permission denied"),
        ("permission", 1, "npm i -g x", "npm ERR! code EACCES"),
        ("network", 6, "curl x", "curl: (6) Could not resolve host: x"),
        ("network", 1, "git pull", "ssh: connect to host h port 22: Connection timed out"),
        ("network", 1, "npm i", "npm ERR! code ENOTFOUND"),
        ("test_failure", 1, "pytest -q", ""),
        ("test_failure", 101, "cargo test", "test result: FAILED. 3 passed; 1 failed"),
        ("test_failure", 1, "./check", "AssertionError: 3 != 4"),
        ("test_failure", 1, "npm run test", ""),
        ("compile", 101, "cargo build", "error[E0382]: borrow of moved value"),
        ("compile", 2, "tsc", "a.ts(3,1): error TS2345: Argument of type"),
        ("compile", 2, "make", ""),
        ("compile", 1, "x", "/usr/bin/ld: a.o: undefined reference to `f'"),
        ("compile", 101, "cargo test", "error: could not compile `loom`"),
        ("timeout", 124, "timeout 5 make", ""),
        ("timeout", 1, "kubectl get", "context deadline exceeded"),
        ("other", 1, "grep x y", ""),
        ("other", 137, "./server", "Killed"),
    ],
)
def test_classes(error_class: str, exit_code: int, command: str, stderr: str) -> None:
    """What people meet, in the words that programs use."""
    assert failures.classify(run(0, command, exit_code, stderr=stderr)) == error_class


def test_the_monitor_knows_better() -> None:
    """A class that it names is taken; a word of its own is not a class, and patterns decide."""
    stderr = "Permission denied"
    assert failures.classify(run(0, "x", 127, stderr=stderr, declared="network")) == "network"
    assert failures.classify(run(0, "x", 1, stderr=stderr, declared="oops")) == "permission"


def test_an_error_from_its_beginning_to_its_end() -> None:
    """Failures in a row are one error, another project's success fixes nothing, a success does."""
    fixed, still_open = failures.fold(
        {},
        [
            run(0, "make", 0),
            run(1, "make", 2),
            run(2, "make", 0, project="kiln"),
            run(3, "A=1 make", 1),
            run(4, "cargo doc", 127),
            run(5, "make --verbose", 0),
            run(6, "make", 0),
            run(7, "make", 2),
        ],
    )
    make = Key("loom", failures.digest("make"))
    doc = Key("loom", failures.digest("cargo doc"))
    at = [NOON + timedelta(minutes=minute) for minute in range(8)]
    assert fixed == [Failure(make, LAPTOP, f"evt_{1:020}", at[1], "compile", at[5])]
    assert still_open == {
        doc: Failure(doc, LAPTOP, f"evt_{4:020}", at[4], "missing_dependency"),
        make: Failure(make, LAPTOP, f"evt_{7:020}", at[7], "compile"),
    }


histories = st.lists(
    st.tuples(st.sampled_from(COMMANDS), st.sampled_from((0, 1)), st.sampled_from(("loom", ""))),
    max_size=30,
).map(lambda rows: [run(minute, *row) for minute, row in enumerate(rows)])
mixed_histories = st.lists(
    st.tuples(st.sampled_from(("make", "pytest", None)), st.booleans(), st.booleans()), max_size=30
).map(
    lambda rows: [
        call(minute, program, succeeded) if by_agent else run(minute, "make", int(succeeded))
        for minute, (program, succeeded, by_agent) in enumerate(rows)
    ]
)


@given(histories | mixed_histories, st.lists(st.integers(0, 30), max_size=4))
def test_it_may_stop_anywhere_and_go_on(history: list[Run], cuts: list[int]) -> None:
    """Folding stretch after stretch, each from what the last left open, is folding all at once."""
    edges = [0, *sorted(cuts), len(history)]
    fixed: list[Failure] = []
    still_open: failures.Open = {}
    for start, end in itertools.pairwise(edges):
        more, still_open = failures.fold(still_open, history[start:end])
        fixed += more
    assert (fixed, still_open) == failures.fold({}, history)


@given(histories)
def test_errors_of_a_command_follow_each_other(history: list[Run]) -> None:
    """Every failure lies in exactly one error of its command, and no success inside one."""
    fixed, still_open = failures.fold({}, history)
    assert all(episode.fixed_at is None for episode in still_open.values())
    for one in history:
        key = Key(one.project, failures.digest(one.command))
        around = [
            episode
            for episode in [*fixed, *still_open.values()]
            if episode.key == key
            and episode.opened_at <= one.occurred_at
            and (episode.fixed_at is None or one.occurred_at < episode.fixed_at)
        ]
        assert len(around) == int(one.failed)


def call(minute: int, program: str | None, succeeded: bool, **more: Any) -> Run:
    """An agent's command that ended."""
    fields: dict[str, Any] = {
        "project": "loom",
        "source_id": LAPTOP,
        "session": "s",
        "declared": "compile",
    }
    return Run(
        occurred_at=NOON + timedelta(minutes=minute),
        event_id=f"evt_{minute:020}",
        command="",
        failed=not succeeded,
        lane="agent",
        named=program,
        **fields | more,
    )


@pytest.mark.parametrize(
    "other",
    [
        call(1, "cargo build", True),
        call(1, "cargo test", True, project="kiln"),
        call(1, "cargo test", True, session="t"),
        call(1, "cargo test", True, session=None),
        call(1, None, True),
        run(1, "cargo test", 0),
    ],
)
def test_an_agents_failure_is_fixed_by_its_like(other: Run) -> None:
    """The same program in the same project and session; no other, and no person's command."""
    failure = call(0, "cargo test", False)
    fixed, still_open = failures.fold({}, [failure, other])
    assert (fixed, len(still_open)) == ([], 1)
    [fix], still_open = failures.fold(still_open, [call(2, "cargo test", True)])
    assert still_open == {}
    assert (fix.opened_at, fix.fixed_at) == (NOON, NOON + timedelta(minutes=2))
    assert (fix.lane, fix.program, fix.failure_class) == ("agent", "cargo test", "compile")


def test_a_session_without_a_name_is_its_source() -> None:
    """Another machine's unnamed session is another one, and no session can be named like it."""
    failure = call(0, "make", False, session=None)
    for other in (
        call(1, "make", True, session=None, source_id=UUID(int=2)),
        call(1, "make", True, session=str(LAPTOP)),
    ):
        assert failures.fold({}, [failure, other])[0] == []
    assert len(failures.fold({}, [failure, call(1, "make", True, session=None)])[0]) == 1


def test_a_failure_without_a_program_is_settled_at_once() -> None:
    """Each is an error of its own that stays unresolved, and none is carried on."""
    settled, still_open = failures.fold(
        {}, [call(0, None, False), call(1, None, False), call(2, None, True)]
    )
    assert still_open == {}
    assert [(e.opened_at.minute, e.fixed_at) for e in settled] == [(0, None), (1, None)]
    assert settled[0].key != settled[1].key


def test_the_class_of_an_agents_failure_is_the_senders() -> None:
    """What is no class is `other`; the program decides nothing."""
    assert failures.classify(call(0, "pytest", False, declared="network")) == "network"
    for declared in (None, "", "oops", "compile "):
        assert failures.classify(call(0, "pytest", False, declared=declared)) == "other"


def test_every_program_of_the_client_is_taken() -> None:
    """What a monitor's list names has the form that is taken for a program's name."""
    for name in names():
        assert call(0, name, True).program == name


@pytest.mark.parametrize(
    "name",
    [None, "", " ", "a\n", "/bin/ls", "a/b", "me@example.org", "é", "x" * 65, "-x", "$HOME", "a;b"],
)
def test_what_is_no_name_of_a_program(name: str | None) -> None:
    """A path, an address, a sentence or something longer is not kept."""
    assert call(0, name, True).program == ""


def test_runs_are_counted_by_quarter_and_program() -> None:
    """Known programs only; where the stretch begins within a quarter, from there."""
    history = [
        call(1, "make", True),
        call(14, "make", False),
        call(15, "make", True, project=""),
        call(16, None, False),
        run(17, "make", 0),
    ]
    since = NOON + timedelta(minutes=1)
    assert failures.count(history, since) == {
        Place(since, LAPTOP, "loom", "make"): (2, 1),
        Place(NOON + timedelta(minutes=15), LAPTOP, "", "make"): (1, 0),
    }


def test_classes_are_words_that_ingest_takes() -> None:
    """A monitor may send any of them as stderr_class."""
    assert all(set(name) <= {*string.ascii_lowercase, "_"} for name in failures.CLASSES)
