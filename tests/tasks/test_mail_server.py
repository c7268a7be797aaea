"""Letters of a company by its own mail server: signed so that others can check it, and known when they come back."""

import base64
import hashlib
import re
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from sqlalchemy import select

from app.documents import letter as documents
from app.documents import signature
from app.errors import DomainError, Refusals
from app.exchange import smtp
from app.models.history import FieldChange
from app.models.mail_server import DKIM, PASSWORD, MailServer, MailServerKey
from app.models.mailbox import MailboxSecurity
from app.services import bounce_path, mail_server
from tests.attack import attack

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.fixture
def server(session, made):
    us = made.organisation("Grachten Handel", email="office@grachten.example")
    row = MailServer(
        organisation=us,
        host="SMTP.Grachten.example",
        login="office",
        dkim_domain="grachten.example.",
        dkim_selector="CRM1",
        return_path="Bounces@grachten.example",
    )
    mail_server.save(session, row)
    session.flush()
    return row


def content(**values):
    given = {
        "message_id": "<1@crm.example.org>",
        "date": NOON,
        "from_address": "office@grachten.example",
        "from_name": "Грахтен, Ереван",
        "to_address": "anna@bloem.example",
        "to_name": None,
        "reply_to": None,
        "subject": "Тюльпаны и նարդոս, so long that the line must be folded somewhere before its end",
        "body": "One\n\nTwo  \n",
        "language": "en",
        "unsubscribe": "https://crm.example.org/p/abc/one-click",
    }
    return documents.mail(documents.Mail(**given | values))


def checked(mail, public):
    """Check a signature as the norm says, without the library that made it; what is not signed is no part of it."""
    head, _gap, body = mail.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    relaxed = [
        (name.strip().lower(), re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip())
        for name, _colon, value in (each.partition(b":") for each in fields)
    ]
    [(_, tags_text)] = [each for each in relaxed if each[0] == b"dkim-signature"]
    tags = dict(re.findall(rb"(\w+)=([^;]*)", re.sub(rb"\s", b"", tags_text)))
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    plain = re.sub(rb"(\r\n)+$", b"", b"\r\n".join(lines)) + b"\r\n"
    assert base64.b64encode(hashlib.sha256(plain).digest()) == tags[b"bh"]
    left, said = [each for each in relaxed if each[0] != b"dkim-signature"], b""
    for name in tags[b"h"].split(b":"):
        at = next((n for n in range(len(left) - 1, -1, -1) if left[n][0] == name.lower()), None)
        if at is not None:
            said += b"%s:%s\r\n" % left.pop(at)
    said += b"dkim-signature:" + re.sub(rb"(^|; ?)b=[^;]*", rb"\1b=", tags_text)
    key = serialization.load_der_public_key(base64.b64decode(public))
    key.verify(base64.b64decode(tags[b"b"]), said, padding.PKCS1v15(), hashes.SHA256())
    return tags


def signed(session, server, mail):
    sign = mail_server.outgoing(session, server.organisation_id).signature
    return signature.signed(mail, domain=sign.domain, selector=sign.selector, key=sign.key)


def test_a_signature_is_right_by_the_norm_and_by_the_record_that_is_shown(session, server):
    mail_server.make_key(session, server, at=NOON)
    mail = signed(session, server, content())
    assert mail.endswith(content())
    tags = checked(mail, server.dkim_public)
    assert (tags[b"d"], tags[b"s"], tags[b"a"]) == (b"grachten.example", b"crm1", b"rsa-sha256")
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"from"} <= set(tags[b"h"].split(b":"))
    name, text = mail_server.record_of(server)
    assert name == "crm1._domainkey.grachten.example"
    parts = re.findall(r'"([^"]*)"', text)
    assert max(map(len, parts)) <= 255
    mail_server.compare(server, "".join(parts), at=NOON)
    assert server.verified_at == NOON


