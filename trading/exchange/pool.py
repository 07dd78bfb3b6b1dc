"""The gateways of one process: one session, one listing, one limiter; accounts in microseconds.

Live in one event loop. Not here: which base URL and which keys (resources and users know).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from weakref import WeakValueDictionary

from trading.exchange.account import MexcAccount
from trading.exchange.clock_sync import Sample, SyncedClock
from trading.exchange.key_budgets import KeyLimiters, key_digest, keys_file
from trading.exchange.listing import MarketTable
from trading.exchange.mexc import CcxtWire, Venue, unifier
from trading.exchange.public import PublicMarketData
from trading.exchange.public_api import MEXC_URL, HttpWire
from trading.exchange.shared_budget import budget_file
from trading.exchange.throttle import Limiter
from trading.exchange.transport import Caller, Transport
from trading.market.errors import BadInput, BadPayload, Unreachable


@dataclass(frozen=True, slots=True)
class ExchangeSettings:
    """Where the venue is and how hard to press it.

    Parameters
    ----------
    base_url : str or None
        None is the real MEXC.
    rate_per_s : float
        Weight per wall second for this address and, unless `account_rate_per_s` says otherwise, for
        each key on top of it. Sources disagree about MEXC's limit (12 to 50); its support names 20.
    burst : float or None
        Weight that may go at once after a pause; None = a quarter of a second's worth, at least 1.
    limiter_path : Path or None
        Folder of the budgets that all processes behind one egress address share: a venue has one file
        for the address and one for all keys. None = this pool keeps its own.
    signed_on_address : bool
        Whether signed requests draw on the address's budget too; MEXC counts most of them there.
    max_drift_s : float or None
        How far this machine's clock may be from the venue's before signed calls are refused; None
        where the venue's time is not real time (the embedded exchange).
    source_address : str or None
        This machine's address that requests and streams leave from; None = the system chooses.
    standby_address : str or None
        The address that orders leave from when the first is gone: keys are proven from it, too.
    """

    base_url: str | None = None
    rate_per_s: float = 20.0
    timeout_s: float = 10.0
    burst: float | None = None
    limiter_path: Path | None = None
    account_rate_per_s: float | None = None
    signed_on_address: bool = True
    max_drift_s: float | None = None
    source_address: str | None = None
    standby_address: str | None = None

    def __post_init__(self) -> None:
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            raise BadInput(f"base_url must start with http:// or https://, was {self.base_url!r}")
        if not self.timeout_s > 0:
            raise BadInput(f"timeout_s must be above 0, was {self.timeout_s}")
        if self.max_drift_s is not None and not self.max_drift_s > 0:
            raise BadInput(f"max_drift_s must be above 0, was {self.max_drift_s}")


class GatewayPool:
    """Everything this process asks of the venue goes through here.

    Use as an async context manager. Entering asks for the time; a venue that is down does not stop
    it, the first real request then tells.
    """

    def __init__(self, settings: ExchangeSettings) -> None:
        self.settings = settings
        shared = settings.limiter_path
        path = None if shared is None else budget_file(shared, settings.base_url or MEXC_URL)
        self.limiter = Limiter(settings.rate_per_s, burst=settings.burst, path=path)
        rate_per_s = settings.account_rate_per_s
        self._keys = KeyLimiters(
            settings.rate_per_s if rate_per_s is None else rate_per_s,
            None if path is None else keys_file(path),
        )
        self._transport = Transport(timeout_s=settings.timeout_s, source_address=settings.source_address)
        self._table = MarketTable()
        self.clock = SyncedClock(self._time_sample, max_drift_s=settings.max_drift_s)
        caller = Caller(self.limiter, on_skew=self.clock.sync)
        self._http = HttpWire(settings.base_url, self._transport, caller)
        self._venue = Venue(settings.base_url, self._transport, self.clock)
        self._accounts = WeakValueDictionary[bytes, MexcAccount]()  # an engine's orders and its stream: one
        self._standby: tuple[Transport, Venue] | None = None
        self._unify = unifier(self._venue)
        self.public = PublicMarketData(
            CcxtWire(self._venue, caller),
            self._http,
            table=self._table,
            clock=self.clock,
            unify=self._unify,
        )

    def account(self, api_key: str, secret: str) -> MexcAccount:
        """Return a gateway that signs with this key; nothing mutable is shared between accounts.

        Whoever asks again for the same key and secret gets the same gateway as long as somebody holds it.
        All gateways of one key draw on one budget, in this process and in others with the same folder.

        Raises
        ------
        BadInput
            If key or secret is empty.
        """
        pair = key_digest(f"{api_key}\0{secret}")
        found = self._accounts.get(pair)
        if found is None:
            found = self._accounts[pair] = self._account(self._venue, api_key, secret)
        return found

    def standby_account(self, api_key: str, secret: str) -> MexcAccount | None:
        """Return a gateway like `account` that leaves from the standby address, None if none is set.

        It draws on the same budgets, which is more careful than the venue: that counts by address.
        """
        address = self.settings.standby_address
        if address is None:
            return None
        if self._standby is None:
            transport = Transport(timeout_s=self.settings.timeout_s, source_address=address)
            self._standby = transport, Venue(self.settings.base_url, transport, self.clock)
        return self._account(self._standby[1], api_key, secret)

    def _account(self, venue: Venue, api_key: str, secret: str) -> MexcAccount:
        if not api_key or not secret:
            raise BadInput("an account needs an API key and a secret; one of them was empty")
        own = self._keys.of(api_key)
        limiters = (own, self.limiter) if self.settings.signed_on_address else (own,)
        return MexcAccount(
            venue.for_account(api_key, secret),
            Caller(*limiters, on_skew=self.clock.sync),
            table=self._table,
            clock=self.clock,
            unify=self._unify,
            load_markets=self.public.markets,
        )

    @property
    def shared(self) -> tuple[Transport, HttpWire, MarketTable, Callable[[str], str]]:
        """What the live feed (feed/wiring.py) shares: connections, public requests, listing, coin names."""
        return self._transport, self._http, self._table, self._unify

    async def close(self) -> None:
        """Close all connections and leave the line for the shared budget."""
        await self._transport.close()
        if self._standby is not None:
            await self._standby[0].close()
        self.limiter.close()
        self._keys.close()

    async def __aenter__(self) -> Self:
        try:
            await self.clock.sync()
        except (Unreachable, BadPayload):
            return self
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _time_sample(self) -> Sample:
        return await self._http.time_sample()
