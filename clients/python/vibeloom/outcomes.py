"""Why a command failed, in one word, from what it wrote: one of `CLASSES`, and never the text.

Only the beginning and the end of an output are read, in linear time.
"""

import re

MAX_END = 8_192  # characters of each end of an output

# Of functions/rollup/failures.py, where they mean the same.
CLASSES = (
    "syntax",
    "missing_dependency",
    "permission",
    "network",
    "test_failure",
    "compile",
    "timeout",
    "other",
)

_EXIT = re.compile(r"(?:error: )?exit code:? (-?[0-9]{1,10})", re.IGNORECASE)
# What `timeout`, and every POSIX shell, mean by these (POSIX.1-2017, 2.8.2; coreutils, timeout).
_EXIT_CODES = {124: "timeout", 126: "permission", 127: "missing_dependency"}
# curl(1) and wget(1), "EXIT CODES"; pytest's "Exit codes": 4 and 5 say that no test ran.
_PROGRAM_EXIT_CODES = {
    **{("curl", code): "network" for code in (5, 6, 7, 35, 52, 55, 56, 60)},
    ("curl", 28): "timeout",
    ("wget", 4): "network",
    ("pytest", 4): "other",
    ("pytest", 5): "other",
}
_GAVE_UP = re.compile(r"^(?:error: )?command timed out after [0-9]", re.MULTILINE)
_COLOURS = re.compile(r"\x1b\[[0-9;]{0,20}m")

# How test runners sum up: whatever else was written, a test failed.
_TESTS_FAILED = re.compile(
    "|".join(
        (
            r"^=+ .{0,200}?\b[1-9][0-9]* failed\b",  # pytest
            r"^[1-9][0-9]* failed(?:$|[, ])",  # pytest -q, playwright
            r"^failed \S{1,300}::",
            r"^ {0,9}test(?: file| suite)?s?:? {1,9}.{0,80}\b[1-9][0-9]* failed",  # jest, vitest
            r"^test result: failed",  # cargo
            r"^--- fail",  # go
            r"^fail\t(?!.{0,300}\[(?:build|setup) failed\])",
            r"^failed \((?:failures|errors)=",  # unittest
            # rspec, minitest, cucumber, mix
            r"^[0-9]+ (?:examples|tests|runs|scenarios)\b.{0,120}\b[1-9][0-9]* fail(?:ed|ures?)",
            r"^(?:\[error\] )?tests run: .{0,80}(?:failures|errors): [1-9]",  # surefire
            r"^there were failing tests|^> there were failing tests",  # gradle
            r"\bthere (?:was|were) [1-9][0-9]* failures?\b",  # phpunit
            r"^# fail [1-9]",  # node --test
            r"^not ok [0-9]",  # TAP
            r"^ {0,9}[1-9][0-9]* failing\b",  # mocha
            r"^failed! {1,9}- failed:",  # dotnet
            r"^ {0,9}[1-9][0-9]* tests? failed\b",
        )
    ),
    re.MULTILINE,
)

