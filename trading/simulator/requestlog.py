"""One JSON line per request; never a secret, a signature or a whole key."""

import time
from pathlib import Path
from typing import IO

import orjson

_HIDDEN = frozenset({"signature"})


class RequestLog:
    """Appends request lines to a file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab", buffering=0)

    def write(
        self,
        *,
        method: str,
        path: str,
        params: dict[str, str],
        key: str | None,
        status: int,
        code: int | None,
        seconds: float,
        market_ms: int,
        fault: str | None,
    ) -> None:
        """Write one line: when it was read, what was asked, by the end of which key, what came of it."""
        line = {
            "wall_ms": round((time.time() - seconds) * 1000, 1),
            "market_ms": market_ms,
            "method": method,
            "path": path,
            "params": {name: value for name, value in params.items() if name not in _HIDDEN},
            "key_end": key[-4:] if key else None,
            "status": status,
            "code": code,
            "ms": round(seconds * 1000, 3),
            "fault": fault,
        }
        self._file.write(orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
