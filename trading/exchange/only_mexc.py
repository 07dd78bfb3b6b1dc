"""What we use of ccxt, imported without its other hundred exchanges.

`import ccxt` runs one module for each exchange that ccxt knows, once for blocking and once for asyncio: 84 MB
and a second of CPU in every process, of which MEXC needs a third (docs/decisions/0077). The packages `ccxt`
and `ccxt.async_support` do nothing besides; here stand-ins with the same folders take their places while the
modules that we use are read, and are taken away again. Whoever writes `import ccxt` afterwards gets the real
packages, made of the very classes below.

Everything in `trading/` takes ccxt's names from here (a test looks): a direct import brings all of it back.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["BaseError", "Client", "Exchange", "PushDataV3ApiWrapper", "mexc"]

_PACKAGES = ("ccxt", "ccxt.async_support")


def _names_of_the_package(name: str) -> Any:
    """Return what ccxt's own modules import from the top package: its errors, and `Exchange`."""
    home = "ccxt.base.exchange" if name == "Exchange" else "ccxt.base.errors"
    return getattr(import_module(home), name)


@contextmanager
def _without_the_others() -> Iterator[None]:
    """Let packages that would import every exchange stand empty meanwhile; do nothing if ccxt is there."""
    spec = None if "ccxt" in sys.modules else find_spec("ccxt")
    if spec is None or not spec.submodule_search_locations:
        yield
        return
    root = Path(spec.submodule_search_locations[0])
    for name in _PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        package.__getattr__ = _names_of_the_package  # type: ignore[method-assign]
        sys.modules[name] = package
    try:
        yield
    finally:
        for name in _PACKAGES:
            del sys.modules[name]


with _without_the_others():
    from ccxt.async_support.base.ws.client import Client
    from ccxt.async_support.mexc import mexc
    from ccxt.base.errors import BaseError
    from ccxt.base.exchange import Exchange
    from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
