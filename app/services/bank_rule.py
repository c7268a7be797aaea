"""Rules of bookings that are no business of a counterparty, and the profiles by which tables of banks are read."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.bank_statement import BankProfile, BankRule
from app.search import fold
from app.services.text import is_blank, line

LEAST_TEXT = 3


def save(session: Session, rule: BankRule) -> None:
    """Bring a rule into its normal form and add it. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    rule.name = line(rule.name or "", limit=120, field="name")
    rule.reason = line(rule.reason or "", limit=250, field="reason")
    rule.text = line(rule.text or "", limit=200, field="text") or None
    rule.account = (rule.account or "").replace(" ", "").upper() or None
    if is_blank(rule.name):
        errors["name"] = [_("This field is required")]
    if is_blank(rule.reason):
        errors["reason"] = [_("This field is required")]
    if rule.text is not None and len(fold(rule.text)) < LEAST_TEXT:
        errors["text"] = [_("Give at least %(least)s letters: everything would fit less", least=LEAST_TEXT)]
    if rule.text is None and rule.account is None:
        errors["text"] = [_("Give words of the booking or the account that it comes from")]
    if errors:
        raise Refusals(errors)
    session.add(rule)


def profile_of(session: Session, digest: str) -> BankProfile | None:
    """Return the profile that knows a table's columns, None when nobody has said what they are."""
    return session.scalars(select(BankProfile).where(BankProfile.columns_sha256 == digest)).one_or_none()


def by_id(session: Session, key: int | None) -> BankProfile | None:
    """Return a profile by its key, None without one."""
    return None if key is None else session.get(BankProfile, key)


def keep_profile(session: Session, digest: str, *, name: str, values: dict[str, Any]) -> BankProfile:
    """Remember how a table is read; the same columns are read this way from now on."""
    words = line(name, limit=120, field="name")
    if is_blank(words):
        raise DomainError(_("This field is required"), field="name")
    profile = profile_of(session, digest)
    if profile is None:
        profile = BankProfile(columns_sha256=digest)
        session.add(profile)
    profile.name = words
    for field, value in values.items():
        setattr(profile, field, value)
    session.flush()
    return profile


def save_profile(session: Session, profile: BankProfile) -> None:
    """Keep a profile's name, which is all that its form changes."""
    profile.name = line(profile.name or "", limit=120, field="name")
    if is_blank(profile.name):
        raise DomainError(_("This field is required"), field="name")
    session.add(profile)
