"""Erasing a person: what stands in the way, what is looked for in every table and file, and what stays on purpose."""

import io
import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, LargeBinary, String, Text, cast, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.db import metadata
from app.errors import DomainError, NotFound, Refusals
from app.models.activity import Activity
from app.models.bulk_run import BulkRow, BulkRun
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.models.erasure import Erasure
from app.models.form_draft import FormDraft
from app.models.history import Act, FieldChange
from app.models.idempotency import IdempotencyKey
from app.models.import_run import ImportProblem, ImportRun, ImportState
from app.models.invoice import InvoiceSnapshot
from app.models.letter import Letter, LetterState
from app.models.notification import Notification, NotificationKind
from app.models.party import (
    AddressUsage,
    ChannelKind,
    Party,
    PartyAddress,
    PartyBankAccount,
    PartyChannel,
    PartyContact,
    PartyIdentifier,
    PartyKind,
)
from app.models.saved_view import SavedView
from app.outbox import Errand, Outbox
from app.retold import Retold
from app.search import search_text
from app.services import access, attachment, audit, audit_seal, audit_verify, party_merge
from app.services import bin as bins
from app.services import party as parties
from app.services import personal_erase as erasing
from app.services.verify import Report
from tests.factories import Made

MARK = "Brumkadel"  # the same in Latin letters and in every spelling of the index
NAME = f"Zoltan {MARK}name"
EMAIL = f"{MARK}mail@example.com".lower()
KEPT = {"invoice.note", "invoice.buyer_reference", "invoice_snapshot.content"}
WHY = "Asked for in writing"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


def store(session: Session, files: Path, name: str, content: str, about: tuple[str, int], **more: Any) -> Any:
    return attachment.store(
        session,
        io.BytesIO(content.encode()),
        files=files,
        name=name,
        media_type="text/plain",
        entity=about[0],
        record_id=about[1],
        at=clock.now(),
        by_id=None,
        **more,
    )


