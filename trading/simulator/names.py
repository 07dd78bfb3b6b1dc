"""Names of listed coins: real tickers for the majors, made-up pronounceable ones for the rest."""

from collections.abc import Iterator

import numpy as np

from trading.simulator.hashing import derive

# ccxt's mexc class renames these base ids (commonCurrencies of 4.5.90); a made-up coin must not be one.
RENAMED = frozenset(
    """
    XBT BCC BCHSV BSV BEYONDPROTOCOL BEYOND BIFI BIFIF BYN BEYONDFI COFI COFIX DFI DFISTARTER DFT DFUTURE
    DRK EGC EGORASCREDIT FLUX1 FLUX FREE FREEROSSDAO GAS GASDAO GASNEO GMT GMTTOKEN STEPN HERO STEPHERO
    MIMO MIMOSA PROS PROSFINANCE SIN SINCITYTOKEN SOUL SOULSWAP
    """.split()  # noqa: SIM905 - forty quoted strings are forty lines
)
# Quote assets and fiat: a base of that name would make wire names ambiguous.
_TAKEN = frozenset(["USDT", "USDC", "USD", "EUR", "BTC", "ETH", "MX", "BRL", "TUSD", "FDUSD", "USDE", "DAI"])
_ONSETS = "B C D F G K L M N P R S T V X Z BR DR FL GR KR PL SK SL ST TR VR KL PR".split()  # noqa: SIM905 - same
_VOWELS = ["A", "E", "I", "O", "U", "A", "O", "AI", "IO"]
_ENDS = ["", "", "", "", "N", "X", "S", "R", "L", "K", "M", "TH"]
_WORDS = "Labs Protocol Network Chain Finance Token Games Swap Dao Cloud Bridge Vault Index".split()  # noqa: SIM905 - same


def made_up(seed: int) -> Iterator[tuple[str, str]]:
    """Yield (ticker, full name) for ever, no ticker twice; the n-th is the same whatever is taken."""
    seen = set(RENAMED | _TAKEN)
    rng = np.random.default_rng(derive(seed, "names"))
    while True:
        syllables = 2 if rng.random() < 0.75 else 3
        word = "".join(_pick(rng, _ONSETS) + _pick(rng, _VOWELS) for _ in range(syllables)) + _pick(
            rng, _ENDS
        )
        name = f"{word.title()} {_pick(rng, _WORDS)}"
        if 4 <= len(word) <= 7 and word not in seen:
            seen.add(word)
            yield word, name


def _pick(rng: np.random.Generator, words: list[str]) -> str:
    return words[int(rng.integers(len(words)))]
