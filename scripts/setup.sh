#!/bin/sh
# Build or refresh .venv from the hashed lock. Idempotent; everything fetched is checked against a hash.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
export UV_LINK_MODE=copy PIP_DISABLE_PIP_VERSION_CHECK=1

# A venv whose interpreter has gone (moved, upgraded) is rebuilt, not repaired.
if ! "$venv/bin/python" -c 'import sys; assert sys.version_info[:2] == (3, 12)' 2>/dev/null; then
    python=$(sh scripts/find_python.sh)
    echo "setup: making $venv with $python"
    "$python" -m venv --clear "$venv"
fi
if ! "$venv/bin/uv" --version >/dev/null 2>&1; then
    echo "setup: installing uv into $venv"
    "$venv/bin/python" -m pip install --quiet --require-hashes -r requirements-uv.lock
fi
echo "setup: installing the locked packages"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --require-hashes -r requirements.lock
# The build backend (hatchling, editables) comes from the lock too: no isolation, so nothing unhashed is fetched.
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation -e .
touch "$venv/.sluice-setup"
echo "setup: done"
