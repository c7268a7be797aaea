"""Retention: for how long each kind of data is kept, what is due, and taking away what is due, batch by batch.

People are only proposed: somebody looks at them and erases them (services.personal_erase). The bin, drafts of forms and
the audit have terms of the installation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app.db import metadata
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.activity import Activity
from app.models.attachment import Attachment
from app.models.deal import Deal
from app.models.export_run import ExportRun
from app.models.history import FieldChange
from app.models.import_run import ImportProblem, ImportRun, ImportState
from app.models.invoice import Invoice
from app.models.lead import OPEN, Lead, LeadArrival, LeadState
from app.models.letter import Letter, LetterState
from app.models.mailbox import ReceivedMail
from app.models.party import Party, PartyKind
from app.models.payment import Payment
from app.models.person_export import PersonExport, PersonExportState
from app.models.retention_rule import RetentionRule
from app.models.sale_order import SaleOrder
from app.models.sign_in import SignIn
from app.outbox import enqueue
from app.services import access, audit, personal_export
from app.services import bin as bins
from app.services import retention_contact as contacts
from app.services.retention_kind import FOREVER, Kind

TOPIC = "retention.run"
BATCH = 500
LONGEST = 36_500
GONE = contacts.GONE


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A kind with its term, how many rows are due (None for ever), and its last run."""

    kind: Kind
    days: int
    due: int | None
    ran_at: datetime | None
    ran_rows: int | None


# --- what is due, and taking it away ----------------------------------------------------------------------------------


def _people_due(before: datetime) -> Select[Any]:
    """Return people without any document, of whom nothing was written for as long."""
    documents = (exists().where(kind.party_id == Party.id) for kind in (Deal, SaleOrder, Invoice, Payment))
    lately = exists().where(
        Activity.entity == Party.__stem__, Activity.record_id == Party.id, Activity.created_at >= before
    )
    mailed = exists().where(Letter.party_id == Party.id, Letter.created_at >= before)
    is_left = and_(Party.kind == PartyKind.person, Party.anonymised_at.is_(None), Party.changed_at < before)
    return select(Party.id).where(is_left, *(~each for each in documents), ~lately, ~mailed)


def _letters_due(before: datetime) -> Select[Any]:
    ended = Letter.state.in_((LetterState.sent, LetterState.failed, LetterState.cancelled))
    return select(Letter.id).where(ended, Letter.created_at < before, Letter.body != GONE)


def _take_letters(session: Session, keys: Sequence[Any], at: datetime) -> None:
    table = metadata.tables["letter"]
    values = {"body": GONE, "version": table.c.version + 1, "changed_at": at}
    session.connection().execute(update(table).where(table.c.id.in_(keys)).values(values))
    told = select(FieldChange.id, FieldChange.changes).where(
        FieldChange.entity == Letter.__stem__, FieldChange.record_id.in_(keys)
    )
    entries = {row.id: ["body"] for row in session.execute(told) if "body" in row.changes}
    if entries:
        audit.erase_values(session, entries, at=at)
    session.expire_all()


def _imports_due(before: datetime) -> Select[Any]:
    ended = ImportRun.state.in_((ImportState.done, ImportState.failed))
    holds = or_(
        ImportRun.file_id.is_not(None),
        ImportRun.errors_id.is_not(None),
        exists().where(ImportProblem.run_id == ImportRun.id),
    )
    return select(ImportRun.id).where(ended, ImportRun.ended_at < before, holds)


