"""The programs whose names may leave the machine, with the subcommands that may.

Plain data: `vibeloom.commands` looks the words of a command up here and tells nothing else. Hosts,
paths, scripts and targets that a project has named itself are not here, so they are never told.

A table has one line for each program with subcommands ("git stash" has some of its own); names
without a colon have none. A line that begins with spaces goes on with the one above.
"""

from vibeloom import programs_of_code, programs_of_systems

# Scripts and targets that many projects name alike.
_SCRIPTS = """
    all audit bench benchmark build build:dev build:prod bundle check ci clean codegen compile
    coverage db:generate db:migrate db:push db:reset db:seed deploy deps dev dist docs down e2e
    fix fmt format format:check format:fix format:write generate help install integration lint
    lint:check lint:fix logs migrate package prettier preview production publish release reset
    restart run seed serve server setup start start:dev start:prod stop storybook stylelint test
    test:all test:ci test:cov test:coverage test:e2e test:integration test:run test:unit
    test:watch tsc type-check typecheck types unit up update validate verify watch
"""

# Words of the shell, coreutils and what everybody has: told where no other known program was run.
_EVERYDAY = """
    7z ack ag alias awk base32 base64 basename bat bc bg break bzip2 cal cat chgrp chmod chown
    cksum clear cloc cmp column comm command compgen continue cp crontab csplit cut date dd
    delta df diff dig dir dircolors dirname dmesg dos2unix du echo ed egrep emacs env envsubst
    eval ex exa exec exit expand expr eza factor false fd fdfind fg fgrep file find fold free
    fuser fzf gawk getconf getent getfacl getopt grep groups gsed gtimeout gunzip gzip hash head
    help hexdump history host hostname htop iconv id ifconfig inotifywait install ip ipcs jobs
    join jq kill killall last less let ln locale locate logger login logname ls lsattr
    lsb_release lsblk lscpu lsof lsusb lz4 mail man mapfile md5 md5sum mkdir mkfifo mktemp mlr
    more mount mv nano netstat nice nl nohup nproc nslookup od open parallel passwd paste patch
    pbcopy pbpaste pgrep pidof ping pkill pr printenv printf procs ps pstree pwd pwdx read
    readarray readlink realpath rename return rev rg ripgrep rm rmdir screen script sed seq
    sha1sum sha256sum sha512sum shasum shift shred shuf sleep sort split ss stat stdbuf stow
    strings stty su sudo sum sw_vers sync sysctl tac tail tar tee test time timeout tmux tokei
    top touch tr traceroute trap tree true truncate ts tsort tty type ulimit umask umount
    unalias uname unexpand uniq unix2dos unrar unxz unzip uptime useradd usermod users vi vim
    vmstat wait wall watch wc whatis whereis which who whoami xargs xxd xz xzcat yes yq zcat zip
    zipinfo zstd
"""

# Other names of the same program; what is told is the second.
ALIASES = {
    "[": "test",
    "[[": "test",
    "bmake": "make",
    "cargo-clippy": "cargo clippy",
    "cargo-fmt": "cargo fmt",
    "cargo-nextest": "cargo nextest",
    "docker-compose": "docker compose",
    "flyctl": "fly",
    "gmake": "make",
    "gradlew": "gradle",
    "ipython3": "ipython",
    "jupyter-lab": "jupyter lab",
    "jupyter-notebook": "jupyter notebook",
    "mvnd": "mvn",
    "mvnw": "mvn",
    "ninja-build": "ninja",
    "nodejs": "node",
    "podman-compose": "podman compose",
    "py": "python",
    "py.test": "pytest",
    "ripgrep": "rg",
    "sls": "serverless",
    "tofu": "terraform",
}

# Other names of the same subcommand.
SUB_ALIASES = {
    "bun": {"i": "install", "t": "test", "rm": "remove"},
    "cargo": {"b": "build", "c": "check", "d": "doc", "r": "run", "rm": "remove", "t": "test"},
    "composer": {"i": "install", "u": "update"},
    "git": {"stage": "add"},
    "npm": {
        "add": "install",
        "clean-install": "ci",
        "i": "install",
        "it": "install",
        "remove": "uninstall",
        "rm": "uninstall",
        "run-script": "run",
        "t": "test",
        "un": "uninstall",
        "up": "update",
        "upgrade": "update",
        "x": "exec",
    },
    "pnpm": {"i": "install", "rm": "remove", "t": "test", "up": "update"},
    "poetry": {"rm": "remove"},
}


def _read(table: str) -> dict[str, frozenset[str]]:
    """The subcommands of each program; of most there are none."""
    tools: dict[str, frozenset[str]] = {}
    for line in table.replace("\n    ", " ").splitlines():
        name, colon, subcommands = line.partition(": ")
        if colon:
            words = _SCRIPTS if subcommands == "SCRIPTS" else subcommands
            tools[name] = frozenset(words.split())
        elif not line.startswith("#"):
            tools |= dict.fromkeys(line.split(), frozenset())
    return tools


TOOLS = _read(programs_of_code.TABLE) | _read(programs_of_systems.TABLE)
EVERYDAY = frozenset(_EVERYDAY.split())
