"""What may be told of a shell command: the known program that it ran, and the class of its failure.

A program's name is looked up in `vibeloom.programs`. What is told always stands there, so no
argument, path, host, message or unknown word can leave. Only the beginning of a command is read.
"""

import re

from vibeloom import shell
from vibeloom.outcomes import CLASSES, error_class, is_refusal
from vibeloom.programs import ALIASES, EVERYDAY, SUB_ALIASES, TOOLS

__all__ = ["CLASSES", "error_class", "is_refusal", "names", "program"]

MAX_COMMAND = 4_096  # characters
MAX_DEPTH = 8  # of commands that run commands: `sudo env timeout 5 bash -c '…'`

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\[[^\]]*\])?\+?=")
_VERSION = re.compile(r"-?[0-9]+(?:\.[0-9]+)*t?")  # at the end of python3.12, gcc-13, pip3

# Words after which a command begins.
_KEYWORDS = frozenset(("!", "{", "do", "elif", "else", "if", "then", "until", "while"))
# Words that change where and how the rest runs, or only hold a list of words.
_SILENT = frozenset(
    (".", ":", "case", "cd", "declare", "done", "esac", "export", "fi", "for", "function", "in")
) | frozenset(("local", "popd", "pushd", "readonly", "select", "set", "shopt", "source", "typeset"))
_SILENT |= frozenset(("unset", "}"))

# Programs that run another: their options that take a value, and how many words stand before it.
_WRAPPERS: dict[str, tuple[frozenset[str], int]] = {
    name: (frozenset(options.split()), words)
    for name, options, words in (
        ("arch", "", 0),
        ("builtin", "", 0),
        ("caffeinate", "-t -w", 0),
        ("chronic", "", 0),
        ("command", "", 0),
        ("cross-env", "", 0),
        ("doas", "-u -C", 0),
        ("env", "-u -C -S --unset --chdir", 0),
        ("exec", "-a", 0),
        ("faketime", "", 1),
        ("flock", "-w -E --timeout", 1),
        ("gtimeout", "-s -k --signal --kill-after", 1),
        ("gtime", "-f -o", 0),
        ("ionice", "-c -n -p", 0),
        ("nice", "-n --adjustment", 0),
        ("noglob", "", 0),
        ("nohup", "", 0),
        ("parallel", "-j --jobs -a --arg-file --joblog", 0),
        ("setsid", "", 0),
        ("stdbuf", "-i -o -e", 0),
        ("sudo", "-u -g -h -p -C -T -U -D -R --user --group --chdir --prompt", 0),
        ("taskset", "", 1),
        ("time", "-f -o", 0),
        ("timeout", "-s -k --signal --kill-after", 1),
        ("unbuffer", "", 0),
        ("watch", "-n --interval", 0),
        ("winpty", "", 0),
        ("xargs", "-n -P -I -L -d -a -s -E --max-args --max-procs --delimiter", 0),
        ("xvfb-run", "-n -s -e -f -p -w --server-num --server-args", 0),
    )
}

# Told where what they run is not known; it is one of many.
_KNOWN_WRAPPERS = frozenset(("parallel", "xargs"))

# Subcommands that run another program, and how many words stand before it.
_RUNNERS = {
    "bun x": 0,
    "bundle exec": 0,
    "bunx": 0,
    "cabal exec": 0,
    "conda run": 0,
    "direnv exec": 1,
    "doppler run": 0,
    "hatch run": 0,
    "mamba run": 0,
    "micromamba run": 0,
    "mise exec": 0,
    "npm exec": 0,
    "npx": 0,
    "op run": 0,
    "opam exec": 0,
    "pdm run": 0,
    "pipenv run": 0,
    "pipx run": 0,
    "pixi run": 0,
    "pnpm dlx": 0,
    "pnpm exec": 0,
    "poetry run": 0,
    "rye run": 0,
    "stack exec": 0,
    "uv run": 0,
    "uv tool run": 0,
    "uvx": 0,
    "yarn dlx": 0,
    "yarn exec": 0,
}
# They run a program of the project by its bare name, too.
_RUN_BARE = frozenset(("bun", "bun run", "pnpm", "pnpm run", "yarn", "yarn run"))
_TAKE_MODULES = frozenset(("coverage run", "pypy", "python", "uv run"))
# Build tools that are told targets, any number of them; `clean` is not what it is about.
_TARGETS = frozenset(("ant", "gradle", "just", "make", "mvn", "ninja", "rake", "sbt", "xcodebuild"))

