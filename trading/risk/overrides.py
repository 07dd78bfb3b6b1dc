"""What a person changes of a strategy's exits for one run: the launchpad's form of `exits.ExitRules`."""

from dataclasses import dataclass

from trading.risk.exits import ExitRules


@dataclass(frozen=True, slots=True)
class ExitOverrides:
    """Exits of the strategy that made the signals, unless a field is set here.

    Parameters
    ----------
    stop_loss : float or None
        Fraction of the entry price below it, in (0, 1); None = the strategy's.
    take_profit : float or None
        Fraction of the entry price above it, instead of a ladder; 0 = no target, None = the strategy's.
    trailing_stop : float or None
        Fraction below the highest price of earlier bars, in (0, 1); 0 = off, None = the strategy's.
    trailing_offset : float or None
        The trailing stop starts to work once that high is this fraction above the entry; None = the
        strategy's.
    max_hold_bars : int or None
        Out at the open of the bar that is this many bars after the entry bar; 0 = no limit, None = the
        strategy's.
    use_exit_signal : bool or None
        Whether exit signals count; None = as the strategy says. Where they count, live trades leave on them.
    """

    stop_loss: float | None = None
    take_profit: float | None = None
    trailing_stop: float | None = None
    trailing_offset: float | None = None
    max_hold_bars: int | None = None
    use_exit_signal: bool | None = None

    def applied(self, to: ExitRules) -> ExitRules:
        """Return `to` with what is set here; raises BadInput as `ExitRules` does."""

        def chosen[T: (int, float)](own: T | None, theirs: T | None) -> T | None:
            return theirs if own is None else own or None

        counts = to.use_exit_signal if self.use_exit_signal is None else self.use_exit_signal
        offset = to.trailing_offset if self.trailing_offset is None else self.trailing_offset
        return ExitRules(
            stop_loss=to.stop_loss if self.stop_loss is None else self.stop_loss,
            take_profit=chosen(self.take_profit, to.take_profit),
            trailing_stop=chosen(self.trailing_stop, to.trailing_stop),
            trailing_offset=offset,
            max_hold_bars=chosen(self.max_hold_bars, to.max_hold_bars),
            use_exit_signal=counts,
            ladder=to.ladder if self.take_profit is None else (),
        )