@pytest.fixture
def zoltan(session: Session, made: Made, files: Path) -> Party:
    """A person whose every word bears the mark, in every place there is; one paid invoice, one done order."""
    party = made.buyer(
        NAME,
        kind=PartyKind.person,
        legal_name=f"Zoltan {MARK}legal",
        phone="+31201234567",
        email=EMAIL,
        website=f"https://{MARK}web.example.com",
        birthday=date(1980, 2, 3),
        note=f"{MARK}note",
        source=f"{MARK}source",
        external_id=f"{MARK}ext-17",
    )
    party.registration_number = f"{MARK}reg-1"
    party.addresses[0].street = f"{MARK}street 2"
    party.addresses.append(PartyAddress(usage=AddressUsage.postal, street=f"{MARK}postal", city=f"{MARK}city"))
    party.contacts.append(PartyContact(name=f"Wife {MARK}contact", email=f"{MARK}wife@example.com".lower()))
    party.channels.append(PartyChannel(kind=ChannelKind.messenger, value=f"@{MARK}chat", raw=f"@{MARK}chat"))
    party.bank_accounts.append(PartyBankAccount(iban="NL91ABNA0417164300", bank_name=f"{MARK}bank"))
    party.identifiers.append(PartyIdentifier(scheme="GLN", value=f"{MARK}-ident"))
    parties.derive(party)
    session.flush()
    former, party.email = party.email, f"{MARK}second@example.com".lower()
    session.flush()
    assert former == EMAIL
    invoice = made.issued(("1", "10.00"), party=party, note=f"{MARK}inote", buyer_reference=f"{MARK}ref")
    gross = invoice.gross
    payment = made.payment(str(gross), party=party, reference=f"From {NAME}", note=f"{MARK}pnote")
    order = made.order(party=party, note=f"{MARK}onote", buyer_reference=f"{MARK}oref")
    order.state = "cancelled"
    session.flush()
    letter = Letter(
        state=LetterState.sent,
        organisation=invoice.organisation,
        party=party,
        language="nl",
        from_address="us@example.com",
        to_address=EMAIL,
        to_name=NAME,
        subject=f"{MARK}subject",
        body=f"{MARK}body",
        answer=f"{MARK}answer",
        message_id="<1@example.com>",
        due_at=clock.now(),
        sent_at=clock.now(),
        search_text=search_text([EMAIL, NAME]),
    )
    note = Activity(entity="party", record_id=party.id, body=f"{MARK}activity")
    other = Activity(entity="invoice", record_id=invoice.id, body=f"{MARK}about the invoice")
    session.add_all([letter, note, other])
    session.flush()
    file = store(session, files, f"{MARK}scan.txt", f"{MARK}file", ("party", party.id))
    store(session, files, "invoice.pdf", f"{MARK}issued", ("invoice", invoice.id), purpose="document")
    run = ImportRun(entity="party", state=ImportState.done, file_name=f"{NAME}.csv", report={"warnings": [[2, EMAIL]]})
    plain = ImportRun(entity="party", state=ImportState.done, file_name="others.csv", report={})
    session.add_all([run, plain])
    session.flush()
    run.file = store(
        session, files, "in.csv", f"name;phone\n{MARK}x;020 123 45 67\n", ("import_run", run.id), purpose="import"
    )
    plain.file = store(session, files, "b.csv", "name\nBoris\n", ("import_run", plain.id), purpose="import")
    admin = made.user("admin").id
    bulk = BulkRun(
        entity="party", act="edit", given={"note": f"to {NAME}"}, query=f"/party/list/?q={MARK}mail%40example.com"
    )
    session.add(bulk)
    session.flush()
    session.add_all(
        [
            ImportProblem(run_id=run.id, row=3, reason="wrong", cells=[NAME, MARK]),
            ImportProblem(run_id=run.id, row=4, reason="wrong", cells=["Boris", ""]),
            FormDraft(key="k" * 43, user_id=admin, path=f"/party/edit/{party.id}", fields=[["note", f"{MARK}draft"]]),
            FormDraft(key="l" * 43, user_id=admin, path="/party/add", fields=[["name", NAME]]),
            FormDraft(key="m" * 43, user_id=admin, path="/party/add", fields=[["name", "Boris"]]),
            SavedView(entity="party", name="Mine", query=f"q={NAME.replace(' ', '+')}", user_id=admin),
            SavedView(entity="party", name="All", query="", user_id=admin),
            BulkRow(run_id=bulk.id, record_id=party.id, before={"note": f"{MARK}before"}, after={"note": MARK}),
            Outbox(topic="x", payload={"to": EMAIL}, state=Errand.done, error=f"{NAME} refused"),
            IdempotencyKey(user_id=admin, key="i" * 20, body_sha256="0" * 64, status=201, answer={"name": NAME}),
            Notification(user_id=admin, kind=NotificationKind.assigned, entity="party", record_id=party.id),
            Consent(
                party_id=party.id,
                purpose=ConsentPurpose.marketing_mail,
                state=ConsentState.given,
                address=EMAIL,
                source=ConsentSource.paper,
                wording="I agree.",
                note=f"{MARK}consent",
                evidence_id=file.id,
                said_at=clock.now(),
                by_id=admin,
            ),
        ]
    )
    made.export_run("admin", query=f"/party/list/export?q={EMAIL}", reason=f"For {NAME}")
    audit.note(session, Act.export, entity="party", changes={"filter": [None, f"q={EMAIL}"], "rows": [None, 1]})
    gone = made.order(party=party, note=f"{MARK}binned")
    bins.discard(session, gone, actor=access.SYSTEM, at=clock.now())
    session.commit()
    settle(session, invoice, payment)
    session.commit()
    return party


def settle(session: Session, invoice: Any, payment: Any) -> None:
    from app.models.allocation import Allocation

    session.add(
        Allocation(
            allocated_on=payment.paid_on,
            amount=invoice.gross,
            credit_amount=invoice.gross,
            payment_id=payment.id,
            invoice_id=invoice.id,
        )
    )
    session.flush()


