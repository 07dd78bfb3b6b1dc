"""One row of an import: a user, their open positions and perhaps a key; or a refusal in words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from trading.market.errors import BadInput
from trading.users.keys import Credentials
from trading.users.user import Mode, User

COLUMNS = (
    "user_id",
    "name",
    "account",
    "capital",
    "risk_per_trade",
    "max_positions",
    "daily_loss_limit",
    "allowed",
    "blocked",
    "mode",
    "is_paused",
    "api_key",
    "secret",
    "is_ip_bound",
    "positions",
)
SECRET = frozenset({"api_key", "secret"})
_QUOTES = ("USDT", "USDC", "USD1", "EUR", "BTC", "ETH")
_SYMBOL = re.compile(r"[A-Z0-9$.]{1,30}/[A-Z0-9]{2,10}")
_POSITION = re.compile(r"\s*(\S+)\s*:\s*([0-9.eE+-]+)\s*@\s*([0-9.eE+-]+)\s*")
_TRUE, _FALSE = frozenset({"1", "true", "yes", "y", "on"}), frozenset({"0", "false", "no", "n", "off", ""})


@dataclass(frozen=True, slots=True)
class Held:
    """A position that was open before: taken over as a trade, so that its exits arm.

    `entry_price` in quote units, `stop_loss` and `take_profit` fractions of it; `opened_ms` None = now.
    """

    symbol: str
    amount: Decimal
    entry_price: Decimal
    opened_ms: int | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    max_hold_s: int | None = None

    def __post_init__(self) -> None:
        for name in ("amount", "entry_price"):
            value = getattr(self, name)
            if not value.is_finite() or not value > 0:
                raise BadInput(f"{name} of the position in {self.symbol} must be above 0, was {value}")
        if self.stop_loss is not None and not 0 < self.stop_loss < 1:
            raise BadInput(f"stop_loss of {self.symbol} must lie between 0 and 1, was {self.stop_loss}")
        if self.take_profit is not None and not self.take_profit > 0:
            raise BadInput(f"take_profit of {self.symbol} must be above 0, was {self.take_profit}")
        if self.max_hold_s is not None and self.max_hold_s < 1:
            raise BadInput(f"max_hold_s of {self.symbol} must be at least 1, was {self.max_hold_s}")


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A row that can be imported. `wants_live` = it said live: everybody begins on paper all the same.

    `given` names the columns that said something: only those can change a user who is there.
    """

    user: User
    positions: tuple[Held, ...]
    credentials: Credentials | None
    is_ip_bound: bool
    wants_live: bool
    given: frozenset[str] = field(default=frozenset())


def read_row(raw: Mapping[str, Any]) -> ImportRow:
    """Return one row. Values may be texts or what JSON has.

    Raises
    ------
    BadInput
        Naming the column and the value (of secrets: the column alone).
    """
    unknown = sorted(str(name) for name in raw if name not in COLUMNS)
    if unknown:
        raise BadInput(f"unknown columns {', '.join(unknown)}; columns are {', '.join(COLUMNS)}")
    said = {name: value for name, value in raw.items() if value is not None and value != ""}
    user_id = str(said.get("user_id", ""))
    mode = str(said.get("mode", Mode.PAPER)).lower()
    if mode not in {str(known) for known in Mode}:
        raise BadInput(f"mode must be one of {', '.join(Mode)}, was {mode!r}")
    credentials = _credentials(said)
    values: dict[str, Any] = {
        name: _decimal(name, said[name])
        for name in ("capital", "risk_per_trade", "daily_loss_limit")
        if name in said
    }
    values |= {name: _symbols(name, said[name]) for name in ("allowed", "blocked") if name in said}
    if "max_positions" in said:
        values["max_positions"] = _whole("max_positions", said["max_positions"])
    if "is_paused" in said:
        values["is_paused"] = _flag("is_paused", said["is_paused"])
    account = "key:mexc" if credentials is not None else str(said.get("account", "key:mexc"))
    user = User(user_id=user_id, name=str(said.get("name", user_id)), account=account, **values)
    positions = _positions(said.get("positions", ()))
    return ImportRow(
        user=user,
        positions=positions,
        credentials=credentials,
        is_ip_bound=_flag("is_ip_bound", said.get("is_ip_bound", False)),
        wants_live=mode == Mode.LIVE,
        given=frozenset(values) | ({"name", "account"} & set(said)),
    )


def unified(text: str) -> str:
    """Return ``BTC/USDT`` for that, ``BTC_USDT``, ``btc-usdt`` or ``BTCUSDT``; BadInput otherwise."""
    symbol = text.strip().upper().replace("_", "/").replace("-", "/")
    if "/" not in symbol:
        quote = next((one for one in _QUOTES if symbol.endswith(one) and len(symbol) > len(one)), None)
        symbol = symbol if quote is None else f"{symbol.removesuffix(quote)}/{quote}"
    if not _SYMBOL.fullmatch(symbol):
        raise BadInput(f"symbol must look like BTC/USDT, was {text[:40]!r}")
    return symbol


