"""A run as it might have been: every part of a `RunRecord` filled, foreign text hostile."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from interfaces.run.record import Approved, Kill, RunRecord, ScanSpeed, Stage, StoryStep, UserLine

START = datetime(2025, 3, 3, tzinfo=UTC)
HOSTILE = '<img src=x onerror="alert(1)">/USDT'

FUNNEL = [
    Stage("markets", 2610, 2104, 1.9, {"status": 331, "is_api_tradable": 122, "precision": 53}),
    Stage(
        "prefilter", 2104, 300, 0.4, {"min_quote_volume_24h": 1188, "max_spread": 402, "max_survivors": 214}
    ),
    Stage("screening", 300, 64, 3.1, {"min_volatility": 139, "rsi": 81, "history": 16}),
    Stage("backtest", 64, 64, 2.2, {}),
    Stage("approval", 64, 6, 0.3, {"false_discovery_rate": 31, "min_trades": 17, "min_profit_factor": 10}),
]
SECOND = [
    Stage("markets", 2610, 2104, 1.7, {"status": 331, "is_api_tradable": 122, "precision": 53}),
    Stage(
        "prefilter", 2104, 300, 0.4, {"min_quote_volume_24h": 1190, "max_spread": 400, "max_survivors": 214}
    ),
    Stage("screening", 300, 58, 2.9, {"min_volatility": 144, "rsi": 82, "history": 16}),
    Stage("backtest", 58, 58, 2.0, {}),
    Stage("approval", 58, 5, 0.2, {"false_discovery_rate": 30, "min_trades": 15, "min_profit_factor": 8}),
]
APPROVED = [
    Approved(
        "KAVO/USDT", "app-4f1c9a0be2d3f788-19aa02c4e1f0", 41, 0.683, 0.214, 0.171, 0.048, 2.31, 0.997, True
    ),
    Approved(
        "ORIX/USDT", "app-4f1c9a0be2d3f788-7be10042d9aa", 33, 0.636, 0.142, 0.108, 0.061, 1.92, 0.991, True
    ),
    Approved(
        "TELM/USDT", "app-4f1c9a0be2d3f788-c1200bb7ae33", 28, 0.643, 0.117, 0.089, 0.055, 1.77, 0.984, True
    ),
    Approved(
        "VANT/USDT", "app-4f1c9a0be2d3f788-0d0e11f2aa90", 37, 0.595, 0.098, 0.055, 0.083, 1.49, 0.973, True
    ),
    Approved(HOSTILE, "app-4f1c9a0be2d3f788-5a77ce01b2d4", 19, 0.579, 0.061, 0.038, 0.072, None, None, False),
    Approved(
        "MIRA/USDT", "app-4f1c9a0be2d3f788-99be0d17c8f1", 22, 0.591, 0.054, 0.021, 0.069, 1.34, 0.958, True
    ),
]
STORY = [
    StoryStep("Candle closed", "2025-03-03T04:15:00+00:00", "closed at 1.2841 on 15m, below its lower band"),
    StoryStep(
        "Passed the filters",
        "2025-03-03T04:16:12+00:00",
        "volume 1.9 M USDT, volatility 0.62 % a bar",
        "scr-9a01c7d0e2f34b56-0a1b2c3d4e5f",
    ),
    StoryStep(
        "Signal",
        "2025-03-03T04:16:12+00:00",
        "RSI 24.6 under 30 and close under the band; score 0.71",
        "sig-77e0a1b2c3d4e5f6-112233445566",
    ),
    StoryStep(
        "Backtest",
        "2025-03-03T04:16:12+00:00",
        "41 trades, +21.4 %, better than 99.7 % of random entries",
        "bt-0c0ffee0c0ffee01-aabbccddeeff",
    ),
    StoryStep(
        "Approved", "2025-03-03T04:16:12+00:00", "best score of 6", "app-4f1c9a0be2d3f788-19aa02c4e1f0"
    ),
    StoryStep(
        "Order",
        "2025-03-03T04:18:30+00:00",
        "user demo-03 buys 388.2 KAVO, limit 1.2969",
        "int-00aa11bb22cc33dd-445566778899",
    ),
    StoryStep("Fill", "2025-03-03T04:18:31+00:00", "388.2 at 1.2855, fee 0.25 USDT"),
    StoryStep(
        "Exit: take profit",
        "2025-03-03T09:47:05+00:00",
        "sold at 1.3240: +14.44 USDT",
        "trd-00aa11bb22cc33dd-99aabbccddee",
    ),
]
MODEL = {
    "first_pass": {"verdict": "no data", "reason": "the pool is empty until something was traded"},
    "second_pass": {
        "verdict": "refused",
        "reason": "212 decisions are fewer than the 300 that a promotion asks for",
        "table": [
            {"rule": "decisions", "value": 212, "bound": 300, "verdict": "failed"},
            {"rule": "log loss against the base rate", "value": 0.6641, "bound": 0.6829, "verdict": "passed"},
            {"rule": "return of the kept half", "value": 0.0031, "bound": 0.0, "verdict": "passed"},
        ],
    },
}


def sample(**changes: object) -> RunRecord:
    """Return the sample run, with `changes`."""
    users, equity = _users()
    record = RunRecord(
        world="demo-7-2610",
        market="Synthetic market of 2,610 pairs, seed 7, with a planted edge: prices of 26 pairs revert to "
        "their mean by construction. Profits on them are designed in: they prove machinery, not a strategy.",
        market_from="2025-03-03T00:00:00+00:00",
        market_to="2025-03-03T16:10:00+00:00",
        timeframe="15m",
        funnel=FUNNEL,
        second_funnel=SECOND,
        scan=ScanSpeed(121.4, 30, 12.7, 12.0, 600, 50.0, 80.0, 0),
        approved=APPROVED,
        orders=148,
        fills=171,
        closed_trades=sum(user.closed_trades for user in users),
        open_positions=sum(user.open_positions for user in users),
        lost=0,
        doubled=0,
        kill=Kill("2025-03-03T08:30:00+00:00", 7, 12, 1.8),
        users=users,
        story=STORY,
        trade_pool_rows=17,
        model=MODEL,
        equity=equity,
        elapsed_s=214.6,
        cpu_s=171.2,
        warnings=[],
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # whatever a test wants different


def _users() -> tuple[list[UserLine], dict[str, list[tuple[str, float]]]]:
    dice, users, equity = Random(5), [], {}
    for number in range(1, 11):
        at, total, curve, wins = START + timedelta(hours=1), Decimal(0), [], 0
        closed = dice.randint(4, 9)
        for _ in range(closed):
            at += timedelta(minutes=dice.randint(20, 150))
            change = Decimal(str(round(dice.gauss(4.0, 14.0), 2)))
            wins += change > 0
            total += change
            curve.append((at.isoformat(), float(total)))
        user_id = f"demo-{number:02d}"
        skips = {"max_positions": dice.randint(0, 6), "below_minimum": dice.randint(0, 2)}
        users.append(
            UserLine(
                user_id,
                f"Demo user {number}",
                "paper",
                2 * closed + 1,
                closed,
                wins,
                str(total),
                dice.randint(0, 2),
                {rule: count for rule, count in skips.items() if count},
            )
        )
        equity[user_id] = curve
    return users, equity


def empty_run() -> RunRecord:
    """Return a run in which nothing was approved: the usual end of a market without an edge."""
    nothing = [*FUNNEL[:-1], Stage("approval", 64, 0, 0.3, {"false_discovery_rate": 41, "min_trades": 23})]
    idle = [UserLine("demo-01", "Demo user 1", "paper", 0, 0, 0, "0", 0)]
    return sample(
        market="Synthetic market of 2,610 pairs, seed 7, without any planted edge.",
        funnel=nothing,
        second_funnel=[],
        scan=None,
        approved=[],
        orders=0,
        fills=0,
        closed_trades=0,
        open_positions=0,
        kill=None,
        users=idle,
        story=[],
        trade_pool_rows=0,
        model={"verdict": "no data", "reason": "the pool is empty"},
        equity={},
    )
