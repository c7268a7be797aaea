"""Retention: what is due of each kind, what goes and what stays, and that people are only proposed."""

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, NotFound
from app.models.activity import Activity
from app.models.attachment import Attachment
from app.models.export_run import ExportRun
from app.models.history import FieldChange
from app.models.import_run import ImportProblem, ImportRun, ImportState
from app.models.lead import LeadArrival, LeadRejection, LeadState
from app.models.lead_source import LeadChannel, LeadSource
from app.models.letter import Letter, LetterState
from app.models.mailbox import Mailbox, MailKind, ReceivedMail
from app.models.party import Party, PartyKind
from app.models.person_export import PersonExport, PersonExportState
from app.models.retention_rule import RetentionRule
from app.models.sign_in import SignIn
from app.outbox import Outbox
from app.services import attachment, audit_seal, audit_verify, intake, retention
from app.services import bin as bins
from app.services import lead_source as sources
from app.services import mailbox as mailboxes
from app.services.verify import Report
from app.tasks import registry, running
from tests.factories import Made

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def ago(days: int) -> datetime:
    return NOW - timedelta(days=days)


def term(session: Session, name: str, days: int) -> None:
    retention.set_term(session, name, days=days)
    session.commit()


def take(session: Session, name: str, **more: Any) -> int:
    taken = retention.take_some(session, name, at=NOW, **more)
    session.commit()
    session.expire_all()
    return taken


def told(session: Session, name: str) -> tuple[int, int | None]:
    found = next(each for each in retention.standing(session, at=NOW) if each.kind.name == name)
    return found.days, found.due


def test_what_nobody_has_set_keeps_its_default(session: Session):
    found = {each.kind.name: each.days for each in retention.standing(session, at=NOW)}
    assert found == {
        "person": 0, "letter": 0, "received_mail": 1_095, "lead_arrival": 1_095, "import_run": 365,
        "export_run": 1_095, "sign_in": 180, "person_export": 14, "text_message": 0, "rule_occurrence": 1_095,
        "mailing_recipient": 1_095, "contact_refusal": 365, "address_failure": 400, "contact_made": 400,
    }  # fmt: skip
    assert {each.kind.name for each in retention.standing(session, at=NOW) if each.due is None} == {
        "person", "letter", "text_message",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "days"), [("export_run", 89), ("letter", 29), ("letter", 36_501), ("person", -1)])
def test_a_term_that_will_not_do_is_refused(session: Session, name: str, days: int):
    with pytest.raises(DomainError) as refused:
        retention.set_term(session, name, days=days)
    assert refused.value.field == f"days-{name}"
    assert session.scalars(select(RetentionRule)).all() == []


def test_a_kind_that_is_not_there_has_no_term(session: Session):
    with pytest.raises(NotFound):
        retention.set_term(session, "invoice", days=100)


def test_the_log_of_exports_goes_after_its_term(session: Session, made: Made):
    made.export_run("manager", at=ago(1_096))
    young = made.export_run("manager", at=ago(1_094))
    session.commit()
    assert told(session, "export_run") == (1_095, 1)
    assert take(session, "export_run") == 1
    assert [run.id for run in session.scalars(select(ExportRun))] == [young.id]
    assert take(session, "export_run") == 0


def test_for_ever_means_that_nothing_is_due(session: Session, made: Made):
    made.export_run("manager", at=ago(10_000))
    term(session, "export_run", 0)
    assert told(session, "export_run") == (0, None)
    assert take(session, "export_run") == 0
    assert len(session.scalars(select(ExportRun)).all()) == 1


def test_it_goes_in_batches(session: Session, made: Made):
    for _each in range(5):
        made.export_run("manager", at=ago(2_000))
    session.commit()
    assert [take(session, "export_run", most=2) for _each in range(4)] == [2, 2, 1, 0]


def letter(session: Session, made: Made, state: LetterState, at: datetime, number: int) -> Letter:
    organisation = made.organisation(f"Org {number}")
    row = Letter(
        state=state,
        organisation=organisation,
        language="en",
        from_address="us@example.com",
        to_address="anna@example.com",
        subject="Offer",
        body="Dear Anna",
        message_id=f"<{number}@example.com>",
        due_at=at,
        sent_at=at if state is LetterState.sent else None,
        created_at=at,
    )
    session.add(row)
    session.flush()
    return row


