"""`python -m bench [NAME…] [--json] [--list]`: run benchmarks, one JSON object per line.

A module in this folder with a `run` function is a benchmark; its name is the module's. Exit code 1 when
one misses its bound or fails, 2 for an unknown name.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MACHINERY = {
    "__main__",
    "harness",
    "calibration",
    "venue",
    "peers",
    "cores",
    "exit_positions",
    "taught",
    "rejax_peer",
}


def names() -> list[str]:
    """Return the names of all benchmarks, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in _MACHINERY)


def lines(name: str) -> Iterator[dict[str, Any]]:
    """Run one benchmark; what it raises becomes a line of its own with `ok` false."""
    try:
        result = importlib.import_module(f"bench.{name}").run()
    except Exception as error:
        yield {"name": name, "ok": False, "reason": f"{type(error).__name__}: {error}"}
        return
    yield from [result] if isinstance(result, dict) else result


def main(arguments: list[str] | None = None) -> int:
    """Run what was named, or all, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks to run; default: all")
    parser.add_argument("--json", action="store_true", help="only JSON lines, no comments on stderr")
    parser.add_argument("--list", action="store_true", help="list the benchmarks and stop")
    options = parser.parse_args(arguments)
    known = names()
    if options.list:
        print(*known, sep="\n")
        return 0
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        print(f"bench: no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    return _run(options.names or known, quiet=options.json)


def _run(chosen: list[str], *, quiet: bool) -> int:
    missed = 0
    for name in chosen:
        if not quiet:
            print(f"bench: {name} ...", file=sys.stderr, flush=True)
        for line in lines(name):
            print(json.dumps(line), flush=True)
            missed += line["ok"] is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
