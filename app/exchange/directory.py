"""The conversation with the company's own directory (LDAP): whose name and password these are, and who is still there.

A person is found by a filter in which what was typed is escaped, and proves himself by a bind with his password; an
empty one would be a bind without any. No referral is followed, and a server must show a certificate for its name.
"""

import re
import secrets
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from ldap3 import BASE, DEREF_NEVER, NONE, SIMPLE, SUBTREE, SYNC, Connection, Server, Tls
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars
from ldap3.utils.dn import escape_rdn, parse_dn

from app.services.directory import PREFIX
from app.services.identity import Claims

_PORTS = {"ldap": 389, "ldaps": 636}
_SUCCESS, _SIZE_LIMIT, _NO_SUCH_OBJECT = 0, 4, 32  # Source: RFC 4511, 4.1.9
_REFUSED = frozenset({19, 32, 34, 48, 49, 50, 53})  # what a bind may answer that is the person's affair
_AT_ONCE = 50  # people asked after in one search
_HEX = re.compile(r"(?:\\[0-9a-fA-F]{2})+")
_SPECIAL = frozenset(',+"\\<>;=# ')
_BINARY = "objectguid"  # Active Directory's own name for an entry, 16 bytes


class AwayError(Exception):
    """The directory cannot be asked; the text is for the log and has no password in it."""


@dataclass(frozen=True)
class Found:
    """An entry: its name in the tree, and its attributes by lower-case names."""

    dn: str
    values: Mapping[str, list[bytes]]

    def text(self, attribute: str) -> str:
        """Return the first value of an attribute, "" without one."""
        values = self.values.get(attribute.lower()) or [b""]
        return values[0].decode("utf-8", "replace").strip()


class _StrictTls(Tls):  # type: ignore[misc]
    """TLS that looks at the name in the certificate before a byte is sent."""

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        context = ssl.create_default_context(cafile=self.ca_certs_file)
        connection.socket = context.wrap_socket(connection.socket, server_hostname=connection.server.host)


def issuer(settings: Mapping[str, Any]) -> str:
    """Return by what name identities of the directory are kept: its base, so that servers may move."""
    return f"{PREFIX}{plain(settings['CRM_LDAP_BASE'])}"[:250]


def plain(dn: str) -> str:
    """Return a name in the tree as it is compared: without the differences that mean nothing."""
    try:
        parts = [f"{name.lower()}={_same(value)}" for name, value, _sign in parse_dn(dn, strip=True)]
    except LDAPException:
        return dn.casefold()
    return ",".join(parts)


def _same(value: str) -> str:
    """Return a part of a name with one spelling of what may be written as hexadecimal digits too."""
    return _HEX.sub(_spelled, value).casefold()


def _spelled(found: re.Match[str]) -> str:
    text = bytes.fromhex(found[0].replace("\\", "")).decode("utf-8", "replace")
    return "".join(f"\\{sign}" if sign in _SPECIAL else sign for sign in text)


def vouch(settings: Mapping[str, Any], name: str, password: str) -> Claims | None:
    """Return whom the directory knows by this name and password, None when it knows nobody.

    A name that it does not know costs a bind too. Raises AwayError when it cannot be asked.
    """
    if not name.strip() or not password:
        return None
    for_person = settings["CRM_LDAP_USER_DN"].replace("{name}", escape_rdn(name))
    with _anybody_who_answers(settings) as server:
        if for_person:
            with _connected(settings, server) as asking:
                if not _binds(asking, for_person, password):
                    return None
                return _claims(settings, asking, _one(settings, asking, name, at=for_person))
        with _searching(settings, server) as asking:
            found = _one(settings, asking, name)
            nobody = f"cn={secrets.token_hex(8)},{settings['CRM_LDAP_BASE']}"
            with _connected(settings, server) as proving:
                is_right = _binds(proving, found.dn if found is not None else nobody, password)
            return _claims(settings, asking, found) if is_right else None


