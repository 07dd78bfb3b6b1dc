"""The embedded exchange as the driver sees it: is it there, what is it, and how fast does its time run."""

import json
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime

from trading.market.errors import Unreachable
from trading.market.timeframes import from_ms, to_ms

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class MarketControl:
    """Talks to the exchange's plain and admin paths; the token opens the second."""

    base_url: str
    token: str

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            self._get("/api/v3/ping")
        except Unreachable:
            return False
        return True

    def about(self) -> dict[str, object]:
        """What market it serves and what is planted in it."""
        return self._get("/sluice/about")

    def now(self) -> datetime:
        """Market time."""
        return from_ms(int(str(self._get("/api/v3/time")["serverTime"])))

    def set_speed(self, speed: float) -> None:
        """Let market time run `speed` times as fast as the wall's; 0 freezes it."""
        self._post("/sluice/clock", {"speed": speed})

    def run_until(self, moment: datetime, speed: float) -> None:
        """Let market time run at `speed` up to `moment` and stand there, to the millisecond."""
        target_ms = to_ms(moment)
        self._post("/sluice/clock", {"speed": speed, "until_ms": target_ms})
        while (left_ms := target_ms - to_ms(self.now())) > 0:
            time.sleep(left_ms / 1000 / speed)
        self.set_speed(0.0)

    def set_round_trip(self, milliseconds: float) -> None:
        """Let every answer take about this long, as a distant venue's would (±20 %, seeded)."""
        low, high = round(milliseconds * 0.8), round(milliseconds * 1.2)
        rule = {"route": "*", "kind": "delay", "probability": 1.0, "delay_ms": [low, high]}
        self._post("/sluice/faults", {"rules": [rule] if milliseconds > 0 else []})

    def _get(self, path: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self._ask(urllib.request.Request(self.base_url + path)))  # noqa: S310  # our own child
        return found

    def _post(self, path: str, body: dict[str, object]) -> None:
        request = urllib.request.Request(  # noqa: S310  # our own child
            self.base_url + path,
            data=json.dumps(body).encode(),
            headers={"X-Sluice-Admin": self.token, "Content-Type": "application/json"},
        )
        self._ask(request)

    @staticmethod
    def _ask(request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  # our own child
                body: bytes = answer.read()
        except OSError as error:
            raise Unreachable(
                f"the embedded exchange at {request.full_url} does not answer ({error}); "
                "its log in the world's folder says why"
            ) from error
        return body


class RealMarket:
    """MEXC as the driver sees it: its time is ours, and nobody here has a lever."""

    base_url: str | None = None

    def about(self) -> dict[str, object]:
        """Nothing is planted."""
        return {}

    def now(self) -> datetime:
        """Market time."""
        return datetime.now(UTC)

    def set_speed(self, speed: float) -> None:
        """Refuse quietly: real time runs at its own pace."""

    def set_round_trip(self, milliseconds: float) -> None:
        """Refuse quietly: real answers take what they take."""