def _take_imports(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001 -- as the others
    runs = session.scalars(select(ImportRun).where(ImportRun.id.in_(keys))).all()
    files = {key for run in runs for key in (run.file_id, run.errors_id) if key is not None}
    session.execute(delete(ImportProblem).where(ImportProblem.run_id.in_(keys)))
    for run in runs:
        run.file_id = run.errors_id = None
        run.report = {}
    session.flush()
    _drop(session, files)


def _drop(session: Session, keys: set[int]) -> None:
    """Delete files, and have their bytes looked at."""
    digests = sorted(set(session.scalars(select(Attachment.sha256).where(Attachment.id.in_(keys)))))
    session.execute(delete(Attachment).where(Attachment.id.in_(keys)))
    if digests:
        enqueue(session, bins.SWEEP, digests=digests)


def _exports_due(before: datetime) -> Select[Any]:
    return select(ExportRun.id).where(ExportRun.created_at < before)


def _take_exports(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001
    session.execute(delete(ExportRun).where(ExportRun.id.in_(keys)).execution_options(synchronize_session=False))


def _sign_ins_due(before: datetime) -> Select[Any]:
    return select(SignIn.key).where(or_(SignIn.ends_at < before, SignIn.revoked_at < before))


def _take_sign_ins(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001
    session.execute(delete(SignIn).where(SignIn.key.in_(keys)).execution_options(synchronize_session=False))


def _parcels_due(before: datetime) -> Select[Any]:
    return select(PersonExport.id).where(PersonExport.state == PersonExportState.done, PersonExport.ended_at < before)


def _take_parcels(session: Session, keys: Sequence[Any], at: datetime) -> None:
    made = session.scalars(select(PersonExport).where(PersonExport.id.in_(keys))).all()
    digests = {digest for each in made if (digest := personal_export.expire(session, each, at=at)) is not None}
    session.flush()
    if digests:
        enqueue(session, bins.SWEEP, digests=sorted(digests))


def _mails_due(before: datetime) -> Select[Any]:
    return select(ReceivedMail.id).where(ReceivedMail.received_at < before, ReceivedMail.raw_id.is_not(None))


def _take_mails(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001
    mails = session.scalars(select(ReceivedMail).where(ReceivedMail.id.in_(keys))).all()
    files = {mail.raw_id for mail in mails if mail.raw_id is not None}
    for mail in mails:
        mail.raw_id = None
    session.flush()
    _drop(session, files)


def _arrivals_due(before: datetime) -> Select[Any]:
    waits = exists().where(Lead.id == LeadArrival.lead_id, Lead.state.in_((*OPEN, LeadState.held)))
    return select(LeadArrival.id).where(LeadArrival.received_at < before, LeadArrival.raw != GONE, ~waits)


def _take_arrivals(session: Session, keys: Sequence[Any], at: datetime) -> None:  # noqa: ARG001
    table = metadata.tables["lead_arrival"]
    session.connection().execute(update(table).where(table.c.id.in_(keys)).values(raw=GONE))
    session.expire_all()


KINDS: tuple[Kind, ...] = (
    Kind(
        name="person",
        label=_l("People without documents"),
        hint=_l("People of whom there is no document, and nothing new for so long. They are only proposed."),
        default=FOREVER,
        least=30,
        due=_people_due,
        take=None,
    ),
    Kind(
        name="letter",
        label=_l("Texts of letters"),
        hint=_l("The text goes, in the history too; to whom a letter went, when and about what stays."),
        default=FOREVER,
        least=30,
        due=_letters_due,
        take=_take_letters,
    ),
    Kind(
        name="received_mail",
        label=_l("Mails as they came in"),
        hint=_l("The whole mail goes; who wrote when, the text in the history and the files at the records stay."),
        default=1_095,
        least=30,
        due=_mails_due,
        take=_take_mails,
    ),
    Kind(
        name="lead_arrival",
        label=_l("What forms and programs sent, as it came"),
        hint=_l("The raw text of what is settled goes; the lead, its message and when it came stay."),
        default=1_095,
        least=30,
        due=_arrivals_due,
        take=_take_arrivals,
    ),
    Kind(
        name="import_run",
        label=_l("Files and rejected rows of imports"),
        hint=_l("The files and rows go; how many rows were added or rejected stays."),
        default=365,
        least=7,
        due=_imports_due,
        take=_take_imports,
    ),
    Kind(
        name="export_run",
        label=_l("Log of exports"),
        hint=_l("Whose file it was cannot be answered afterwards; the audit goes on naming it."),
        default=1_095,
        least=90,
        due=_exports_due,
        take=_take_exports,
    ),
    Kind(
        name="sign_in",
        label=_l("Ended sign-ins"),
        hint=_l("From where somebody was signed in, and with which browser."),
        default=180,
        least=1,
        due=_sign_ins_due,
        take=_take_sign_ins,
    ),
    Kind(
        name="person_export",
        label=_l("Files of exports of people"),
        hint=_l("The file goes; that it was made stays."),
        default=14,
        least=1,
        due=_parcels_due,
        take=_take_parcels,
    ),
    *contacts.KINDS,
)


def kind(name: str) -> Kind:
    """Return a kind by name. Raises NotFound."""
    found = next((each for each in KINDS if each.name == name), None)
    if found is None:
        raise NotFound(name)
    return found


# --- terms ------------------------------------------------------------------------------------------------------------


def _rules(session: Session) -> dict[str, RetentionRule]:
    return {rule.name: rule for rule in session.scalars(select(RetentionRule))}


def days_of(session: Session, name: str) -> int:
    """Return the term of a kind in days, 0 for ever."""
    rule = session.scalars(select(RetentionRule).where(RetentionRule.name == name)).one_or_none()
    return kind(name).default if rule is None else rule.days


def standing(session: Session, *, at: datetime) -> list[Standing]:
    """Return every kind with its term, what is due of it, and its last run."""
    rules, found = _rules(session), []
    with access.everything(session, why="how many rows are due is a number, whoever owns them"):
        for each in KINDS:
            rule = rules.get(each.name)
            days = each.default if rule is None else rule.days
            due = _count(session, each, days, at) if days else None
            ran = (None, None) if rule is None else (rule.ran_at, rule.ran_rows)
            found.append(Standing(kind=each, days=days, due=due, ran_at=ran[0], ran_rows=ran[1]))
    return found


def _count(session: Session, which: Kind, days: int, at: datetime) -> int:
    keys = which.due(at - timedelta(days=days)).subquery()
    return int(session.scalar(select(func.count()).select_from(keys)) or 0)


def set_term(session: Session, name: str, *, days: int) -> RetentionRule:
    """Keep a kind of data for so many days, 0 for ever.

    Raises DomainError at `days` for a term that is too short or too long.
    """
    which = kind(name)
    if days != FOREVER and not which.least <= days <= LONGEST:
        raise DomainError(
            _("0, or from %(least)s to %(most)s days", least=which.least, most=LONGEST), field=f"days-{name}"
        )
    rule = session.scalars(select(RetentionRule).where(RetentionRule.name == name)).one_or_none()
    rule = rule or RetentionRule(name=name)
    rule.days = days
    session.add(rule)
    session.flush()
    return rule


# --- running ----------------------------------------------------------------------------------------------------------


def take_some(session: Session, name: str, *, at: datetime, most: int = BATCH) -> int:
    """Take away some of what is due of a kind; return how many rows, 0 when nothing is left."""
    which, days = kind(name), days_of(session, name)
    if which.take is None or not days:
        return 0
    with access.everything(session, why="terms hold for all rows"):
        keys = session.scalars(which.due(at - timedelta(days=days)).limit(most)).all()
        if keys:
            which.take(session, keys, at)
    return len(keys)


def note_run(session: Session, name: str, *, rows: int, at: datetime) -> None:
    """Note when a kind was last looked at, and how many rows went."""
    rule = session.scalars(select(RetentionRule).where(RetentionRule.name == name)).one_or_none()
    rule = rule or RetentionRule(name=name, days=kind(name).default)
    rule.ran_at, rule.ran_rows = at, rows
    session.add(rule)
    session.flush()


def people_due(session: Session, *, at: datetime, most: int) -> list[Party]:
    """Return the first people who are due to be forgotten, as far as the actor sees them."""
    days = days_of(session, "person")
    if not days:
        return []
    keys = _people_due(at - timedelta(days=days)).order_by(Party.changed_at, Party.id).limit(most)
    found = {party.id: party for party in session.scalars(select(Party).where(Party.id.in_(keys))).unique()}
    return sorted(found.values(), key=lambda party: (party.changed_at, party.id))
