#!/bin/sh
# Install what the machine lacks, without a question asked: sh tools/setup.sh run|check|test
#
#   run    Python packages by lock file, the program .venv/bin/crm, the libraries that draw PDFs, front-end files
#   check  the same and the packages for lint, types and tests
#   test   the same and PostgreSQL, Redis, Dovecot and Chromium; what cannot be had is named in var/test-missing
#
# Every step leaves a stamp, so that a second call costs next to nothing. CRM_NODE=wheel takes Node from the
# Python package even where the machine has one.

set -eu

level=${1:-run}
case $level in
    run | check | test) ;;
    *) echo "usage: sh tools/setup.sh run|check|test" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
root=$(pwd)
PATH="${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin" # dpkg and apt want them
DEBIAN_FRONTEND=noninteractive
export PATH DEBIAN_FRONTEND
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

mkdir -p var
log=$root/var/setup.log
missing=$root/var/test-missing
exec 9>var/setup.lock
if command -v flock >/dev/null 2>&1; then flock 9; fi

say() { echo "setup: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# Run a step quietly; what it said is shown when it fails.
quietly() {
    if ! "$@" >"$log" 2>&1 </dev/null 9>&-; then
        tail -n 25 "$log" >&2
        return 1
    fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "PATH=$PATH" "$@"
    fi
}

can_be_root() { [ "$(id -u)" = 0 ] || { command -v sudo && sudo -n true; } >/dev/null 2>&1; }

made_policy=
made_drop_in=
updated=
drop_in=/etc/postgresql-common/createcluster.d/zz-no-main-cluster.conf

tidy() {
    [ -z "$made_policy" ] || as_root rm -f /usr/sbin/policy-rc.d
    [ -z "$made_drop_in" ] || as_root rm -f "$drop_in"
    made_policy='' made_drop_in=''
}
trap tidy EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Install Debian packages; services they bring are not started.
apt_install() {
    command -v apt-get >/dev/null 2>&1 || { say "no apt-get here to install: $*"; return 1; }
    can_be_root || { say "neither root nor sudo without a password to install: $*"; return 1; }
    say "apt-get install $*"
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        made_policy=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee /usr/sbin/policy-rc.d >/dev/null
        as_root chmod 755 /usr/sbin/policy-rc.d
    fi
    if [ -z "$updated" ]; then
        # A source that is down does not hinder what the others offer.
        quietly as_root apt-get -q -o DPkg::Lock::Timeout=300 update || say "apt-get update failed, trying without"
        updated=yes
    fi
    quietly as_root apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --no-install-recommends "$@"
}

stamp_of() { { echo "$root"; cat "$@"; } | sha256sum | cut -d' ' -f1; }
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# --- Python -----------------------------------------------------------------------------------------------------

is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in python3.11 python3 /usr/bin/python3.11 /usr/local/bin/python3.11 /usr/bin/python3; do
        if command -v "$candidate" >/dev/null 2>&1 && is_311 "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    python=$(find_python) || fail "Python 3.11 is needed and was not found"
    if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        apt_install python3.11-venv || apt_install python3-venv || fail "the venv module of Python 3.11 is missing"
    fi
    say "virtual environment with $("$python" -V)"
    rm -rf .venv
    quietly "$python" -m venv .venv || fail "the virtual environment could not be made"
    echo "$root" >.venv/stamp-place
}

# uv is quick; pip is the way out where only pip knows the way (a proxy, an index of the company).
install_lock() {
    quietly .venv/bin/uv pip install --python .venv/bin/python --require-hashes -r "$1" ||
        { say "uv failed, trying pip"; quietly .venv/bin/python -m pip install --require-hashes -r "$1"; }
}

# An environment that was moved with its folder has programs that point to the old place.
if ! { [ -x .venv/bin/python ] && is_311 .venv/bin/python &&
    { [ ! -f .venv/stamp-place ] || stamped .venv/stamp-place "$root"; }; }; then
    make_venv
fi

if [ -z "${UV_SYSTEM_CERTS:-}" ] && [ -s /etc/ssl/certs/ca-certificates.crt ]; then
    UV_SYSTEM_CERTS=1
    export UV_SYSTEM_CERTS
fi
UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
export UV_NO_PROGRESS UV_PYTHON_DOWNLOADS PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT

want=$(stamp_of tools/requirements-setup.lock)
if ! stamped .venv/stamp-setup "$want"; then
    say "uv"
    .venv/bin/python -c 'import pip' 2>/dev/null || quietly .venv/bin/python -m ensurepip ||
        fail "the virtual environment has no pip: remove .venv and try again"
    quietly .venv/bin/python -m pip install --require-hashes -r tools/requirements-setup.lock ||
        fail "uv could not be installed"
    echo "$want" >.venv/stamp-setup
fi

want=$(stamp_of requirements.lock)
if ! stamped .venv/stamp-run "$want"; then
    say "Python packages"
    install_lock requirements.lock || fail "the Python packages could not be installed"
    echo "$want" >.venv/stamp-run
    rm -f .venv/stamp-dev
fi

if [ "$level" != run ]; then
    want=$(stamp_of requirements.lock requirements-dev.lock)
    if ! stamped .venv/stamp-dev "$want"; then
        say "Python packages for development"
        install_lock requirements-dev.lock || fail "the Python packages for development could not be installed"
        echo "$want" >.venv/stamp-dev
    fi
fi

want=$(stamp_of pyproject.toml)
if ! { stamped .venv/stamp-project "$want" && [ -x .venv/bin/crm ]; }; then
    say "the program .venv/bin/crm"
    quietly .venv/bin/uv pip install --python .venv/bin/python --offline --no-deps --no-build-isolation --editable . ||
        fail "the project itself could not be installed"
    echo "$want" >.venv/stamp-project