def still_there(settings: Mapping[str, Any], subjects: Collection[str]) -> set[str] | None:
    """Return which people are still found by the filter by which they sign in; None where nobody may search.

    Raises AwayError when the directory cannot be asked, or does not show its base.
    """
    if not settings["CRM_LDAP_BIND_DN"]:
        return None
    wanted, there = sorted(subjects), set()
    person, key = settings["CRM_LDAP_USER_FILTER"].replace("{name}", "*"), settings["CRM_LDAP_ID"]
    with _anybody_who_answers(settings) as server, _searching(settings, server) as asking:
        if not _search(settings, asking, "(objectClass=*)", [], at=settings["CRM_LDAP_BASE"]):
            raise AwayError("its base is not there")
        for begin in range(0, len(wanted), _AT_ONCE):
            some = wanted[begin : begin + _AT_ONCE]
            these = "".join(f"({key}={_as_filter(key, each)})" for each in some)
            there |= {_subject(settings, one) for one in _search(settings, asking, f"(&{person}(|{these}))", [key])}
    return there & set(subjects)


def problem(settings: Mapping[str, Any]) -> str | None:
    """Say why the directory cannot be asked now, None when it can, or when there is none."""
    if not settings["CRM_LDAP_URL"]:
        return None
    try:
        with _anybody_who_answers(settings) as server, _connected(settings, server) as asking:
            if settings["CRM_LDAP_BIND_DN"]:
                _require_searcher(settings, asking)
    except AwayError as away:
        return str(away)
    return None


# --- connections ------------------------------------------------------------------------------------------------------


@contextmanager
def _anybody_who_answers(settings: Mapping[str, Any]) -> Iterator[Server]:
    """Give the first server that answers, or the last one. Whatever goes wrong with it then is AwayError."""
    *before, last = (_server(settings, url) for url in settings["CRM_LDAP_URL"])
    server = next((each for each in before if _answers(settings, each)), last)
    try:
        yield server
    except (LDAPException, OSError) as trouble:
        raise AwayError(f"{server.host}: {type(trouble).__name__}: {trouble}") from trouble


def _answers(settings: Mapping[str, Any], server: Server) -> bool:
    with suppress(LDAPException, OSError), _connected(settings, server):
        return True
    return False


def _server(settings: Mapping[str, Any], url: str) -> Server:
    parts = urlsplit(url)
    return Server(
        parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        use_ssl=parts.scheme == "ldaps",
        tls=_StrictTls(ca_certs_file=settings["CRM_LDAP_CA"] or None, validate=ssl.CERT_REQUIRED),
        get_info=NONE,
        connect_timeout=settings["CRM_LDAP_TIMEOUT"],
    )


@contextmanager
def _connected(settings: Mapping[str, Any], server: Server) -> Iterator[Connection]:
    """Give an encrypted connection as nobody; it is closed at the end."""
    made = Connection(
        server,
        client_strategy=SYNC,
        auto_referrals=False,
        read_only=True,
        check_names=False,
        receive_timeout=settings["CRM_LDAP_TIMEOUT"],
    )
    try:
        made.open(read_server_info=False)
        if settings["CRM_LDAP_START_TLS"] and not server.ssl:
            made.start_tls(read_server_info=False)
        yield made
    finally:
        with suppress(LDAPException, OSError):
            made.unbind()
        if made.socket is not None:  # a handshake that failed leaves it open
            made.socket.close()


@contextmanager
def _searching(settings: Mapping[str, Any], server: Server) -> Iterator[Connection]:
    """Give a connection of the account that may search."""
    with _connected(settings, server) as made:
        _require_searcher(settings, made)
        yield made


def _require_searcher(settings: Mapping[str, Any], connection: Connection) -> None:
    if not _binds(connection, settings["CRM_LDAP_BIND_DN"], settings["CRM_LDAP_BIND_PASSWORD"]):
        raise AwayError("CRM_LDAP_BIND_DN and its password are refused")


