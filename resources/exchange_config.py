"""The venue's part of the settings: which one, how fast, what may go wrong with clocks.

Not here: where settings come from (settings.py) and what the gateway makes of them (trading/exchange).
"""

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class ExchangeConfig(BaseModel):
    """Where candles come from and how fast we may ask.

    Parameters
    ----------
    kind : "embedded" or "mexc"
        The exchange in this project (default), or MEXC's public data: orders stay on the embedded one.
    base_url : str or None
        Address of the embedded exchange, e.g. ``http://127.0.0.1:8500``; `sluice run` and `dev` set it.
    rate_per_s : float
        Weight per second of wall time that all our processes together allow themselves. Sources on
        MEXC's limit disagree (12, 20, 30, 50): 20 is what its support names. A world with an embedded
        exchange brings its own (50 in the demo) unless this is set.
    burst : float or None
        Weight that may go at once after a pause; None = a quarter of a second's worth.
    limiter_path : Path or None
        Folder of the request budgets that the processes of this machine share; None = ``<home>/limiter``.
    timeout_s : float
        Wall seconds before a request counts as unanswered.
    max_drift_s : float
        How far this machine's clock may be from MEXC's before signed calls are refused. Signed calls
        carry the venue's time anyway; days and schedules are this machine's. The embedded exchange
        keeps a time of its own and is not compared.
    signed_on_address : bool
        Whether the embedded exchange's signed requests are paid by our address's budget, too, as MEXC counts
        them: for drills and load tests of the fleet. The embedded exchange itself counts them on their key.
    source_address : str or None
        This machine's IP address that requests and streams to the exchange leave from; None = the system
        chooses. Keys are bound to it at the exchange.
    standby_address : str or None
        The second address that keys must be bound to: the one that orders leave from when the first is gone.
        A key is proven from both when it is linked and every day.
    admin_token : secret or None
        Lets the demo driver set the embedded exchange's clock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["embedded", "mexc"] = "embedded"
    base_url: str | None = None
    rate_per_s: float = Field(default=20.0, gt=0, le=500)
    burst: float | None = Field(default=None, ge=1, le=5000)
    limiter_path: Path | None = None
    timeout_s: float = Field(default=10.0, gt=0, le=300)
    max_drift_s: float = Field(default=2.0, gt=0, le=3600)
    signed_on_address: bool = False
    source_address: str | None = None
    standby_address: str | None = None
    admin_token: SecretStr | None = None

    @field_validator("source_address", "standby_address")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else str(ip_address(value))

    @model_validator(mode="after")
    def _two_addresses(self) -> Self:
        if self.standby_address is not None and self.standby_address == self.source_address:
            raise ValueError(f"source and standby address must differ, both were {self.source_address}")
        return self


def rate_of_world(record: Path) -> float | None:
    """Return the rate that this world's embedded exchange was made for, where a record says so."""
    try:
        rate = json.loads(record.read_text())["rate"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return float(rate) if isinstance(rate, int | float) and rate > 0 else None
