"""The letter as it goes over the net: data in, the bytes of an e-mail out.

The head is written here, character by character, and not by the standard library: that of Python 3.11 writes line
breaks hidden in encoded words (CVE-2024-6923) and moves commas of long names out of their quotes. Everything leaves in
ASCII with lines of at most 78 characters, so that no server has to change it.
Source: RFC 5322 (format), 2045–2047 (MIME, encoded words), 2231 (names of files).
"""

import base64
import hashlib
import quopri
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_TEXT = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._()+-]{1,60}")
_ADDRESS = re.compile(r"[\x21-\x7e]+@[a-z0-9.-]+")
_WEB = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,260}/[A-Za-z0-9/_.=-]{1,700}")
_MESSAGE_ID = re.compile(r"<[a-z0-9.-]+@[a-z0-9.-]+>")
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")
_WORD_BYTES = 42  # an encoded word of them is 68 characters; 75 are allowed
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})
_SHORT = 60
_LINE = 76
_NAME_PIECE = 48
_EOL = "\r\n"


@dataclass(frozen=True, kw_only=True)
class File:
    """One attached file."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Mail:
    """All that an e-mail says; addresses in ASCII, as services.channel writes them.

    `html` is the same text as a page, for programs that show one.
    `unsubscribe` is the address by which the recipient's mail program ends marketing with one click.
    """

    message_id: str
    date: datetime
    from_address: str
    from_name: str | None
    to_address: str
    to_name: str | None
    reply_to: str | None
    subject: str
    body: str
    language: str
    files: Sequence[File] = ()
    unsubscribe: str | None = None
    html: str = ""


def mail(about: Mail) -> bytes:
    """Return the bytes of an e-mail, lines ended by CR LF. The same data gives the same bytes.

    Raises ValueError for what cannot stand in a head: services.letter_writing refuses it long before.
    """
    head = [
        _header("From", _mailbox(about.from_name, about.from_address)),
        _header("To", _mailbox(about.to_name, about.to_address)),
        *([_header("Reply-To", _mailbox(None, about.reply_to))] if about.reply_to else []),
        _header("Subject", _folded(about.subject, _PLAIN_TEXT)),
        _header("Date", format_datetime(about.date)),
        _header("Message-ID", _matching(_MESSAGE_ID, about.message_id)),
        _header("Content-Language", _matching(re.compile(r"[a-z]{2}"), about.language)),
        *(_unsubscribe(about.unsubscribe) if about.unsubscribe else []),
        "MIME-Version: 1.0",
    ]
    mark = f"=_{hashlib.sha256(about.message_id.encode()).hexdigest()[:32]}"
    said = _text(about.body)
    if about.html:
        said = _together("alternative", f"{mark}a", [said, _text(about.html, "html")])
    if not about.files:
        return _written([*head, *said])
    return _written([*head, *_together("mixed", mark, [said, *(_file(file) for file in about.files)])])


def _together(kind: str, mark: str, parts: Sequence[list[str]]) -> list[str]:
    """Return several parts as one."""
    lines = [f"Content-Type: multipart/{kind};", f' boundary="{mark}"', ""]
    for part in parts:
        lines += [f"--{mark}", *part]
    return [*lines, f"--{mark}--"]


def _written(lines: Sequence[str]) -> bytes:
    return (_EOL.join(lines) + _EOL).encode("ascii")


def _header(name: str, value: str) -> str:
    if re.search(r"[^\x20-\x7e]", value.replace(_EOL + " ", "")):
        raise ValueError(f"this cannot stand in the head of a letter: {name}")
    return f"{name}: {value}"


def _unsubscribe(address: str) -> list[str]:
    """Return the heads of one click. Source: RFC 2369, 8058."""
    place = f"{_EOL} <{_matching(_WEB, address)}>"
    return [f"List-Unsubscribe:{place}", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"this cannot stand in the head of a letter: {text!r}")
    return text


def _mailbox(name: str | None, address: str) -> str:
    _matching(_ADDRESS, address)
    if not name:
        return address
    shown = _folded(name, _PLAIN_PHRASE)
    gap = " " if len(shown) + len(address) < _SHORT else f"{_EOL} "
    return f"{shown}{gap}<{address}>"


def _folded(text: str, plain: re.Pattern[str]) -> str:
    """Return a text as it may stand in a head: as it is when it is short and plain, else in encoded words.

    Whatever could be read as an encoded word is encoded itself, so that nobody decodes it to something else.
    """
    if any(unicodedata.category(char) in _BREAKING for char in text):
        raise ValueError("control characters cannot stand in the head of a letter")
    if len(text) <= _SHORT and plain.fullmatch(text) and "=?" not in text:
        return text
    words, piece = [], b""
    for char in text:
        code = char.encode()
        if len(piece) + len(code) > _WORD_BYTES:
            words.append(piece)
            piece = b""
        piece += code
    return f"{_EOL} ".join(f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in [*words, piece])


def _text(body: str, kind: str = "plain") -> list[str]:
    """Return the part of the text: readable where it is mostly ASCII, else in base64."""
    plain = "\n".join(body.splitlines())
    quoted = quopri.encodestring(plain.encode()).decode("ascii")
    packed = _base64(plain.replace("\n", _EOL).encode())
    head = f"Content-Type: text/{kind}; charset=utf-8"
    if len(quoted) <= sum(len(line) for line in packed):
        return [head, "Content-Transfer-Encoding: quoted-printable", "", *quoted.split("\n")]
    return [head, "Content-Transfer-Encoding: base64", "", *packed]


def _file(file: File) -> list[str]:
    return [
        f"Content-Type: {_matching(_MEDIA_TYPE, file.media_type)}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: attachment;{_file_name(file.name)}",
        "",
        *_base64(file.content),
    ]


def _file_name(name: str) -> str:
    """Return the parameters that name a file: quoted when it is plain, else in percent signs and pieces."""
    if _PLAIN_NAME.fullmatch(name):
        return f'{_EOL} filename="{name}"'
    coded = re.findall(r"%..|.", quote(name, safe=""))
    pieces = ["utf-8''"]
    for sign in coded:
        if len(pieces[-1]) + len(sign) > _NAME_PIECE:
            pieces.append("")
        pieces[-1] += sign
    if len(pieces) == 1:
        return f"{_EOL} filename*={pieces[0]}"
    return ";".join(f"{_EOL} filename*{at}*={piece}" for at, piece in enumerate(pieces))


def _base64(content: bytes) -> list[str]:
    coded = base64.b64encode(content).decode("ascii")
    return [coded[at : at + _LINE] for at in range(0, len(coded), _LINE)]
