"""Sources of leads: their rules, and the secrets with which programs sign what they send.

The signature is that of Standard Webhooks: HMAC with SHA-256 over number, moment and body.
Source: standardwebhooks.com, specification 1.0
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed, Refusals
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.models.lead import Lead, LeadArrival
from app.models.lead_source import LeadForm, LeadReceiver, LeadSource, LeadSourceKey
from app.services import sealing
from app.services.party_rules import known_countries
from app.services.text import is_blank, line

PREFIX = "whsec_"
WINDOW = 300  # seconds that a request may be old, or its clock ahead of ours
LONGEST_ID = 190
MOST = 100_000  # of anything that a source counts
CODE = 20  # characters of a code that is drawn


def save(session: Session, source: LeadSource) -> None:
    """Bring a source into its normal form and add it; a new one gets its code. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        if is_blank(source.name or ""):
            errors["name"] = [_("A source needs a name")]
        for name in ("norm_minutes", "norm_high_minutes", "norm_low_minutes", "per_minute", "per_address"):
            value = getattr(source, name)
            if value is not None and not 0 < value <= MOST:
                errors[name] = [_("A number from 1 to %(most)s is expected", most=MOST)]
        if source.country and source.country not in known_countries():
            errors["country"] = [_("This is no country: “%(code)s”", code=source.country[:20])]
        for at, receiver in enumerate(source.receivers):
            if _is_nobody(receiver):
                errors[f"receivers-{at}-user"] = [_("Say who it is")]
            if receiver.most_open is not None and receiver.most_open < 1:
                errors[f"receivers-{at}-most_open"] = [_("A number from 1 to %(most)s is expected", most=MOST)]
        if errors:
            raise Refusals(errors)
        source.name = line(source.name, limit=120)
        source.language = source.language if source.language in LANGUAGES else "en"
        source.code = source.code or new_code()
        session.add(source)


def _is_nobody(receiver: LeadReceiver) -> bool:
    """Say whether a row that was typed names nobody yet."""
    return getattr(receiver, "user", None) is None and getattr(receiver, "user_id", None) is None


def remove(session: Session, source: LeadSource) -> None:
    """Say whether a source may be deleted: DomainError once anything came of it."""
    for column in (Lead.source_id, LeadArrival.source_id, LeadForm.source_id):
        if session.scalar(select(column).where(column == source.id).limit(1)) is not None:
            raise DomainError(_("Leads or forms name this source; switch it off instead"), field="is_active")
    key = _key(session, source)
    if key is not None:
        session.delete(key)


def new_code() -> str:
    """Return a code for an address that nobody guesses."""
    return secrets.token_urlsafe(CODE)[:CODE].replace("-", "x").replace("_", "y").lower()


# --- secrets ----------------------------------------------------------------------------------------------------------


def new_secret(session: Session, source: LeadSource, *, at: datetime) -> str:
    """Give a source a secret and return it, once; the one before ends."""
    raw = secrets.token_bytes(32)
    shown = PREFIX + base64.b64encode(raw).decode()
    row = _key(session, source)
    if row is None:
        row = LeadSourceKey(source_id=source.id)
        session.add(row)
    row.sealed, row.made_at = sealing.seal(shown), at
    session.flush()
    return shown


def _key(session: Session, source: LeadSource) -> LeadSourceKey | None:
    return session.get(LeadSourceKey, source.id)


def has_secret(session: Session, source: LeadSource) -> bool:
    """Say whether programs can send anything to a source."""
    return _key(session, source) is not None


def by_code(session: Session, code: str) -> LeadSource | None:
    """Return the source of an address, None for one that is unknown or switched off."""
    found = session.scalars(select(LeadSource).where(LeadSource.code == code)).one_or_none()
    return found if found is not None and found.is_active else None


def require_signed(
    session: Session, source: LeadSource | None, headers: Mapping[str, str], body: bytes, *, at: datetime
) -> str:
    """Return the number of a request that was signed with the source's secret, and lately.

    Raises NotAllowed, whether the source is unknown, has no secret, or the signature is another one.
    """
    number, moment, signed = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    row = _key(session, source) if source is not None else None
    secret = sealing.unseal(row.sealed) if row is not None else PREFIX
    fits = any(
        hmac.compare_digest(sign(secret, number, moment, body).encode(), each.encode("utf-8", "replace"))
        for each in signed.split(" ")[:5]
    )
    is_now = moment.isascii() and moment.isdecimal() and abs(int(moment[:15]) - at.timestamp()) <= WINDOW
    if row is None or not fits or not is_now or not number or len(number) > LONGEST_ID or not number.isprintable():
        raise NotAllowed("lead_source.sign")
    return number


def sign(secret: str, number: str, moment: str, body: bytes) -> str:
    """Return the signature of a request as its header has it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX))
    except binascii.Error:
        key = b""
    about = f"{number}.{moment}.".encode("utf-8", "replace")
    return "v1," + base64.b64encode(hmac.new(key, about + body, hashlib.sha256).digest()).decode()
