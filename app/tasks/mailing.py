"""Background work of mailings: finding out who gets one, and sending it, portion by portion.

A job sends for a while and leaves the rest to a job of its own, so that others get their turn and memory stays flat. No
transaction is open while the mail server thinks: what became of a few letters is noted with the hand-over of the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.db import unit_of_work
from app.documents import letter as letters
from app.documents import mailing as documents
from app.documents import signature
from app.documents import text_message as texts
from app.errors import DomainError
from app.exchange import sms, smtp
from app.exchange.smtp_talk import Talk
from app.models.mail_template import MailingChannel
from app.models.mailing import Mailing
from app.services import bulk_user, letter_office, mailing_frame, mailing_link, text_report
from app.services import mailing as mailings
from app.services import mailing_audience as audience
from app.services import mailing_ledger as ledger
from app.services.mailing_ledger import Claimed, Outcome, Result
from app.tasks import paper
from app.tasks.registry import Work, every_round, fresh_session, handles

PORTION = 200  # rows that are claimed at once
GROUP = 10  # rows that are handed over at once: so many are doubtful after a crash
SHIFT = timedelta(minutes=2)
SLOW = timedelta(minutes=1)  # of a group: what it has not begun by then waits again
REST = timedelta(minutes=1)  # of a server that is away
SPREAD = 0.2
_Results = Sequence[tuple[Claimed, Result]]


@handles(mailings.CHECK, lease=timedelta(minutes=5), limit=timedelta(hours=2))
def check(work: Work) -> None:
    """Write the ledger of a mailing, from the beginning."""
    if work.record_id is None:
        return
    with work.step() as session:
        wanted = audience.begin(session, work.record_id)
        by = bulk_user.starter(session, work.actor_id).actor
    after: int | None = 0 if wanted else None
    while after is not None:
        with work.step() as session:
            after = audience.take(session, work.record_id, by=by, after=after, at=clock.now())
    with work.storing() as session:
        audience.finish(session, work.record_id, at=clock.now())


@dataclass(kw_only=True)
class Desk:
    """What is needed to write the letters of a mailing, read once."""

    frame: mailing_frame.Frame
    layouts: dict[str, documents.Layout] = field(default_factory=dict)

    def letter(self, one: Claimed, *, at: datetime) -> bytes:
        """Return a letter as it goes over the net."""
        frame = self.frame
        language = frame.language_for(one.language)
        if frame.sms is not None:
            return self._text(one, language)
        layout = self.layouts.get(language)
        if layout is None:
            layout = self.layouts[language] = documents.laid_out(frame.said[language], frame.around(language))
        words = {**one.words, **frame.links_of(one.id, len(layout.links), one.passed)}
        written = documents.written(layout, words)
        content = letters.mail(
            letters.Mail(
                message_id=mailing_link.message_id(one.id, host=frame.host),
                date=at,
                from_address=frame.from_address,
                from_name=frame.from_name,
                to_address=one.passed.address or "",
                to_name=one.words.get("name"),
                reply_to=frame.reply_to,
                subject=written.subject,
                body=written.text,
                html=written.html,
                language=language,
                unsubscribe=frame.unsubscribe_of(one.passed),
            )
        )
        sign = frame.outgoing.signature if frame.outgoing is not None else None
        if sign is None or not signature.fits(sign.domain, frame.from_address):
            return content
        return signature.signed(content, domain=sign.domain, selector=sign.selector, key=sign.key)

    def _text(self, one: Claimed, language: str) -> bytes:
        message = self.frame.said[language]["message"] or ""
        return texts.written(message, one.words, way_out=self.frame.way_out_of(one.id)).encode()

    def talk(self, settings: Mapping[str, Any]) -> sms.Way:
        """Return the way by which this mailing goes: its mail server, or its company's provider of text messages."""
        frame = self.frame
        if frame.sms is not None:
            place = sms.place_of(frame.sms.kind, settings)
            return sms.Talk(frame.sms, place=place, callback=sms.callback_of(settings))
        server = smtp.own(frame.outgoing) if frame.outgoing else smtp.Server.of(settings["CRM_SMTP_URL"])
        return Talk(server, name=frame.host)


@handles(mailings.SEND, lease=timedelta(minutes=20), limit=timedelta(minutes=30))
def send(work: Work) -> None:
    """Send what is due of a mailing for a while; the rest is for the next job."""
    if work.record_id is None:
        return
    frame = None
    with work.reading() as session:
        mailing = session.get(Mailing, work.record_id)
        is_paper = mailing is not None and mailing.channel is MailingChannel.paper
    if is_paper:
        paper.print_letters(work, work.record_id)
        return
    with suppress(DomainError), work.reading() as session:  # without a mail server it waits for one
        frame = mailing_frame.of(session, work.record_id) if not letter_office.is_sandbox() else None
    after = REST if frame is None else _Sender(work, Desk(frame=frame)).run(work.record_id)
    with work.storing() as session:
        ledger.go_on(session, work.record_id, at=clock.now(), after=after)


