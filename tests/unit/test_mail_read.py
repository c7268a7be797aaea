"""Reading hostile mails: nothing raises, nothing takes long, and what can be read is read."""

import time
from email.message import EmailMessage

import pytest

from app.services import mail_read, mail_text
from tests.attack import attack

HEAD = b"From: Anna <anna@bloem.example>\nSubject: Tulips\nMessage-ID: <1@bloem.example>\n"


def test_a_plain_mail_says_what_it_says():
    sent = EmailMessage()
    sent["From"] = "Анна Ивановна <Anna@почта.рф>"
    sent["Subject"] = "Тюльпаны — 2 000 шт."
    sent["Message-ID"] = "<1@bloem.example>"
    sent["In-Reply-To"] = "<a@us.example>"
    sent["References"] = "<b@us.example> <a@us.example>"
    sent.set_content("Добрый день\n\n\n\nАнна\n")
    found = mail_read.read(sent.as_bytes())
    assert (found.from_name, found.from_address) == ("Анна Ивановна", "anna@xn--80a1acny.xn--p1ai")
    assert (found.subject, found.text, found.number) == (
        "Тюльпаны — 2 000 шт.",
        "Добрый день\n\nАнна",
        "<1@bloem.example>",
    )
    assert (found.answers, found.errors, found.files) == (["<a@us.example>", "<b@us.example>"], [], [])
    assert (found.is_automatic, found.is_bounce) == (False, False)


def test_the_plain_part_is_preferred_and_html_becomes_text():
    sent = EmailMessage()
    sent["From"] = "a@b.example"
    sent.set_content("Plain")
    sent.add_alternative("<p>Rich</p>", subtype="html")
    assert mail_read.read(sent.as_bytes()).text == "Plain"
    html = "<p>Dear&nbsp;<b>all</b></p><script>alert(1)</script><style>p{}</style><br>1 &lt; 2<img src=http://x/y>"
    found = mail_read.read(HEAD + b"Content-Type: text/html; charset=utf-8\n\n" + html.encode())
    assert found.text == "Dear\xa0all\n\n\n1 < 2".replace("\n\n\n", "\n\n")
    assert "<" not in mail_text.of_html("<p <b>x</p><!-- <b> --><svg><script>y</script></svg>z")


@pytest.mark.parametrize(
    ("charset", "content", "text"),
    [
        ("windows-1251", "Привет".encode("cp1251"), "Привет"),
        ("koi8-r", "Привет".encode("koi8-r"), "Привет"),
        ("nonsense", "Привет".encode(), "Привет"),
        ("utf-8", b"caf\xe9 \x00\x07", "caf� ��"),
        ("zlib", b"abc", "abc"),
        ("punycode", b"abc", "abc"),
        ("unicode_escape", b"\\x41", "\\x41"),
    ],
)
def test_text_is_read_by_its_code_page_and_by_nothing_else_that_python_can_decode(charset, content, text):
    found = mail_read.read(HEAD + b"Content-Type: text/plain; charset=" + charset.encode() + b"\n\n" + content)
    assert (found.text, found.errors) == (text, [])


HOSTILE = {
    "nothing": b"",
    "no head": b"\n\n\n",
    "no sense": bytes(range(256)) * 100,
    "a thousand senders": b"From: " + b"a@b.example, " * 100_000 + b"\n\nx",
    "comments in comments": b"From: " + b"(" * 3_900 + b"\nSubject: x\n\nx",
    "encoded words": b"Subject: " + b"=?utf-8?q?=41?= " * 5_000 + b"\nFrom: a@b.example\n\nx",
    "an odd code page": b"From: =?punycode?q?" + b"a-" * 1_900 + b"?= <a@b.example>\n\nx",
    "a date that is none": b"Date: Tue, 99 Foo 99999999999 99:99:99 +9999\nFrom: a@b.example\n\nx",
    "a head without end": b"X: y\n" * 500_000 + b"\nx",
    "parts in parts": b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (at, at) for at in range(5_000)
    ),
    "parts in parts, folded": b"".join(
        b'Content-Type:\n multipart\n /mixed; boundary="%d"\n\n--%d\n' % (at, at) for at in range(2_000)
    ),
    "mails in mails": b"Content-Type: message/rfc822\n\n" * 20_000,
    "many parts": b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 1_500 + b"--b--",
    "parts without end": b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nx\n" * 500_000,
    "many files": b'Content-Type: multipart/mixed; boundary="b"\n\n'
    + b"--b\nContent-Disposition: attachment; filename=x\n\nx\n" * 150,
    "lines": b"From: a@b.example\n\n" + b"\n" * 3_000_000,
    "broken base64": b"From: a@b.example\nContent-Transfer-Encoding: base64\n\n" + b"=A=B" * 50_000,
    "broken content type": b'Content-Type: ;;;="\\\nFrom: a@b.example\n\nx',
    "parameters": b"Content-Type: text/plain; " + b"a*0*=x; " * 400 + b"\nFrom: a@b.example\n\nx",
    "html that is nested": b"From: a@b.example\nContent-Type: text/html\n\n" + b"<div><b>" * 30_000,
    "html that never ends": b"From: a@b.example\nContent-Type: text/html\n\n" + b"<a b" * 50_000,
    "html of comments": b"From: a@b.example\nContent-Type: text/html\n\n" + b"<!--" * 50_000,
    "ids": b"References: " + b"<a@b> " * 20_000 + b"\nFrom: a@b.example\n\nx",
}


@attack(156, "a mail that stops or exhausts whoever reads it: heads, parts, code pages, addresses, HTML without end")
@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_mail_holds_something_comes_of_it_soon(name: str):
    begun = time.process_time()
    found = mail_read.read(HOSTILE[name])
    assert time.process_time() - begun < 5
    assert len(found.number) <= 250
    assert len(found.text) <= mail_text.LONGEST
    assert len(found.subject) <= 250
    assert len(found.from_name or "") <= 250
    assert len(found.files) <= mail_read.MOST_FILES
    assert len(found.answers) <= mail_read.MOST_IDS
    assert len(found.error or "") <= 500
    assert "\0" not in found.text


def test_what_could_not_be_read_is_said():
    assert mail_read.read(HOSTILE["parts in parts"]).errors[0] == (
        "The text of this mail could not be read: it has too many parts"
    )
    many = mail_read.read(HEAD + HOSTILE["many parts"])
    assert (many.from_address, many.errors) == (
        "anna@bloem.example",
        ["It has more than 200 parts; the rest was not read"],
    )
    files = mail_read.read(HEAD + HOSTILE["many files"])
    assert (len(files.files), files.errors[0]) == (20, "It has more than 20 files; the others are in the raw mail only")


@attack(157, "a head hidden in the subject or name of a mail")
def test_what_becomes_a_line_is_one_line():
    words = b"=?utf-8?q?x=0d=0aBcc:_evil@x.example?="
    found = mail_read.read(b"From: " + words + b" <a@b.example>\nSubject: " + words + b"\n\nx")
    assert (found.subject, found.from_address) == ("x Bcc: evil@x.example", "a@b.example")
    assert "\n" not in (found.from_name or "")