def planted(session: Session, mark: str = MARK) -> set[str]:
    """Every column of every table, framework's and shadows of the search apart, that holds the mark."""
    session.expire_all()
    found = set()
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, String | Text | JSON | LargeBinary | Retold):
                text = func.lower(cast(column, Text))
                if session.execute(select(func.count()).select_from(table).where(text.contains(mark.lower()))).scalar():
                    found.add(f"{table.name}.{column.name}")
    return found


def on_disk(files: Path) -> list[str]:
    return sorted(path.read_text() for path in files.rglob("*") if path.is_file() and MARK in path.read_text())


def erase(session: Session, person: Party, files: Path, **more: Any) -> Erasure:
    found = erasing.find_for(session, person.id, more.pop("contact_id", None))
    given = {"reason": WHY, "typed_name": found.name} | more
    made = erasing.erase(session, found, by=access.SYSTEM, at=clock.now(), files=files, **given)
    session.commit()
    return made


def test_nothing_of_a_person_is_left_but_what_his_documents_say(session: Session, zoltan: Party, files: Path):
    everywhere = planted(session)
    assert everywhere >= {
        *("party.name", "party.note", "party_contact.name", "letter.body", "activity.body", "attachment.name"),
        *("form_draft.fields", "import_problem.cells", "import_run.report", "saved_view.query", "bulk_row.before"),
        *("bulk_run.given", "outbox.payload", "idempotency_key.answer", "consent.address", "deleted_record.data"),
        *("export_run.query", "search_entry.search_text", "search_word.search_text", "field_change.changes"),
        *("field_change.name", "sale_order.note", "payment.reference", "invoice.search_text", *KEPT),
    }  # fmt: skip
    frozen = session.scalars(select(InvoiceSnapshot.content)).one()
    key = zoltan.id
    made = erase(session, zoltan, files)
    assert planted(session) == KEPT
    assert planted(session, "1234567") == set()
    assert planted(session, "NL91ABNA0417164300") == {"organisation_bank_account.iban", "invoice_snapshot.content"}
    assert session.scalars(select(InvoiceSnapshot.content)).one() == frozen
    party = session.get(Party, key)
    assert (party.name, str(party), party.phone, party.birthday) == (f"#{key}", f"Anonymised party {key}", None, None)
    assert (party.archived_at, party.anonymised_at) == (made.created_at, made.created_at)
    assert (made.party_id, made.contact_id, made.reason) == (key, None, WHY)
    assert made.counts["letter"] == [1, 0]
    assert made.counts["invoice"] == [0, 1]


def test_files_leave_the_disk_and_issued_ones_stay(
    app: Any, session: Session, zoltan: Party, files: Path, tmp_path: Path
):
    from app.tasks import registry, running

    registry.load()
    assert len(on_disk(files)) == 3
    erase(session, zoltan, files)
    for path in files.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    row = session.scalars(select(Outbox).where(Outbox.topic == bins.SWEEP).order_by(Outbox.id.desc())).first()
    with app.app_context():
        assert running.run_row(row.id, settings=dict(app.config) | {"CRM_VAR": tmp_path}) is True
    assert on_disk(files) == [f"{MARK}issued"]
    assert sorted(path.read_text() for path in files.rglob("*") if path.is_file()) == [f"{MARK}issued", "name\nBoris\n"]


def test_a_file_of_this_very_hour_is_looked_at_again(
    app: Any, session: Session, zoltan: Party, files: Path, tmp_path: Path
):
    from app.tasks import registry, running

    registry.load()
    erase(session, zoltan, files)
    row = session.scalars(select(Outbox).where(Outbox.topic == bins.SWEEP).order_by(Outbox.id.desc())).first()
    with app.app_context():
        assert running.run_row(row.id, settings=dict(app.config) | {"CRM_VAR": tmp_path}) is True
    session.expire_all()
    assert len(on_disk(files)) == 3
    later = session.scalars(select(Outbox).where(Outbox.topic == bins.SWEEP).order_by(Outbox.id.desc())).first()
    assert later.id > row.id
    assert (later.payload["soon"], len(later.payload["digests"])) == (True, 2)
    assert timedelta(minutes=55) < later.due_at - clock.now() <= timedelta(hours=1)


