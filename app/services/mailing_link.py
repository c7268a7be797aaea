"""Links of mailings: signed by the installation's key, kept nowhere. Whatever is wrong with one, it leads nowhere.

A link names a recipient and what is meant: a link of the mail by its number, that it was opened, or the way
out of a text message. Those of automatic letters name their occasion by words of their own. The Message-ID is
made alike, so that an answer or a report that names it is known.
"""

import hmac
import re
from dataclasses import dataclass

from app.services import sealing

CLICK, OPEN, LEAVE = "c", "o", "u"
RULE_CLICK, RULE_OPEN = "r", "e"
OF_RULES = (RULE_CLICK, RULE_OPEN)
_TOKEN = re.compile(r"([coure])([0-9]{1,15})-([0-9]{1,3})-([0-9a-f]{24})")
_MESSAGE_ID = re.compile(r"<mailing\.([0-9]{1,15})\.([0-9a-f]{24})@[a-z0-9.-]+>")
_LENGTH = 24  # hexadecimal digits: 96 bits


@dataclass(frozen=True)
class Meant:
    """What a link means: `act` of a recipient, with the number of the address behind it.

    Of an automatic letter `recipient_id` is the key of the occasion.
    """

    act: str
    recipient_id: int
    number: int


def token(act: str, recipient_id: int, number: int = 0) -> str:
    """Return what stands in a link."""
    return f"{act}{recipient_id}-{number}-{mark(f'{act} {recipient_id} {number}')}"


def read(text: str) -> Meant | None:
    """Return what a link means, None when it is none of ours."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        return None
    act, key, number, proof = found.groups()
    if not hmac.compare_digest(proof, mark(f"{act} {int(key)} {int(number)}")):
        return None
    return Meant(act, int(key), int(number))


def message_id(recipient_id: int, *, host: str) -> str:
    """Return the Message-ID of the mail to a recipient: the same whenever it is sent."""
    return f"<mailing.{recipient_id}.{mark(f'mail {recipient_id}')}@{host}>"


def of_message_id(text: str) -> int | None:
    """Return the recipient whose mail a Message-ID names, None when it is none of ours."""
    found = _MESSAGE_ID.fullmatch(text)
    if found is None or not hmac.compare_digest(found[2], mark(f"mail {int(found[1])}")):
        return None
    return int(found[1])


def mark(text: str) -> str:
    """Return by what one of our links is known: nobody else makes it."""
    return sealing.fingerprint(f"mailing {text}")[:_LENGTH]
