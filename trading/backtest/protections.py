"""The rules of `trading.risk.guards`, compiled for the loop: the live engine calls the very same ones."""

from trading.backtest.compiled import compiled
from trading.risk import guards
from trading.risk.guards import Guards, Log, as_freqtrade, empty_log

_rules = compiled(guards)
is_locked, note_end = _rules.is_locked, _rules.note_end

__all__ = ["Guards", "Log", "as_freqtrade", "empty_log", "is_locked", "note_end"]
