"""TA-Lib's functions without their wrappers, and what the families share. Knows no indicator by name."""

import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from trading.indicators.bars import Floats


def _bindings() -> ModuleType:
    """Return TA-Lib's C bindings without the package around them.

    Both import pandas where they find it, a CPU second: the package to wrap each function in a check for its
    series, the bindings for `talib.abstract` on its frames, which nobody here uses. Who imports `talib` later
    gets the whole package around these bindings.
    """
    name = "talib._ta_lib"
    if name not in sys.modules:
        package = find_spec("talib")
        where = None if package is None else package.submodule_search_locations
        spec = PathFinder.find_spec(name, where)
        if spec is None or spec.loader is None:
            raise ImportError("TA-Lib's bindings (talib._ta_lib) are not installed", name=name)
        module = sys.modules[name] = module_from_spec(spec)
        # They ask the package for its exceptions: an empty one stands in, so that its own code does not run.
        package_stand_in = ModuleType("talib")
        package_stand_in.__path__ = list(where or [])
        stand_ins = {"talib": package_stand_in} | ({} if "pandas" in sys.modules else {"pandas": None})
        sys.modules.update(stand_ins)  # type: ignore[arg-type]  # None = no such module
        try:
            spec.loader.exec_module(module)
        finally:
            for each in stand_ins:
                del sys.modules[each]
        module._ta_initialize()  # noqa: SLF001  # the package does it; there is no other name for it
    return sys.modules[name]


_TALIB = _bindings()


def plain(name: str) -> Callable[..., Any]:
    """Return TA-Lib's C binding of `name`.

    talib, once somebody imported it, wraps each function in a check for pandas and polars input that costs
    as much as the function itself on 500 bars; behind the wrapper stands the binding.
    """
    function = getattr(_TALIB, name)
    return getattr(function, "__wrapped__", function)  # type: ignore[no-any-return]  # an untyped attribute


def null_where(values: Floats, wrong: Any) -> Floats:
    """Return `values` with NaN where `wrong` (bools) holds: a 0/0 is no value, whatever TA-Lib says."""
    return np.where(wrong, np.nan, values)


def within(flags: Any, bars: int) -> Any:
    """Return where any of the last `bars` flags, this one included, is set."""
    counts = np.cumsum(flags)
    before = np.zeros_like(counts)
    before[bars:] = counts[:-bars]
    return counts > before


def flat_for(values: Floats, bars: int) -> Any:
    """Return where the last `bars` values, this one included, are all the same; False for the first ones."""
    same = np.concatenate(([False], values[1:] == values[:-1]))
    return ~within(~same, bars - 1) if bars > 1 else np.ones(len(values), dtype=bool)


def delayed(values: Floats, bars: int) -> Floats:
    """Return `values` as they stood `bars` bars ago; NaN for the first ones."""
    out = np.full(len(values), np.nan)
    if len(values) > bars:
        out[bars:] = values[: len(values) - bars]
    return out


def window_sum(values: Floats, bars: int) -> Floats:
    """Return the sum of the last `bars` values, each window added up afresh; NaN for the first ones.

    A running sum would keep the rounding of a price that has long left the window (LUNA: 99 to 0.00005).
    """
    out = np.full(len(values), np.nan)
    if len(values) >= bars:
        out[bars - 1 :] = sliding_window_view(values, bars).sum(axis=1)
    return out
