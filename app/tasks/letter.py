"""Background work of letters: handing them to the mail server, in three committed steps, no transaction in between.

The row of the outbox is only the doorbell: how far a letter is stands in the ledger, under a token of its own, so that
what the server has said is kept even when the job itself was taken over by somebody else meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from secrets import SystemRandom

from sqlalchemy.orm import Session

from app import clock
from app.db import unit_of_work
from app.documents import letter as documents
from app.documents import rule_letter, signature
from app.errors import NotFound
from app.exchange import smtp
from app.i18n import gettext as _
from app.services import attachment as attachments
from app.services import bounce_path, letter_office
from app.services import letter_ledger as ledger
from app.services.letter_ledger import Claim
from app.services.letter_writing import TOPIC
from app.services.mail_server import Outgoing
from app.tasks.registry import LostClaim, Work, every_round, fresh_session, handles

SPREAD = 0.2  # of a delay, so that what one breakdown has put off does not come back all at once
# A server that does not answer keeps a thread for its time-out; a hundred letters would keep all threads for long.
REST = timedelta(minutes=1)
_away_until: dict[str, datetime] = {}  # by the server's address


@handles(TOPIC, lease=ledger.LEASE + ledger.DATA_LEASE, limit=ledger.LEASE + ledger.DATA_LEASE)
def send(work: Work) -> None:
    """Send a letter if it is due, free and complete; note what the server says."""
    claim = _claimed(work)
    if claim is None:
        return
    if claim.is_sandboxed:
        with _writing(work) as session:
            _held(work, ledger.withheld(session, claim, at=clock.now()))
        return
    try:
        content = _content(work, claim)
    except (NotFound, ValueError) as problem:
        _ended(work, claim, problem)
        return
    try:
        answer = smtp.deliver(
            _server(work, claim),
            sender=_envelope(claim),
            passed=claim.passed,
            content=content,
            before_data=lambda: _begin_data(work, claim),
        )
    except smtp.SmtpError as problem:
        if isinstance(problem, smtp.Away):
            _away_until[_place(work, claim.outgoing)] = clock.now() + REST
        _ended(work, claim, problem)
    else:
        with _writing(work) as session:
            _held(work, ledger.sent(session, claim, answer, at=clock.now()))


def _claimed(work: Work) -> Claim | None:
    if work.record_id is None:
        return None
    url, waited = work.settings["CRM_SMTP_URL"], int(work.payload.get("waited", 0))
    problem = smtp.problem(url)
    with _writing(work) as session:
        at = clock.now()
        outgoing = ledger.outgoing(session, work.record_id)
        rested = _away_until.get(_place(work, outgoing), at)
        if problem is not None and outgoing is None and not letter_office.is_sandbox():
            ledger.give_up(session, work.record_id, problem, at=at)
        elif rested > at:
            until = rested + REST * SystemRandom().uniform(0, SPREAD)
            ledger.wait(session, work.record_id, until=until, waited=waited)
        elif ledger.fetch_file(session, work.record_id, at=at, waited=waited):
            return ledger.claim(session, work.record_id, at=at)
    return None


def _content(work: Work, claim: Claim) -> bytes:
    """Return the letter as it goes over the net. Raises NotFound when the bytes of a file are gone."""
    files = []
    for each in claim.files:
        place = attachments.place_of(each.sha256, files=work.settings["CRM_VAR"] / "files")
        if not place.is_file():
            raise NotFound(_("The attached file is gone: %(name)s", name=each.name))
        files.append(documents.File(name=each.name, media_type=each.media_type, content=place.read_bytes()))
    page = rule_letter.page(claim.paper) if claim.paper is not None else None
    content = documents.mail(
        documents.Mail(
            message_id=claim.message_id,
            date=clock.now(),
            from_address=claim.from_address,
            from_name=claim.from_name,
            to_address=claim.to_address,
            to_name=claim.to_name,
            reply_to=claim.reply_to,
            subject=claim.subject,
            body=page.text if page is not None else claim.body,
            html=page.html if page is not None else "",
            language=claim.language,
            files=files,
            unsubscribe=claim.unsubscribe,
        )
    )
    sign = claim.outgoing.signature if claim.outgoing is not None else None
    if sign is None or not signature.fits(sign.domain, claim.from_address):
        return content
    return signature.signed(content, domain=sign.domain, selector=sign.selector, key=sign.key)


def _server(work: Work, claim: Claim) -> smtp.Server:
    """Return the mail server of the letter's company, else that of the installation."""
    if claim.outgoing is not None:
        return smtp.own(claim.outgoing)
    return smtp.Server.of(work.settings["CRM_SMTP_URL"])


def _place(work: Work, outgoing: Outgoing | None) -> str:
    return f"{outgoing.host}:{outgoing.port}" if outgoing is not None else str(work.settings["CRM_SMTP_URL"])


def _envelope(claim: Claim) -> str:
    """Return to whom a letter comes back that does not arrive."""
    path = claim.outgoing.return_path if claim.outgoing is not None else None
    return bounce_path.of_letter(path, claim.letter_id) if path else claim.from_address


def _begin_data(work: Work, claim: Claim) -> None:
    with _writing(work) as session:
        _held(work, ledger.begin_data(session, claim, at=clock.now()))


def _ended(work: Work, claim: Claim, problem: Exception) -> None:
    """Note that a letter was not taken, or perhaps."""
    with _writing(work) as session:
        at = clock.now()
        match problem:
            case smtp.Unclear():
                held = ledger.doubted(session, claim, str(problem), at=at)
            case smtp.Later():
                factor = SystemRandom().uniform(1 - SPREAD, 1 + SPREAD)
                held = ledger.put_off(session, claim, str(problem), at=at, factor=factor)
            case _:
                held = ledger.refused(session, claim, str(problem), at=at)
    _held(work, held)


def _held(work: Work, held: bool) -> None:  # noqa: FBT001 -- an answer, not an option
    if not held:
        raise LostClaim(work.name)


@contextmanager
def _writing(work: Work) -> Iterator[Session]:
    """Write in the ledger, whoever holds the job by now: the ledger has its own token."""
    with fresh_session(what=work.name) as session, unit_of_work(session):
        yield session


@every_round
def sweep(session: Session, at: datetime) -> None:
    """Bring back the letters that crashed workers have left."""
    ledger.sweep(session, at=at)
