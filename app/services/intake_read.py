"""Reading what arrives: one documented shape each for requests and messages, and what of it cannot be read.

Nothing here refuses: what makes no sense is told in `errors`, and the rest is taken.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.errors import DomainError
from app.i18n import LANGUAGES, Noted
from app.i18n import gettext as _
from app.models.lead_source import LeadPriority
from app.retold import told
from app.services import channel as channels
from app.services.party_rules import known_countries

TEXT = 20_000
RAW = 64 * 1024
DEEPEST = 50
LINES = {"name": 250, "company": 250, "region": 120, "page": 500, "referrer": 500, "channel": 60}
UTM = ("source", "medium", "campaign", "term", "content")


@dataclass
class Found:
    """What was read: columns of a lead by name, and what could not be read.

    `channel_name` and `sent_id` are of messages: by which service, and the number that it gives its message.
    """

    values: dict[str, Any] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    noted: Noted = field(default_factory=dict)
    sent_id: str | None = None

    @property
    def error(self) -> str | None:
        """Return what could not be read, as one line that is told in its reader's language."""
        return told(self.errors, self.noted)

    @property
    def is_reachable(self) -> bool:
        """Say whether somebody could answer."""
        return any(self.values.get(name) for name in ("phone", "email", "messenger"))


def raw_text(payload: bytes) -> str:
    """Return what arrived as text that every database keeps: bytes that are no text are written out."""
    text = payload[:RAW].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    return text + (f"\n… {len(payload)} bytes" if len(payload) > RAW else "")


def request(payload: bytes, *, country: str | None, language: str) -> Found:
    """Read a request: a JSON object as docs/intake.md describes it."""
    found = Found()
    given = _object(payload, found)
    if given is not None:
        fields(given, found, country=country, language=language)
    return found


def message(payload: bytes, *, country: str | None, language: str) -> Found:
    """Read a message: who wrote it by which service, and what."""
    found = Found()
    given = _object(payload, found)
    if given is None:
        return found
    sender = given.get("from")
    if not isinstance(sender, Mapping):
        found.errors.append(_("“from” is missing: who has written"))
        sender = {}
    about = {**given, **{name: sender.get(name) for name in ("name", "company", "phone", "email", "country")}}
    fields(about, found, country=country, language=language)
    _take(found, "channel_name", given.get("channel"), partial(_line, limit=LINES["channel"]))
    name = sender.get("id") if sender.get("id") not in (None, "") else sender.get("username")
    _take(found, "messenger", name, lambda text: channels.normalise_messenger(text, None))
    return found


def fields(given: Mapping[str, Any], found: Found, *, country: str | None, language: str) -> None:
    """Read the fields of a request or of a form."""
    where = given.get("country")
    _take(found, "country", where, _country)
    home = found.values.get("country") or country
    for name in ("name", "company", "region", "page", "referrer"):
        _take(found, name, given.get(name), partial(_line, limit=LINES[name]))
    _take(found, "phone", given.get("phone"), lambda text: channels.normalise_phone(text, home))
    _take(found, "email", given.get("email"), channels.normalise_email)
    _take(found, "text", given.get("text"), _text)
    _take(found, "priority", given.get("priority"), _priority)
    spoken = given.get("language")
    found.values["language"] = str(spoken) if spoken in LANGUAGES else language
    utm = given.get("utm")
    for part in UTM:
        value = utm.get(part) if isinstance(utm, Mapping) else given.get(f"utm_{part}")
        _take(found, f"utm_{part}", value, partial(_line, limit=120))
    if given.get("id") not in (None, ""):
        found.sent_id = _line(str(given["id"]), 190)
    if not found.is_reachable and not found.errors:
        found.errors.append(_("Neither a phone number nor an address is given"))


def _object(payload: bytes, found: Found) -> dict[str, Any] | None:
    try:
        given = json.loads(payload.decode("utf-8"))
    except UnicodeDecodeError:
        found.errors.append(_("This is no text in UTF-8"))
        return None
    except (ValueError, RecursionError):
        found.errors.append(_("This is no JSON"))
        return None
    if not isinstance(given, dict):
        found.errors.append(_("A JSON object is expected"))
        return None
    return given


def _take(found: Found, name: str, value: Any, rule: Callable[[str], Any]) -> None:  # noqa: ANN401 -- what JSON holds
    """Keep the normal form of a value, or say what is wrong with it."""
    if value is None or value == "":
        return
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        found.errors.append(_("“%(name)s” is no text", name=name))
        return
    typed = _clean(str(value))
    if not typed.strip():
        return
    try:
        found.values[name] = rule(typed)
    except DomainError as refusal:
        found.errors.append(f"{name}: {refusal.text}")


def _clean(text: str) -> str:
    """Return a text without what no column keeps: control characters and halves of surrogate pairs."""
    return "".join(char if char in "\t\n\r" or unicodedata.category(char) not in {"Cc", "Cs"} else "�" for char in text)


def _line(text: str, limit: int) -> str:
    return " ".join(_clean(text).split())[:limit]


def _text(text: str) -> str:
    return "\n".join(part.rstrip() for part in text.splitlines()).strip()[:TEXT]


def _country(text: str) -> str:
    code = text.strip().upper()
    if code not in known_countries():
        raise DomainError(_("This is no country: “%(code)s”", code=code[:20]))
    return code


def _priority(text: str) -> LeadPriority:
    try:
        return LeadPriority(text.strip().lower())
    except ValueError:
        raise DomainError(_("Low, normal or high is expected")) from None
