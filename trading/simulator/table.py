"""Drafts of pairs as rows of numbers that the kernels read."""

import math

import numpy as np

from trading.simulator import levels
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
    levels.OWN: "own", levels.SHAPE: "shape", levels.EDGE: "edge", levels.PATH: "path",
    levels.JUMPS: "own jumps",
}  # fmt: skip


def pair_table(seed: int, made: list[Draft], weather: Weather) -> levels.PairTable:
    """Return one row per draft; needs the weather to stand each pair at its price on the anchor day."""
    n = len(made)
    table = levels.PairTable(
        floats=np.zeros((n, levels.N_FLOATS)),
        ints=np.zeros((n, levels.N_INTS), np.int64),
        streams=np.zeros((n, levels.N_STREAMS), np.uint64),
    )
    for row, draft in enumerate(made):
        table.floats[row] = _floats(draft)
        table.ints[row] = _ints(draft)
        table.streams[row, levels.VOLUME] = derive(seed, "volume", row)
        for column, name in _PRICE_STREAMS.items():
            table.streams[row, column] = derive(seed, name, draft.stream)
        anchor = levels.day_level(
            table, row, weather, ANCHOR_DAY, levels.jumps_before(table, row, ANCHOR_DAY)
        )
        table.floats[row, levels.ANCHOR] = math.log(draft.price) - anchor
    return table


def _floats(draft: Draft) -> list[float]:
    size, period, phase = draft.edge
    row = [0.0] * levels.N_FLOATS
    row[levels.BETA] = draft.beta
    row[levels.GAMMA] = draft.gamma
    row[levels.SIGMA] = draft.own_vol
    row[levels.VARIANCE] = (
        (draft.beta * MARKET_DAILY_VOL) ** 2 + (draft.gamma * SECTOR_DAILY_VOL) ** 2 + draft.own_vol**2
    )
    row[levels.LOG_SCALE] = draft.pair.price_decimals * math.log(10)
    row[levels.Q_PER_STEP] = 10.0 ** (QUOTE_VOLUME_DECIMALS - draft.pair.amount_decimals)
    row[levels.LOG_TURNOVER] = math.log(draft.turnover) if draft.turnover > 0 else -math.inf
    row[levels.HALF_SPREAD] = _half_spread(draft)
    row[levels.EDGE_SIZE], row[levels.EDGE_PERIOD], row[levels.EDGE_PHASE] = size, period, phase
    row[levels.JUMP_ODDS] = draft.jump_odds
    return row


def _half_spread(draft: Draft) -> float:
    """Return half the usual spread as a fraction: 0.5 bp at 5e7 a day, 3.5 at 1e6, 35 at 1e4, at most 3 %."""
    dollars = max(draft.turnover * draft.price_of_quote, 50.0)
    return min(0.03, 0.00005 * math.sqrt(5e7 / dollars))


def _ints(draft: Draft) -> list[int]:
    pair = draft.pair
    row = [0] * levels.N_INTS
    row[levels.SECTOR] = max(0, pair.sector)
    row[levels.GRANULE] = draft.granule
    row[levels.LISTED] = (pair.listed_ms - EPOCH_MS) // _MINUTE_MS
    ended = HORIZON_DAYS * 1440 if pair.delisted_ms is None else (pair.delisted_ms - EPOCH_MS) // _MINUTE_MS
    row[levels.ENDED] = ended
    row[levels.IS_DEAD] = int(draft.is_dead)
    return row
