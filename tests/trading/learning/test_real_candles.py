"""The protocol on recorded candles of another venue; docs/models-on-real-candles.md has the figures."""

from pathlib import Path

import pytest

from trading.learning.protocol.gate import Verdict, judge
from trading.learning.protocol.market_sets import market_set, read_market
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import Context, run_protocol

REAL = Path(__file__).resolve().parents[3] / "../shared/data/ohlcv_5m_spot.parquet"


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_file(), reason="recorded candles are not on this machine")
def test_the_report_of_real_candles_is_what_the_docs_say() -> None:
    """Nothing is promoted; both models beat most random choices, and neither survives its luck."""
    candles = read_market(str(REAL))
    report = run_protocol(market_set(candles), EvaluationRules(seeds=2), Context(candles=candles))
    assert judge(report).verdict is Verdict.REFUSED
    for one in report.kinds:
        assert one.figures["random_percentile"] > 0.95
        assert one.figures["p_value"] > report.level
        assert one.figures["shuffled_auc"] > one.figures["purged_auc"]
