"""Arrays as safetensors: a length, a JSON header, raw numbers. Reading one can run nothing."""

from typing import Any

import numpy as np

from trading.learning.deep.extra import require_extra
from trading.learning.deep.networks import Parameters
from trading.market.errors import StoreError


def to_bytes(arrays: Parameters) -> bytes:
    """Return named arrays as a safetensors file, the same bytes for the same arrays."""
    require_extra("writing a neural model", ("safetensors",))
    from safetensors.numpy import save  # noqa: PLC0415 - of the extra

    data: bytes = save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})
    return data


def from_bytes(data: bytes, what: str) -> dict[str, Any]:
    """Return what `to_bytes` wrote.

    Raises
    ------
    MissingData
        If safetensors is not installed.
    StoreError
        If the file is damaged, or holds a number that is not finite.
    """
    require_extra(what, ("safetensors",))
    from safetensors import SafetensorError  # noqa: PLC0415 - of the extra
    from safetensors.numpy import load  # noqa: PLC0415 - of the extra

    try:
        arrays: dict[str, Any] = load(data)
    except SafetensorError as error:
        raise StoreError(f"{what} cannot be read: {error}") from error
    if not all(np.isfinite(value).all() for value in arrays.values()):
        raise StoreError(f"{what} cannot be read: it holds a number that is not finite")
    return arrays