def test_what_is_of_others_stays_whole(session: Session, zoltan: Party, files: Path):
    erase(session, zoltan, files)
    assert session.scalars(select(ImportProblem.cells)).all() == [["Boris", ""]]
    assert session.scalars(select(FormDraft.key)).all() == ["m" * 43]
    assert session.scalars(select(SavedView.name)).all() == ["All"]
    assert session.scalars(select(BulkRun.given)).all() == [{"note": "to —"}]
    names = session.scalars(select(ImportRun.file_name).order_by(ImportRun.id)).all()
    assert names == ["—.csv", "others.csv"]
    assert [run.file_id is None for run in session.scalars(select(ImportRun).order_by(ImportRun.id))] == [True, False]


def test_the_audit_is_proved_as_before(session: Session, zoltan: Party, files: Path, chain_key: bytes):
    audit_seal.seal(session, key=chain_key, at=clock.now())
    session.commit()
    erase(session, zoltan, files)
    audit_seal.seal(session, key=chain_key, at=clock.now())
    session.commit()
    report = audit_verify.verify(session, key=chain_key, at=clock.now(), report=Report())
    told = [one.text if hasattr(one, "text") else str(one) for one in report.problems]
    assert told == []
    assert report.erased >= 5
    said = session.scalars(select(FieldChange).where(FieldChange.act == Act.erase, FieldChange.entity == "party")).all()
    assert {each.changes["reason"][1] for each in said} == {WHY}


def test_a_consent_stays_without_the_person(session: Session, zoltan: Party, files: Path):
    erase(session, zoltan, files)
    kept = session.scalars(select(Consent)).one()
    assert (kept.purpose, kept.state, kept.wording) == (ConsentPurpose.marketing_mail, ConsentState.given, "I agree.")
    assert (kept.address, kept.note, kept.evidence_id) == (None, None, None)


def test_the_preview_says_what_would_go_and_changes_nothing(session: Session, zoltan: Party, files: Path):
    before = planted(session)
    found = erasing.preview(session, erasing.find_for(session, zoltan.id), files=files)
    told = {line.place.table: (line.count, line.fate.value) for line in found.lines}
    assert told["party"] == (1, "replaced")
    assert told["party_contact"] == (1, "erased")
    assert told["letter"] == (1, "erased")
    assert told["invoice"] == (1, "kept")
    assert told["deleted_record"] == (1, "erased")
    assert told["import_run"] == (1, "scrubbed")
    assert told["form_draft"] == (2, "erased")
    assert told["activity"] == (2, "erased")
    assert found.blocked == []
    assert planted(session) == before
    assert session.scalars(select(Erasure)).all() == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 251}, "reason"),
        ({"reason": f"{NAME} asked"}, "reason"),
        ({"reason": f"Mail from {EMAIL}"}, "reason"),
        ({"typed_name": "Zoltan"}, "name"),
    ],
)
def test_a_wrong_word_erases_nothing(session: Session, zoltan: Party, files: Path, given: dict[str, str], field: str):
    before = planted(session)
    with pytest.raises(Refusals) as refused:
        erase(session, zoltan, files, **given)
    session.rollback()
    assert list(refused.value.errors) == [field]
    assert planted(session) == before


def test_what_runs_or_is_open_stands_in_the_way(session: Session, zoltan: Party, made: Made, files: Path):
    draft = made.order(party=zoltan)
    unpaid = made.issued(("1", "7.00"), party=zoltan)
    session.commit()
    found = erasing.preview(session, erasing.find_for(session, zoltan.id), files=files)
    assert [(each.stem, [one.id for one in each.records]) for each in found.blocked] == [
        ("order", [draft.id]),
        ("invoice", [unpaid.id]),
    ]
    with pytest.raises(DomainError, match="orders are under way; documents are not settled"):
        erase(session, zoltan, files)
    session.rollback()
    assert session.get(Party, zoltan.id).name == NAME


