"""Coins that come from outside or leave: a lever of tests and demos, on record or not."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from trading.market.errors import BadInput
from trading.simulator.accounts import Account, AccountBook
from trading.simulator.units import atoms

_FIELDS = ("key", "asset", "amount", "recorded")
# How MEXC calls completed ones.
_DEPOSITED, _WITHDRAWN = "5", "7"


def move_coins(
    book: AccountBook, raw: Mapping[str, object], now_ms: int
) -> tuple[Account, dict[str, object]]:
    """Read ``{"key": ..., "asset": "BTC", "amount": "-0.5", "recorded": true}`` and do it.

    Above 0 is a deposit, below a withdrawal; `recorded` false leaves no entry in the history.

    Raises
    ------
    BadInput
        If a field is unknown or wrong, no account has the key, or more would leave than is free.
    """
    unknown = sorted(set(raw) - set(_FIELDS))
    if unknown:
        raise BadInput(f"a transfer has fields {', '.join(_FIELDS)}; unknown: {', '.join(unknown)}")
    key, asset, is_recorded = raw.get("key"), raw.get("asset"), raw.get("recorded", True)
    account = book.known.get(str(key)) or book.demo(str(key))
    if account is None:
        raise BadInput(f"no account has the key {key!r}")
    if not isinstance(asset, str) or not asset or not isinstance(is_recorded, bool):
        raise BadInput(f"asset must be a name and recorded true or false, were {asset!r}, {is_recorded!r}")
    amount = _amount(raw.get("amount"))
    wallet = account.wallet(asset)
    units = atoms(abs(amount)) * (1 if amount > 0 else -1)
    if wallet.free + units < 0:
        raise BadInput(f"only what is free can leave, amount was {amount}")
    wallet.free += units
    if is_recorded:
        account.transfers.append(_row(account, asset, amount, now_ms))
    return account, {"key": account.key, "asset": asset, "amount": format(amount, "f")}


def _amount(raw: object) -> Decimal:
    try:
        amount = Decimal(str(raw))
    except InvalidOperation:
        raise BadInput(f"amount must be a number, was {raw!r}") from None
    if not amount.is_finite() or amount == 0:
        raise BadInput(f"amount must be a number other than 0, was {raw!r}")
    return amount


def _row(account: Account, asset: str, amount: Decimal, now_ms: int) -> dict[str, str]:
    name = f"{account.key}-{len(account.transfers)}"
    shared = {"coin": asset, "amount": format(abs(amount), "f"), "txId": name, "network": "INSIDE"}
    if amount > 0:
        return shared | {"status": _DEPOSITED, "insertTime": str(now_ms)}
    return shared | {"id": name, "status": _WITHDRAWN, "applyTime": str(now_ms), "transactionFee": "0"}