# Options that take a value, which is no subcommand.
_VALUES = {
    name: frozenset(options.split())
    for name, options in (
        ("alembic", "-c -n -x"),
        ("ansible", "-i -m -a"),
        ("ant", "-f -buildfile"),
        ("aws", "--profile --region --output --endpoint-url"),
        ("bun", "--cwd --filter -F"),
        ("cargo", "--manifest-path --config -Z --color --target-dir -C"),
        ("conda run", "-n --name -p --prefix --cwd"),
        ("coverage", "--rcfile"),
        ("coverage run", "--source --omit --include --rcfile --data-file"),
        ("docker", "-H --host -c --context --config -l --log-level"),
        (
            "docker compose",
            "-f --file -p --project-name --profile --env-file --project-directory --ansi",
        ),
        ("gcloud", "--project --account --format"),
        ("gh", "-R --repo"),
        ("git", "-C -c --git-dir --work-tree --namespace"),
        ("go", "-C"),
        ("gradle", "-p -b -c -x -I -P -D --project-dir --tests --exclude-task"),
        ("helm", "-n --namespace --kube-context --kubeconfig"),
        ("just", "-f --justfile -d --working-directory"),
        ("kubectl", "-n --namespace --context --kubeconfig --cluster --user -s --server"),
        ("make", "-C -f -I -o -W --directory --file"),
        ("mvn", "-f -pl -P -s -T -l -rf --file --projects"),
        ("ninja", "-C -f -k -l -t"),
        ("npm", "--prefix -w --workspace -C --loglevel"),
        ("npm exec", "-p --package -w --workspace"),
        ("npx", "-p --package"),
        ("pnpm", "-C --dir --filter -F"),
        ("poetry", "-C --directory -P --project"),
        ("python", "-W -X"),
        ("rake", "-f"),
        ("supabase", "--workdir"),
        ("terraform", "-chdir"),
        ("turbo", "--filter -F --cwd"),
        ("uv", "--directory --project --config-file --cache-dir"),
        (
            "uv run",
            "--with --with-editable --with-requirements -p --python --extra --group --only-group"
            " --no-group --project --directory --env-file --package --index --index-url",
        ),
        ("uvx", "--from --with -p --python"),
        ("uv tool run", "--from --with -p --python"),
        (
            "xcodebuild",
            "-project -workspace -scheme -destination -configuration -sdk -derivedDataPath -arch",
        ),
        ("yarn", "--cwd"),
    )
}
_NO_VALUES: frozenset[str] = frozenset()

# Programs that lie in a project's own folder under the name that they have everywhere.
_IN_PROJECTS = frozenset(
    ("artisan", "configure", "gradlew", "manage.py", "mvnw", "py.test", "pytest")
)
_BIN = frozenset(("bin", ".bin", "sbin", "Scripts", "libexec"))  # folders of programs
_SHELLS = frozenset(("bash", "sh", "zsh", "dash", "ksh", "fish"))

_PACKAGE_VERSION = re.compile(r"(?<=.)@[^/@]*$")
# What npm and Python call a program's package where it is not the program's name.
_PACKAGES = {
    "@angular/cli": "ng",
    "@biomejs/biome": "biome",
    "@nestjs/cli": "nest",
    "@playwright/test": "playwright",
    "@tailwindcss/cli": "tailwindcss",
    "@vue/cli-service": "vue-cli-service",
    "django": "django-admin",
    "IPython": "ipython",
    "pip_audit": "pip-audit",
    "pre_commit": "pre-commit",
    "sphinx": "sphinx-build",
    "typescript": "tsc",
}


def names() -> frozenset[str]:
    """Everything that `program` may answer."""
    pairs = (f"{name} {word}" for name, words in TOOLS.items() for word in words)
    return frozenset(TOOLS) | frozenset(pairs) | EVERYDAY


def program(command: str) -> str | None:
    """The known program, with its known subcommand, that a command is about; None if there is none.

    Of several the first that is no everyday one (`ls`, `echo`), else the first.
    """
    return _first(command[:MAX_COMMAND], 0)


def _first(text: str, depth: int) -> str | None:
    everyday = None
    for words in shell.commands(text):
        name = _name(words, 0, depth)
        if name is not None and name not in EVERYDAY:
            return name
        everyday = everyday or name
    return everyday


def _name(words: list[str], at: int, depth: int) -> str | None:
    """The known program that the words from `at` on run."""
    while at < len(words) and (words[at] in _KEYWORDS or _ASSIGNMENT.match(words[at])):
        at += 1
    if at >= len(words) or words[at] in _SILENT or depth > MAX_DEPTH:
        return None
    name = _basename(words[at])
    at += 1
    if name in _WRAPPERS:
        return _wrapped(name, words, at, depth)
    if name not in TOOLS and name not in EVERYDAY:
        name = ALIASES.get(name, "")
        if not name:
            return None
    if name in _SHELLS or name == "eval":
        return _script(name, words, at, depth)
    return _with_subcommand(name, words, at, depth)


