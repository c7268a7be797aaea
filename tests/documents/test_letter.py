"""E-mails as bytes: what was meant is what every reader decodes, and nobody adds a line to the head."""

import base64
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents import letter as documents
from app.documents.letter import File, Mail
from tests.attack import attack

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
HEAD = ["From", "To", "Subject", "Date", "Message-ID", "Content-Language", "MIME-Version"]
PDF = bytes(range(256)) * 40


def made(**values):
    given = {
        "message_id": "<0123456789abcdef@crm.example.org>",
        "date": NOON,
        "from_address": "office@example.org",
        "from_name": "Grachten Handel B.V.",
        "to_address": "inkoop@example.com",
        "to_name": "Tulpen & Zonen",
        "reply_to": None,
        "subject": "Invoice 2026-00001",
        "body": "Good day,\n\nhere it is.",
        "language": "en",
    }
    return documents.mail(Mail(**given | values))


def read(content):
    return message_from_bytes(content, policy=policy.default)


def names(content):
    """Return the names of the head's lines as a server sees them, continuation lines aside."""
    head = content.partition(b"\r\n\r\n")[0].decode("ascii")
    return [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith(" ")]


def test_a_plain_letter_is_written_exactly_so():
    assert made(from_name="Grachten Handel").decode("ascii").split("\r\n") == [
        "From: Grachten Handel <office@example.org>",
        "To: Tulpen & Zonen <inkoop@example.com>",
        "Subject: Invoice 2026-00001",
        "Date: Tue, 31 Mar 2026 12:00:00 +0000",
        "Message-ID: <0123456789abcdef@crm.example.org>",
        "Content-Language: en",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Good day,",
        "",
        "here it is.",
        "",
    ]


def test_the_attached_bytes_come_out_as_they_went_in():
    content = made(files=[File(name="2026-00001.pdf", media_type="application/pdf", content=PDF)])
    message = read(content)
    text, file = message.iter_parts()
    assert (message.get_content_type(), text.get_content_type()) == ("multipart/mixed", "text/plain")
    assert text.get_content() == "Good day,\r\n\r\nhere it is."
    assert (file.get_filename(), file.get_content_type()) == ("2026-00001.pdf", "application/pdf")
    assert file.get_content_disposition() == "attachment"
    assert file.get_content() == PDF
    assert message.defects == text.defects == file.defects == []
    assert content == made(files=[File(name="2026-00001.pdf", media_type="application/pdf", content=PDF)])


@pytest.mark.parametrize(
    ("language", "name", "subject", "body"),
    [
        (
            "ru",
            'ООО "Ромашка", Москва; отдел закупок и снабжения строительных материалов',
            "Счёт 2026-00001 от Grachten Handel B.V. на оплату тюльпанов, луковиц и горшков «Весна»",
            "Здравствуйте!\n\nВо вложении счёт.\n\n.\n..точки",
        ),
        (
            "hy",
            "«Արարատ» ՍՊԸ, Երևան",
            "Հաշիվ 2026-00001 «Գրախտեն Հանդել» ընկերությունից",
            "Հարգելի գործընկեր,\n\nկից ներկայացնում ենք հաշիվը։",
        ),
        ("nl", "Café ’t Hoekje <inkoop>", "Factuur 2026-00001 – € 1.234,50", "Beste heer Müller,\n\nbijgaand."),
        ("en", "Foo, Bar (Ltd) <x@example.net>", "=?utf-8?q?half", "From here on:\n.\n" + "x" * 2000),
    ],
)
def test_every_script_reads_back_as_it_was_written(language, name, subject, body):
    content = made(language=language, from_name=name, to_name=name, subject=subject, body=body)
    message = read(content)
    assert message["Subject"] == subject
    assert decoded(content, "To") == f"{name} <inkoop@example.com>"
    assert decoded(content, "From") == f"{name} <office@example.org>"
    assert [a.addr_spec for a in message["To"].addresses] == ["inkoop@example.com"]
    assert [a.addr_spec for a in message["From"].addresses] == ["office@example.org"]
    assert message["Content-Language"] == language
    assert message.get_content().replace("\r\n", "\n").removesuffix("\n") == body
    assert names(content) == [*HEAD, "Content-Type", "Content-Transfer-Encoding"]


