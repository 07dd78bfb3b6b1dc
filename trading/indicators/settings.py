"""Which indicators are computed and with what lengths. No formula and no threshold lives here."""

from dataclasses import dataclass

from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class IndicatorSettings:
    """Lengths of the default set, in bars.

    Parameters
    ----------
    rsi, atr, adx : int
        Wilder smoothing length; at least 2.
    macd : tuple of (fast, slow, signal)
        EMA lengths; fast < slow.
    bollinger : tuple of (length, width)
        Simple mean over `length` bars, bands at `width` population standard deviations.
    emas : tuple of int
        Lengths of the exponential averages, each at least 2.
    stochrsi : tuple of (rsi, window, smooth, signal)
        Length of its RSI, bars of the range, and the means of its two lines.
    """

    rsi: int = 14
    macd: tuple[int, int, int] = (12, 26, 9)
    bollinger: tuple[int, float] = (20, 2.0)
    atr: int = 14
    emas: tuple[int, ...] = (20, 50, 200)
    adx: int = 14
    stochrsi: tuple[int, int, int, int] = (14, 14, 3, 3)

    def __post_init__(self) -> None:
        """Refuse lengths that no formula is defined for."""
        fast, slow, signal = self.macd
        lengths = {"rsi": self.rsi, "atr": self.atr, "macd fast": fast, "macd slow": slow}
        lengths |= {"macd signal": signal, "bollinger length": self.bollinger[0], "adx": self.adx}
        lengths |= {"stochrsi rsi": self.stochrsi[0], "stochrsi window": self.stochrsi[1]}
        lengths |= {f"ema #{position}": length for position, length in enumerate(self.emas)}
        for name, length in lengths.items():
            if length < 2:
                raise BadInput(f"{name} must be at least 2 bars, was {length}")
        if fast >= slow:
            raise BadInput(f"macd fast must be below macd slow ({slow}), was {fast}")
        if min(self.stochrsi[2:]) < 1:
            raise BadInput(f"stochrsi smooth and signal must be at least 1 bar, were {self.stochrsi[2:]}")
        if self.bollinger[1] <= 0:
            raise BadInput(f"bollinger width must be above 0, was {self.bollinger[1]}")
        if len(set(self.emas)) != len(self.emas):
            raise BadInput(f"emas must differ from each other, were {self.emas}")

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the indicator columns, in the order of the table."""
        return (
            f"rsi_{self.rsi}",
            *("macd", "macd_signal", "macd_hist", "bb_upper", "bb_middle", "bb_lower"),
            f"atr_{self.atr}",
            *(f"ema_{length}" for length in self.emas),
            f"adx_{self.adx}",
            *("stochrsi_k", "stochrsi_d", "obv"),
        )

    @property
    def spelled(self) -> dict[str, str]:
        """Column of the table -> its name in the catalogue, with every length."""
        tails = {
            "macd": "_".join(map(str, self.macd)),
            "bb": "_".join(f"{value:g}".replace(".", "p") for value in self.bollinger),
            "stochrsi": "_".join(map(str, self.stochrsi)),
        }
        return {
            name: f"{name}_{tails[name.split('_')[0]]}" if name.split("_")[0] in tails else name
            for name in self.columns
        }
