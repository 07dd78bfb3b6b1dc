"""How an entry is bought: at once or resting, and what becomes of what it left unexecuted."""

from dataclasses import dataclass

from trading.market.errors import BadInput


@dataclass(frozen=True, slots=True)
class EntryRules:
    """Bounds of one entry. Never paid: more than the signal set's limit.

    Parameters
    ----------
    rests : bool
        False (default): take what is there within the limit, cancel the rest (IOC). True: a LIMIT order that
        rests for `timeout_market_s` and is then cancelled.
    at_bid : bool
        A resting entry joins the best bid instead of going to the limit at once; its last attempt goes there.
    timeout_market_s : int
        How long a resting entry rests, in market seconds.
    reprices : int
        So often what was left is meant again while the set lives, each time after the order before has ended
        at the venue with all of it booked. 0 = never.
    reprice_after_market_s : int
        ... and not before so many market seconds after the attempt before.
    """

    rests: bool = False
    at_bid: bool = False
    timeout_market_s: int = 300
    reprices: int = 2
    reprice_after_market_s: int = 60

    def __post_init__(self) -> None:
        if self.at_bid and not self.rests:
            raise BadInput("at_bid needs rests: an order that does not rest cannot wait at the bid")
        if self.timeout_market_s < 1:
            raise BadInput(f"timeout_market_s must be at least 1, was {self.timeout_market_s}")
        for name in ("reprices", "reprice_after_market_s"):
            if getattr(self, name) < 0:
                raise BadInput(f"{name} must not be negative, was {getattr(self, name)}")