def _basename(word: str) -> str:
    """The name that a program has everywhere, or one that no program has."""
    folder, slash, name = word.rpartition("/")
    name = name.removesuffix(".exe").removesuffix(".cmd")
    if slash and folder.rpartition("/")[2] not in _BIN and name not in _IN_PROJECTS:
        return ""
    if slash and name in EVERYDAY and folder.startswith("."):
        return ""  # somebody's own `./bin/test`
    if name not in TOOLS and (found := _VERSION.search(name)) and found.end() == len(name):
        plain = name[: found.start()]
        return plain if plain in TOOLS else name
    return name


def _wrapped(name: str, words: list[str], at: int, depth: int) -> str | None:
    itself = name if name in EVERYDAY else None
    if name == "command" and at < len(words) and words[at] in {"-v", "-V"}:
        return itself
    options, before = _WRAPPERS[name]
    at = _after_options(words, at, options)
    inner = _name(words, at + before, depth + 1)
    if at >= len(words) or name in _KNOWN_WRAPPERS:
        return inner or itself
    return inner


def _after_options(words: list[str], at: int, options: frozenset[str]) -> int:
    while at < len(words) and (words[at].startswith("-") or _ASSIGNMENT.match(words[at])):
        if words[at] == "--":
            return at + 1
        at += 2 if words[at] in options else 1
    return at


def _script(name: str, words: list[str], at: int, depth: int) -> str | None:
    """What the text of `bash -c '…'` or `eval …` runs, else the shell."""
    if name == "eval":
        return _first(" ".join(words[at:]), depth + 1) if depth < MAX_DEPTH else None
    while at < len(words) and words[at].startswith(("-", "+")):
        option = words[at]
        at += 1
        if option in {"-o", "+o", "-O"}:
            at += 1
        elif not option.startswith("--") and "c" in option:
            text = words[at] if at < len(words) else ""
            inner = _first(text, depth + 1) if depth < MAX_DEPTH else None
            return inner or name
    return name


def _with_subcommand(name: str, words: list[str], at: int, depth: int) -> str | None:
    while True:
        if name in _RUNNERS:
            return _run(name, words, at, depth)
        if name in _TARGETS:
            return _target(name, words, at)
        subcommands = TOOLS.get(name, _NO_VALUES)
        at = _next_word(name, words, at, subcommands)
        if at >= len(words):
            return name
        word = words[at]
        if name in _TAKE_MODULES and word == "-m":
            return _module(words, at + 1, depth) or name
        if name in {"python", "php", "pypy"} and _basename(word) in {"manage.py", "artisan"}:
            name = _basename(word)
        elif (word := SUB_ALIASES.get(name, {}).get(word, word)) in subcommands:
            name = f"{name} {word}"
        elif name in _RUN_BARE:
            inner = _name(words, at, depth + 1)
            return name if inner is None or inner in EVERYDAY else inner
        else:
            return name
        at += 1


def _next_word(name: str, words: list[str], at: int, subcommands: frozenset[str]) -> int:
    """Where the next word is that is no option and no option's value."""
    options = _VALUES.get(name, _NO_VALUES) | _VALUES.get(name.partition(" ")[0], _NO_VALUES)
    while at < len(words):
        word = words[at]
        if word in subcommands or (word == "-m" and name in _TAKE_MODULES):
            return at
        if word == "-c" and name == "python":
            return len(words)
        if not word.startswith(("-", "+")):
            return at
        at += 2 if word in options else 1
    return at


def _run(name: str, words: list[str], at: int, depth: int) -> str:
    """What `npx`, `uv run` and the like run, else they themselves."""
    at = _next_word(name, words, at, _NO_VALUES)
    if at < len(words) and words[at] == "-m":
        return _module(words, at + 1, depth) or name
    at += _RUNNERS[name]
    if at >= len(words):
        return name
    package = _PACKAGE_VERSION.sub("", words[at])
    inner = _name([_PACKAGES.get(package, package), *words[at + 1 :]], 0, depth + 1)
    return inner or name


def _module(words: list[str], at: int, depth: int) -> str | None:
    """What `python -m` runs."""
    if at >= len(words):
        return None
    module = words[at]
    if module in TOOLS["python -m"]:
        return f"python -m {module}"
    module = _PACKAGES.get(module, module)
    if module not in TOOLS and module not in ALIASES:
        return None
    return _name([module, *words[at + 1 :]], 0, depth + 1)


def _target(name: str, words: list[str], at: int) -> str:
    targets = TOOLS[name]
    options = _VALUES.get(name, _NO_VALUES)
    found = name
    while at < len(words):
        word = words[at].rpartition(":")[2] if name == "gradle" else words[at]
        if word in options:
            at += 1
        elif word in targets:
            found = f"{name} {word}"
            if word != "clean":
                break
        at += 1
    return found
