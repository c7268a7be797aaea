"""A mail server on 127.0.0.1 for tests: it keeps what it took, and misbehaves on request."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from app.services import letter_office
from app.services.letter_office import Office
from tests.servers import free_port


@dataclass(frozen=True)
class Taken:
    """One letter that the server has read to its end, be it that it said so or not."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)  # type: ignore[return-value]


class MailServer:
    """Answers each letter by the next word of `will`, and well when there is none.

    Shape: "451 text" or "550 text" at the recipient; "end 452 text" after the text; "hang up" at the recipient,
    "hang up at data", "hang up in text", "hang up at end"; "stall" at the recipient and "stall at end" await `go_on`.
    """

    def __init__(self, *, tls: Any = None, password: str = "") -> None:
        self.will: deque[str] = deque()
        self.taken: list[Taken] = []
        self.connections = 0
        self.encrypted: list[bool] = []
        self.stalled = threading.Event()
        self.go_on = threading.Event()
        self._password = password
        self._controller = _Controller(self, tls, password)

    def start(self) -> "MailServer":
        self._controller.start()
        return self

    def stop(self) -> None:
        self.go_on.set()
        self._controller.stop()

    @property
    def port(self) -> int:
        return int(self._controller.port)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    # --- what aiosmtpd calls --------------------------------------------------------------------------------------

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> Any:  # noqa: N802
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        self.connections += 1
        self.encrypted.append(session.ssl is not None)
        envelope.rcpt_tos.append(address)
        session.will = self.will.popleft() if self.will else ""
        if session.will[:1].isdecimal():
            return str(session.will)
        if session.will == "hang up":
            server.transport.abort()
        if session.will == "stall":
            await self._stall()
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        will = session.will
        if will.startswith("end "):
            return str(will.removeprefix("end "))
        self.taken.append(Taken(envelope.mail_from, list(envelope.rcpt_tos), bytes(envelope.content)))
        if will == "hang up at end":
            server.transport.abort()
        if will == "stall at end":
            await self._stall()
        return "250 2.0.0 queued as 4711"

    async def _stall(self) -> None:
        self.stalled.set()
        while not self.go_on.is_set():  # noqa: ASYNC110 -- set by another thread
            await asyncio.sleep(0.02)


class _Session(SMTP):
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        will = self.session.will
        if will == "hang up at data":
            self.transport.abort()
            return
        if will == "hang up in text":
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def __init__(self, office: MailServer, tls: Any, password: str) -> None:
        super().__init__(office, hostname="127.0.0.1", port=free_port())
        self._options: dict[str, Any] = {
            "enable_SMTPUTF8": False,
            "tls_context": tls,
            "require_starttls": tls is not None,
        }
        if password:
            self._options |= {"auth_required": True, "auth_require_tls": tls is not None}
            self._options["auth_callback"] = lambda _mechanism, _login, given: given == password.encode()

    def factory(self) -> SMTP:
        return _Session(self.handler, **self._options)


@contextmanager
def mail_server(**options: Any) -> Iterator[MailServer]:
    """Run a mail server while the block lasts."""
    server = MailServer(**options).start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def office(
    *, problem: str | None = None, sender: str = "", host: str = "crm.example.org", **more: Any
) -> Iterator[None]:
    """Let rules believe in a mail server while the block lasts."""
    before = letter_office.use(lambda: Office(problem=problem, sender=sender, host=host, **more))
    try:
        yield
    finally:
        letter_office.use(before)