fi

# --- libraries that draw PDFs -----------------------------------------------------------------------------------

draws() {
    .venv/bin/python - <<'PYTHON' >/dev/null 2>&1
import ctypes
for name in ("gobject-2.0", "pango-1.0", "pangoft2-1.0", "harfbuzz", "harfbuzz-subset", "fontconfig"):
    try:
        ctypes.CDLL(f"lib{name}.so.0")
    except OSError:
        ctypes.CDLL(f"lib{name}.so.1")
PYTHON
}

if ! draws; then
    # Older releases keep the subsetter inside libharfbuzz0b: the second line is for them.
    apt_install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0 fontconfig fonts-dejavu-core ||
        apt_install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b fontconfig fonts-dejavu-core ||
        say "missing Pango: PDF documents cannot be made on this machine (packages libpango-1.0-0 libpangoft2-1.0-0)"
fi

# --- front-end files --------------------------------------------------------------------------------------------

has_node() {
    [ "${CRM_NODE:-}" != wheel ] && command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(parseInt(process.versions.node, 10) >= 18 ? 0 : 1)' >/dev/null 2>&1
}

npm_ci() {
    if has_node; then
        quietly npm ci --ignore-scripts --no-audit --no-fund "$@"
        return
    fi
    if [ ! -x .venv/bin/npm ]; then
        say "Node, as a Python package"
        install_lock tools/requirements-node.lock || return 1
    fi
    quietly env "PATH=$root/.venv/bin:$PATH" .venv/bin/npm ci --ignore-scripts --no-audit --no-fund "$@"
}

want=$(stamp_of package.json package-lock.json)
if [ "$level" = run ]; then
    if ! stamped node_modules/.stamp-run "$want" && ! stamped node_modules/.stamp-dev "$want"; then
        say "front-end packages"
        npm_ci --omit=dev || fail "the front-end packages could not be installed"
        echo "$want" >node_modules/.stamp-run
    fi
elif ! stamped node_modules/.stamp-dev "$want"; then
    say "front-end packages"
    npm_ci || fail "the front-end packages could not be installed"
    echo "$want" >node_modules/.stamp-dev
fi

want=$(stamp_of package-lock.json tools/assets.py tools/icons.py)
if ! stamped app/static/lib/.stamp "$want"; then
    .venv/bin/python tools/assets.py || fail "the front-end files could not be copied"
    echo "$want" >app/static/lib/.stamp
fi

# --- translations -----------------------------------------------------------------------------------------------

stale_messages() {
    for catalogue in translations/*/LC_MESSAGES/*.po; do
        [ -f "$catalogue" ] || continue
        compiled=${catalogue%.po}.mo
        if [ ! -f "$compiled" ] || [ "$catalogue" -nt "$compiled" ]; then return 0; fi
    done
    return 1
}

if [ -f tools/messages.py ] && stale_messages; then
    say "translations"
    quietly .venv/bin/python tools/messages.py compile || fail "the translations could not be compiled"
fi

# --- servers and browser for the tests --------------------------------------------------------------------------

[ "$level" = test ] || exit 0

: >"$missing"

lacks() {
    say "missing $1: $2; its tests are skipped"
    echo "$1: $2" >>"$missing"
}

has_postgres() {
    for bin in /usr/lib/postgresql/*/bin; do
        version=$(basename "$(dirname "$bin")")
        if [ -x "$bin/initdb" ] && [ -x "$bin/pg_dump" ] &&
            [ -f "/usr/share/postgresql/$version/extension/pg_trgm.control" ]; then return 0; fi
    done
    command -v initdb >/dev/null 2>&1 && command -v pg_dump >/dev/null 2>&1
}

if [ -z "${CRM_TEST_DATABASE_URL:-}" ] && ! has_postgres; then
    # The tests start a server of their own: Debian's default cluster would only take memory.
    if can_be_root && [ ! -e "$drop_in" ]; then
        made_drop_in=yes
        as_root mkdir -p "$(dirname "$drop_in")"
        echo 'create_main_cluster = false' | as_root tee "$drop_in" >/dev/null
    fi
    apt_install postgresql postgresql-contrib || true
    has_postgres || lacks postgres "the PostgreSQL server could not be installed"
fi

if ! command -v redis-server >/dev/null 2>&1; then
    if apt_install redis-server && [ -d /run/systemd/system ]; then
        quietly as_root systemctl disable redis-server || true
    fi
    command -v redis-server >/dev/null 2>&1 || lacks redis "the Redis server could not be installed"
fi

has_dovecot() { command -v dovecot >/dev/null 2>&1 && [ -x /usr/lib/dovecot/imap-login ]; }

if ! has_dovecot; then
    # The tests start a server of their own, as an ordinary user.
    if apt_install dovecot-imapd && [ -d /run/systemd/system ]; then
        quietly as_root systemctl disable dovecot || true
    fi
    has_dovecot || lacks imap "the IMAP server Dovecot could not be installed"
fi

# Ubuntu's package of this name is only a pointer to a snap, hence the second way.
has_chromium() {
    command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
        .venv/bin/python - <<'PYTHON' >/dev/null 2>&1
import os
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    sys.exit(not os.access(playwright.chromium.executable_path, os.X_OK))
PYTHON
}

if ! has_chromium; then
    if grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then
        if can_be_root; then quietly as_root "$root/.venv/bin/playwright" install-deps chromium || true; fi
        quietly .venv/bin/playwright install chromium || true
    else
        apt_install chromium || true
    fi
    has_chromium || lacks browser "Chromium could not be installed"
fi

if [ -s "$missing" ] && [ "${CI:-}" = true ]; then
    fail "CI=true and a part is missing"
fi
