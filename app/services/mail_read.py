"""Reading a mail as it came: who wrote it, what it answers, its text and its files, and what of it cannot be read.

Everything in a mail was written by a stranger. Headers are cut before they are parsed, parts are counted, depth and
lines are bounded, and what still breaks the parser is told in `errors` beside what could be read.
Source: RFC 5322 (format), 2045-2049 (MIME), 3464 (reports of delivery), 3834 (automatic answers)
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import EmailPolicy
from email.utils import parseaddr
from typing import Any, TypeVar, cast

from app.errors import DomainError
from app.i18n import Noted, noting
from app.i18n import gettext as _
from app.retold import told
from app.services import mail_text
from app.services.channel import normalise_email

MOST_PARTS = 200
MOST_FILES = 20
MOST_NESTED = 100  # words for parts within parts, wherever they stand
MOST_LINES = 1_000_000
MOST_MARKS = 2_000  # lines that may be the border of a part
MOST_IDS = 50
LONGEST_HEAD = 256 * 1024
LONGEST_HEADER = 4_000
_NUMBER = 250
_NESTED = re.compile(rb"(?i)multipart\s*/|message\s*/")
_BRACKETS = re.compile(r"<([^<>\s]+@[^<>\s]+)>")
_ID = re.compile(r"<[^<>\s]{3,248}>")
_MACHINES = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply", "donotreply", "do-not-reply"})
_SERVERS = frozenset({"", "mailer-daemon", "postmaster"})  # as whom mail servers write, the first for nobody at all
_ARRIVED = ("To", "Delivered-To", "X-Original-To", "Envelope-To")
_REPORTS = ("message/delivery-status", "message/feedback-report")
_UNWANTED = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})  # "not-spam" and others ask for nothing
_HARMLESS = frozenset({"delayed", "delivered", "relayed", "expanded"})
_T = TypeVar("_T")


class _Bounded(EmailPolicy):
    """The library's own policy, with headers cut before anything is made of them."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name[:LONGEST_HEADER], value[:LONGEST_HEADER]


POLICY = _Bounded()


@dataclass(frozen=True)
class File:
    """One attached file, as its sender calls it."""

    name: str
    content: bytes


@dataclass
class Mail:
    """What was read of a mail.

    `number` is its Message-ID, else the hash of its bytes; `answers` the Message-IDs that it refers to, the nearest
    first; `to` the heads that say to which address of ours it came; `returned` the Message-IDs of what a report says
    did not arrive, and `verdict` why. `is_of_server`: it is said by a mail server, not by somebody's holiday;
    `has_only_waited`: it reports of what is late, or has arrived; `is_complaint`: that somebody does not want it.
    """

    number: str
    from_address: str | None = None
    from_name: str | None = None
    subject: str = ""
    sent_at: datetime | None = None
    answers: list[str] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    text: str = ""
    files: list[File] = field(default_factory=list)
    is_automatic: bool = False
    is_bounce: bool = False
    is_of_server: bool = False
    has_only_waited: bool = False
    is_complaint: bool = False
    returned: list[str] = field(default_factory=list)
    verdict: str = ""
    errors: list[str] = field(default_factory=list)
    noted: Noted = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """Return what could not be read, as one line that is told in its reader's language."""
        return told(self.errors, self.noted)


def read(content: bytes) -> Mail:
    """Read a mail; whatever it holds, something comes of it."""
    with noting() as noted:
        found = _read(content)
    found.noted = noted
    return found


def _read(content: bytes) -> Mail:
    found = Mail(number=hashlib.sha256(content).hexdigest())
    message = _parsed(content, found)
    _head(message, found)
    try:
        _body(message, found)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError) as problem:
        found.errors.append(_("The text of this mail could not be read: %(why)s", why=type(problem).__name__))
    return found