def _credentials(said: Mapping[str, Any]) -> Credentials | None:
    given = [name for name in sorted(SECRET) if name in said]
    if not given:
        return None
    if len(given) == 1:
        raise BadInput(f"api_key and secret belong together; {given[0]} alone was given")
    return Credentials(str(said["api_key"]).strip(), str(said["secret"]).strip())


def _positions(raw: Any) -> tuple[Held, ...]:
    """Read a list of objects, its JSON text, or ``BTC/USDT:0.5@64000; ETH/USDT:2@3000``."""
    if isinstance(raw, str):
        raw = _from_text(raw)
    if not isinstance(raw, list | tuple) or not all(isinstance(item, dict) for item in raw):
        raise BadInput(f"positions must be a list of objects, were {str(raw)[:60]!r}")
    found = [_held(item) for item in raw]
    symbols = [held.symbol for held in found]
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise BadInput(f"one position per symbol; {', '.join(twice)} stands there more than once")
    return tuple(found)


def _from_text(text: str) -> list[dict[str, Any]]:
    if text.lstrip().startswith("["):
        try:
            return list(orjson.loads(text))
        except orjson.JSONDecodeError:
            raise BadInput(f"positions are no JSON list: {text[:60]!r}") from None
    found = []
    for part in filter(str.strip, text.split(";")):
        match = _POSITION.fullmatch(part)
        if match is None:
            raise BadInput(f"a position must look like BTC/USDT:0.5@64000, was {part[:60]!r}")
        found.append(dict(zip(("symbol", "amount", "entry_price"), match.groups(), strict=True)))
    return found


def _held(raw: Mapping[str, Any]) -> Held:
    known = {item.name for item in fields(Held)} - {"opened_ms"} | {"opened_at"}
    unknown = sorted(set(raw) - known)
    if unknown:
        raise BadInput(f"a position has {', '.join(sorted(known))}; unknown: {', '.join(unknown)}")
    missing = [name for name in ("symbol", "amount", "entry_price") if raw.get(name) in (None, "")]
    if missing:
        raise BadInput(f"a position needs {', '.join(missing)}")
    values = {
        name: None if raw.get(name) in (None, "") else _decimal(name, raw[name])
        for name in ("stop_loss", "take_profit")
    }
    hold = raw.get("max_hold_s")
    return Held(
        symbol=unified(str(raw["symbol"])),
        amount=_decimal("amount", raw["amount"]),
        entry_price=_decimal("entry_price", raw["entry_price"]),
        opened_ms=_moment_ms(raw.get("opened_at")),
        max_hold_s=None if hold in (None, "") else _whole("max_hold_s", hold),
        **values,
    )


def _moment_ms(raw: Any) -> int | None:
    """Read ISO 8601 (UTC by default), seconds or milliseconds since the epoch."""
    if raw in (None, ""):
        return None
    try:
        value = float(raw)
    except (TypeError, ValueError):
        pass
    else:
        ms = int(value if value > 1e11 else value * 1000) if abs(value) < 1e15 else -1
        if not 1_230_768_000_000 <= ms < 4_102_444_800_000:  # 2009 to 2100
            raise BadInput(f"opened_at must be a time since 2009, was {raw}")
        return ms
    try:
        moment = datetime.fromisoformat(str(raw))
    except ValueError:
        raise BadInput(f"opened_at must be ISO 8601 or seconds since 1970, was {str(raw)[:40]!r}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _decimal(name: str, raw: Any) -> Decimal:
    try:
        value = Decimal(str(raw).strip())
    except InvalidOperation:
        raise BadInput(f"{name} must be a number, was {str(raw)[:40]!r}") from None
    if not value.is_finite():
        raise BadInput(f"{name} must be a finite number, was {raw}")
    return value


def _whole(name: str, raw: Any) -> int:
    value = _decimal(name, raw)
    if value != int(value):
        raise BadInput(f"{name} must be a whole number, was {raw}")
    return int(value)


def _flag(name: str, raw: Any) -> bool:
    text = str(raw).strip().lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise BadInput(f"{name} must be true or false, was {str(raw)[:40]!r}")


def _symbols(name: str, raw: Any) -> frozenset[str]:
    parts = re.split(r"[;,\s]+", raw) if isinstance(raw, str) else raw
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise BadInput(f"{name} must be a list of symbols, was {str(raw)[:40]!r}")
    return frozenset(unified(part) for part in parts if part)
