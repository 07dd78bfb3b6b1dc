"""How the engine behaves, in one frozen place. Seconds ending in `_s` are wall time unless said."""

from dataclasses import dataclass, field
from decimal import Decimal

from trading.market.errors import BadInput
from trading.market.orders import OrderType
from trading.risk.canary import CanaryRules
from trading.risk.fleet import FleetRules
from trading.risk.guards import Guards
from trading.risk.limits import PositionLimits
from trading.risk.peg import PegRules
from trading.risk.sizing import SizingRules
from trading.universe.jump_guard import JumpRules

_NONE = Guards()


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Knobs of the engine.

    Parameters
    ----------
    intake_s, watch_s, follow_s, courier_s : float
        Pauses between looks at new signal sets, held symbols, orders in flight, the outbox.
    market_watch_s : float
        Between two looks at all prices: a jump of any symbol suspends it within so many seconds.
    lost_after_s : float
        An order that cannot be found is called LOST no sooner than this after it was sent. Above the
        venue's recvWindow (5 s), after which it cannot even be accepted any more.
    lost_exit_after_s : float
        The same for exits. Shorter, because a further exit attempt reads the balance first and sells
        no more than is free, while waiting leaves a position without its stop.
    explain_after_s : float
        A LOST order is called never executed no sooner than this after it was sent, and only if the
        account holds nothing of it; one that might rest (LIMIT) only if the venue locks nothing, either.
    lost_looks : int
        ... and not before it was looked for this often.
    entry_type : OrderType
        IOC takes what is there within the limit and cancels the rest: an entry at the market, with a bound
        that a market order of the venue would not have. LIMIT rests up to
        `entry_timeout_market_s` and is then cancelled.
    entry_at_bid : bool
        A LIMIT entry joins the best bid, at most the set's limit, and is priced again at the bid of then; its
        last attempt goes to the limit. False = at the set's limit at once.
    entry_reprices : int
        So often what an entry left unexecuted is meant again while its set lives, after the order before
        has ended at the venue and all of it is booked (`repricing`). 0 = never.
    entry_reprice_after_market_s : int
        ... and not before so long after the attempt before was made. In market seconds.
    entry_timeout_market_s : int
        In market seconds.
    entry_attempts : int
        An entry that was *certainly* not accepted for a passing reason (rate limit, clock) is tried
        again under a new id, up to this many times.
    exit_bands : tuple of Decimal
        How far below the bid the limit of the first, second, ... exit attempt lies; the last repeats.
    exit_depths : Decimal
        Of what stands at the best bid: so much one look lets all users together sell of a symbol, where the
        book beyond it is not known. Where it is, all bids within the attempt's band.
    streams : bool
        Whether quotes and what becomes of orders come over streams; False = everything is polled.
    second_look_s : float
        A stop that one quote crosses waits so long for the stream's next one; then the book is asked for.
    stop_step : float
        A bid that falls by more than this fraction from one look to the next (a market second; over n seconds
        times the square root of n) fires no stop before it has stood `jumps.confirm_after_s`.
    second_look_most_s : float
        Two looks further apart than this are not one crossing: the second counts as a first.
    fallback_share : float
        Of the address's rate, at most so much is spent on polling held symbols whose stream does not serve.
    sweep_share : float
        Of a core, at most so much is spent on reading the whole log of positions again.
    exit_alert_attempts : int
        After so many exit attempts that sold nothing, somebody is told; the attempts go on, slower.
    far_below_stop : Decimal
        A bid that is further than this fraction below the stop when the stop fires is told to the user and
        the operator. It is sold at once all the same.
    flatten_share : Decimal
        Of what stands at the best bid: so much a flatten sells of one symbol at each look, for all users.
        Above 1 a slice reaches below the best bid, never below the limit of `exit_bands`.
    max_position_share, reserve, max_exposure : Decimal
        See `trading.risk`; the user's own risk per trade and position count come from the user.
    delisting_lead_s : int
        Market seconds before an announced end of trading at which positions in the symbol are left: early
        enough for all attempts, late enough for the first rush to be over.
    concurrency : int
        Users or orders served at the same time.
    entry_slots : int
        Entries between SENT and their answer at any one time: at most so many can be in doubt after
        a crash. Exits are not held back.
    orphan_stop : Decimal
        After a restore: stop, as a fraction of the entry price, of a position whose signal set was lost
        with the log.
    orphan_hold_s : int
        The longest that such a position is held, in market seconds.
    replay_all_symbols : int
        After a restore, an account is asked for the orders of every symbol at a venue that lists no more
        than so many; at a larger one, of those that the log knows or the account holds.
    seed : int
        Of the rotation in which users are served.
    reconcile_every_s : float
        An account is checked against the venue again after so long, wall seconds.
    reconcile_share : float
        Of the venue's rate: what checks nobody waits for may spend (a check after a start or an outage of an
        account with something open goes ahead of it).
    jumps : JumpRules
        Which prints need a second look, and which suspend a symbol.
    fleet : FleetRules
        Caps over all users together.
    canary : CanaryRules
        How a strategy that was not seen before earns its place.
    peg : PegRules
        When a dollar coin is off its peg and entries stop.
    guards, fleet_guards : Guards
        Protections of each user and of the fleet; all off: what approvals were tested with.
    volume_s : float
        Between two reads of what every symbol traded in a day.
    """

    intake_s: float = 0.5
    watch_s: float = 0.5
    follow_s: float = 0.1
    courier_s: float = 0.5
    market_watch_s: float = 5.0
    lost_after_s: float = 10.0
    lost_exit_after_s: float = 3.0
    explain_after_s: float = 30.0
    lost_looks: int = 5
    entry_type: OrderType = OrderType.IOC
    entry_timeout_market_s: int = 300
    entry_at_bid: bool = False
    entry_reprices: int = 2
    entry_reprice_after_market_s: int = 60
    entry_attempts: int = 3
    exit_bands: tuple[Decimal, ...] = (Decimal("0.005"), Decimal("0.01"), Decimal("0.03"), Decimal("0.05"))
    exit_depths: Decimal = Decimal(3)
    streams: bool = True
    second_look_s: float = 0.1
    stop_step: float = 0.005
    second_look_most_s: float = 5.0
    fallback_share: float = 0.25
    sweep_share: float = 0.05
    exit_alert_attempts: int = 8
    far_below_stop: Decimal = Decimal("0.03")
    flatten_share: Decimal = Decimal(1)
    max_position_share: Decimal = Decimal("0.10")
    reserve: Decimal = Decimal("0.02")
    max_exposure: Decimal = Decimal("0.80")
    delisting_lead_s: int = 86_400
    concurrency: int = 16
    entry_slots: int = 4
    orphan_stop: Decimal = Decimal("0.05")
    orphan_hold_s: int = 86_400
    replay_all_symbols: int = 300
    seed: int = 0
    reconcile_every_s: float = 900.0
    reconcile_share: float = 0.1
    jumps: JumpRules = field(default_factory=JumpRules)
    fleet: FleetRules = field(default_factory=FleetRules)
    volume_s: float = 300.0
    canary: CanaryRules = field(default_factory=CanaryRules)
    peg: PegRules = field(default_factory=PegRules)
    guards: Guards = _NONE
    fleet_guards: Guards = _NONE

    def __post_init__(self) -> None:
        if self.entry_type not in (OrderType.IOC, OrderType.LIMIT):
            raise BadInput(
                f"entry_type must be ioc or limit, was {self.entry_type.value}: the venue bounds no market "
                "order, so an entry at the market is ioc at the set's limit"
            )
        if not self.exit_bands or not all(0 <= band < 1 for band in self.exit_bands):
            raise BadInput(f"exit_bands must be fractions in [0, 1), were {self.exit_bands}")
        if not self.flatten_share > 0:
            raise BadInput(f"flatten_share must be above 0, was {self.flatten_share}")
        self._check_exits()
        for name in ("entry_reprices", "entry_reprice_after_market_s"):
            if not getattr(self, name) >= 0:
                raise BadInput(f"{name} must not be negative, was {getattr(self, name)}")
        if not 0 < self.reconcile_share <= 1:
            raise BadInput(f"reconcile_share must be above 0 and at most 1, was {self.reconcile_share}")
        paces = ("intake_s", "watch_s", "follow_s", "courier_s", "market_watch_s", "volume_s")
        for name in (*paces, "reconcile_every_s"):
            if not getattr(self, name) > 0:
                raise BadInput(f"{name} must be above 0, was {getattr(self, name)}")

    def _check_exits(self) -> None:
        if not self.exit_depths > 0:
            raise BadInput(f"exit_depths must be above 0, was {self.exit_depths}")
        for name in ("fallback_share", "sweep_share"):
            if not 0 < getattr(self, name) <= 1:
                raise BadInput(f"{name} must lie in (0, 1], was {getattr(self, name)}")
        if not 0 < self.stop_step < 1:
            raise BadInput(f"stop_step must lie in (0, 1), was {self.stop_step}")
        for name in ("second_look_s", "second_look_most_s"):
            if not getattr(self, name) >= 0:
                raise BadInput(f"{name} must not be negative, was {getattr(self, name)}")

    def sizing(self, risk_per_trade: Decimal, share: Decimal = Decimal(1)) -> SizingRules:
        """Return the sizing rules of a user who risks `risk_per_trade`; `share` of it for a canary."""
        return SizingRules(
            risk_per_trade=risk_per_trade * share,
            max_position_share=self.max_position_share * share,
            reserve=self.reserve,
        )

    def limits(self, max_positions: int) -> PositionLimits:
        """Return the position limits of a user."""
        return PositionLimits(max_positions=max_positions, max_exposure=self.max_exposure)