def _parsed(content: bytes, found: Mail) -> EmailMessage:
    head, _gap, _rest = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    why = None
    if len(head) > LONGEST_HEAD:
        why = _("its head is too long")
    elif any(sign > most for sign, most in _counts(content)):
        why = _("it has too many parts")
    else:
        try:
            return cast("EmailMessage", message_from_bytes(content, policy=POLICY))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError) as problem:
            why = type(problem).__name__
    found.errors.append(_("The text of this mail could not be read: %(why)s", why=why))
    return cast("EmailMessage", BytesHeaderParser(policy=POLICY).parsebytes(head[:LONGEST_HEAD]))


def _counts(content: bytes) -> list[tuple[int, int]]:
    """Return how much of a mail would keep its parser busy, each with how much is let in."""
    return [
        (len(_NESTED.findall(content)), MOST_NESTED),
        (content.count(b"\n--"), MOST_MARKS),
        (content.count(b"\n"), MOST_LINES),
    ]


# --- the head ---------------------------------------------------------------------------------------------------------


def _head(message: EmailMessage, found: Mail) -> None:
    number = _ID.search(_header(message, "Message-ID"))
    if number is not None:
        found.number = mail_text.line(number[0], most=_NUMBER)
    _sender(message, found)
    found.subject = mail_text.line(_header(message, "Subject"))
    sent = _tried(lambda: cast("Any", message["Date"]).datetime if message["Date"] else None, None)
    if isinstance(sent, datetime) and 1990 <= sent.year <= 2100:  # noqa: PLR2004 -- what can be a moment of a mail
        found.sent_at = (sent if sent.tzinfo else sent.replace(tzinfo=UTC)).astimezone(UTC)
    ids = [*_ID.findall(_header(message, "In-Reply-To")), *reversed(_ID.findall(_header(message, "References")))]
    found.answers = list(dict.fromkeys(ids))[:MOST_IDS]
    found.to = [_raw(message, name)[:LONGEST_HEADER] for name in _ARRIVED]
    found.is_automatic = _is_automatic(message, found)
    sender = (found.from_address or "").partition("@")[0]
    found.is_of_server = sender in _SERVERS or sender.startswith("microsoftexchange")


def _sender(message: EmailMessage, found: Mail) -> None:
    given = _raw(message, "From") or _raw(message, "Sender")
    name, address = _tried(lambda: parseaddr(given), ("", ""))
    in_brackets = _BRACKETS.findall(given)
    if (
        "@" not in address or "=?" in address or "?=" in address
    ):  # what is encoded where no code may stand misleads the library
        name, address = given.partition("<")[0], in_brackets[-1] if in_brackets else address
    try:
        found.from_address = normalise_email("".join(_decoded(address).split()))
    except DomainError as refusal:
        found.errors.append(_("The sender cannot be read: %(why)s", why=refusal.text))
    found.from_name = mail_text.line(_decoded(name).strip('" ')) or None


def _decoded(text: str) -> str:
    """Return a piece of a head decoded; taken apart before, since what is encoded may hide a line break."""
    return _tried(lambda: str(make_header(decode_header(text))), "")


def _is_automatic(message: EmailMessage, found: Mail) -> bool:
    submitted = _header(message, "Auto-Submitted").split(";")[0].strip().lower()
    bulk = _header(message, "Precedence").strip().lower() in {"bulk", "list", "junk", "auto_reply"}
    suppressed = bool(_header(message, "X-Auto-Response-Suppress").strip())
    sender = (found.from_address or "").partition("@")[0]
    to_nobody = _header(message, "Return-Path").strip() == "<>"
    listed = bool(_header(message, "List-Id") or _header(message, "List-Unsubscribe"))
    return submitted not in {"", "no"} or bulk or suppressed or to_nobody or listed or sender in _MACHINES


def _header(message: Message, name: str) -> str:
    """Return a header as text, "" where there is none or where the parser breaks over it."""
    return _tried(lambda: str(message.get(name, "") or ""), "")


