"""A provider of text messages on 127.0.0.1 for tests: it keeps what it was asked, and misbehaves on request."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

SMSC, TWILIO = "/sys/send.php", "/2010-04-01/Accounts/"


@dataclass(frozen=True)
class Asked:
    """One request that was read to its end."""

    path: str
    authorization: str | None
    given: dict[str, str]


class SmsServer:
    """Answers each request by the next of `will`, and well when there is none.

    Shape: (status, content) is answered as JSON; (status, "text") as it stands; "hang up" answers nothing, "elsewhere"
    redirects to the same server.
    """

    def __init__(self) -> None:
        self.will: deque[Any] = deque()
        self.asked: list[Asked] = []
        self._web = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (_Door,), {"server_of": self}))
        self._thread = threading.Thread(target=self._web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def start(self) -> "SmsServer":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._web.shutdown()
        self._web.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._web.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        return {"CRM_SMSC_URL": self.url, "CRM_TWILIO_URL": self.url}


class _Door(BaseHTTPRequestHandler):
    server_of: SmsServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        given = {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}
        self.server_of.asked.append(Asked(self.path, self.headers.get("Authorization"), given))
        usual = (
            (201, {"sid": "SM1", "status": "queued"}) if self.path.startswith(TWILIO) else (200, {"id": 7, "cnt": 1})
        )
        will = self.server_of.will.popleft() if self.server_of.will else usual
        if will == "hang up":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        if will == "elsewhere":
            self._say(307, b"", Location=f"{self.server_of.url}/elsewhere")
            return
        status, content = will
        self._say(status, content.encode() if isinstance(content, str) else json.dumps(content).encode())

    def _say(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def sms_server() -> Iterator[SmsServer]:
    """Run a provider while the block lasts."""
    server = SmsServer().start()
    try:
        yield server
    finally:
        server.stop()
