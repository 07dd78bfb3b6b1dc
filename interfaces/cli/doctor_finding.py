"""One finding of `sluice doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is in order, what was seen, what to do.

    Something that only part of the project needs (a browser, an extra) is in order without it; `advice`
    then says how to get it.
    """

    check: str
    is_ok: bool
    found: str
    advice: str = ""
