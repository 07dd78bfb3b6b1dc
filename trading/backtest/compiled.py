"""Plain functions of another module, compiled as they stand: one source for live engine and backtest."""

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import njit, types
from numba.extending import intrinsic


# Compiled without counting references: every array taken out of a tuple would be counted in and out, which
# costs more than following a position does. Such functions make no arrays; their caller holds all of them.
def lean(function: Any = None, **options: Any) -> Any:
    """Compile as `numba.njit` does, without reference counts."""
    if function is None:
        return partial(lean, **options)
    return njit(function, _nrt=False, **options)


@intrinsic
def prefetch(context: Any, array: Any, row: Any) -> Any:  # noqa: ARG001 - numba's signature
    """Ask memory for `array[row]` without waiting: rows of the next trade come while this one is followed."""

    def make(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = target.make_array(signature.args[0])(target, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        whole = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, whole, whole, whole])
        call = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(call, [place, whole(0), whole(3), whole(1)])
        return target.get_dummy_value()

    return types.void(array, row), make


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
