"""The conversation with a mail server: one letter, one connection, and an answer that says what became of it.

There are four endings: the server's words when it took the letter, `Refused` when it never will, `Later` when nothing
was handed over, and `Unclear` when the connection broke after the text had begun to leave. Only the last one leaves a
doubt, so `before_data` is called in time for the caller to note it.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from app.i18n import gettext as _
from app.services.gate import Answer
from app.services.letter_office import Office
from app.services.mail_server import Outgoing

_PORTS = {"smtp": 587, "smtps": 465}
_OPTIONS = frozenset({"starttls", "ca"})
_TAKEN = 2  # first digit of an answer. Source: RFC 5321, 4.2.1
_GO_ON = 354
_NEVER = 5
_LINE_WITH_DOT = re.compile(rb"(?m)^\.")
_LONGEST = 600  # characters of an answer that are kept


class Security(StrEnum):
    """How the connection is encrypted."""

    none = "none"
    starttls = "starttls"
    tls = "tls"


class SmtpError(Exception):
    """The letter was not taken, as far as we know; the text says why in the server's words."""


class Refused(SmtpError):
    """The server will never take this letter (5xx)."""


class Later(SmtpError):
    """Nothing was handed over: not reached, not now (4xx), or broken off in time."""


class Away(Later):
    """The server was not reached, or did not become one that we trust: the next letter would fare no better."""


