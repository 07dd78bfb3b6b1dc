"""What one comparison found: a row for a table."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison of a recorded sample with what we have.

    Attributes
    ----------
    area : str
        ``listing``, ``request``, ``answer``, ``parse`` or ``signature``.
    case : str
        Which sample.
    is_equal : bool
        False is a fault of ours (or of the record); nothing is excused silently.
    detail : str
        What was compared, and for a difference what differs.
    """

    area: str
    case: str
    is_equal: bool
    detail: str


def differences(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are not equal."""
    return [finding for finding in findings if not finding.is_equal]