# Of an output in lower case. The first that is found decides: what names its cause stands before
# what only names its victim.
_PATTERNS = tuple(
    (name, re.compile("|".join(patterns), re.MULTILINE))
    for name, patterns in (
        (
            "missing_dependency",
            (
                r"command not found",
                r"^(?:\S{1,100}: )?(?:line )?[0-9]+: \S{1,200}: not found$",  # dash
                r"no module named",
                r"modulenotfounderror",
                r"cannot find (?:module|package|crate)",
                r"can't find crate",
                r"module not found",
                r"no matching distribution",
                r"unresolved import",
                r"could not resolve dependenc",
                r"cannot open shared object file",
                r"package \S{1,200} is not in (?:std|goroot)",
                r"no required module provides package",
                r"could not find a version that satisfies",
                r"unable to locate package",
                r"is not recognized as an internal or external command",
                r"fatal error: \S{1,200}: no such file or directory",
                r"^npm err(?:or|!) missing script",
                r"couldn't find a script named",
                r"could not determine executable to run",
                r"no such command: ",
                r"executable doesn't exist at",
            ),
        ),
        (
            "permission",
            (
                r"permission denied",
                r"permission to \S{1,200} denied",
                r"permissionerror",
                r"operation not permitted",
                r"access is denied",
                r"read-only file system",
                r"eacces\b",
                r"(?<![a-z])eperm\b",
                r"must be (?:run as )?(?:root|superuser)",
                r"are you root\?",
                r"a password is required",
                r"authentication failed",
            ),
        ),
        (
            "network",
            (
                r"could not resolve host",
                r"name or service not known",
                r"temporary failure in name resolution",
                r"connection (?:refused|reset|timed out|aborted)",
                r"failed to establish a new connection",
                r"network is (?:unreachable|down)",
                r"no route to host",
                r"econnrefused|econnreset|enotfound|etimedout|ehostunreach|eai_again",
                r"ssl(?:error|: certificate)",
                r"failed to (?:fetch|download|connect)",
                r"could not read from remote repository",
                r"tls handshake",
            ),
        ),
        (
            "syntax",
            (
                r"syntax ?error",
                r"indentationerror",
                r"parse error",
                r"unexpected (?:token|end of file|eof|indent|identifier)",
                r"unterminated (?:string|quoted)",
                r"error: expected (?:one of|`|';'|'\)')",
                r"unmatched ['\"`]",
            ),
        ),
        (
            "test_failure",
            (
                r"\b[1-9][0-9]* (?:tests? )?failed\b",
                r"tests? failed",
                r"test result: failed",
                r"assertion ?(?:error|failed)",
                r"assertion `.{0,300}` failed",
                r"^--- fail",
                r"^failed .{0,300}::",
                r"failures?: *[1-9]",
            ),
        ),
        (
            "compile",
            (
                r"error\[e[0-9]{4}\]",
                r"error ts[0-9]{1,6}",
                r"error cs[0-9]{4}",
                r"could not compile",
                r"compilation (?:failed|error|terminated)",
                r"failed to compile",
                r"build failed\b",
                r"\[build failed\]",
                r"undefined reference to",
                r"linker command failed",
                r"ld returned [0-9]+ exit status",
                r"cannot find symbol",
                r"undefined: \w",
                r"\.(?:c|cc|cpp|cxx|h|hpp|java|kt|swift|go|rs):[0-9]+(?::[0-9]+)?:"
                r" (?:fatal )?error",
                r"^found [0-9]+ errors? in [0-9]+ (?:files?|source)",
            ),
        ),
        (
            "timeout",
            (
                r"\btimed out\b",
                r"timeout(?:error|exception|expired)",
                r"timeout (?:exceeded|expired|reached|of)",
                r"(?:connection|gateway|read|request|operation|lock) timeout",
                r"deadline exceeded",
            ),
        ),
    )
)

# Programs that show what somebody wrote: only their own complaints count.
_READERS = frozenset(
    """
    ag ack awk bat cat column comm cut diff echo egrep fd fgrep find gawk gh git grep head jq less
    ls more nl od printf rg sed sort strings tac tail tee tree uniq wc xxd yq zcat
    """.split()  # noqa: SIM905 - as a table reads
)
_COMPLAINERS = "|".join(("bash", "sh", "zsh", "error", "fatal", "remote", "ssh", r"git@\S{1,99}"))
_COMPLAINT = re.compile(
    rf"^(?:\S{{0,100}}/)?(?:{_COMPLAINERS}|\(eval\)|{'|'.join(sorted(_READERS))}):.{{0,500}}$",
    re.MULTILINE,
)

# When nothing was written that says more, what the program is for does.
_TEST_RUNNERS = frozenset(
    """
    ava bats behave c8 coverage ctest cucumber cypress ginkgo gotestsum jasmine jest karma mocha nox
    nyc paratest pest phpunit playwright pytest robot rspec tox trial vitest wdio
    """.split()  # noqa: SIM905
)
_COMPILERS = frozenset(
    """
    babel c++ cc clang clang++ cmake dmypy esbuild g++ gcc gfortran ghc javac kotlinc ld make mypy
    ninja nvcc ocamlc parcel protoc pyright rollup rustc sass scalac svelte-check swiftc tsc tsup
    vite vue-tsc webpack xcodebuild
    """.split()  # noqa: SIM905
)
_LINTERS = frozenset(("biome", "dprint", "pip", "poetry", "pdm", "pipenv", "ruff", "terraform"))
_TESTING = re.compile(
    r"test(?:$|[:-])|(?:^|:)(?:ct|e2e|eunit|llvm-cov|runtest|spec|tarpaulin|unit)$"
)
_BUILDING = re.compile(
    r"(?:build|check|clippy|compile|assemble|bundle|package|tsc|types|vet)(?:$|[:A-Z-])"
)
_OTHER_WORDS = frozenset(("codegen", "erase", "html", "install", "open", "show-report"))


