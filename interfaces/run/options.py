"""What a run was asked for, and the world that follows from it."""

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from trading.market.errors import BadInput

# The demo begins in the past, so that every market day it reaches is a day that exists.
DEMO_START = "2025-03-03T00:00:00Z"
DEMO_SPEED = 900.0
DEMO_RATE = 50.0
# Sources disagree about MEXC's limit (12 to 50 a second): its support names 20.
MEXC_RATE = 20.0
# What a distant venue's answer takes; declared wherever a speed is printed.
ROUND_TRIP_MS = 80.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of `sluice run`. `candles` is a Parquet file or folder; None = the synthetic market."""

    symbols: int = 2610
    candles: Path | None = None
    has_edge: bool = True
    users: int = 10
    days: int | None = None
    seed: int = 7
    exchange: str = "embedded"
    trade_s: float = 60.0
    speed: float = DEMO_SPEED
    workers: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.symbols <= 20_000:
            raise BadInput(f"symbols must lie between 1 and 20000, was {self.symbols}")
        if not 1 <= self.users <= 200:
            raise BadInput(f"users must lie between 1 and 200, was {self.users}")
        if not 1 <= self.workers <= 16:
            raise BadInput(f"workers must lie between 1 and 16, was {self.workers}")
        if self.seed < 0:
            raise BadInput(f"seed must be at least 0, was {self.seed}")
        if self.days is not None and not 1 <= self.days <= 365:
            raise BadInput(f"days must lie between 1 and 365, was {self.days}")
        if self.candles is not None and not self.candles.exists():
            raise BadInput(f"candles must be a Parquet file or a folder of them; nothing at {self.candles}")
        if self.exchange not in ("embedded", "mexc"):
            raise BadInput(f"exchange must be embedded or mexc, was {self.exchange!r}")
        if self.candles is not None and self.exchange == "mexc":
            raise BadInput(
                "the market is either recorded candles or MEXC's: give --candles or --exchange mexc"
            )
        if not 0 <= self.trade_s <= 3600:
            raise BadInput(f"seconds of trading must lie between 0 and 3600, was {self.trade_s}")

    @property
    def world(self) -> str:
        """Return the name of the world: what differs in market differs in name, so data never mixes."""
        if self.exchange == "mexc":
            return "mexc"
        if self.candles is not None:
            digest = blake2b(str(self.candles.resolve()).encode(), digest_size=3).hexdigest()
            return f"candles-{_plain(self.candles.stem)}-{digest}"
        edge = "" if self.has_edge else "-no-edge"
        return f"demo-{self.seed}-{self.symbols}{edge}"


@dataclass(frozen=True, slots=True)
class World:
    """What is written beside a world's data, so that `sluice dev` and the next run serve the same market."""

    name: str
    seed: int
    symbols: int
    edge: bool
    candles: str | None
    start: str
    users: int
    rate: float
    timeframe: str
    history_bars: int
    exchange: str = "embedded"

    def write(self, path: Path) -> None:
        """Write the record; a second run of the same world finds it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> "World":
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text()))


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")[:24] or "file"
