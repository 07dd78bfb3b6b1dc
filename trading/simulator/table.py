"""Drafts of pairs as rows of numbers that the kernels read."""

import math

import numpy as np

from trading.simulator import tree
from trading.simulator.hashing import derive
from trading.simulator.pairs import Draft
from trading.simulator.source import QUOTE_VOLUME_DECIMALS
from trading.simulator.weather import (
    ANCHOR_DAY,
    EPOCH_MS,
    HORIZON_DAYS,
    MARKET_DAILY_VOL,
    SECTOR_DAILY_VOL,
    Weather,
)

_MINUTE_MS = 60_000
_PRICE_STREAMS = {
    tree.OWN: "own", tree.SHAPE: "shape", tree.EDGE: "edge", tree.PATH: "path", tree.JUMPS: "own jumps",
}  # fmt: skip


def pair_table(seed: int, made: list[Draft], weather: Weather) -> tree.PairTable:
    """Return one row per draft; needs the weather to stand each pair at its price on the anchor day."""
    n = len(made)
    table = tree.PairTable(
        floats=np.zeros((n, tree.N_FLOATS)),
        ints=np.zeros((n, tree.N_INTS), np.int64),
        streams=np.zeros((n, tree.N_STREAMS), np.uint64),
    )
    for row, draft in enumerate(made):
        table.floats[row] = _floats(draft)
        table.ints[row] = _ints(draft)
        table.streams[row, tree.VOLUME] = derive(seed, "volume", row)
        for column, name in _PRICE_STREAMS.items():
            table.streams[row, column] = derive(seed, name, draft.stream)
        anchor = tree.day_level(table, row, weather, ANCHOR_DAY)
        table.floats[row, tree.ANCHOR] = math.log(draft.price) - anchor
    return table


def _floats(draft: Draft) -> list[float]:
    size, period, phase = draft.edge
    row = [0.0] * tree.N_FLOATS
    row[tree.BETA] = draft.beta
    row[tree.GAMMA] = draft.gamma
    row[tree.SIGMA] = draft.own_vol
    row[tree.VARIANCE] = (
        (draft.beta * MARKET_DAILY_VOL) ** 2 + (draft.gamma * SECTOR_DAILY_VOL) ** 2 + draft.own_vol**2
    )
    row[tree.LOG_SCALE] = draft.pair.price_decimals * math.log(10)
    row[tree.Q_PER_STEP] = 10.0 ** (QUOTE_VOLUME_DECIMALS - draft.pair.amount_decimals)
    row[tree.LOG_TURNOVER] = math.log(draft.turnover) if draft.turnover > 0 else -math.inf
    row[tree.HALF_SPREAD] = _half_spread(draft)
    row[tree.EDGE_SIZE], row[tree.EDGE_PERIOD], row[tree.EDGE_PHASE] = size, period, phase
    row[tree.JUMP_ODDS] = draft.jump_odds
    return row


def _half_spread(draft: Draft) -> float:
    """Return half the usual spread as a fraction: 0.5 bp at 5e7 a day, 3.5 at 1e6, 35 at 1e4, at most 3 %."""
    dollars = max(draft.turnover * draft.price_of_quote, 50.0)
    return min(0.03, 0.00005 * math.sqrt(5e7 / dollars))


def _ints(draft: Draft) -> list[int]:
    pair = draft.pair
    row = [0] * tree.N_INTS
    row[tree.SECTOR] = max(0, pair.sector)
    row[tree.GRANULE] = draft.granule
    row[tree.LISTED] = (pair.listed_ms - EPOCH_MS) // _MINUTE_MS
    ended = HORIZON_DAYS * 1440 if pair.delisted_ms is None else (pair.delisted_ms - EPOCH_MS) // _MINUTE_MS
    row[tree.ENDED] = ended
    row[tree.IS_DEAD] = int(draft.is_dead)
    return row