def error_class(text: str, program: str | None) -> str:
    """One of `CLASSES`: why the command failed that wrote `text`.

    First what the exit code means and whether the agent stopped waiting, then how a test runner
    sums up, then the first pattern, then what the program is for.
    """
    written = _COLOURS.sub("", _ends(text)).lower()
    name = program or ""
    root = name.partition(" ")[0]
    found = _EXIT.match(written.lstrip())
    code = int(found[1]) if found else 1
    told = _EXIT_CODES.get(code) or _PROGRAM_EXIT_CODES.get((root, code))
    if told is not None:
        return told
    if _GAVE_UP.search(written):
        return "timeout"
    if root in _READERS:
        written = "\n".join(_COMPLAINT.findall(written))
    elif _TESTS_FAILED.search(written):
        return "test_failure"
    matches = (each for each, pattern in _PATTERNS if pattern.search(written))
    return next(matches, None) or _purpose(name)


def _purpose(name: str) -> str:
    """The class of a failure of which only the program is known."""
    root, _, word = name.partition(" ")
    if root in _READERS or word in _OTHER_WORDS:
        return "other"
    if root in _TEST_RUNNERS or _TESTING.search(word):
        return "test_failure"
    if root in _COMPILERS or (root not in _LINTERS and _BUILDING.search(word)):
        return "compile"
    return "other"


def _ends(text: str) -> str:
    if len(text) <= 2 * MAX_END:
        return text
    return f"{text[:MAX_END]}\n{text[-MAX_END:]}"


# How results of Claude Code 0.2 to 2.1 begin where nothing was run, or where a person stopped it.
_REFUSALS = re.compile(
    r"""(?:error:\ ?)?(?:
        <tool_use_error>
        |the\ user\ (?:doesn't|does\ not)\ want\ to\ (?:proceed|take\ this\ action)
        |the\ user\ has\ declined
        |user\ rejected
        |\[request\ interrupted
        |interrupted\ by\ user
        |permission\ for\ this\ (?:tool\ use|action|command)\ (?:was|has\ been)\ (?:denied|declined)
        |permission\ to\ (?:use|read|write|edit)\ .{0,4000}?\ (?:was|has\ been)\ (?:auto-)?denied
        |claude\ requested\ permissions?\ to
        |this\ (?:\w{1,20}\ )?command\ .{0,200}?\brequires?\ approval
        |this\ action\ was\ blocked
        |.{1,4000}?\ was\ blocked\.\ for\ security,\ claude\ code
        |(?:bash|shell)\ command\ permission\ check\ failed
        |hook\ pretooluse:
        |pretooluse:\S{1,100}\ (?:hook|\[)
        |execution\ stopped\ by\ pretooluse
        |\S{1,100}\ operation\ blocked\ by\ hook
        |cancelled:\ parallel\ tool\ call
        |sibling\ tool\ call\ errored
        |streaming\ fallback\ -\ tool\ execution\ discarded
        |tool\ permission\ (?:request\ failed|stream\ closed)
        |inputvalidationerror
        |no\ such\ tool\ available
        |\[tool\ result\ missing
    )""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_STOPPED = re.compile(r"\s*\[request interrupted by user", re.IGNORECASE)
_ABORTED = "<error>Command was aborted before completion</error>"


def is_refusal(text: str) -> bool:
    """Whether a result that counts as an error says nothing about the command.

    A person or a rule refused the call, the agent's harness could not make it, or a person stopped
    it. A result that gives an exit code is the command's own, unless a person stopped it.
    """
    head, tail = text[:MAX_END].lstrip(), text[-200:].rstrip()
    if tail.endswith(_ABORTED):
        return True
    if found := _EXIT.match(head):
        return _STOPPED.match(head, found.end()) is not None
    return _REFUSALS.match(head) is not None
