"""One poller for each token on this machine; Telegram itself refuses one on another (409)."""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from trading.market.errors import InTheWay


@contextmanager
def only_poller(token: str, folder: Path | None = None) -> Iterator[None]:
    """Hold the token's lock; it ends with the process, however that ends.

    Raises
    ------
    BadInput
        If another process holds it.
    """
    name = f"sluice-bot-{sha256(token.encode()).hexdigest()[:16]}.lock"
    path = (folder or Path(tempfile.gettempdir())) / name
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InTheWay(
                "another `sluice bot run` polls this token on this machine; end it first"
            ) from None
        yield
