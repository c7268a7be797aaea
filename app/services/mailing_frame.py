"""What is the same in every letter of a mailing: who sends it, what the template says, where its links lead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import in_language
from app.models.mail_template import MailingChannel
from app.models.mailing import Mailing, MailingKind, MailingRecipient
from app.models.organisation import Organisation
from app.models.suppression import ContactChannel
from app.services import bounce_path, letter_office, preference
from app.services import mail_picture as pictures
from app.services import mail_server as mail_servers
from app.services import mailing as mailings
from app.services import mailing_link as links
from app.services import sms_provider as sms_providers
from app.services.gate import Answer
from app.services.letter_writing import head_line, plain_address
from app.services.mail_server import Outgoing
from app.services.preference import Whom
from app.services.sms_provider import Outgoing as SmsOutgoing

LINK, UNSUBSCRIBE, OPENED = "@link", "@unsubscribe", "@opened"  # places that a layout has beside those of people
EXAMPLE_WAY_OUT = "https://example.org/m/u1234567-0-0123456789abcdef01234567"  # as long as a real one


@dataclass(frozen=True, kw_only=True)
class Around:
    """What stands around a template in one language: who writes, the words of its last lines, where pictures are.

    `pictures` maps keys of files to public addresses; `unsubscribe` is the text of that link, empty where there is
    none; `opens` says whether it is noted that a mail was opened.
    """

    language: str
    sender: str
    legal: str
    unsubscribe: str
    pictures: Mapping[int, str]
    opens: bool


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A mailing as its letters need it, as plain data. Shape: `said` is by language (mail_template.content_of).

    `outgoing` is the company's own mail server, None where that of the installation is used; `sms` the provider of a
    mailing of text messages, None of one of mails.
    """

    said: Mapping[str, Any]
    language: str
    host: str
    public_url: str
    from_address: str
    from_name: str
    reply_to: str | None
    legal: str
    is_marketing: bool
    clicks: bool
    opens: bool
    outgoing: Outgoing | None
    sms: SmsOutgoing | None = None
    pictures: Mapping[int, str] = field(default_factory=dict)

    @property
    def envelope(self) -> str:
        """Return as whom a message is handed over that is nobody's of the ledger."""
        return (self.sms.sender or "") if self.sms is not None else self._return_path or self.from_address

    def envelope_of(self, recipient_id: int) -> str:
        """Return to whom the letter to a recipient comes back, marked as his; of a text message its sender."""
        path = self._return_path if self.sms is None else None
        return bounce_path.of_recipient(path, recipient_id) if path else self.envelope

    @property
    def _return_path(self) -> str | None:
        return self.outgoing.return_path if self.outgoing is not None else None

    def language_for(self, code: str) -> str:
        """Return the language in which somebody is written to: his own, ours, English, or the only one."""
        return language_of(self.said, code, self.language)

    def around(self, language: str) -> Around:
        """Return what stands around the template."""
        return Around(
            language=language,
            sender=self.from_name,
            legal=self.legal,
            unsubscribe=_leave(language) if self.is_marketing else "",
            pictures=self.pictures,
            opens=self.opens,
        )

    def links_of(self, recipient_id: int, count: int, passed: Answer) -> dict[str, str]:
        """Return the addresses that lead somebody through us: those of the letter, and the way out."""
        found = {}
        if self.clicks:
            for number in range(count):
                found[f"{LINK} {number}"] = self._place(links.CLICK, recipient_id, number)
        if self.opens:
            found[OPENED] = self._place(links.OPEN, recipient_id)
        if self.is_marketing:
            found[UNSUBSCRIBE] = preference.url(_whom(passed), public_url=self.public_url)
        return found

    def way_out_of(self, recipient_id: int) -> str:
        """Return the address that ends marketing, short as a text message needs it; "" where there is none."""
        return self._place(links.LEAVE, recipient_id) if self.is_marketing else ""

    def unsubscribe_of(self, passed: Answer) -> str | None:
        """Return the address by which a program that reads mail ends marketing with one click."""
        return preference.one_click(_whom(passed), public_url=self.public_url) if self.is_marketing else None

    def _place(self, act: str, recipient_id: int, number: int = 0) -> str:
        return f"{self.public_url}/m/{links.token(act, recipient_id, number)}"