@attack(184, "a head or a text slipped into a signed letter")
@pytest.mark.parametrize(
    ("old", "new"),
    [(b"\r\nTo: ", b"\r\nTo: x@example.org\r\nTo: "), (b"/p/abc/", b"/p/xyz/"), (b"One", b"Two")],
)
def test_a_letter_that_was_changed_is_no_longer_signed(session, server, old, new):
    mail_server.make_key(session, server, at=NOON)
    mail = signed(session, server, content())
    changed = mail.replace(old, new)
    assert changed != mail
    with pytest.raises((InvalidSignature, AssertionError)):
        checked(changed, server.dkim_public)


def test_the_dns_is_compared_with_the_key(session, server):
    mail_server.make_key(session, server, at=NOON)
    for told in ("", "v=DKIM1; k=rsa", "v=DKIM1; p=AAAA", f"v=DKIM1; p={server.dkim_public[:-8]}"):
        with pytest.raises(DomainError):
            mail_server.compare(server, told, at=NOON)
    assert server.verified_at is None


@attack(185, "a password or a signing key read from the database, its history, or told to another server")
def test_secrets_are_sealed_and_forgotten_when_the_place_is_another_one(session, server):
    mail_server.set_password(session, server, "s3cret", at=NOON)
    mail_server.make_key(session, server, at=NOON)
    kept = {row.purpose: row.sealed for row in session.scalars(select(MailServerKey))}
    assert set(kept) == {PASSWORD, DKIM}
    told = "".join(kept.values()) + str([row.changes for row in session.scalars(select(FieldChange))])
    assert ("s3cret" in told, "PRIVATE KEY" in told) == (False, False)
    out = mail_server.outgoing(session, server.organisation_id)
    assert (out.password, "s3cret" in repr(out), "PRIVATE" in repr(out)) == ("s3cret", False, False)
    server.dkim_selector = "crm2"
    mail_server.save(session, server)
    session.flush()
    assert (mail_server.has(session, server, DKIM), server.dkim_public) == (False, None)
    assert mail_server.has(session, server, PASSWORD)
    server.host = "evil.example.net"
    mail_server.save(session, server)
    session.flush()
    assert not mail_server.has(session, server, PASSWORD)
    assert mail_server.outgoing(session, server.organisation_id).password == ""


@attack(186, "the program made to speak with what only this machine's network reaches")
@pytest.mark.parametrize(
    "host", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "smtp.example.com/x", "a b", ""]
)
def test_no_server_is_where_machines_are_told_of_themselves(session, server, host):
    server.host = host
    with pytest.raises(Refusals) as refusal:
        mail_server.save(session, server)
    assert list(refusal.value.errors) == ["host"]


def test_no_password_leaves_in_the_clear(session, server):
    server.security = MailboxSecurity.none
    with pytest.raises(Refusals) as refusal:
        mail_server.save(session, server)
    assert list(refusal.value.errors) == ["security"]
    server.login, server.host = None, "127.0.0.1"
    mail_server.save(session, server)
    session.flush()
    place = smtp.own(mail_server.outgoing(session, server.organisation_id))
    assert (place.host, place.port, place.security, place.user) == ("127.0.0.1", 587, smtp.Security.none, "")


def test_who_signs_is_the_sender_or_above_him():
    assert signature.fits("grachten.example", "office@grachten.example")
    assert signature.fits("grachten.example", "office@mail.grachten.example")
    assert not signature.fits("grachten.example", "office@other-grachten.example")


def test_the_way_back_of_a_letter_is_known_and_not_guessed(server):
    way = bounce_path.of_letter(server.return_path, 17)
    assert re.fullmatch(r"bounces\+l17-[0-9a-f]{20}@grachten\.example", way)
    assert bounce_path.letter_of(f"<{way.upper()}>") == 17
    for forged in (way.replace("l17", "l18"), way.replace("+l", "+"), "bounces+l17-@x.example", "x@y.example", ""):
        assert bounce_path.letter_of(forged) is None
