"""What a form or a body of REST says of a consent, as the service takes it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from app.errors import Refusals
from app.i18n import gettext as _
from app.models.consent import ConsentPurpose, ConsentSource, ConsentState
from app.services.consent import Said

_CHOICES: Mapping[str, Any] = {"purpose": ConsentPurpose, "state": ConsentState, "source": ConsentSource}


def read(typed: Mapping[str, Any], *, at: datetime) -> Said:
    """Return what was typed. Raises Refusals, by field."""
    errors: dict[str, list[str]] = {}
    chosen: dict[str, Any] = {}
    texts: dict[str, Any] = {name: str(typed.get(name) or "") or None for name in ("address", "wording", "note")}
    for name, kind in _CHOICES.items():
        value = str(typed.get(name) or "")
        if value in set(kind):
            chosen[name] = kind(value)
        else:
            errors[name] = [_("Choose one")]
    contact = str(typed.get("contact") or "")
    if contact and not (contact.isascii() and contact.isdecimal() and len(contact) <= 18):  # noqa: PLR2004 -- a key
        errors["contact"] = [_("This is no contact person of this party")]
    said_at = _moment(str(typed.get("said_on") or ""), at)
    if said_at is None:
        errors["said_on"] = [_("Not a valid day")]
    if errors or said_at is None:
        raise Refusals(errors)
    return Said(**chosen, **texts, said_at=said_at, contact_id=int(contact) if contact else None)


def with_evidence(said: Said, evidence_id: int | None) -> Said:
    """Return what was said, with the file that proves it."""
    return replace(said, evidence_id=evidence_id) if evidence_id is not None else said


def _moment(text: str, at: datetime) -> datetime | None:
    """Return noon of a day, or now where it is today or nothing was typed; None for what is no day."""
    if not text:
        return at
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return at if day == at.date() else datetime.combine(day, time(12), UTC)
