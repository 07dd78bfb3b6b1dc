"""`kernel`: numba's njit with a disk cache that notices when any kernel file has changed."""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from numba import njit

_KERNEL_FILES = ("hashing", "weather", "paths", "levels", "tree", "volumes", "walk", "tape")


def _digest() -> str:
    here = Path(__file__).parent
    content = b"".join((here / f"{name}.py").read_bytes() for name in _KERNEL_FILES)
    return blake2b(content, digest_size=16).hexdigest()


_STAMP = _digest()


def kernel[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` on first use and keep the machine code beside the source.

    numba's own cache looks only at the time stamp of the function's file, and would go on using
    code inlined from another kernel file after that one was edited or updated by git. Here the
    stamp is a digest of all kernel files. Reaches into numba 0.61.2, which is pinned exactly;
    test_compiled.py fails when that no longer works.
    """
    compiled = njit(cache=True)(function)
    compiled._cache._cache_file._source_stamp = _STAMP  # noqa: SLF001 - numba offers no public way
    return compiled  # type: ignore[no-any-return]  # numba ships no types
