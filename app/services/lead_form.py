"""Forms on foreign pages: their rules, and the ticket that each shown form carries.

A ticket says which form was shown, when, and which work a browser has to do before it sends: to find a number whose
hash, behind the ticket's own, begins with so many zero bits. It is signed, kept nowhere, and works once: its random
part is the number under which the request is stored. What comes without the work, too quickly or too late is held.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.models.lead import HeldBecause
from app.models.lead_source import LeadChannel, LeadField, LeadForm, LeadFormField
from app.services import channel as channels
from app.services import intake, intake_read, sealing
from app.services.lead_source import new_code
from app.services.party_rules import known_countries
from app.services.text import is_blank, line

BITS = 15  # some 30,000 hashes: less than a second of a telephone, hours of somebody who sends a million
QUICKEST = timedelta(seconds=3)
LONGEST = timedelta(hours=12)
TRAP = "website_url"  # a field that people do not see
REACHED_BY = (LeadField.phone, LeadField.email)
MOST_SITES = 20
PARTS = 4  # of a ticket before its signature
CARRIED = ("page", "referrer", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_LIMITS = {"title": 120, "intro": 500, "button": 60, "thanks": 500}


@dataclass(frozen=True)
class Ticket:
    """A ticket as it is sent along: `text` signed, `number` its random part."""

    text: str
    number: str
    bits: int


@dataclass(frozen=True)
class Sent:
    """What a sent form's ticket tells: the number under which it is stored, and why it is held, if it is."""

    number: str
    held: HeldBecause | None


# --- rules ------------------------------------------------------------------------------------------------------------


