"""The text that people accept before real money is traded, and whether they accepted this one."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from trading.market.errors import BadInput, StoreError
from trading.store.order_log.user_wishes import Consent, UserWishes

TEXT = Path(__file__).with_name("risk.md")
PHRASE = "I can lose everything and I accept it"


@dataclass(frozen=True, slots=True)
class RiskText:
    """A text as it stands: its first line names the version, the hash is of every byte."""

    version: str
    body: str
    sha256: str


def read_text(path: Path = TEXT) -> RiskText:
    """Read the risk text.

    Raises
    ------
    StoreError
        If it is missing or its first line is not ``Version <n> (<date>)``.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StoreError(f"risk text {path.name} cannot be read: {error.strerror}") from None
    body = raw.decode()
    first, _, _ = body.partition("\n")
    if not first.startswith("Version "):
        raise StoreError(f"risk text {path.name} must begin with 'Version ...', begins {first[:40]!r}")
    return RiskText(first.removeprefix("Version ").strip(), body, sha256(raw).hexdigest())


def accept(wishes: UserWishes, user_id: str, typed: str, text: RiskText) -> Consent:
    """Record a user's consent.

    Raises
    ------
    BadInput
        If `typed` is not the phrase, to the letter.
    """
    if typed.strip() != PHRASE:
        raise BadInput(f"nothing was recorded: consent is given by typing {PHRASE!r}")
    return wishes.accept(user_id, version=text.version, text_sha256=text.sha256)


def missing(wishes: UserWishes, user_id: str, text: RiskText) -> str | None:
    """Return why a user's consent does not cover `text`, None if it does."""
    given = wishes.consents_of(user_id)
    if not given:
        return f"the risk text (version {text.version}) was never accepted: `sluice users consent {user_id}`"
    if given[-1].text_sha256 != text.sha256:
        return (
            f"the risk text changed since version {given[-1].version} was accepted (now {text.version}): "
            f"`sluice users consent {user_id}`"
        )
    return None