def test_the_text_of_an_old_letter_goes_from_the_history_too(session: Session, made: Made, chain_key: bytes):
    old = letter(session, made, LetterState.sent, ago(400), 1)
    waiting = letter(session, made, LetterState.pending, ago(400), 2)
    young = letter(session, made, LetterState.sent, ago(300), 3)
    session.commit()
    audit_seal.seal(session, key=chain_key, at=NOW)
    term(session, "letter", 365)
    assert told(session, "letter") == (365, 1)
    assert take(session, "letter") == 1
    assert (old.body, old.subject, old.to_address) == ("—", "Offer", "anna@example.com")
    assert (waiting.body, young.body) == ("Dear Anna", "Dear Anna")
    added = session.scalars(select(FieldChange).where(FieldChange.entity == "letter").order_by(FieldChange.id)).all()
    assert [row.changes["body"] for row in added if row.act.value == "add"] == [
        [None, None],
        [None, "Dear Anna"],
        [None, "Dear Anna"],
    ]
    report = audit_verify.verify(session, key=chain_key, at=NOW, report=Report())
    assert [one.about for one in report.problems] == []
    assert take(session, "letter") == 0


def test_files_and_rejected_rows_of_an_import_go_and_its_numbers_stay(session: Session, tmp_path: Path):
    runs = []
    for at in (ago(366), ago(364)):
        run = ImportRun(entity="party", state=ImportState.done, file_name="a.csv", ended_at=at, report={"x": [1]})
        run.rejected_rows = 1
        session.add(run)
        session.flush()
        run.file = attachment.store(
            session, io.BytesIO(str(at).encode()), files=tmp_path, name="a.csv", media_type="text/csv",
            entity="import_run", record_id=run.id, at=at, by_id=None, purpose="import",
        )  # fmt: skip
        session.add(ImportProblem(run_id=run.id, row=2, reason="wrong", cells=["Anna"]))
        runs.append(run)
    session.commit()
    digest = runs[0].file.sha256
    assert take(session, "import_run") == 1
    assert (runs[0].file_id, runs[0].report, runs[0].rejected_rows) == (None, {}, 1)
    assert (runs[1].file_id is not None, runs[1].report) == (True, {"x": [1]})
    assert [row.run_id for row in session.scalars(select(ImportProblem))] == [runs[1].id]
    assert len(session.scalars(select(Attachment)).all()) == 1
    sweep = session.scalars(select(Outbox).where(Outbox.topic == bins.SWEEP)).one()
    assert sweep.payload == {"digests": [digest]}


def test_a_mail_as_it_came_goes_and_who_wrote_when_stays(session: Session, tmp_path: Path):
    source = LeadSource(name="Mail", channel=LeadChannel.email, language="nl")
    sources.save(session, source)
    box = Mailbox(
        name="Sales", host="imap.example.com", login="sales@us.example", source=source, since=date(2020, 1, 1)
    )
    mailboxes.save(session, box)
    mails = []
    for uid, at in ((1, ago(1_096)), (2, ago(1_094))):
        mail = ReceivedMail(
            mailbox=box, validity=1, uid=uid, number=f"<{uid}@x>", kind=MailKind.own, received_at=at, size=3,
            subject="Tulips",
        )  # fmt: skip
        session.add(mail)
        session.flush()
        mail.raw = attachment.store(
            session, io.BytesIO(str(uid).encode()), files=tmp_path, name="m.eml", media_type="message/rfc822",
            entity="received_mail", record_id=mail.id, at=at, by_id=None, purpose="mail",
        )  # fmt: skip
        mails.append(mail)
    session.commit()
    digest = mails[0].raw.sha256
    assert told(session, "received_mail") == (1_095, 1)
    assert take(session, "received_mail") == 1
    assert [(mail.subject, mail.raw_id is None) for mail in mails] == [("Tulips", True), ("Tulips", False)]
    assert session.scalars(select(Outbox).where(Outbox.topic == bins.SWEEP)).one().payload == {"digests": [digest]}
    assert take(session, "received_mail") == 0


