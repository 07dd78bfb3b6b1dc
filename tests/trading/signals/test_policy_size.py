"""A policy that takes nothing of an entry: no entry, with its reason; a person may force it."""

from datetime import timedelta

import numpy as np
import polars as pl

from tests.trading.signals.test_generate import OVERSOLD, START, Constant, bars
from trading.signals.blend import Blend
from trading.signals.generate import signal_rows
from trading.signals.opinion import FORCED

SAME = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)


class Nothing:
    """A policy of no weight whose sizes are followed: 0 of everything."""

    policy_id, weight, is_sizing, known_at = "pol-t", 0.0, True, START

    def sizes(self, features: pl.DataFrame, probability: np.ndarray) -> np.ndarray:
        return np.zeros(len(features))


class Skips(Constant):
    """A model of weight 0 beside it."""

    blend, policy = Blend(0.0, 0.0, SAME, SAME), Nothing()


def test_what_a_policy_takes_nothing_of_is_no_entry_and_a_person_may_force_it() -> None:
    """The reason names the policy; a forced entry goes in."""
    row = signal_rows(bars([{}, OVERSOLD]), model=Skips(0.5)).row(0, named=True)
    assert (row["is_candidate"], row["is_entry"], row["policy_size"]) == (True, False, 0.0)
    assert row["reason"] == "policy: pol-t takes nothing of it"
    until = START + timedelta(days=1)
    forced = pl.DataFrame([(row["symbol"], START, until, "ann", "x")], schema=FORCED, orient="row")
    assert signal_rows(bars([{}, OVERSOLD]), model=Skips(0.5), forced=forced)["is_entry"][0] is True