def _binds(connection: Connection, dn: str, password: str) -> bool:
    """Say whether a password opens an entry. As bytes: nothing may turn it into an empty one on the way."""
    if not dn or not password:
        return False
    connection.authentication, connection.user, connection.password = SIMPLE, dn, password.encode()
    if connection.bind(read_server_info=False):
        return True
    if connection.result["result"] not in _REFUSED:
        raise AwayError(f"a bind was answered with {connection.result['result']}")
    return False


def _search(
    settings: Mapping[str, Any],
    connection: Connection,
    wanted: str,
    attributes: list[str],
    *,
    at: str = "",
    most: int = 0,
) -> list[Found]:
    """Return what is found below the base, or at one place; more than `most` are one too many."""
    connection.search(
        at or settings["CRM_LDAP_BASE"],
        wanted,
        search_scope=BASE if at else SUBTREE,
        dereference_aliases=DEREF_NEVER,
        attributes=attributes or ["1.1"],
        size_limit=most + 1 if most else 0,
        time_limit=settings["CRM_LDAP_TIMEOUT"],
    )
    code = connection.result["result"]
    if code not in {_SUCCESS, _SIZE_LIMIT, _NO_SUCH_OBJECT}:
        raise AwayError(f"a search was answered with {code}")
    return [
        Found(row["dn"], {name.lower(): values or [] for name, values in row["raw_attributes"].items()})
        for row in connection.response or ()
        if row["type"] == "searchResEntry"
    ]


# --- people -----------------------------------------------------------------------------------------------------------


def _one(settings: Mapping[str, Any], asking: Connection, name: str, *, at: str = "") -> Found | None:
    """Return the only person with a name; two are nobody, for one of them would get what is the other's."""
    wanted = settings["CRM_LDAP_USER_FILTER"].replace("{name}", escape_filter_chars(name))
    said = ("ID", "USER_NAME", "MAIL", "FIRST_NAME", "LAST_NAME", "GROUPS")
    attributes = sorted({settings[f"CRM_LDAP_{each}"] for each in said})
    found = _search(settings, asking, wanted, attributes, at=at, most=1)
    return found[0] if len(found) == 1 and _subject(settings, found[0]) else None


def _subject(settings: Mapping[str, Any], one: Found) -> str:
    """Return the directory's own name for a person, "" without one."""
    key = settings["CRM_LDAP_ID"]
    if key.lower() == _BINARY:
        values = one.values.get(_BINARY) or [b""]
        return str(UUID(bytes_le=values[0])) if len(values[0]) == 16 else ""  # noqa: PLR2004 -- bytes of a GUID
    return one.text(key).lower()[:255]


def _as_filter(key: str, subject: str) -> str:
    if key.lower() == _BINARY:
        return "".join(f"\\{each:02x}" for each in UUID(subject).bytes_le)
    return str(escape_filter_chars(subject))


def _claims(settings: Mapping[str, Any], asking: Connection, one: Found | None) -> Claims | None:
    if one is None:
        return None
    email = one.text(settings["CRM_LDAP_MAIL"])
    groups = [each.decode("utf-8", "replace") for each in one.values.get(settings["CRM_LDAP_GROUPS"].lower(), [])]
    if by := settings["CRM_LDAP_GROUP_FILTER"]:
        groups = [each.dn for each in _search(settings, asking, by.replace("{dn}", escape_filter_chars(one.dn)), [])]
    return Claims(
        issuer=issuer(settings),
        subject=_subject(settings, one),
        email=email,
        is_verified=bool(email),  # administrators of the directory write it
        username=one.text(settings["CRM_LDAP_USER_NAME"]),
        first_name=one.text(settings["CRM_LDAP_FIRST_NAME"]),
        last_name=one.text(settings["CRM_LDAP_LAST_NAME"]),
        groups=frozenset(plain(each) for each in groups),
    )
