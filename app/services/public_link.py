"""Links that show one record to whoever has them: made from the row and the installation's key, hashed, ended.

The part that nobody can guess is worked out from a random number in the row and the installation's key, so the worker
can write it into a letter and the database holds its hash alone: neither the row nor the letter tells it. A token is
of one kind of record: that of a quote opens no contract.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from app.errors import NotFound
from app.models.public_link import Linked
from app.roles import Scope
from app.services import sealing
from app.services.access import Actor

GUEST = Actor(None, "customer", Scope.none)
PLACE = "{link}"  # where a letter that waits keeps the place of its link
_NONCE = 16  # bytes
_LENGTH = 64  # hexadecimal digits of a token
NAME_LENGTH, REASON_LENGTH, AGENT_LENGTH, ADDRESS_LENGTH = 120, 500, 250, 45


@dataclass(frozen=True, kw_only=True)
class Said:
    """An answer: who gives it and as what, why not, and from where it came."""

    name: str
    position: str | None = None
    reason: str | None = None
    address: str | None = None
    agent: str | None = None

    @property
    def known_address(self) -> str | None:
        """Return from where the answer came, as long as it may be."""
        return (self.address or "")[:ADDRESS_LENGTH] or None

    @property
    def known_agent(self) -> str | None:
        """Return what the browser says of itself without anything that is not a letter or sign."""
        return "".join(char for char in self.agent or "" if char.isprintable())[:AGENT_LENGTH] or None


def make(record: Linked, *, kind: str) -> None:
    """Give a record a new link; the one before ends."""
    record.link_nonce = secrets.token_hex(_NONCE)
    record.link_sha256 = _digest(_token(record.link_nonce, kind))
    record.link_ended_at = None


def end(record: Linked, *, at: datetime) -> None:
    """Let the link of a record lead nowhere any more."""
    if record.link_sha256 is not None and record.link_ended_at is None:
        record.link_ended_at = at


def is_there(record: Linked) -> bool:
    """Say whether a record has a link that nobody has ended."""
    return record.link_sha256 is not None and record.link_ended_at is None


def url(record: Linked, *, kind: str, public_url: str, base: str) -> str | None:
    """Return the address of the customer's page below `base` ("/q"), None when there is none."""
    if record.link_nonce is None:
        return None
    return f"{public_url.rstrip('/')}{base}/{_token(record.link_nonce, kind)}"


def hashed(token: str) -> str:
    """Return by what the row of a token is found. Raises NotFound for what cannot be a token."""
    if len(token) != _LENGTH or not token.isascii():
        raise NotFound
    return _digest(token)


def _token(nonce: str, kind: str) -> str:
    return sealing.fingerprint(f"{kind} link {nonce}")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
