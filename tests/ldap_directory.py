"""A small directory server (LDAP) on 127.0.0.1 for tests: binds, searches, StartTLS; it notes what it is asked.

It speaks the protocol by itself (RFC 4511, BER by hand), so that the program's client is tried by something else than
its own library. As real servers do, it answers a bind with an empty password with success: that one is nobody.
"""

import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

SUCCESS, NO_SUCH_OBJECT, WRONG, SIZE_LIMIT = 0, 32, 49, 4
STARTTLS = b"1.3.6.1.4.1.1466.20037"
BASE = "dc=example,dc=org"
SEARCHER, SEARCHER_PASSWORD = f"cn=countinghouse,{BASE}", "the searcher's own password"

Node = tuple[int, Any]  # a tag, and bytes or the nodes within


def read(data: bytes) -> list[Node]:
    """Return the nodes in some bytes; constructed ones are read within."""
    found: list[Node] = []
    while data:
        tag, length, place = data[0], data[1], 2
        if length & 0x80:
            place += length & 0x7F
            length = int.from_bytes(data[2:place], "big")
        content = data[place : place + length]
        found.append((tag, read(content) if tag & 0x20 else content))
        data = data[place + length :]
    return found


def write(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    long = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([size]) if size < 0x80 else bytes([0x80 | len(long)]) + long) + content


def matches(one: Node, entry: dict[str, list[bytes]]) -> bool:
    """Say whether an entry fits a filter: and, or, not, equal, present."""
    tag, content = one
    if tag == 0xA0:
        return all(matches(each, entry) for each in content)
    if tag == 0xA1:
        return any(matches(each, entry) for each in content)
    if tag == 0xA2:
        return not matches(content[0], entry)
    if tag == 0xA3:
        name, value = content[0][1].decode().lower(), content[1][1]
        return value.lower() in [each.lower() for each in entry.get(name, [])]
    assert tag == 0x87, f"a filter that this server does not know: {tag:#x}"
    return content.decode().lower() == "objectclass" or content.decode().lower() in entry


@dataclass
class Directory:
    """The server's state. `people` maps names in the tree to attributes, `passwords` names to what opens them."""

    people: dict[str, dict[str, list[bytes]]] = field(default_factory=lambda: {BASE: {"objectclass": [b"domain"]}})
    passwords: dict[str, str] = field(default_factory=lambda: {SEARCHER: SEARCHER_PASSWORD})
    binds: list[tuple[str, str, bool]] = field(default_factory=list)  # who, with what, encrypted
    searches: list[tuple[str, str]] = field(default_factory=list)  # as whom, below what
    answers: dict[str, int] = field(default_factory=dict)  # what a bind is answered with, whatever is given
    is_deaf: bool = False
    context: ssl.SSLContext | None = None
    url: str = ""

    def add(self, name: str, password: str, **attributes: Any) -> str:
        """Make a person and return his name in the tree; values may be bytes, texts, or lists of them."""
        dn = f"uid={name},ou=people,{BASE}"
        given = {"objectClass": "person", "uid": name, "entryUUID": f"uuid-of-{name}", "sn": name} | attributes
        self.people[dn] = {
            key.lower(): [
                each if isinstance(each, bytes) else each.encode()
                for each in (value if isinstance(value, list) else [value])
            ]
            for key, value in given.items()
        }
        self.passwords[dn] = password
        return dn

    def remove(self, dn: str) -> None:
        del self.people[dn], self.passwords[dn]

    def bind(self, dn: str, password: str, *, encrypted: bool) -> int:
        self.binds.append((dn, password, encrypted))
        if dn in self.answers:
            return self.answers[dn]
        return SUCCESS if password == "" or self.passwords.get(dn) == password else WRONG

    def search(self, who: str, asked: list[Node]) -> tuple[int, list[tuple[str, dict[str, list[bytes]]]]]:
        base, scope, most, wanted = asked[0][1].decode(), asked[1][1][0], int.from_bytes(asked[3][1], "big"), asked[6]
        self.searches.append((who, base))
        assert asked[2][1] == b"\0", "no alias is followed"
        if who == "" or (base != BASE and base not in self.people):
            return NO_SUCH_OBJECT, []
        found = [
            (dn, entry)
            for dn, entry in self.people.items()
            if (dn == base if scope == 0 else dn.endswith(base)) and matches(wanted, entry)
        ]
        return (SIZE_LIMIT, found[:most]) if most and len(found) > most else (SUCCESS, found)


class _Talk(socketserver.BaseRequestHandler):
    """One connection."""

    server: "_Server"

    def finish(self) -> None:
        self.request.close()

    def handle(self) -> None:
        directory, who, encrypted = self.server.directory, "", False
        if self.server.is_tls:
            if not self._encrypt():
                return
            encrypted = True
        while message := self._message():
            (_number, number), (tag, asked) = message[0], message[1]
            if directory.is_deaf:
                continue
            if tag == 0x60:
                dn, password = asked[1][1].decode(), asked[2][1].decode()
                code = directory.bind(dn, password, encrypted=encrypted)
                who = dn if code == SUCCESS and password else ""
                self._answer(number, 0x61, code)
            elif tag == 0x63:
                code, found = directory.search(who, asked)
                for dn, entry in found:
                    self.request.sendall(_entry(number, dn, entry))
                self._answer(number, 0x65, code)
            elif tag == 0x77:
                assert asked[0][1] == STARTTLS
                self._answer(number, 0x78, SUCCESS)
                if not self._encrypt():
                    return
                encrypted = True
            else:
                return

    def _encrypt(self) -> bool:
        assert self.server.directory.context is not None
        try:
            self.request = self.server.directory.context.wrap_socket(self.request, server_side=True)
        except OSError:  # the client does not trust us
            return False
        return True

    def _message(self) -> list[Node]:
        head = self._bytes(2)
        if len(head) < 2:
            return []
        more = self._bytes(head[1] & 0x7F) if head[1] & 0x80 else b""
        size = int.from_bytes(more, "big") if more else head[1]
        return list(read(head + more + self._bytes(size))[0][1])

    def _bytes(self, count: int) -> bytes:
        found = b""
        try:
            while len(found) < count and (some := self.request.recv(count - len(found))):
                found += some
        except OSError:
            return b""
        return found

    def _answer(self, number: bytes, tag: int, code: int) -> None:
        result = write(0x0A, bytes([code])) + write(0x04) + write(0x04)
        self.request.sendall(write(0x30, write(0x02, number), write(tag, result)))


def _entry(number: bytes, dn: str, entry: dict[str, list[bytes]]) -> bytes:
    attributes = [
        write(0x30, write(0x04, name.encode()), write(0x31, *(write(0x04, value) for value in values)))
        for name, values in entry.items()
    ]
    return write(0x30, write(0x02, number), write(0x64, write(0x04, dn.encode()), write(0x30, *attributes)))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    is_tls = False
    directory: Directory


def open_door(directory: Directory, *, is_tls: bool = False) -> _Server:
    """Let a directory listen; to be shut down and closed."""
    server = _Server(("127.0.0.1", 0), _Talk)
    server.directory, server.is_tls = directory, is_tls
    directory.url = f"{'ldaps' if is_tls else 'ldap'}://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server
