"""Scenes drawn from a seed: which users, prices, faults and orders of people a simulated world has."""

import random
from decimal import Decimal

from trading.execution.drills.simulated_venue import FEE_COIN, Faults, Path
from trading.execution.drills.simulated_world import MARKET_STEP_MS, Happening, Scene
from trading.execution.settings import EngineSettings
from trading.market.orders import OrderType
from trading.store.order_log.halts import HaltKind
from trading.users.gates import CLOSE_ALL

SYMBOLS = ("AAA/USDT", "BBB/USDT")
D = Decimal


def draw(seed: int, number: int, *, most_users: int = 2) -> Scene:
    """Return scene `number` of a seed.

    Entries are bought at 100 with a limit of 101, a stop 5 % below, a target 10 % above, and held for 15
    minutes of market time at most.
    """
    dice = random.Random(f"{seed}:{number}")
    users = dice.randint(1, most_users)
    symbols = SYMBOLS[: dice.choice([1, 1, 2])]
    trouble, faults = _faults(dice)
    settings, kind = _settings(dice)
    plot, happenings = _happenings(dice, symbols)
    paths = {symbol: _path(dice) for symbol in symbols}
    name = f"{trouble}, {kind}, {plot}, {users} users, {len(symbols)} symbols"
    return Scene(name, users, symbols, paths, faults, settings, happenings)


def _faults(dice: random.Random) -> tuple[str, Faults]:
    some = [frozenset(n for n in range(24) if dice.random() < share) for share in (0.25, 0.25, 0.25, 0.12)]
    kinds: dict[str, dict[str, object]] = {
        "no trouble": {},
        "answers lost": {"timeout_after": some[0]},
        "requests lost": {"timeout_before": some[0]},
        "requests late": {"late": some[0], "timeout_after": some[1] - some[0]},
        "orders hidden": {"timeout_after": some[0], "hidden_looks": dice.randint(1, 4)},
        "orders hidden for a while": {"timeout_after": some[0], "hidden_ms": dice.choice([800, 1_200])},
        "limiter refusals": {"limited": some[0]},
        "rejections": {"refused": some[0] | some[1]},
        "deaf reads": {"deaf_reads": dice.randint(5, 11), "timeout_after": some[3]},
        "everything": {
            "timeout_before": some[0] - some[1],
            "timeout_after": some[1],
            "late": some[2] - some[1] - some[0],
            "limited": some[3] - some[0] - some[1] - some[2],
            "hidden_looks": dice.choice([0, 1, 3]),
        },
    }
    name = dice.choice(list(kinds))
    books = dice.choice([(D(1),), (D(1),), (D("0.6"), D(1)), (D("0.4"), D(1), D(0), D(1))])
    common: dict[str, object] = {
        "parts": dice.choice([1, 2, 3]),
        "shares": books,
        "repeat_fills": dice.random() < 0.5,
        "late_fills": dice.choice([0, 0, 1, 2]),
        "fee_asset": dice.choice(["quote", "base", FEE_COIN]),
    }
    return name, Faults(**(common | kinds[name]))  # type: ignore[arg-type]  # a mapping of its own fields


def _settings(dice: random.Random) -> tuple[EngineSettings, str]:
    """Patience is shorter than in the field, so that waiting takes few steps, and longer than lateness."""
    kind = dice.choice([OrderType.IOC, OrderType.IOC, OrderType.LIMIT])
    settings = EngineSettings(
        lost_after_s=1.6,
        lost_exit_after_s=1.6,
        explain_after_s=3.0,
        lost_looks=3,
        entry_type=kind,
        entry_timeout_market_s=90,
        seed=dice.randint(0, 99),
    )
    return settings, f"{kind.value} entries"


def _path(dice: random.Random) -> Path:
    at = dice.randint(2, 5) * MARKET_STEP_MS
    begin: list[tuple[int, Decimal | None]] = [(0, D(100))]
    plots: list[list[tuple[int, Decimal | None]]] = [
        [(at, D(112))],
        [(at, D(94))],
        [(at, D(60))],  # far below the stop
        [],  # held to the end
        [(at, None), (at + 3 * MARKET_STEP_MS, D(93))],  # halted at the venue, opens below the stop
        [
            (MARKET_STEP_MS, D(103)),
            (3 * MARKET_STEP_MS, D(100)),
            (at, D(112)),
        ],  # away from the entry, and back
    ]
    return Path(tuple(begin + dice.choice(plots)))


def _happenings(dice: random.Random, symbols: tuple[str, ...]) -> tuple[str, tuple[Happening, ...]]:
    at = dice.randint(1, 5)
    one = dice.choice(symbols)
    first = Happening(0, "signal_set", "1")
    plots: dict[str, tuple[Happening, ...]] = {
        "one set": (),
        "two sets": (Happening(dice.randint(1, 8), "signal_set", "2"),),
        "entries stopped": (
            Happening(dice.randint(0, 2), HaltKind.STOP_ENTRIES.value),
            Happening(at + 4, "lift"),
        ),
        "frozen": (Happening(at, HaltKind.FREEZE.value), Happening(at + 2, "lift")),
        "flattened": (Happening(at, HaltKind.FLATTEN.value, one),),
        "flatten lifted": (Happening(at, HaltKind.FLATTEN.value), Happening(at + 1, "lift")),
        "closed by the user": (Happening(at, CLOSE_ALL, "u1"),),
    }
    name = dice.choice([*plots, "one set"])
    return name, (first, *plots[name])