def test_one_contact_person_goes_and_the_company_stays(session: Session, made: Made, files: Path):
    company = made.party("Quay B.V.", email="info@example.com", note=f"Ask Anna {MARK}one, then Boris")
    company.contacts.append(PartyContact(name=f"Anna {MARK}one", email=f"{MARK}anna@example.com".lower()))
    company.contacts.append(PartyContact(name="Boris Petrov", email="boris@example.com"))
    parties.derive(company)
    session.add(Activity(entity="party", record_id=company.id, body=f"Anna {MARK}one called"))
    session.add(Activity(entity="party", record_id=company.id, body="Boris called"))
    session.commit()
    assert planted(session) >= {"party.note", "party.search_text", "party_contact.name", "activity.body"}
    key = next(each.id for each in company.contacts if MARK in each.name)
    made_of = erase(session, company, files, contact_id=key)
    assert planted(session) == set()
    company = session.get(Party, company.id)
    assert (company.name, company.note, company.archived_at) == ("Quay B.V.", "Ask —, then Boris", None)
    assert [each.name for each in company.contacts] == ["Boris Petrov"]
    assert [each.body for each in session.scalars(select(Activity))] == ["Boris called"]
    assert (made_of.party_id, made_of.contact_id) == (company.id, key)
    assert "boris" in company.search_text


def test_a_company_as_a_whole_and_a_stranger_are_refused(session: Session, made: Made, zoltan: Party, files: Path):
    company = made.party("Quay B.V.")
    session.commit()
    with pytest.raises(DomainError, match="This is a company"):
        erasing.find_for(session, company.id)
    with pytest.raises(NotFound):
        erasing.find_for(session, company.id, zoltan.contacts[0].id)


def test_it_happens_once_and_for_good(session: Session, zoltan: Party, files: Path):
    erase(session, zoltan, files)
    with pytest.raises(DomainError, match="anonymous already"):
        erasing.find_for(session, zoltan.id)
    party = session.get(Party, zoltan.id)
    party.note = "again"
    with pytest.raises(DomainError, match="nothing can be written down"):
        parties.save(session, party)
    session.rollback()
    with pytest.raises(DomainError, match="stays in the archive"):
        parties.restore(session, session.get(Party, zoltan.id))


def test_nobody_erases_rows_that_he_does_not_reach(session: Session, made: Made, zoltan: Party, files: Path):
    actor = access.actor_of(session, user_id=made.user("manager").id, name="manager", roles=["Sales manager"])
    with access.acting(session, actor), pytest.raises(NotFound):
        erasing.find_for(session, zoltan.id)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM consent",
        "UPDATE consent SET state = 'withdrawn'",
        "UPDATE consent SET address = 'other@example.com'",
        "DELETE FROM erasure",
        "UPDATE erasure SET reason = 'another'",
    ],
)
def test_the_database_refuses_to_change_what_was_said(session: Session, zoltan: Party, files: Path, statement: str):
    from sqlalchemy import text

    if "erasure" in statement:
        erase(session, zoltan, files)
    with pytest.raises(DBAPIError, match="only ever added"):
        session.execute(text(statement))
    session.rollback()


def test_records_of_erasures_hold_nothing_of_the_person(session: Session, zoltan: Party, files: Path):
    made = erase(session, zoltan, files)
    row = json.dumps({column.name: str(getattr(made, column.name)) for column in Erasure.__table__.columns})
    assert MARK not in row


def test_who_was_merged_into_him_goes_with_him(session: Session, made: Made, zoltan: Party, files: Path):
    twin = made.party(f"Zoltaan {MARK}twin", kind=PartyKind.person, phone="+31207654321", note=f"{MARK}other")
    zoltan.registration_number = None
    zoltan.identifiers.clear()
    party_merge.merge(session, zoltan, other=twin, by=access.SYSTEM, at=clock.now())
    session.commit()
    keys = (zoltan.id, twin.id)
    erase(session, zoltan, files)
    assert planted(session) == KEPT
    assert planted(session, "7654321") == set()
    assert [session.get(Party, key).name for key in keys] == [f"#{key}" for key in keys]
