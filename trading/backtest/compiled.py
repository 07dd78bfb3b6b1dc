"""Plain functions of another module, compiled as they stand: one source for live engine and backtest."""

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from numba import njit


# Compiled without counting references: every array taken out of a tuple would be counted in and out, which
# costs more than following a position does. Such functions make no arrays; their caller holds all of them.
def lean(function: Any = None, **options: Any) -> Any:
    """Compile as `numba.njit` does, without reference counts."""
    if function is None:
        return partial(lean, **options)
    return njit(function, _nrt=False, **options)


def compiled(module: ModuleType) -> SimpleNamespace:
    """Return every public function of `module`, compiled; calls among them reach the compiled ones.

    The module itself is left alone and never needs numba: a live engine starts without it.
    """
    scope: dict[str, Any] = dict(vars(module))
    found: dict[str, Callable[..., Any]] = {}
    for name, member in vars(module).items():
        if isinstance(member, FunctionType) and member.__module__ == module.__name__:
            own = FunctionType(member.__code__, scope, name, member.__defaults__, member.__closure__)
            scope[name] = found[name] = lean(own)
    return SimpleNamespace(**found)


def digest(*modules: ModuleType) -> int:
    """Return a number that changes with the source of `modules`.

    numba's disk cache looks at the file of the compiled loop only. Put into the loop's closure, which
    numba does hash, this number recompiles it when a machine in another file is edited.
    """
    text = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    return int(blake2b(text, digest_size=6).hexdigest(), 16)
