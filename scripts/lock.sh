#!/bin/sh
# Resolve pyproject.toml into hashed locks without URLs, so that any mirror of the registry will do.
set -eu
cd "$(dirname "$0")/.."
compile() {
    .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-annotate --no-header --prerelease if-necessary-or-explicit "$@"
}
extra() {
    .venv/bin/python -c "import sys, tomllib
with open('pyproject.toml', 'rb') as file:
    print(*tomllib.load(file)['project']['optional-dependencies'][sys.argv[1]], sep='\n')" "$1"
}
compile pyproject.toml --extra dev -o requirements.lock
# The heavy extras come on top of the core, held to the versions it was tested with. They are resolved
# apart from pyproject.toml: with it, uv 0.13.9 finds no jaxlib wheel for Linux that it finds without.
for name in ai alerts browser docs postgres node; do
    extra "$name" | compile - --constraint requirements.lock -o "requirements-$name.lock"
done
echo uv | compile - -o requirements-uv.lock
