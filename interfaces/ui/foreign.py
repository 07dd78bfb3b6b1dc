"""Text from outside (symbols, headlines, reasons), made fit for a page before it leaves the server.

Control and direction characters are replaced and length is cut; escaping for HTML is the templates'
autoescape and the scripts' textContent.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from interfaces.run.wording import MAX_TEXT, plain

# A longer name is no symbol of a venue: it is shown cut, and leads nowhere.
LONGEST_NAME = 100


def clean(value: Any, limit: int = MAX_TEXT) -> Any:
    """Return `value` with every text in it made plain; times become ISO texts, decimals floats."""
    if isinstance(value, str):
        return plain(value, limit)
    if isinstance(value, Mapping):
        return {plain(name, LONGEST_NAME): clean(content, limit) for name, content in value.items()}
    if isinstance(value, list | tuple):
        return [clean(content, limit) for content in value]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return float(value) if isinstance(value, Decimal) else value


def is_name(symbol: str) -> bool:
    """Whether a text can be asked for as a symbol or user: not empty, not endless."""
    return 0 < len(symbol) <= LONGEST_NAME