class Unclear(SmtpError):
    """The connection broke after the text had begun to leave: perhaps the server has taken it."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for the server.

    Units: seconds; `step` for each answer up to DATA, `text` to hand the letter over, `end` for the last answer.
    Source: RFC 5321, 4.5.3.2, shortened where nothing is lost by trying again.
    """

    step: float = 20.0
    text: float = 300.0
    end: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where and how mail is handed over; `ca` is a file with the certificate of a company's own authority."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None

    @classmethod
    def of(cls, url: str) -> "Server":
        """Read CRM_SMTP_URL (see config). Raises ValueError with what is wrong, without the password."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("it begins with smtp:// or smtps:// and names a host")
        if options.keys() - _OPTIONS:
            raise ValueError(f"unknown: {', '.join(sorted(options.keys() - _OPTIONS))}")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not (user + password).isascii():
            raise ValueError("user and password have ASCII characters only")
        security = _security(parts.scheme, parts.hostname, options.get("starttls"))
        if user and security is Security.none and not _is_local(parts.hostname):
            raise ValueError("a password is not sent over the net in the clear")
        ca = Path(options["ca"]) if options.get("ca") else None
        if ca is not None and not ca.is_file():
            raise ValueError(f"there is no file {ca}")
        port = parts.port or _PORTS[parts.scheme]
        return cls(host=parts.hostname, port=port, security=security, user=user, password=password, ca=ca)


def own(place: Outgoing, *, ca: Path | None = None) -> Server:
    """Return the mail server of one of our companies as it is spoken with."""
    security = Security(place.security)
    if place.login and security is Security.none and not _is_local(place.host):
        raise Refused(_("A password is not sent over the net in the clear"))
    return Server(host=place.host, port=place.port, security=security, user=place.login, password=place.password, ca=ca)


def _security(scheme: str, host: str, wish: str | None) -> Security:
    if scheme == "smtps":
        return Security.tls
    if wish not in {None, "required", "never"}:
        raise ValueError("starttls is required or never")
    never = wish == "never" or (wish is None and _is_local(host))
    return Security.none if never else Security.starttls


def _is_local(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def office(settings: Mapping[str, Any]) -> Office:
    """Return what the rules of letters must know of the settings."""
    url = settings["CRM_PUBLIC_URL"]
    host = urlsplit(url).hostname or ""
    is_sandbox = bool(settings.get("CRM_SANDBOX"))
    wrong = None if is_sandbox else problem(settings["CRM_SMTP_URL"])  # in the sandbox no server is needed
    return Office(problem=wrong, sender=settings["CRM_MAIL_FROM"], host=host, public_url=url, is_sandbox=is_sandbox)


def problem(url: str) -> str | None:
    """Say why no mail can be sent with this CRM_SMTP_URL, None when it can be tried."""
    if not url:
        return _("No mail server is set up: CRM_SMTP_URL")
    try:
        Server.of(url)
    except ValueError as error:
        return _("CRM_SMTP_URL is wrong: %(why)s", why=str(error))
    return None


def deliver(
    server: Server,
    *,
    sender: str,
    passed: Answer,
    content: bytes,
    before_data: Callable[[], None],
    patience: Patience | None = None,
) -> str:
    """Hand one letter over to the address that the gate has passed, and return the server's words.

    `before_data` is called once the server has accepted sender and recipient; what it raises ends the conversation.
    Raises Refused, Later or Unclear.
    """
    if not passed.ok or passed.address is None:
        raise ValueError("the gate has not passed this letter")
    patience = patience or Patience()
    client: smtplib.SMTP | None = None
    leaving = False
    try:
        client = _greeted(server, sender.rpartition("@")[2], patience.step)
        _expect(client.mail(sender))
        _expect(client.rcpt(passed.address))
        before_data()
        _expect(client.docmd("DATA"), wanted=_GO_ON)
        leaving = True
        _hand_over(client, content, patience)
        return _last_answer(client, patience)
    except smtplib.SMTPResponseException as error:
        if isinstance(error.smtp_error, str):  # the library's own words: it could not read what came
            raise (Unclear if leaving else Later)(_words(error.smtp_code, error.smtp_error)) from error
        _judge(error.smtp_code, error.smtp_error)
    except OSError as error:  # the library's other errors among them
        text = f"{server.host}:{server.port}: {_line(str(error)) or type(error).__name__}"
        ending = Unclear if leaving else Later
        raise (Away if client is None else ending)(text) from error
    finally:
        if client is not None:
            _part(client)


def _greeted(server: Server, name: str, timeout: float) -> smtplib.SMTP:
    """Return an open connection: greeted, encrypted, signed in."""
    context = None if server.security is Security.none else ssl.create_default_context(cafile=server.ca)
    client: smtplib.SMTP
    if server.security is Security.tls:
        client = smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=timeout, context=context)
    else:
        client = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=timeout)
    try:
        if server.security is Security.starttls:
            client.starttls(context=context)
        client.ehlo_or_helo_if_needed()
        if server.user:
            client.login(server.user, server.password)
    except BaseException:
        client.close()
        raise
    return client


def _expect(answer: tuple[int, bytes], *, wanted: int | None = None) -> None:
    code, words = answer
    if code != wanted and (wanted is not None or code // 100 != _TAKEN):
        _judge(code, words)


def _judge(code: int, words: bytes | str) -> NoReturn:
    """Raise what an answer means that is not the hoped-for one, before anything was handed over."""
    raise (Refused if code // 100 == _NEVER else Later)(_words(code, words))


def _hand_over(client: smtplib.SMTP, content: bytes, patience: Patience) -> None:
    if client.sock is not None:
        client.sock.settimeout(patience.text)
    client.send(_LINE_WITH_DOT.sub(b"..", content) + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n")


def _last_answer(client: smtplib.SMTP, patience: Patience) -> str:
    """Return the words with which the server takes responsibility for the letter."""
    if client.sock is not None:
        client.sock.settimeout(patience.end)
    code, words = client.getreply()
    if code // 100 == _TAKEN:
        return _words(code, words)
    if code // 100 in {4, _NEVER}:
        _judge(code, words)
    raise Unclear(_words(code, words))


def _words(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {_line(text)}".strip()


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:_LONGEST].strip()


def _part(client: smtplib.SMTP) -> None:
    """Take leave; what is answered to that changes nothing."""
    with suppress(OSError):
        if client.sock is not None:
            client.sock.settimeout(2.0)
            client.putcmd("QUIT")
    client.close()
