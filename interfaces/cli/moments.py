"""How a moment is said on the command line. No market is asked."""

from datetime import UTC, datetime

import typer


def moment(text: str) -> datetime:
    """Return the UTC time that `text` names; without an offset it is UTC.

    Raises
    ------
    typer.BadParameter
        If it is no time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"must be a time such as 2025-03-01T12:00Z, was {text!r}", param_hint="--at"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
