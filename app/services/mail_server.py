"""Mail servers of our companies: their rules, their secrets, the key that signs letters, and what a worker uses.

Secrets are sealed, shown to nobody, and forgotten as soon as they would be told to another server.
"""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.history import Act
from app.models.mail_server import DKIM, PASSWORD, MailServer, MailServerKey
from app.models.mailbox import MailboxSecurity
from app.services import audit, letter_office, sealing
from app.services import channel as channels
from app.services.letter_office import Office
from app.services.text import line

LONGEST_PASSWORD = 250
MOST_PORT = 65_535
KEY_BITS = 2048  # Source: RFC 8301, 3.2: at least 1024, and verifiers need not take more than 4096
_PLACE = ("host", "port", "security", "login")  # to whom the password is told
_NAMED = ("dkim_domain", "dkim_selector")
_LONGEST_PART = 250  # of a text in the DNS: strings of at most 255 octets


@dataclass(frozen=True, kw_only=True)
class Signature:
    """By what a letter is signed; `key` is the private half in PEM."""

    domain: str
    selector: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """A mail server as a worker uses it, as plain data."""

    host: str
    port: int
    security: str
    login: str
    password: str = field(repr=False)
    signature: Signature | None
    return_path: str | None


# --- rules ------------------------------------------------------------------------------------------------------------


def save(session: Session, server: MailServer) -> None:
    """Bring a mail server into its normal form and add it. Raises Refusals by field.

    Told to another server, the password must be given anew; under another name, a new key must be made.
    """
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        server.security = server.security or MailboxSecurity.starttls
        server.port = 587 if server.port is None else server.port
        server.host = line(server.host or "", limit=253, field="host").lower()
        server.login = line(server.login or "", limit=254, field="login") or None
        if not _is_host(server.host):
            errors["host"] = [_("The name of a server is expected, such as smtp.example.com")]
        if not 1 <= server.port <= MOST_PORT:
            errors["port"] = [_("A number from 1 to %(most)s is expected", most=MOST_PORT)]
        if server.security is MailboxSecurity.none and server.login and not _is_local(server.host):
            errors["security"] = [_("A password is not sent over the net in the clear")]
        _names(server, errors)
        if server.organisation is not None and _is_second(session, server):
            errors["organisation"] = [_("This company has a mail server already")]
        if errors:
            raise Refusals(errors)
        _forget(session, server)
        session.add(server)


def _names(server: MailServer, errors: dict[str, list[str]]) -> None:
    try:
        server.return_path = channels.normalise_email(server.return_path) if server.return_path else None
    except DomainError as refusal:
        errors["return_path"] = [refusal.text]
    if server.return_path and "+" in server.return_path:
        errors["return_path"] = [_("Without a plus sign: behind it stands our own mark")]
    for name in _NAMED:
        setattr(server, name, (getattr(server, name) or "").strip().lower().rstrip(".") or None)
    if (server.dkim_domain is None) != (server.dkim_selector is None):
        errors["dkim_selector" if server.dkim_domain else "dkim_domain"] = [_("Domain and selector belong together")]
    if server.dkim_domain and ("." not in server.dkim_domain or not _is_host(server.dkim_domain)):
        errors["dkim_domain"] = [_("The name of a domain is expected, such as example.com")]
    if server.dkim_selector and not (
        server.dkim_selector.isascii() and server.dkim_selector.replace("-", "").isalnum()
    ):
        errors["dkim_selector"] = [_("Letters, digits and hyphens only")]


def _is_host(text: str) -> bool:
    try:
        place = ip_address(text)
    except ValueError:
        parts = text.rstrip(".").split(".")
        return bool(text) and text.isascii() and all(part and part.replace("-", "").isalnum() for part in parts)
    return not (place.is_link_local or place.is_multicast or place.is_unspecified)  # what tells of machines, not mail


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_second(session: Session, server: MailServer) -> bool:
    same = select(MailServer.id).where(MailServer.organisation_id == server.organisation.id)
    if server.id is not None:
        same = same.where(MailServer.id != server.id)
    return session.scalar(same.limit(1)) is not None


def _forget(session: Session, server: MailServer) -> None:
    about = inspect(server)
    if not about.has_identity:
        return
    changed = {name for name in (*_PLACE, *_NAMED) if about.attrs[name].history.has_changes()}
    if changed & set(_PLACE):
        _drop(session, server, PASSWORD)
    if changed & set(_NAMED):
        _drop(session, server, DKIM)
        server.dkim_public, server.verified_at = None, None


