"""Template language, markup and addresses in texts that become documents and letters, and who fetches addresses."""

import ast
import re
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.documents import engine
from app.documents import invoice as papers
from app.documents import letter as messages
from app.services import password_link as links
from app.services.letter_invoice import subject_of, text_of
from tests.attack import attack
from tests.attacks.world import AT
from tests.documents.samples import content
from tests.factories import Made, user
from tests.mail import office as mail_office

SUMS = (
    "{{7*7}}",
    "{% for i in (1,2,3) %}x{% endfor %}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{{ ''.__class__.__mro__ }}",
)
HOSTILE = " ".join(SUMS[:4]) + " {{ config }} {# gone #} %(name)s {name} {0}"
MARKUP = (
    '<img src="http://127.0.0.1:9/a.png">', '<link rel=stylesheet href="file:///etc/passwd">',
    "<style>*{background:url(http://127.0.0.1:9/)}</style>", '<object data="file:///etc/passwd"></object>',
    '<svg><image href="http://127.0.0.1:9/"/></svg>', '<iframe src="file:///etc/passwd"></iframe>',
    '<a rel=attachment href="file:///etc/passwd">x</a>', "<script>document.write(1)</script>",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def children():
    yield
    engine._pool.close()


def told(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return re.sub(r"\s+", "", "".join(page.get_textpage().get_text_range() for page in document))
    finally:
        document.close()


def with_text(found: Any, text: str) -> Any:
    """Return a frozen document with a text in each of its typed places, however deep."""
    typed = {
        "name",
        "text",
        "note",
        "street",
        "city",
        "region",
        "buyer_reference",
        "bank_name",
        "website",
        "email",
        "phone",
    }
    if isinstance(found, dict):
        return {
            key: text if key in typed and isinstance(value, str | None) else with_text(value, text)
            for key, value in found.items()
        }
    return [with_text(one, text) for one in found] if isinstance(found, list) else found


@attack(108, "template language, markup and addresses in every text of a document")
@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_text_of_a_document_is_a_template_or_markup(app: Flask, language: str):
    """Names, addresses, notes and texts of lines are printed letter by letter; nothing is computed or asked for."""
    with app.app_context():
        for text in (HOSTILE, "".join(MARKUP[:4]), "".join(MARKUP[4:])):
            printed = told(papers.pdf(with_text(content(language), text)))
            assert printed.count(re.sub(r"\s+", "", text)) >= 3, text
            assert "root:" not in printed
            assert not {"49", "xxx"} & set(re.findall(r"[a-z0-9]+", printed)), text


@attack(109, "template language in names that letters say")
def test_no_name_becomes_part_of_a_letter_but_its_letters(made: Made, session: Session):
    """Letters are plain text: the names in subject and text stay what was typed, in every language."""
    us = made.organisation(f"Us {SUMS[0]}", email="office@grachten.example")
    party = made.buyer(f"Them {HOSTILE[:180]}")
    for language in ("en", "ru", "hy", "nl"):
        issued = made.issued(organisation=us, party=party, language=language)
        written = subject_of(issued) + text_of(issued)
        assert SUMS[0] in written
        assert "49" not in written.replace(str(issued.number), "")


@attack(111, "template language in the letter that brings a link")
def test_a_link_to_choose_a_password_goes_into_a_letter_of_plain_text(made: Made, session: Session, app: Flask):
    with mail_office():
        made.organisation(email="office@grachten.example", series=False)
        person = user(session, "marketer")
        person.first_name = f"{SUMS[0]} <img src=x>"
        letter = links.write(session, person, public_url="https://crm.example.org", at=AT)
    assert f"{SUMS[0]} <img src=x>" in letter.body
    assert "49" not in letter.body
    found = re.findall(r"https?://[^\s]+", letter.body)
    assert {address.startswith("https://crm.example.org/password/link/") for address in found} == {True}


@attack(110, "markup in subject, names and text of a letter")
def test_a_letter_has_one_part_of_plain_text_whatever_stands_in_it():
    for text in (HOSTILE, *MARKUP):
        about = {"from_name": text, "to_name": text, "subject": text, "body": text, "language": "en", "date": AT}
        about |= {"from_address": "a@x.example", "to_address": "b@x.example", "message_id": "<1@x.example>"}
        letter = message_from_bytes(messages.mail(messages.Mail(**about, reply_to=None)), policy=policy.default)
        assert [part.get_content_type() for part in letter.walk()] == ["text/plain"]
        assert letter.get_content().strip() == text
        assert letter["Subject"] == text


# --- who asks other machines ------------------------------------------------------------------------------------------

NETWORK = {
    "requests",
    "urllib3",
    "httpx",
    "http.client",
    "urllib.request",
    "aiohttp",
    "ftplib",
    "socket",
    "smtplib",
    "imapclient",
    "imaplib",
}
NETWORK |= {"authlib.integrations.requests_client", "ldap3", "telnetlib", "xmlrpc.client", "websocket", "dns.resolver"}
# Whoever opens connections, and to whom: a new module is added here with its reason.
OPENS = {
    "app/web/oidc_client.py": "the company's own sign-in service: hosts that the installation names, no redirects",
    "app/exchange/directory.py": "the company's own directory: the host that the installation names",
    "app/exchange/smtp.py": "the mail servers that the installation names, or an administrator types",
    "app/exchange/smtp_talk.py": "the same mail servers, for many letters over one connection",
    "app/exchange/sms.py": "the two providers of text messages: addresses of the program, or of the installation",
    "app/exchange/dns_text.py": "the name servers of this machine, for the name under which an administrator signs",
    "app/exchange/imap.py": "mailboxes: hosts that an administrator types, and nobody else",
    "app/cli.py": "a port of this machine, before the server takes it",
}


@attack(117, "an address that the server fetches")
def test_nothing_fetches_an_address_that_somebody_typed(root: Path):
    """Logos, templates, documents and links ask nobody: only these modules open connections at all."""
    found: set[str] = set()
    for path in sorted((root / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [f"{node.module}.{each.name}" for each in node.names] if isinstance(node, ast.ImportFrom) else []
            if NETWORK & {*names}:
                found.add(str(path.relative_to(root)))
    assert found - set(OPENS) == set()
    assert found >= {"app/web/oidc_client.py", "app/exchange/smtp.py"}
