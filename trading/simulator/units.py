"""Exact money for the exchange: integers in, integers out, text only at the wire.

A price is a whole number of *ticks*, an amount a whole number of *steps*, and every balance, cost and
fee a whole number of *atoms* (10**-18 of an asset). Nothing here rounds unless its name says so.
"""

import re
from decimal import Decimal

ATOM_DECIMALS = 18
ONE = 10**ATOM_DECIMALS
FEE_SCALE = 10**8  # fee rates are held as whole multiples of 1e-8

_NUMBER = re.compile(r"([0-9]{1,30})(?:\.([0-9]{0,30}))?")


class Malformed(ValueError):
    """The text is no plain decimal number."""


class TooFine(ValueError):
    """The number has more decimals than the unit allows."""


def parse_units(text: str, decimals: int) -> int:
    """Return the number in `text` as a whole multiple of ``10**-decimals``.

    Raises
    ------
    Malformed
        If `text` is not a plain non-negative decimal number of at most 30 + 30 digits.
    TooFine
        If it is no whole multiple of the unit; trailing zeros do not count.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise Malformed(text[:40])
    whole, fraction = match.group(1), (match.group(2) or "").rstrip("0")
    if len(fraction) > decimals:
        raise TooFine(text)
    return int(whole + fraction.ljust(decimals, "0"))


def fixed(units: int, decimals: int) -> str:
    """Return `units` multiples of ``10**-decimals`` with exactly `decimals` digits after the point."""
    if decimals == 0:
        return str(units)
    sign, digits = ("-", -units) if units < 0 else ("", units)
    text = str(digits).rjust(decimals + 1, "0")
    return f"{sign}{text[:-decimals]}.{text[-decimals:]}"


def trimmed(units: int, decimals: int) -> str:
    """Return `units` multiples of ``10**-decimals`` without trailing zeros (``0`` for nothing)."""
    text = fixed(units, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def atoms(amount: Decimal) -> int:
    """Return `amount` (non-negative) of an asset in atoms; exact."""
    return parse_units(f"{amount:f}", ATOM_DECIMALS)


def atoms_text(amount: int) -> str:
    """Return a balance or fee in atoms as the wire writes it."""
    return trimmed(amount, ATOM_DECIMALS)


def fee_units(rate: Decimal) -> int:
    """Return a fee rate as whole multiples of 1e-8."""
    return parse_units(f"{rate:f}", 8)


def ceil_div(numerator: int, denominator: int) -> int:
    """Return the quotient rounded up: a venue rounds fees in its own favour."""
    return -(-numerator // denominator)