def test_lines_are_short_and_ascii_and_end_with_both_signs():
    long = "Счёт-фактура " * 19
    content = made(
        subject=long, from_name=long, body="я" * 3000, files=[File(name="я" * 255, media_type="a/b", content=PDF)]
    )
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert read(content)["Subject"] == long
    assert next(read(content).iter_attachments()).get_filename() == "я" * 255


@pytest.mark.parametrize("name", ["2026-00001.pdf", "Счёт № 1.pdf", 'a"b\\c.pdf', "=?utf-8?q?x=0A?=Bcc: a@b.pdf", "é"])
def test_files_keep_their_names(name):
    content = made(files=[File(name=name, media_type="application/pdf", content=b"%PDF")])
    assert next(read(content).iter_attachments()).get_filename() == name
    assert b"\nBcc:" not in content


def test_a_hidden_line_break_stays_hidden():
    """CVE-2024-6923: an encoded word is text here, whoever decodes it again."""
    for evil in ("=?utf-8?q?hello=0A?=Bcc: victim@example.org", "=?utf-8?b?aGVsbG8KQmNjOiB2?="):
        content = made(subject=evil, to_name=evil)
        assert names(content) == [*HEAD, "Content-Type", "Content-Transfer-Encoding"]
        found = re.findall(rb"=\?utf-8\?B\?([^?]+)\?=", content.partition(b"Date:")[0])
        assert [base64.b64decode(word).decode() for word in found].count(evil[:42]) == 2
        assert read(content)["Subject"] == evil


@attack(119, "a further header in a letter")
@pytest.mark.parametrize("field", ["subject", "from_name", "to_name"])
@pytest.mark.parametrize("evil", ["a\r\nBcc: b@example.org", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\x85b", "\ud800"])
def test_a_line_break_in_the_head_is_an_error(field, evil):
    with pytest.raises(ValueError, match=r"control characters|surrogates"):
        made(**{field: evil})


@pytest.mark.parametrize(
    ("field", "evil"),
    [
        ("to_address", "a@example.org\r\nBcc: b@example.org"),
        ("to_address", "a@example.org, b@example.org"),
        ("from_address", "a b@example.org"),
        ("reply_to", "a@example.org>\n<b"),
        ("message_id", "<a@b>\r\nBcc: x@example.org"),
        ("language", "en\nBcc: x"),
    ],
)
def test_addresses_and_codes_are_checked_again(field, evil):
    with pytest.raises(ValueError, match="cannot stand in the head"):
        made(**{field: evil})


@given(
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=250).map(
        lambda text: " ".join(text.split(" "))
    ),
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=250),
)
def test_any_subject_and_name_read_back(subject, name):
    content = made(subject=subject, to_name=name)
    assert names(content) == [*HEAD, "Content-Type", "Content-Transfer-Encoding"]
    assert decoded(content, "Subject") == subject
    assert content.count(b"inkoop@example.com") == 1
    if name:
        assert decoded(content, "To").removesuffix(" <inkoop@example.com>") == name


def decoded(content, header):
    """Decode a head line by hand, as RFC 2047 says: Python 3.11 keeps blanks between the encoded words of a name."""
    head = content.partition(b"\r\n\r\n")[0].decode("ascii").replace("\r\n ", " ")
    value = next(line for line in head.split("\r\n") if line.startswith(f"{header}: ")).partition(": ")[2]
    if "=?" not in value:
        return value
    joined = re.sub(r"\?= =\?", "?==?", value)
    return re.sub(r"=\?utf-8\?B\?([^?]*)\?=", lambda word: base64.b64decode(word[1]).decode(), joined)
