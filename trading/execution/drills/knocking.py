"""Who was told to wait, and asked again all the same. Pure."""

from collections.abc import Sequence

from trading.market.errors import BadInput

# Requests that were on the wire when the refusal came; the limiter cannot call them back.
ON_THE_WIRE_S = 0.5


def knocks_too_early(
    asked: Sequence[tuple[float, bool]], retry_after_s: float, *, on_the_wire_s: float = ON_THE_WIRE_S
) -> list[str]:
    """Return each request of one payer that came while an earlier answer still said to wait.

    Parameters
    ----------
    asked : sequence of (seconds, whether it was refused) pairs
        In any order; times at which the venue read them.
    retry_after_s : float
        What a refusal says.
    on_the_wire_s : float
        So long after a refusal a request may have left before anybody knew.

    Raises
    ------
    BadInput
        If a time is negative.
    """
    if retry_after_s < 0 or on_the_wire_s < 0:
        raise BadInput(f"seconds must be at least 0, were {retry_after_s} and {on_the_wire_s}")
    found = []
    refused_at: list[float] = []
    for at, was_refused in sorted(asked):
        waits = [before for before in refused_at if before + on_the_wire_s < at < before + retry_after_s]
        if waits:
            found.append(f"asked {at - waits[-1]:.2f} s after a refusal that said {retry_after_s:g} s")
        if was_refused:
            refused_at = [before for before in refused_at if before + retry_after_s > at] + [at]
    return found