def _leave(language: str) -> str:
    with in_language(language):
        return _("No more of these letters")


def legal_of(us: Organisation) -> str:
    """Return who writes, with the address that the law wants."""
    return ", ".join(filter(None, (us.legal_name or us.name, mailings.address_of(us))))


def around(us: Organisation, language: str, *, is_marketing: bool, pictures: Mapping[int, str], opens: bool) -> Around:
    """Return what stands around a template that one of our companies sends."""
    return Around(
        language=language,
        sender=us.legal_name or us.name,
        legal=legal_of(us),
        unsubscribe=_leave(language) if is_marketing else "",
        pictures=pictures,
        opens=opens,
    )


def language_of(said: Mapping[str, Any], code: str, ours: str) -> str:
    """Return in which of the languages of a template somebody is written to."""
    return next((each for each in (code, ours, "en") if each in said), next(iter(said)))


def _whom(passed: Answer) -> Whom:
    return Whom(passed.party_id, passed.contact_id, passed.channel, passed.address or "")


def of(session: Session, mailing_id: int) -> Frame | None:
    """Return what the letters of a mailing have in common, None of one that was never checked."""
    found = select(Mailing).where(Mailing.id == mailing_id)
    mailing = session.scalars(
        found.options(joinedload(Mailing.content), joinedload(Mailing.organisation))
    ).one_or_none()
    if mailing is None or mailing.content is None:
        return None
    return framed(session, mailing, mailing.content.content["languages"])


def framed(session: Session, mailing: Mailing, said: Mapping[str, Any]) -> Frame:
    """Return what the letters of a mailing have in common, with what the template says."""
    us = mailing.organisation
    if mailing.channel is MailingChannel.sms:
        return _of_texts(session, mailing, said)
    office = mail_servers.ready(session, us)
    sender = office.sender or us.email
    if not sender:
        raise DomainError(
            _("A letter needs a sender: give “%(name)s” an e-mail address, or set CRM_MAIL_FROM", name=us.name)
        )
    sender = plain_address(sender)
    name = us.legal_name or us.name
    public_url = (office.public_url or f"https://{office.host}").rstrip("/")
    reply_to = plain_address(us.email) if us.email else None
    return Frame(
        said=said,
        language=us.language,
        host=_host(office.public_url) or sender.rpartition("@")[2],
        public_url=public_url,
        from_address=sender,
        from_name=head_line(name, limit=250),
        reply_to=reply_to if reply_to != sender else None,
        legal=legal_of(us),
        is_marketing=mailing.kind is MailingKind.marketing,
        clicks=mailing.tracks_clicks,
        opens=mailing.tracks_opens,
        outgoing=mail_servers.outgoing(session, us.id),
        pictures=pictures.addresses(session, mailing.written, pictures.wanted_by(said), public_url=public_url),
    )


def _of_texts(session: Session, mailing: Mailing, said: Mapping[str, Any]) -> Frame:
    """Return the same of a mailing of text messages. Raises DomainError when its company has no provider."""
    us = mailing.organisation
    office = letter_office.ready(has_own=True)
    return Frame(
        said=said,
        language=us.language,
        host=office.host,
        public_url=(office.public_url or f"https://{office.host}").rstrip("/"),
        from_address="",
        from_name=head_line(us.legal_name or us.name, limit=250),
        reply_to=None,
        legal="",
        is_marketing=mailing.kind is MailingKind.marketing,
        clicks=False,
        opens=False,
        outgoing=None,
        sms=sms_providers.ready(session, us),
    )


def whom_of(recipient: MailingRecipient) -> Whom:
    """Return whose preferences a recipient's way out leads to."""
    channel = ContactChannel(recipient.mailing.channel.value)
    return Whom(recipient.party_id, recipient.contact_id, channel, recipient.address or "")


def _host(url: str) -> str:
    host = (urlsplit(url).hostname or "").lower()
    return host if "." in host and not host.replace(".", "").isdigit() else ""
