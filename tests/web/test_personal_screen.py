"""Personal data on screen and over REST: consents, the export of a person through the door, and erasing one."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.models.attachment import Attachment
from app.models.consent import Consent, ConsentPurpose, ConsentState
from app.models.erasure import Erasure
from app.models.export_run import ExportKind, ExportRun, ExportState
from app.models.history import Act, FieldChange
from app.models.party import Party, PartyContact, PartyKind
from app.models.person_export import PersonExport, PersonExportState
from app.models.retention_rule import RetentionRule
from app.outbox import Outbox
from app.services import attachment, retention
from app.services import personal_export as exports
from app.tasks import registry, running
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
AGREED = {"purpose": "marketing_mail", "state": "given", "source": "paper", "wording": "Terms 3"}


@pytest.fixture
def anna(session: Session, made: Made) -> Party:
    party = made.party("Anna Ivanova", kind=PartyKind.person, phone="+31201234567", email="anna@example.com")
    session.commit()
    return party


@pytest.fixture
def place(app: Flask, tmp_path: Path) -> Any:
    """A folder of the test's own for files."""
    kept = app.config["CRM_VAR"]
    app.config["CRM_VAR"] = tmp_path
    yield dict(app.config)
    app.config["CRM_VAR"] = kept


def said(session: Session) -> list[tuple[Any, ...]]:
    session.expire_all()
    rows = session.scalars(select(Consent).order_by(Consent.id))
    return [(row.purpose, row.state, row.address, row.wording) for row in rows]


# --- consents ---------------------------------------------------------------------------------------------------------


