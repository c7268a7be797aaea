"""Providers of text messages: their rules, their sealed passwords, and what a worker uses.

Where a provider is reached is no matter of a record: nobody leads our requests elsewhere by changing one.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.history import Act
from app.models.sms_provider import SmsProvider, SmsProviderKey, SmsProviderKind
from app.services import audit, letter_office, sealing
from app.services.text import line

LONGEST_PASSWORD = 250
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")  # of an account of Twilio
_SENDER = re.compile(r"\+?[0-9]{3,15}|[A-Za-z0-9 ._&+-]{1,11}|MG[0-9a-f]{32}")
_TOLD = ("kind", "login")  # to whom the password is told


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A provider as a worker uses it, as plain data."""

    kind: SmsProviderKind
    login: str
    password: str = field(repr=False)
    sender: str | None


def save(session: Session, provider: SmsProvider) -> None:
    """Bring a provider into its normal form and add it. Raises Refusals by field.

    Told to another provider or account, the password must be given anew.
    """
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        provider.kind = provider.kind or SmsProviderKind.smsc
        provider.login = line(provider.login or "", limit=120, field="login")
        provider.sender = line(provider.sender or "", limit=40, field="sender") or None
        if not provider.login:
            errors["login"] = [_("This is needed")]
        if provider.kind is SmsProviderKind.twilio:
            if provider.login and not _ACCOUNT.fullmatch(provider.login):
                errors["login"] = [_("The account's key is expected: AC and 32 hexadecimal digits")]
            if provider.sender is None:
                errors["sender"] = [_("This provider needs a sender: a number, a name, or the key of a service (MG…)")]
        if provider.sender is not None and not _SENDER.fullmatch(provider.sender):
            errors["sender"] = [_("A number, or a name of at most 11 Latin letters and digits, is expected")]
        if provider.organisation is not None and _is_second(session, provider):
            errors["organisation"] = [_("This company has a provider already")]
        if errors:
            raise Refusals(errors)
        _forget(session, provider)
        session.add(provider)


def _is_second(session: Session, provider: SmsProvider) -> bool:
    same = select(SmsProvider.id).where(SmsProvider.organisation_id == provider.organisation.id)
    if provider.id is not None:
        same = same.where(SmsProvider.id != provider.id)
    return session.scalar(same.limit(1)) is not None


def _forget(session: Session, provider: SmsProvider) -> None:
    about = inspect(provider)
    if about.has_identity and any(about.attrs[name].history.has_changes() for name in _TOLD):
        row = session.get(SmsProviderKey, provider.id)
        if row is not None:
            session.delete(row)


def set_password(session: Session, provider: SmsProvider, password: str, *, at: datetime) -> None:
    """Keep the password of the account, sealed. Raises DomainError at "password"."""
    if not password or len(password) > LONGEST_PASSWORD or not (password.isprintable() and password.isascii()):
        raise DomainError(_("Type the password of the account, in ASCII characters"), field="password")
    row = session.get(SmsProviderKey, provider.id)
    if row is None:
        row = SmsProviderKey(provider_id=provider.id)
        session.add(row)
    row.sealed, row.made_at = sealing.seal(password), at
    audit.note(
        session,
        Act.change,
        entity=SmsProvider.__stem__,
        record_id=provider.id,
        name=str(provider),
        changes={"password": [None, "…"]},
        at=at,
    )
    session.flush()


def has_password(session: Session, provider: SmsProvider) -> bool:
    """Say whether a password is kept."""
    return session.get(SmsProviderKey, provider.id) is not None


def outgoing(session: Session, organisation_id: int) -> Outgoing | None:
    """Return the provider of one of our companies as it is used, None where nothing can be sent."""
    wanted = select(SmsProvider).where(SmsProvider.organisation_id == organisation_id, SmsProvider.is_active.is_(True))
    provider = session.scalars(wanted).one_or_none()
    row = session.get(SmsProviderKey, provider.id) if provider is not None else None
    if provider is None or row is None:
        return None
    try:
        password = sealing.unseal(row.sealed)
    except sealing.UnreadableError:
        return None
    return Outgoing(kind=provider.kind, login=provider.login, password=password, sender=provider.sender)


def ready(session: Session, organisation: Any) -> Outgoing:  # noqa: ANN401 -- one of our companies, or what has its key
    """Return the provider of a company; DomainError when no text message can leave it."""
    found = outgoing(session, organisation.id)
    if found is None:
        text = _("“%(name)s” has no provider of text messages in use, or no password is kept", name=organisation.name)
        raise DomainError(text, field="channel")
    return found


def require(session: Session, organisation: Any) -> None:  # noqa: ANN401 -- as above
    """Raise DomainError when no text message can leave a company; in the sandbox none has to."""
    if not letter_office.is_sandbox():
        ready(session, organisation)
