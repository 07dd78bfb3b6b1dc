"""How a moment is said on the command line. No market is asked."""

from datetime import datetime

import typer


def moment(text: str) -> datetime:
    """Return the UTC time that `text` names; without an offset it is UTC.

    Raises
    ------
    typer.BadParameter
        If it is no time, or before any coin.
    """
    from trading.market.errors import BadInput
    from trading.ohlcv.choices import chosen_moment

    try:
        return chosen_moment(text, "--at")
    except BadInput as error:
        raise typer.BadParameter(str(error), param_hint="--at") from None


def moment_of(text: str) -> datetime:
    """Return the moment that a person means: ISO, UTC unless it says so; empty or "now" = as of now."""
    if text in {"", "now"}:
        from resources.store import Store

        return Store().as_of()
    return moment(text)