class _Sender:
    """Sends for one shift, over one connection."""

    def __init__(self, work: Work, desk: Desk) -> None:
        self._work = work
        self._desk = desk
        self._token = ledger.new_token()
        self._is_away = False

    def run(self, mailing_id: int) -> timedelta:
        """Send until nothing is due, the shift is over or the server is away; return how long it is left alone."""
        until = clock.now() + SHIFT
        with self._desk.talk(self._work.settings) as talk:
            while clock.now() < until and not self._is_away:
                with _writing(self._work) as session:
                    mailing = session.get(Mailing, mailing_id)
                    if mailing is None:
                        break
                    claims = ledger.claim(session, mailing, token=self._token, at=clock.now(), most=PORTION)
                if not claims:
                    break
                self._work.hold()
                self._portion(talk, mailing_id, claims)
        return REST if self._is_away else timedelta(0)

    def _portion(self, talk: sms.Way, mailing_id: int, claims: Sequence[Claimed]) -> None:
        """Hand a portion over, a few letters at a time; each transaction notes what became of the few before."""
        results: list[tuple[Claimed, Result]] = []
        try:
            for begin in range(0, len(claims), GROUP):
                group = claims[begin : begin + GROUP]
                wanted = self._hand_over(mailing_id, group, results)
                results = []
                if not wanted:
                    break  # paused, cancelled, or taken over
                results = self._group(talk, [one for one in group if one.id in wanted])
                if self._is_away:
                    break
        finally:
            self._settle(mailing_id, results)

    def _hand_over(self, mailing_id: int, group: Sequence[Claimed], before: _Results) -> set[int]:
        with _writing(self._work) as session:
            at = clock.now()
            if before:
                ledger.settle(session, session.get_one(Mailing, mailing_id), before, token=self._token, at=at)
            keys = [one.id for one in group]
            return set(ledger.hand_over(session, mailing_id, keys, token=self._token, at=at))

    def _settle(self, mailing_id: int, results: _Results) -> None:
        with _writing(self._work) as session:
            if results:
                at = clock.now()
                ledger.settle(session, session.get_one(Mailing, mailing_id), results, token=self._token, at=at)
            ledger.release(session, mailing_id, token=self._token)

    def _group(self, talk: sms.Way, group: Sequence[Claimed]) -> list[tuple[Claimed, Result]]:
        begun = clock.now()
        found: list[tuple[Claimed, Result]] = []
        for one in group:
            if self._is_away or clock.now() - begun > SLOW:
                found.append((one, Result(recipient_id=one.id, outcome=Outcome.untried)))
            else:
                found.append((one, self._one(talk, one)))
        return found

    def _one(self, talk: sms.Way, one: Claimed) -> Result:
        at = clock.now()
        try:
            content = self._desk.letter(one, at=at)
        except ValueError as problem:
            return Result(recipient_id=one.id, outcome=Outcome.refused, answer=str(problem))
        try:
            sender = self._desk.frame.envelope_of(one.id)
            mark = text_report.token(text_report.RECIPIENT, one.id) if self._desk.frame.sms is not None else ""
            answer = talk.deliver(sender=sender, passed=one.passed, content=content, mark=mark)
        except smtp.Unclear as problem:
            return Result(recipient_id=one.id, outcome=Outcome.uncertain, answer=str(problem))
        except smtp.Away as problem:
            self._is_away = True
            return Result(recipient_id=one.id, outcome=Outcome.untried, answer=str(problem))
        except smtp.Later as problem:
            factor = SystemRandom().uniform(1 - SPREAD, 1 + SPREAD)
            return ledger.put_off(one, str(problem), at=at, factor=factor)
        except smtp.SmtpError as problem:
            return Result(recipient_id=one.id, outcome=Outcome.refused, answer=str(problem))
        return Result(recipient_id=one.id, outcome=Outcome.sent, answer=answer)


@contextmanager
def _writing(work: Work) -> Iterator[Session]:
    """Write in the ledger, whoever holds the job by now: the ledger has its own token."""
    with fresh_session(what=work.name) as session, unit_of_work(session):
        yield session


@every_round
def sweep(session: Session, at: datetime) -> None:
    """Bring back what crashed workers have left, and begin what is due."""
    ledger.sweep(session, at=at)
    ledger.tend(session, at=at)
