"""The conversation with a mailbox (IMAP): what is new in a folder, one mail at a time, and a sign that it was taken in.

Nothing is deleted there, and reading marks nothing as read. Certificates must be for the server's name; without
encryption only this machine is spoken with. What a server says is cut; what goes wrong with it is AwayError.
Source: RFC 3501 (IMAP4rev1), 6851 (MOVE); the library `imapclient` speaks it, with literals and names of folders.
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError

from app.i18n import gettext as _
from app.models.mailbox import Mailbox, MailboxAfter, MailboxSecurity

LONGEST = 24 * 2**20  # bytes of a mail that is taken in whole
HEAD = 64 * 1024  # bytes of a larger one
_PATIENCE = SocketTimeout(connect=10, read=60)


class AwayError(Exception):
    """The mailbox cannot be read; the text says why, without the password."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where a mailbox is; `ca` is a file with the certificate of a company's own authority."""

    host: str
    port: int
    security: MailboxSecurity
    login: str
    password: str = field(repr=False)
    ca: str | None = None


@dataclass(frozen=True)
class Came:
    """One mail; of one that is too large `content` is its beginning. Units: bytes."""

    uid: int
    size: int
    content: bytes

    @property
    def is_whole(self) -> bool:
        """Say whether all of it is here."""
        return self.size <= LONGEST


class Talk:
    """An open conversation, signed in."""

    def __init__(self, client: IMAPClient) -> None:
        self._client = client

    def open(self, folder: str) -> int:
        """Open a folder and return the server's number of it: with another one, all mails have other numbers."""
        told = self._client.select_folder(folder)
        return int(told.get(b"UIDVALIDITY", 0))

    def new(self, *, after: int, since: date) -> list[int]:
        """Return the numbers of mails behind one that came since a day, the oldest first."""
        found = self._client.search(["UID", f"{after + 1}:*", "SINCE", since])
        return sorted(uid for uid in found if uid > after)  # "5:*" means the last mail too, whatever its number

    def fetch(self, uid: int) -> Came | None:
        """Return a mail without marking it as read, None when it is gone."""
        told = self._client.fetch([uid], ["RFC822.SIZE"]).get(uid)
        if told is None or b"RFC822.SIZE" not in told:
            return None
        size = int(told[b"RFC822.SIZE"])
        most = LONGEST if size <= LONGEST else HEAD
        parts = self._client.fetch([uid], [f"BODY.PEEK[]<0.{most}>"]).get(uid, {})
        content = next((value for name, value in parts.items() if name.startswith(b"BODY[]")), None)
        return Came(uid, size, content[:most]) if isinstance(content, bytes) else None

    def settle(self, uids: Sequence[int], after: MailboxAfter, move_to: str | None) -> None:
        """Tell the mailbox that mails were taken in; those that are gone meanwhile are left out."""
        if not uids or after is MailboxAfter.nothing:
            return
        if after is MailboxAfter.moved and move_to:
            if not self._client.folder_exists(move_to):
                self._client.create_folder(move_to)
            if not self._client.has_capability("MOVE"):
                raise AwayError(_("This server cannot move mails (MOVE); choose another sign"))
            self._client.move(list(uids), move_to)
            return
        sign = b"\\Seen" if after is MailboxAfter.seen else b"\\Flagged"
        self._client.add_flags(list(uids), [sign], silent=True)


@contextmanager
def opened(server: Server) -> Iterator[Talk]:
    """Give a conversation that is signed in; it is closed at the end. Whatever goes wrong with it is AwayError."""
    client: IMAPClient | None = None
    try:
        client = _greeted(server)
        client.login(server.login, server.password)
        yield Talk(client)
        with suppress(IMAPClientError, OSError):
            client.logout()
    except (IMAPClientError, OSError, UnicodeError, ValueError) as trouble:  # the library raises all of them
        raise AwayError(f"{server.host}: {_words(trouble, server)}") from trouble
    finally:
        if client is not None:
            with suppress(IMAPClientError, OSError):
                client.shutdown()


def _greeted(server: Server) -> IMAPClient:
    context = ssl.create_default_context(cafile=server.ca)
    is_tls = server.security is MailboxSecurity.tls
    about = {"ssl_context": context} if is_tls else {}
    client = IMAPClient(server.host, port=server.port, ssl=is_tls, timeout=_PATIENCE, **about)
    if server.security is MailboxSecurity.starttls:
        client.starttls(ssl_context=context)
    return client


def _words(trouble: Exception, server: Server) -> str:
    said = str(trouble)
    if said.startswith(("b'", 'b"')):
        said = said[2:-1]
    plain = "".join(char if char.isprintable() else " " for char in said)
    return (plain.replace(server.password, "…") if server.password else plain)[:300] or type(trouble).__name__


def server_of(mailbox: Mailbox, password: str, settings: Mapping[str, Any]) -> Server:
    """Return where a mailbox is; a company's own authority is that of CRM_IMAP_CA."""
    return Server(
        host=mailbox.host,
        port=mailbox.port,
        security=mailbox.security,
        login=mailbox.login,
        password=password,
        ca=settings.get("CRM_IMAP_CA") or None,
    )
