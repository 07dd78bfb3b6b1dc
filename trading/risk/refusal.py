"""Why an entry is not made: a countable rule, a sentence, and the numbers it rests on where there are any."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule that said no. `value` was measured, `bound` is the most allowed; None: nothing to count."""

    rule: str
    reason: str
    value: Decimal | None = None
    bound: Decimal | None = None