def _drop(session: Session, server: MailServer, purpose: str) -> None:
    row = session.get(MailServerKey, (server.id, purpose))
    if row is not None:
        session.delete(row)


# --- secrets ----------------------------------------------------------------------------------------------------------


def set_password(session: Session, server: MailServer, password: str, *, at: datetime) -> None:
    """Keep the password of a mail server, sealed. Raises DomainError at "password"."""
    if not password or len(password) > LONGEST_PASSWORD or not (password.isprintable() and password.isascii()):
        raise DomainError(_("Type the password of the mail server, in ASCII characters"), field="password")
    _keep(session, server, PASSWORD, password, at)


def make_key(session: Session, server: MailServer, *, at: datetime) -> None:
    """Make the key by which letters are signed; the one before is gone. Raises DomainError without its names."""
    if server.dkim_domain is None:
        raise DomainError(_("Give the domain and the selector first"), field="dkim_domain")
    key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    _keep(session, server, DKIM, private.decode(), at)
    server.dkim_public, server.verified_at = base64.b64encode(public).decode(), None
    session.flush()


def _keep(session: Session, server: MailServer, purpose: str, secret: str, at: datetime) -> None:
    row = session.get(MailServerKey, (server.id, purpose))
    if row is None:
        row = MailServerKey(server_id=server.id, purpose=purpose)
        session.add(row)
    row.sealed, row.made_at = sealing.seal(secret), at
    told = {purpose: [None, "…"]}
    audit.note(
        session, Act.change, entity=MailServer.__stem__, record_id=server.id, name=str(server), changes=told, at=at
    )
    session.flush()


def has(session: Session, server: MailServer, purpose: str) -> bool:
    """Say whether a secret is kept."""
    return session.get(MailServerKey, (server.id, purpose)) is not None


def _secret(session: Session, server: MailServer, purpose: str) -> str | None:
    row = session.get(MailServerKey, (server.id, purpose))
    try:
        return sealing.unseal(row.sealed) if row is not None else None
    except sealing.UnreadableError:
        return None


# --- the record of the DNS --------------------------------------------------------------------------------------------


def record_of(server: MailServer) -> tuple[str, str] | None:
    """Return name and text of the record that the DNS must hold, in strings of its length; None without a key."""
    if server.dkim_public is None or server.dkim_domain is None:
        return None
    text = f"v=DKIM1; k=rsa; p={server.dkim_public}"
    parts = [text[at : at + _LONGEST_PART] for at in range(0, len(text), _LONGEST_PART)]
    return f"{server.dkim_selector}._domainkey.{server.dkim_domain}", " ".join(f'"{part}"' for part in parts)


def compare(server: MailServer, told: str, *, at: datetime) -> None:
    """Note that the DNS tells the key by which we sign. Raises DomainError when it tells another one, or none."""
    tags: dict[str, str] = {}
    for part in told.split(";"):
        name, _equals, value = part.partition("=")
        tags[name.strip()] = "".join(value.split())
    if not tags.get("p"):
        raise DomainError(_("The DNS has no such record yet"))
    if tags["p"] != server.dkim_public:
        raise DomainError(_("The DNS tells another key: the record is an old one, or cut"))
    server.verified_at = at


# --- what a worker uses -----------------------------------------------------------------------------------------------


def outgoing(session: Session, organisation_id: int) -> Outgoing | None:
    """Return the mail server of one of our companies, None where that of the installation is used."""
    server = _active(session, organisation_id)
    if server is None:
        return None
    signature = None
    key = _secret(session, server, DKIM) if server.dkim_domain else None
    if key is not None and server.dkim_domain and server.dkim_selector:
        signature = Signature(domain=server.dkim_domain, selector=server.dkim_selector, key=key.encode())
    return Outgoing(
        host=server.host,
        port=server.port,
        security=server.security.value,
        login=server.login or "",
        password=(_secret(session, server, PASSWORD) or "") if server.login else "",
        signature=signature,
        return_path=server.return_path,
    )


def _active(session: Session, organisation_id: int | None) -> MailServer | None:
    wanted = select(MailServer).where(MailServer.organisation_id == organisation_id, MailServer.is_active.is_(True))
    return session.scalars(wanted).one_or_none()


def ready(session: Session, organisation: Any) -> Office:  # noqa: ANN401 -- one of our companies, or what has its key
    """Return the office of a letter of this company; DomainError when no letter can leave it."""
    return letter_office.ready(has_own=_active(session, organisation.id) is not None)
