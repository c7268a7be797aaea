"""Mailboxes: their rules, their passwords, when each is looked at, and how far each is read."""

from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

from sqlalchemy import inspect, or_, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.history import Act
from app.models.lead_source import LeadChannel
from app.models.mailbox import Mailbox, MailboxAfter, MailboxKey, MailboxSecurity, ReceivedMail
from app.outbox import Errand, Outbox, enqueue
from app.services import audit, sealing
from app.services.text import is_blank, line

TOPIC = "mailbox.look"
LONGEST_PASSWORD = 250
_PLACE = ("host", "port", "security", "login")  # to whom the password is told


def save(session: Session, mailbox: Mailbox) -> None:
    """Bring a mailbox into its normal form and add it; told to another server, its password must be given anew.

    Raises Refusals by field.
    """
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        _tidy(mailbox, errors)
        mailbox.security = mailbox.security or MailboxSecurity.tls
        if mailbox.host and not errors.get("host") and not _is_host(mailbox.host):
            errors["host"] = [_("The name of a server is expected, such as imap.example.com")]
        if mailbox.security is MailboxSecurity.none and not _is_local(mailbox.host):
            errors["security"] = [_("A password is not sent over the net in the clear")]
        for name, most in (("port", 65_535), ("every_minutes", 1_440)):
            if not 1 <= (getattr(mailbox, name) or 1) <= most or getattr(mailbox, name) == 0:
                errors[name] = [_("A number from 1 to %(most)s is expected", most=most)]
        mailbox.move_to = line(mailbox.move_to or "", limit=250, field="move_to") or None
        if mailbox.after is MailboxAfter.moved and mailbox.move_to is None:
            errors["move_to"] = [_("Say to which folder")]
        elif mailbox.move_to is not None and mailbox.move_to == mailbox.folder:
            errors["move_to"] = [_("This is the folder that is read")]
        if mailbox.source is not None and mailbox.source.channel is not LeadChannel.email:
            errors["source"] = [_("Choose a source of the channel “E-mail”")]
        if errors:
            raise Refusals(errors)
        _begin_anew(session, mailbox)
        session.add(mailbox)


def _tidy(mailbox: Mailbox, errors: dict[str, list[str]]) -> None:
    for name, most in (("name", 120), ("host", 253), ("login", 254), ("folder", 250)):
        typed = getattr(mailbox, name) or ("INBOX" if name == "folder" else "")
        if is_blank(typed):
            errors[name] = [_("This is needed")]
        else:
            setattr(mailbox, name, line(typed, limit=most, field=name))
    mailbox.host = (mailbox.host or "").lower()


def _begin_anew(session: Session, mailbox: Mailbox) -> None:
    """Forget the password and how far it is read where the place is another one."""
    about = inspect(mailbox)
    if not about.has_identity:
        return
    changed = {name for name in (*_PLACE, "folder") if about.attrs[name].history.has_changes()}
    if changed & {"host", "port", "login", "folder"}:
        mailbox.validity, mailbox.last_uid = None, 0
    if changed & set(_PLACE):
        key = session.get(MailboxKey, mailbox.id)
        if key is not None:
            session.delete(key)


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return all(part and part.replace("-", "").isalnum() for part in text.rstrip(".").split("."))
    return True


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def remove(session: Session, mailbox: Mailbox) -> None:
    """Say whether a mailbox may be deleted: DomainError once anything came out of it."""
    if session.scalar(select(ReceivedMail.id).where(ReceivedMail.mailbox_id == mailbox.id).limit(1)) is not None:
        raise DomainError(_("Mails came out of this mailbox; switch it off instead"), field="is_active")
    key = session.get(MailboxKey, mailbox.id)
    if key is not None:
        session.delete(key)


# --- passwords --------------------------------------------------------------------------------------------------------


def set_password(session: Session, mailbox: Mailbox, password: str, *, at: datetime) -> None:
    """Keep the password of a mailbox, sealed; the audit says that it was set. Raises DomainError at "password"."""
    if not password or len(password) > LONGEST_PASSWORD or not password.isprintable():
        raise DomainError(_("Type the password of the mailbox"), field="password")
    row = session.get(MailboxKey, mailbox.id)
    if row is None:
        row = MailboxKey(mailbox_id=mailbox.id)
        session.add(row)
    row.sealed, row.made_at = sealing.seal(password), at
    told = {"password": [None, "…"]}
    audit.note(
        session, Act.change, entity=Mailbox.__stem__, record_id=mailbox.id, name=str(mailbox), changes=told, at=at
    )
    session.flush()


def has_password(session: Session, mailbox: Mailbox) -> bool:
    """Say whether a mailbox can be opened."""
    return session.get(MailboxKey, mailbox.id) is not None


def password_of(session: Session, mailbox_id: int) -> str | None:
    """Return the password of a mailbox, None without one or when it was sealed with another key."""
    row = session.get(MailboxKey, mailbox_id)
    try:
        return sealing.unseal(row.sealed) if row is not None else None
    except sealing.UnreadableError:
        return None


# --- looking ----------------------------------------------------------------------------------------------------------


def look_now(session: Session, mailbox: Mailbox) -> None:
    """Let a mailbox be looked at as soon as a worker is free."""
    if not mailbox.is_active:
        raise DomainError(_("This mailbox is switched off"), field="is_active")
    if not has_password(session, mailbox):
        raise DomainError(_("Give the password of the mailbox first"))
    if mailbox.id not in _under_way(session):
        enqueue(session, TOPIC, mailbox.id)


def enqueue_due(session: Session, *, at: datetime) -> int:
    """Let the mailboxes be looked at whose time has come; return how many."""
    kept = select(Mailbox).join(MailboxKey, MailboxKey.mailbox_id == Mailbox.id).where(Mailbox.is_active.is_(True))
    waiting = [one for one in session.scalars(kept) if _is_due(one, at)]
    if not waiting:
        return 0
    busy = _under_way(session)
    due = [one for one in waiting if one.id not in busy]
    for one in due:
        enqueue(session, TOPIC, one.id)
    return len(due)


def _is_due(mailbox: Mailbox, at: datetime) -> bool:
    return mailbox.looked_at is None or mailbox.looked_at + timedelta(minutes=mailbox.every_minutes) <= at


def _under_way(session: Session) -> set[int | None]:
    going = or_(Outbox.state == Errand.pending, Outbox.state == Errand.claimed)
    return set(session.scalars(select(Outbox.record_id).where(Outbox.topic == TOPIC, going)))


def begin(session: Session, mailbox_id: int, validity: int) -> int:
    """Return the number of the last mail that was taken in; 0 where the server numbers them anew."""
    mailbox = session.get_one(Mailbox, mailbox_id)
    if mailbox.validity != validity:
        write(session, mailbox_id, validity=validity, last_uid=0)
        return 0
    return mailbox.last_uid


def noted(session: Session, mailbox_id: int, *, error: str | None, at: datetime) -> None:
    """Note that a mailbox was looked at, and what was wrong."""
    write(session, mailbox_id, looked_at=at, error=error[:500] if error else None)


def write(session: Session, mailbox_id: int, **values: Any) -> None:  # noqa: ANN401 -- columns of a mailbox
    """Write how far a mailbox is read: beside its version and history, which are of what people say of it."""
    beside = update(Mailbox).where(Mailbox.id == mailbox_id).values(**values, changed_at=Mailbox.changed_at)
    session.execute(beside.execution_options(synchronize_session="fetch"))
