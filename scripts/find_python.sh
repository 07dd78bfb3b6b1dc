#!/bin/sh
# Print the path of a Python 3.12 that really runs. Candidates are run, not looked up: a version manager's
# shim can be on PATH and still answer "command not found" (exit 127).
check='import sys, ensurepip, venv; assert sys.version_info[:2] == (3, 12); print(sys.executable)'

try() {
    [ -n "$1" ] || return 1
    found=$("$1" -c "$check" 2>/dev/null) || return 1
    [ -n "$found" ] || return 1
    printf '%s\n' "$found"
    exit 0
}

try "$PYTHON"
try python3.12
try python3
for candidate in "$HOME"/.pyenv/versions/3.12*/bin/python /opt/homebrew/bin/python3.12 /usr/local/bin/python3.12; do
    [ -x "$candidate" ] && try "$candidate"
done
try "$(uv python find 3.12 2>/dev/null)"

cat >&2 <<'MESSAGE'
Sluice needs Python 3.12 (with venv) and found none that runs. Install it with one of
  Debian/Ubuntu:  sudo apt-get install python3.12 python3.12-venv
  macOS:          brew install python@3.12
  pyenv:          pyenv install 3.12
or name one: make setup PYTHON=/path/to/python3.12
MESSAGE
exit 1
