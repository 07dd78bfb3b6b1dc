"""Lineage of a trade that an exit signal ended: back to the signal, and from it forward to the trade."""

from dataclasses import replace

from tests.trading.store.lineage_world import SYMBOL, build
from trading.market.orders import ExitWord
from trading.store.lineage.resolve import Lineage
from trading.store.order_log.exit_states import ExitState


def test_a_trade_leads_back_to_the_signal_that_said_leave_and_the_signal_forward(tmp_path):
    """Trade -> the set of exits and the row of `signals`; the row -> that set -> that trade."""
    chain = build(tmp_path)
    lineage, name = Lineage(chain.lake, chain.candles, chain.log), "set-00000000000000ee-0000000000ee"
    words = (ExitWord(SYMBOL, chain.exit_row), ExitWord("BBB/USDT", None))
    batch = replace(
        chain.log.get_signal_set(chain.signal_set),
        signal_set_id=name, signals=(), words=words, exit_source="rsi_regime@d-1",
    )  # fmt: skip
    chain.log.write_signal_set(batch)
    assert chain.exit_row not in [node.id for node in lineage.trace(chain.trade).made_from]
    told = ExitState(chain.trade, "u1", exit_signal_id=chain.exit_row, exit_set_id=name, told_ms=7)
    chain.log.exits.tell([told])
    assert [node.id for node in lineage.trace(chain.trade).made_from][-2:] == [name, chain.exit_row]
    (found,) = [node for node in lineage.trace(chain.exit_row).led_to if node.id == name]
    assert [node.id for node in found.led_to] == [chain.trade]
    assert f"exits, leave {SYMBOL} of" in found.what
    chain.log.close()
