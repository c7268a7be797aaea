"""What an automatic letter says to one counterparty, and its writing: a letter, or a text message.

The row of a letter holds its plain text. The page, and all links that lead through us, are made when it leaves, of the
version of the template and the words that its occasion has kept: no row holds a link.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from app.i18n import gettext as _
from app.i18n import in_language, written_day
from app.models.contact_rule import ContactRule, Occasion, RuleOccurrence
from app.models.letter import Letter
from app.models.mail_template import MailingChannel
from app.models.mailing import MailingKind
from app.models.party import Party
from app.models.suppression import ContactChannel, ContactKind
from app.models.text_message import TextMessage
from app.services import access, letter_office, mail_picture, mailing_frame, preference
from app.services import mail_template as templates
from app.services import mailing_link as links
from app.services import text_message as texts
from app.services.gate import Answer
from app.services.letter_writing import write
from app.services.mail_place import filled, parts
from app.services.mailing_audience import Candidate
from app.services.mailing_frame import LINK, OPENED, UNSUBSCRIBE, Around, language_of
from app.services.preference import Whom
from app.services.rule_occasion import RECORDS

PURPOSE = "rule"
# Makes a letter of what a template says in one language: its subject and its text; documents.rule_letter.composed.
Compose = Callable[[Mapping[str, Any], str, str, Mapping[str, str]], tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What the page of an automatic letter is made of, as plain data. Shape: `said` is one language of a template."""

    key: int
    said: Mapping[str, Any]
    around: Around
    words: Mapping[str, str]
    public_url: str
    clicks: bool

    def words_for(self, count: int) -> dict[str, str]:
        """Return all words of the letter, with where its first `count` links lead."""
        found = dict(self.words)
        if self.clicks:
            found |= {f"{LINK} {number}": self._place(links.RULE_CLICK, number) for number in range(count)}
        if self.around.opens:
            found[OPENED] = self._place(links.RULE_OPEN)
        return found

    def _place(self, act: str, number: int = 0) -> str:
        return f"{self.public_url}/m/{links.token(act, self.key, number)}"


def purpose_of(rule: ContactRule) -> str:
    """Return by what letters of a rule are known in their ledger."""
    return f"{PURPOSE} {rule.id}"


def is_of_rule(letter: Letter) -> bool:
    """Say whether a letter was written by a rule."""
    return letter.purpose.partition(" ")[0] == PURPOSE


def kind_of(rule: ContactRule) -> ContactKind:
    """Return for what the gate is asked."""
    return ContactKind(rule.kind.value)


def send(
    session: Session, one: RuleOccurrence, party: Party, whom: Candidate, *, compose: Compose, at: datetime
) -> Letter | TextMessage:
    """Write what a rule says on an occasion. Raises NotContactedError when the gate says no, DomainError, Refusals."""
    rule = one.rule
    version = templates.latest(session, rule.template)
    said = version.content["languages"]
    language = language_of(said, whom.language, rule.organisation.language)
    words = whom.words | words_of(session, one, language=language)
    if rule.channel is MailingChannel.sms:
        return _text(session, rule, party, whom, said=said[language], words=words, at=at)
    us = rule.organisation
    subject, body = compose(said[language], language, mailing_frame.legal_of(us), words)
    one.content, one.words = version, words
    is_about = one.record_id is not None
    return write(
        session,
        organisation=us,
        party=party,
        to_address=whom.address or "",
        to_name=whom.name,
        subject=subject,
        body=body,
        language=language,
        entity=RECORDS[one.occasion].__stem__ if is_about else Party.__stem__,
        record_id=one.record_id if is_about else party.id,
        purpose=purpose_of(rule),
        kind=kind_of(rule),
        belongs_with=party,
        at=at,
        by=None,
    )


def _text(
    session: Session,
    rule: ContactRule,
    party: Party,
    whom: Candidate,
    *,
    said: Mapping[str, Any],
    words: Mapping[str, str],
    at: datetime,
) -> TextMessage:
    """Write a text message; marketing ends with the way out of it."""
    text = filled(parts(said["message"] or ""), words).strip()
    if rule.kind is MailingKind.marketing:
        leads = Whom(party.id, whom.contact_id, ContactChannel.sms, whom.address or "")
        text = f"{text}\n{preference.url(leads, public_url=_public_url())}"
    return texts.write(
        session,
        organisation=rule.organisation,
        party=party,
        to_address=whom.address or "",
        text=text,
        purpose=purpose_of(rule),
        kind=kind_of(rule),
        at=at,
        by=None,
    )


def words_of(session: Session, one: RuleOccurrence, *, language: str) -> dict[str, str]:
    """Return what the places of an occasion stand for: what it is about, and its day."""
    about = name_of(session, one.rule, one.occasion, one.record_id)
    return {"day": written_day(one.happens_on, language)} | ({"occasion": about} if about else {})


def name_of(session: Session, rule: ContactRule, occasion: Occasion, record_id: int | None) -> str:
    """Return what an occasion is about: the number of an order, the name of a holiday; "" where there is none."""
    if occasion is Occasion.holiday:
        return rule.holiday or ""
    entity = RECORDS.get(occasion)
    record = access.get(session, entity, record_id) if entity is not None and record_id is not None else None
    return str(record) if record is not None else ""


def paper(session: Session, letter: Letter, passed: Answer) -> Paper | None:
    """Return what the page of a letter that leaves is made of; None where its template or its words are gone."""
    found = select(RuleOccurrence).where(RuleOccurrence.letter_id == letter.id)
    options = joinedload(RuleOccurrence.rule), joinedload(RuleOccurrence.content)
    one = session.scalars(found.options(*options)).one_or_none()
    said = one.content.content["languages"] if one is not None and one.content is not None else {}
    if one is None or one.words is None or letter.language not in said:
        return None
    rule, public_url = one.rule, _public_url()
    is_marketing = passed.kind is ContactKind.marketing
    wanted = mail_picture.wanted_by(said)
    shown = mail_picture.addresses(session, rule.template, wanted, public_url=public_url)
    around = mailing_frame.around(
        rule.organisation, letter.language, is_marketing=is_marketing, pictures=shown, opens=rule.tracks_opens
    )
    out = {UNSUBSCRIBE: preference.url(_whom(passed), public_url=public_url)} if is_marketing else {}
    return Paper(
        key=one.id,
        said=said[letter.language],
        around=around,
        words=one.words | out,
        public_url=public_url,
        clicks=rule.tracks_clicks,
    )


def with_way_out(letter: Letter, body: str, passed: Answer) -> str:
    """Return the text of a marketing letter with the link by which its reader ends it: none but he holds the link."""
    with in_language(letter.language):
        leave = _("No more of these letters")
    return f"{body}\n{leave}: {preference.url(_whom(passed), public_url=_public_url())}"


def _whom(passed: Answer) -> Whom:
    return Whom(passed.party_id, passed.contact_id, passed.channel, passed.address or "")


def _public_url() -> str:
    office = letter_office.ready(has_own=True)
    return (office.public_url or f"https://{office.host}").rstrip("/")
