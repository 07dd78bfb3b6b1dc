"""What one `sluice run` found: plain data, ready for JSON, for the terminal and for report.html."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the funnel. `reasons` = rule -> symbols dropped, largest first; `seconds` of wall time."""

    stage: str
    came_in: int
    went_out: int
    seconds: float
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScanSpeed:
    """Candles of the survivors: one after another (extrapolated), as it was, and the venue's own floor.

    All in wall seconds. `sample` symbols were fetched one after another to extrapolate from;
    `round_trip_ms` is the delay that the embedded exchange was told to answer with.
    """

    one_by_one_s: float
    sample: int
    took_s: float
    floor_s: float
    requests: int
    rate_per_s: float
    round_trip_ms: float
    http_429: int


@dataclass(frozen=True, slots=True)
class Approved:
    """One approved symbol with its backtest. Returns are fractions; `is_planted`: the edge was put there."""

    symbol: str
    lineage_id: str
    trades: int
    win_rate: float
    total_return: float
    total_return_2x_costs: float
    max_drawdown: float
    profit_factor: float | None
    random_percentile: float | None
    is_planted: bool


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user's outcome. Money in quote units (USDT), exact, as text."""

    user_id: str
    name: str
    mode: str
    orders: int
    closed_trades: int
    wins: int
    pnl_quote: str
    open_positions: int
    skips: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoryStep:
    """One step of one trade told whole: `what` happened, `when` (market time), `lineage_id` to follow."""

    what: str
    when: str
    detail: str
    lineage_id: str | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """The engine's death on purpose. `in_flight` = intents not terminal when it died."""

    at_market: str
    in_flight: int
    open_positions: int
    restart_s: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything one run found. Times are ISO 8601, market time unless said otherwise."""

    world: str
    market: str  # one sentence: what market this was, and what is planted in it
    market_from: str
    market_to: str
    timeframe: str
    funnel: list[Stage]
    second_funnel: list[Stage]
    scan: ScanSpeed | None
    approved: list[Approved]
    orders: int
    fills: int
    closed_trades: int
    open_positions: int
    lost: int
    doubled: int
    kill: Kill | None
    users: list[UserLine]
    story: list[StoryStep]
    trade_pool_rows: int
    model: dict[
        str, object
    ]  # verdict, reason, table of rules (rule, value, bound, verdict), first_pass, second_pass
    equity: dict[
        str, list[tuple[str, float]]
    ]  # user -> (market time, cumulated P&L in quote) after each closed trade
    elapsed_s: float
    cpu_s: float
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Return the object that `sluice run --json` prints."""
        plain = asdict(self)
        for name in ("funnel", "second_funnel"):
            plain[name] = [
                {
                    "stage": stage.stage,
                    "in": stage.came_in,
                    "out": stage.went_out,
                    "seconds": round(stage.seconds, 3),
                    "reasons": stage.reasons,
                }
                for stage in getattr(self, name)
            ]
        return plain