def save(session: Session, form: LeadForm) -> None:
    """Bring a form into its normal form and add it; a new one gets its code. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        if is_blank(form.name or ""):
            errors["name"] = [_("A form needs a name")]
        form.colour = (form.colour or "").strip().lower() or None
        if form.colour is not None and not _COLOUR.fullmatch(form.colour):
            errors["colour"] = [_("A colour is written as #1a2b3c")]
        try:
            form.sites = "\n".join(_sites(form.sites or "")) or None
        except DomainError as refusal:
            errors["sites"] = [refusal.text]
        _check_rows(form, errors)
        if errors:
            raise Refusals(errors)
        form.name = line(form.name, limit=120)
        form.code = form.code or new_code()
        if not form.fields:
            _usual(form)
        session.add(form)


def _usual(form: LeadForm) -> None:
    wanted = ((LeadField.name, True), (LeadField.email, True), (LeadField.phone, False), (LeadField.text, False))
    for at, (field, needed) in enumerate(wanted, 1):
        form.fields.append(LeadFormField(position=at, field=field, is_required=needed))


def _check_rows(form: LeadForm, errors: dict[str, list[str]]) -> None:
    fields = [each.field for each in form.fields]
    if fields and not set(fields) & set(REACHED_BY):
        errors["fields"] = [_("A form asks for a phone number or an e-mail address: how else could you answer?")]
    if len(set(fields)) < len(fields):
        errors["fields"] = [_("Each field stands in a form once")]
    spoken = [each.language for each in form.texts]
    if len(set(spoken)) < len(spoken) or not set(spoken) <= set(LANGUAGES):
        errors["texts"] = [_("Each language has its texts once")]


def _sites(text: str) -> list[str]:
    """Return the origins that are named, one a line: scheme and host, nothing else."""
    found = []
    for typed in text.split():
        try:
            parts = urlsplit(typed if "://" in typed else f"https://{typed}")
            port = parts.port
        except ValueError:
            raise DomainError(_("This is no web address: “%(address)s”", address=typed[:60])) from None
        host = parts.hostname or ""
        if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[a-z0-9.-]+", host):
            raise DomainError(_("This is no web address: “%(address)s”", address=typed[:60]))
        found.append(f"{parts.scheme}://{host}" + (f":{port}" if port else ""))
    if len(found) > MOST_SITES:
        raise DomainError(_("At most %(most)s sites", most=MOST_SITES))
    return list(dict.fromkeys(found))


def by_code(session: Session, code: str) -> LeadForm | None:
    """Return the form of an address, None for one that is unknown, or switched off with its source."""
    found = session.scalars(select(LeadForm).where(LeadForm.code == code)).one_or_none()
    return found if found is not None and found.is_active and found.source.is_active else None


# --- what was typed ---------------------------------------------------------------------------------------------------


def check(form: LeadForm, typed: Mapping[str, str]) -> None:
    """Raise Refusals at the fields that are empty though needed, or that nobody could answer to."""
    errors: dict[str, list[str]] = {}
    for each in form.fields:
        name, value = each.field.value, typed.get(each.field.value, "").strip()
        if not value:
            if each.is_required:
                errors[name] = [_("This field is required")]
            continue
        try:
            if each.field is LeadField.phone:
                channels.normalise_phone(value, typed.get("country", "").strip().upper()[:2] or form.source.country)
            elif each.field is LeadField.email:
                channels.normalise_email(value)
            elif each.field is LeadField.country and value.upper() not in known_countries():
                errors[name] = [_("This is no country: “%(code)s”", code=value[:20])]
        except DomainError as refusal:
            errors[name] = [refusal.text]
    asked = {each.field for each in form.fields} & set(REACHED_BY)
    if not errors and not any(typed.get(field.value, "").strip() for field in asked):
        first = next(field.value for field in REACHED_BY if field in asked)
        errors[first] = [_("How can we reach you?")]
    if errors:
        raise Refusals(errors)


# --- tickets ----------------------------------------------------------------------------------------------------------


def ticket(form: LeadForm, *, at: datetime, bits: int = BITS) -> Ticket:
    """Return the ticket of a form that is shown now."""
    number = secrets.token_hex(16)
    body = f"{form.code}.{int(at.timestamp())}.{bits}.{number}"
    return Ticket(f"{body}.{_signed(body)}", number, bits)


def _signed(body: str) -> str:
    return sealing.fingerprint(f"form ticket {body}")


def judge(form: LeadForm, typed: Mapping[str, str], *, at: datetime) -> Sent:
    """Return under which number a sent form is stored, and why it is held, if it is.

    A ticket that is not ours is none: what came with it is stored under a number of its own.
    """
    body, _dot, signature = typed.get("ticket", "").rpartition(".")
    parts = body.split(".")
    ours = len(parts) == PARTS and hmac.compare_digest(_signed(body).encode(), signature.encode("utf-8", "replace"))
    if not ours or parts[0] != form.code:
        digest = hashlib.sha256(repr(sorted(typed.items())).encode("utf-8", "replace")).hexdigest()
        return Sent(f"stale:{digest[:40]}", HeldBecause.stale)
    _code, shown, bits, number = parts
    age = at.timestamp() - int(shown)
    held = None
    if typed.get(TRAP, "").strip():
        held = HeldBecause.trap
    elif age > LONGEST.total_seconds() or age < 0:
        held = HeldBecause.stale
    elif not is_proof(number, typed.get("proof", ""), int(bits)):
        held = HeldBecause.no_proof
    elif age < QUICKEST.total_seconds():
        held = HeldBecause.too_quick
    return Sent(number, held)


def is_proof(number: str, proof: str, bits: int) -> bool:
    """Say whether a browser has done the work of a ticket."""
    if not proof.isascii() or not proof.isdecimal() or len(proof) > 12:  # noqa: PLR2004
        return False
    digest = hashlib.sha256(f"{number}.{proof}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits) == 0


def solve(number: str, bits: int) -> str:
    """Return the proof of a ticket, as a browser finds it."""
    begun, limit, proof = hashlib.sha256(f"{number}.".encode()), 1 << (256 - bits), 0
    while True:
        tried = begun.copy()
        tried.update(b"%d" % proof)
        if int.from_bytes(tried.digest(), "big") < limit:
            return str(proof)
        proof += 1


def store(
    session: Session,
    form: LeadForm,
    typed: Mapping[str, str],
    sent: Sent,
    *,
    address: str,
    language: str,
    at: datetime,
) -> intake.Taken:
    """Store what was sent by a form, once.

    Something else that comes with a ticket that was used is held: somebody has gone back and asked for more, or not.
    """
    payload = json.dumps(dict(typed), ensure_ascii=False).encode("utf-8", "backslashreplace")
    asked = {each.field.value for each in form.fields} | set(CARRIED)
    values = {name: value for name, value in typed.items() if name in asked} | {"language": language}
    about = intake.About(
        external_id=sent.number, address=address, held=sent.held, channel=LeadChannel.form, values=values
    )
    taken = intake.receive(session, form.source, payload, at=at, about=about)
    if taken.is_new or taken.arrival.raw == intake_read.raw_text(payload):
        return taken
    number = f"{sent.number}:{hashlib.sha256(payload).hexdigest()[:40]}"
    again = replace(about, external_id=number, held=sent.held or HeldBecause.stale)
    return intake.receive(session, form.source, payload, at=at, about=again)