def _raw(message: Message, name: str) -> str:
    """Return the first header of a name on one line, with its encoded words as they are."""
    value = next((str(each) for key, each in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())


def _tried(act: Callable[[], _T], otherwise: _T) -> _T:
    """Return what the parser of a hostile header says, or something else where it breaks."""
    try:
        return act()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError):
        return otherwise


# --- the body ---------------------------------------------------------------------------------------------------------


def _body(message: EmailMessage, found: Mail) -> None:
    plain: list[str] = []
    html: list[str] = []
    is_report = message.get_content_type() == "multipart/report"
    is_feedback = is_report and str(message.get_param("report-type", "")).lower() == "feedback-report"
    for at, part in enumerate(_leaves(message)):
        if at >= MOST_PARTS:
            found.errors.append(_("It has more than %(most)s parts; the rest was not read", most=MOST_PARTS))
            break
        kind = part.get_content_type()
        if is_report and kind in {*_REPORTS, "message/rfc822", "text/rfc822-headers"}:
            _report(part, kind, found)
            continue
        is_file = part.get_filename() is not None or part.get_content_disposition() == "attachment"
        if kind in {"text/plain", "text/html"} and not is_file:
            text = mail_text.decoded(_content(part), part.get_content_charset())
            (plain if kind == "text/plain" else html).append(text)
        else:
            _file(part, kind, found)
    found.is_bounce = (
        is_report and not found.has_only_waited and not is_feedback and bool(found.returned or found.verdict)
    )
    said = mail_text.clean("\n\n".join(plain))
    found.text = said or mail_text.clean("\n\n".join(mail_text.of_html(each) for each in html))


def _leaves(message: Message) -> Iterator[Message]:
    """Yield the parts that hold something, without going into mails that are attached."""
    waiting: list[Message] = [message]
    while waiting:
        one = waiting.pop()
        inner = one.get_payload()
        if one.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting.extend(reversed(cast("list[Message]", inner)))
        else:
            yield one


def _content(part: Message) -> bytes:
    found = part.get_payload(decode=True)
    return found if isinstance(found, bytes) else b""


def _file(part: Message, kind: str, found: Mail) -> None:
    if len(found.files) >= MOST_FILES:
        told = _("It has more than %(most)s files; the others are in the raw mail only", most=MOST_FILES)
        if told not in found.errors:
            found.errors.append(told)
        return
    inner = part.get_payload()
    first = inner[0] if isinstance(inner, list) and inner else None
    content = first.as_bytes() if isinstance(first, Message) else _content(part)
    ending = {"message/rfc822": ".eml", "text/calendar": ".ics"}.get(kind, "")
    name = mail_text.line(part.get_filename() or "") or f"{_('Attachment')}{ending}"
    if content:
        found.files.append(File(name, content))


def _report(part: Message, kind: str, found: Mail) -> None:
    """Read what a mail server reports: which letter did not arrive, and why."""
    inner = part.get_payload()
    blocks = [each for each in inner if isinstance(each, Message)] if isinstance(inner, list) else []
    if kind == "message/delivery-status":
        acts = {each: _header(each, "Action").strip().lower() for each in blocks}
        failed = [each for each, act in acts.items() if act == "failed"]
        found.has_only_waited = bool(set(acts.values()) & _HARMLESS) and not failed
        for each in failed[:1]:
            told = [_header(each, name) for name in ("Final-Recipient", "Status", "Diagnostic-Code")]
            found.verdict = mail_text.line(" · ".join(filter(None, told)), most=500)
        return
    if kind == "message/feedback-report":
        found.is_complaint = any(_header(each, "Feedback-Type").strip().lower() in _UNWANTED for each in blocks)
        return
    if kind == "message/rfc822":
        ids = [_header(each, "Message-ID") for each in blocks]
    else:
        text = mail_text.decoded(_content(part), None)[: 16 * LONGEST_HEADER]
        ids = re.findall(r"(?im)^message-id:\s*(<[^<>\s]{3,248}>)", text)
    found.returned += [number[0] for given in ids if (number := _ID.search(given))]