def test_what_a_form_sent_goes_once_a_person_has_looked_at_it(session: Session, made: Made):
    source = LeadSource(name="Website", channel=LeadChannel.form, language="nl")
    sources.save(session, source)
    for number, at in (("old", ago(1_096)), ("open", ago(1_096)), ("young", ago(1_094))):
        sent = b'{"name": "Anna", "email": "anna@example.com", "text": "Tulips"}' if number != "open" else b"{broken"
        lead = intake.receive(session, source, sent, at=at, about=intake.About(external_id=number)).lead
        assert lead is not None
        if number != "open":
            lead.state, lead.rejected_reason = LeadState.rejected, LeadRejection.junk
    session.commit()
    assert take(session, "lead_arrival") == 1
    kept = {row.external_id: (row.raw == retention.GONE, row.text) for row in session.scalars(select(LeadArrival))}
    assert kept == {"old": (True, "Tulips"), "open": (False, None), "young": (False, "Tulips")}
    assert take(session, "lead_arrival") == 0


def test_ended_sign_ins_go(session: Session, made: Made):
    user = made.user("manager").id
    for key, ends, revoked in (("old", ago(181), None), ("revoked", NOW, ago(200)), ("live", NOW, None)):
        session.add(SignIn(key=key, user_id=user, kind="page", ends_at=ends, revoked_at=revoked))
    session.commit()
    before = set(session.scalars(select(SignIn.key)))
    assert before >= {"old", "revoked", "live"}
    assert take(session, "sign_in") == 2
    assert before - set(session.scalars(select(SignIn.key))) == {"old", "revoked"}


def test_files_of_exports_of_people_go(session: Session, made: Made, tmp_path: Path):
    party = made.party("Anna Ivanova", kind=PartyKind.person)
    export = PersonExport(party=party, language="en", state=PersonExportState.done, ended_at=ago(15))
    session.add(export)
    session.flush()
    export.file = attachment.store(
        session, io.BytesIO(b"zip"), files=tmp_path, name="p.zip", media_type="application/zip",
        entity="person_export", record_id=export.id, at=ago(15), by_id=None, purpose="person",
    )  # fmt: skip
    session.commit()
    assert take(session, "person_export") == 1
    assert (export.state, export.file_id) == (PersonExportState.expired, None)
    assert session.scalars(select(Attachment)).all() == []


def test_people_are_proposed_and_never_taken(session: Session, made: Made):
    left = made.party("Left Alone", kind=PartyKind.person)
    noted = made.party("With Note", kind=PartyKind.person)
    buyer = made.buyer("Has Invoice", kind=PartyKind.person)
    made.party("A Company")
    made.issued(party=buyer, on=date(2024, 1, 1))
    session.commit()
    from sqlalchemy import update

    session.execute(update(Party).values(changed_at=ago(800)).execution_options(synchronize_session=False))
    session.add(Activity(entity="party", record_id=noted.id, body="called", created_at=ago(10)))
    session.commit()
    session.expire_all()
    term(session, "person", 730)
    assert [party.id for party in retention.people_due(session, at=NOW, most=50)] == [left.id]
    assert told(session, "person") == (730, 1)
    assert take(session, "person") == 0
    assert session.get(Party, left.id).name == "Left Alone"
    term(session, "person", 900)
    assert retention.people_due(session, at=NOW, most=50) == []


def test_the_worker_does_it_every_night_and_says_so(app: Any, session: Session, made: Made):
    registry.load()
    assert ("retention.run", retention_time()) in registry.schedule()
    made.export_run("manager", at=datetime(2020, 1, 1, tzinfo=UTC))
    row = Outbox(topic=retention.TOPIC, payload={})
    session.add(row)
    session.commit()
    with app.app_context():
        assert running.run_row(row.id, settings=dict(app.config)) is True
    session.expire_all()
    assert session.scalars(select(ExportRun)).all() == []
    ran = {rule.name: rule.ran_rows for rule in session.scalars(select(RetentionRule))}
    assert ran["export_run"] == 1
    assert set(ran) == {
        *("received_mail", "lead_arrival", "import_run", "export_run", "sign_in", "person_export"),
        *("rule_occurrence", "mailing_recipient", "contact_refusal", "address_failure", "contact_made"),
    }


def retention_time() -> Any:
    from datetime import time

    return time(3, 0)