def test_a_consent_is_written_down_and_taken_back_by_another_row(as_user: As, session: Session, anna: Party):
    office = as_user("office")
    card = f"/party/show/{anna.id}?tab=personal"
    assert "Nobody has agreed to anything here yet." in office.get(card).text
    given = AGREED | {"address": "Anna@Example.com ", "note": "At the fair", "said_on": "2026-03-01"}
    done = office.post(f"/party/{anna.id}/consent", given)
    assert (done.status_code, done.location) == (302, card)
    first = (ConsentPurpose.marketing_mail, ConsentState.given, "anna@example.com", "Terms 3")
    assert said(session) == [first]
    back = {"purpose": "marketing_mail", "state": "withdrawn", "source": "telephone", "address": "anna@example.com"}
    assert office.post(f"/party/{anna.id}/consent", back).status_code == 302
    assert said(session) == [first, (ConsentPurpose.marketing_mail, ConsentState.withdrawn, "anna@example.com", None)]
    page = office.get(card).text
    assert "All that was said: 2" in page
    assert page.count("Take back") == 0
    told = session.scalars(select(FieldChange).where(FieldChange.part == "consent").order_by(FieldChange.id)).all()
    assert [(each.entity, each.record_id, each.act) for each in told] == [("party", anna.id, Act.add)] * 2


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"purpose": ""}, "Choose one"),
        ({"source": "gossip"}, "Choose one"),
        ({"wording": ""}, "Say what was agreed to"),
        ({"said_on": "2126-01-01"}, "This day is in the future"),
        ({"said_on": "soon"}, "Not a valid day"),
        ({"state": "withdrawn"}, "There is no such consent to take back"),
        ({"contact": "999"}, "This is no contact person of this party"),
        ({"note": "x" * 501}, "At most 500 characters"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_kept(
    as_user: As, session: Session, anna: Party, given: dict[str, str], text: str
):
    answer = as_user("office").post(f"/party/{anna.id}/consent", AGREED | {"note": "typed before"} | given)
    assert answer.status_code == 422
    assert text in answer.text
    assert given.get("note", "typed before") in answer.text
    assert said(session) == []


def test_evidence_stands_among_the_files_of_the_party(as_user: As, session: Session, anna: Party, place: Any):
    sent = AGREED | {"evidence": (io.BytesIO(b"signed"), "paper.txt")}
    done = as_user("office").post(f"/party/{anna.id}/consent", sent, content_type="multipart/form-data")
    assert done.status_code == 302
    file = session.scalars(select(Attachment)).one()
    assert (file.entity, file.record_id, file.name, file.purpose) == ("party", anna.id, "paper.txt", "file")
    assert session.scalars(select(Consent.evidence_id)).one() == file.id


def test_who_may_not_change_personal_fields_writes_nothing_down(as_user: As, session: Session, anna: Party):
    for name in ("auditor", "marketer"):
        assert as_user(name).post(f"/party/{anna.id}/consent", AGREED).status_code == 403
    assert as_user("manager").post(f"/party/{anna.id}/consent", AGREED).status_code == 404
    assert said(session) == []


def test_rest_reads_the_log_and_adds_to_it(as_user: As, session: Session, anna: Party):
    office, address = as_user("office"), f"/api/v1/party/{anna.id}/consents"
    made = office.api("POST", address, json=AGREED | {"said_on": "2026-03-01"})
    assert (made.status_code, made.json["result"]["state"]) == (200, "given")
    read = office.api("GET", address).json["result"]
    assert [row["purpose"] for row in read["log"]] == ["marketing_mail"]
    assert read["now"] == read["log"]
    assert office.api("POST", address, json=AGREED | {"purpose": "fun"}).status_code == 422
    assert office.api("POST", address, json=AGREED | {"wording": None}).status_code == 422
    assert as_user("auditor").api("POST", address, json=AGREED).status_code == 403
    assert as_user("manager").api("GET", address).status_code == 404
    assert len(said(session)) == 1


# --- the export -------------------------------------------------------------------------------------------------------


def make(app: Flask, session: Session, browser: Browser, party: Party, place: Any) -> PersonExport:
    registry.load()
    asked = browser.post("/person_export/person", {"party": party.id})
    assert asked.status_code == 302
    row = session.scalars(select(Outbox).where(Outbox.topic == exports.TOPIC).order_by(Outbox.id.desc())).first()
    assert row is not None
    with app.app_context():
        assert running.run_row(row.id, settings=place) is True
    session.expire_all()
    made = session.scalars(select(PersonExport).order_by(PersonExport.id.desc())).first()
    assert made is not None
    return made


def test_everything_about_a_person_leaves_through_the_door(
    app: Flask, as_user: As, session: Session, anna: Party, place: Any
):
    office = as_user("admin")
    office.post(f"/party/{anna.id}/consent", AGREED)
    assert office.api("PUT", f"/api/v1/party/{anna.id}/tags", json={"tags": ["VIP"]}).status_code == 200
    attachment.store(
        session, io.BytesIO(b"passport"), files=place["CRM_VAR"] / "files", name="Паспорт №5.txt",
        media_type="text/plain", entity="party", record_id=anna.id, at=anna.created_at, by_id=None,
    )  # fmt: skip
    session.commit()
    made = make(app, session, office, anna, place)
    assert (made.state, made.message, made.done_rows) == (PersonExportState.done, None, 3)
    page = office.get(f"/person_export/show/{made.id}").text
    assert f"/person_export/parcel/{made.id}" in page
    address = f"/person_export/parcel/{made.id}"
    assert office.get(address).status_code == 200
    assert office.post(address, {"reason": ""}).status_code == 422
    assert office.get(f"/person_export/{made.id}/file/{made.file_id}").status_code == 404  # past the door
    assert session.scalars(select(ExportRun)).all() == []
    sent = office.export(address, reason="She asked")
    assert (sent.status_code, sent.mimetype) == (200, "application/zip")
    packed = zipfile.ZipFile(io.BytesIO(sent.data))
    file = next(name for name in packed.namelist() if name.startswith("files/"))
    assert sorted(packed.namelist()) == sorted([file, "person.json", "person.pdf"])
    assert file.endswith("-Паспорт _5.txt")
    assert packed.read(file) == b"passport"
    data = json.loads(packed.read("person.json"))
    assert data["schema"] == "countinghouse.person/1"
    assert data["person"] == {"party": anna.id, "contact": None, "name": "Anna Ivanova"}
    assert data["places"]["party"][0]["email"] == "anna@example.com"
    assert [row["purpose"] for row in data["places"]["consent"]] == ["marketing_mail"]
    assert data["places"]["tagging"] == [{"name": "VIP"}]
    assert data["files"][0]["sha256"] == hashlib.sha256(b"passport").hexdigest()
    assert "search_text" not in data["places"]["party"][0]
    paper = packed.read("person.pdf")
    assert paper.startswith(b"%PDF-")
    document = pypdfium2.PdfDocument(paper)
    assert pypdfium2.raw.FPDFCatalog_IsTagged(document.raw) == 1
    read = document[0].get_textpage().get_text_range()
    assert "Everything about Anna Ivanova" in read
    assert "Marketing by e-mail" in read
    session.expire_all()
    run = session.scalars(select(ExportRun)).one()
    assert (run.kind, run.state, run.reason) == (ExportKind.person, ExportState.done, "She asked")
    assert (run.sha256, run.rows) == (hashlib.sha256(sent.data).hexdigest(), made.records)
    noted = session.scalars(select(FieldChange).where(FieldChange.act == Act.export)).one()
    assert (noted.entity, noted.record_id) == ("party", anna.id)


def test_an_export_needs_the_right_and_the_rows(as_user: As, session: Session, anna: Party, made: Made):
    for name in ("manager", "auditor", "marketer"):
        assert as_user(name).post("/person_export/person", {"party": anna.id}).status_code == 403
    assert as_user("office").get("/person_export/person?party=999").status_code == 404
    assert as_user("office").get("/person_export/person?party=x").status_code == 404
    company = made.party("Quay B.V.")
    session.commit()
    assert as_user("office").get(f"/person_export/person?party={company.id}").status_code == 302
    assert session.scalars(select(PersonExport)).all() == []


def test_two_at_once_are_one(as_user: As, session: Session, anna: Party):
    office = as_user("office")
    assert office.post("/person_export/person", {"party": anna.id}).status_code == 302
    again = office.post("/person_export/person", {"party": anna.id})
    assert again.status_code == 422
    assert "is being made already" in again.text
    assert len(session.scalars(select(PersonExport)).all()) == 1


def test_a_contact_person_is_told_his_own(app: Flask, as_user: As, session: Session, made: Made, place: Any):
    company = made.party("Quay B.V.", note="Boris Petrov decides")
    company.contacts.append(PartyContact(name="Boris Petrov", email="boris@example.com"))
    company.contacts.append(PartyContact(name="Anna Ivanova"))
    session.commit()
    registry.load()
    admin, key = as_user("admin"), company.contacts[0].id
    assert admin.post("/person_export/person", {"party": company.id, "contact": key}).status_code == 302
    row = session.scalars(select(Outbox).where(Outbox.topic == exports.TOPIC)).one()
    with app.app_context():
        assert running.run_row(row.id, settings=place) is True
    session.expire_all()
    export = session.scalars(select(PersonExport)).one()
    data = json.loads(
        zipfile.ZipFile(attachment.path_of(export.file, files=place["CRM_VAR"] / "files")).read("person.json")
    )
    assert [row["name"] for row in data["places"]["party_contact"]] == ["Boris Petrov"]
    assert "Anna" not in json.dumps(data)


# --- erasing ----------------------------------------------------------------------------------------------------------


def test_a_person_is_erased_after_a_look_and_two_words(as_user: As, session: Session, anna: Party, place: Any):
    admin, address = as_user("admin"), f"/erasure/person?party={anna.id}"
    page = admin.get(address).text
    assert "Nobody can undo this." in page
    wrong = admin.post("/erasure/person", {"party": anna.id, "reason": "Asked for", "name": "Anna"})
    assert wrong.status_code == 422
    assert "Type the name exactly as it stands above" in wrong.text
    assert 'value="Asked for"' in wrong.text
    assert session.scalars(select(Erasure)).all() == []
    done = admin.post("/erasure/person", {"party": anna.id, "reason": "Asked for", "name": "Anna Ivanova"})
    session.expire_all()
    made = session.scalars(select(Erasure)).one()
    assert (done.status_code, done.location) == (302, f"/erasure/show/{made.id}")
    assert (made.by_id, made.reason, made.party_id) == (admin_id(session), "Asked for", anna.id)
    card = admin.get(f"/party/show/{anna.id}").text
    assert f"Anonymised party {anna.id}" in card
    assert "Anna" not in card
    listed = admin.get("/party/list/?archived=1").text
    assert "Anna" not in listed
    assert admin.get(address).status_code == 302
    shown = admin.get(f"/erasure/show/{made.id}").text
    assert "Asked for" in shown
    assert admin.post(f"/party/{anna.id}/restore").status_code in {302, 422}
    assert session.get(Party, anna.id).archived_at is not None


def admin_id(session: Session) -> int:
    from tests.factories import user

    return user(session, "admin").id


def test_what_is_open_stands_there_with_links(as_user: As, session: Session, made: Made):
    party = made.buyer("Anna Ivanova", kind=PartyKind.person)
    invoice = made.issued(party=party)
    session.commit()
    page = as_user("admin").get(f"/erasure/person?party={party.id}").text
    assert "First these must be settled" in page
    assert f'href="/invoice/show/{invoice.id}"' in page
    assert 'name="reason"' not in page
    refused = as_user("admin").post("/erasure/person", {"party": party.id, "reason": "x", "name": "Anna Ivanova"})
    assert refused.status_code == 422
    assert "documents are not settled" in refused.text


def test_only_who_has_the_right_erases(as_user: As, session: Session, anna: Party):
    for name in ("office", "auditor", "manager", "head"):
        given = {"party": anna.id, "reason": "x", "name": "Anna Ivanova"}
        assert as_user(name).post("/erasure/person", given).status_code == 403
    assert session.scalars(select(Erasure)).all() == []
    assert session.scalars(select(Party.name)).all() == ["Anna Ivanova"]


def test_an_erased_person_loses_the_exports_too(app: Flask, as_user: As, session: Session, anna: Party, place: Any):
    admin = as_user("admin")
    export = make(app, session, admin, anna, place)
    given = {"party": anna.id, "reason": "Asked for", "name": "Anna Ivanova"}
    assert admin.post("/erasure/person", given).status_code == 302
    session.expire_all()
    assert (export.state, export.file_id) == (PersonExportState.expired, None)
    assert session.scalars(select(Attachment)).all() == []
    assert admin.get(f"/person_export/parcel/{export.id}").status_code == 404


# --- retention --------------------------------------------------------------------------------------------------------


def test_the_administrator_sees_and_changes_the_terms(as_user: As, session: Session):
    admin = as_user("admin")
    page = admin.get("/retention_rule/").text
    assert 'name="days-export_run"' in page
    assert 'value="1095"' in page
    wrong = admin.post("/retention_rule/terms", {"days-export_run": "5", "days-letter": "x", "days-sign_in": "90"})
    assert wrong.status_code == 422
    assert "0, or from 90 to 36500 days" in wrong.text
    assert 'value="5"' in wrong.text
    assert session.scalars(select(RetentionRule)).all() == []
    assert admin.post("/retention_rule/terms", {"days-export_run": "400", "days-letter": "0"}).status_code == 302
    session.expire_all()
    assert [(rule.name, rule.days) for rule in session.scalars(select(RetentionRule))] == [("export_run", 400)]
    assert as_user("auditor").get("/retention_rule/").status_code == 200
    assert as_user("auditor").post("/retention_rule/terms", {"days-letter": "30"}).status_code == 403
    assert as_user("office").get("/retention_rule/").status_code == 403


def test_people_who_are_due_are_erased_by_hand(as_user: As, session: Session, anna: Party, made: Made, place: Any):
    other = made.party("Boris Petrov", kind=PartyKind.person)
    session.commit()
    old = clock.now() - timedelta(days=800)
    session.execute(update(Party).values(changed_at=old).execution_options(synchronize_session=False))
    retention.set_term(session, "person", days=730)
    session.commit()
    admin = as_user("admin")
    page = admin.get("/retention_rule/people").text
    assert "Anna Ivanova" in page
    assert "Boris Petrov" in page
    given = {"party": [anna.id], "reason": "Not a client any more", "count": "2"}
    wrong = admin.post("/retention_rule/people", given)
    assert wrong.status_code == 422
    assert "Type how many people you have ticked: 1" in wrong.text
    assert as_user("auditor").post("/retention_rule/people", given | {"count": "1"}).status_code == 403
    assert session.scalars(select(Erasure)).all() == []
    assert admin.post("/retention_rule/people", given | {"count": "1"}).status_code == 302
    session.expire_all()
    assert [made.party_id for made in session.scalars(select(Erasure))] == [anna.id]
    assert session.get(Party, other.id).name == "Boris Petrov"
    assert "Anna" not in admin.get("/retention_rule/people").text
