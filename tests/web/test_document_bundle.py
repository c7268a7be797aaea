"""Files of many documents as one: chosen in a list, made by the worker with one's own rows, taken through the door."""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pikepdf
import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.errors import DomainError
from app.models.attachment import Attachment
from app.models.contract import ContractSignature, Side
from app.models.document_bundle import BundleForm, BundleState, DocumentBundle
from app.models.export_run import ExportKind, ExportRun, ExportState
from app.models.history import Act, FieldChange
from app.outbox import Outbox
from app.services import access, attachment, export_rule
from app.services import document_bundle as bundles
from app.tasks import registry, running
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]


@pytest.fixture
def place(app: Flask, tmp_path: Any) -> dict[str, Any]:
    registry.load()
    app.config["CRM_VAR"], before = tmp_path, app.config["CRM_VAR"]
    yield app.config
    app.config["CRM_VAR"] = before


def pdf(width: int) -> bytes:
    target = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(width, 300))
        made.save(target, deterministic_id=True)
    return target.getvalue()


def stored(session: Session, place: Any, name: str, content: bytes, media_type: str = "application/pdf") -> Attachment:
    return attachment.store(
        session, io.BytesIO(content), files=place["CRM_VAR"] / "files", name=name, media_type=media_type,
        entity="quote", record_id=None, at=clock.now(), by_id=None,
    )  # fmt: skip


@pytest.fixture
def quotes(session: Session, made: Made, place: Any) -> list[Any]:
    """Three quotes with files of one page each, 101 to 103 wide, and one without; the second is somebody else's."""
    found = []
    for at, owner in enumerate(("manager", "manager2", "manager", "manager")):
        person = made.user(owner)
        quote = made.quote(("1", "10.00"), owner=person, team_id=person.profile.team_id)
        quote.number = f"Q-{at + 1}"
        if at < 3:
            quote.file = stored(session, place, f"Q-{at + 1}.pdf", pdf(101 + at))
        found.append(quote)
    session.commit()
    return found


def work(app: Flask, session: Session, place: Any, topic: str = bundles.TOPIC) -> DocumentBundle:
    row = session.scalars(select(Outbox).where(Outbox.topic == topic).order_by(Outbox.id.desc())).first()
    assert row is not None
    row.due_at = clock.now() - timedelta(minutes=1)
    session.commit()
    with app.app_context():
        assert running.run_row(row.id, settings=place) is True
    session.expire_all()
    return session.scalars(select(DocumentBundle).order_by(DocumentBundle.id.desc())).all()[0]


def asked(browser: Browser, records: list[Any], form: str, query: str = "") -> Any:
    return browser.post(f"/quote/many/files{query}", {"rowid": [str(each.id) for each in records], "form": form})


def test_ticked_documents_leave_as_one_pdf_in_the_order_of_the_list(
    app: Flask, as_user: As, session: Session, quotes: list[Any], place: Any
):
    office = as_user("office")
    page = office.post("/quote/many/files", {"rowid": [str(each.id) for each in quotes]})
    assert page.status_code == 200
    assert 'name="form" value="pdf"' in page.text
    assert session.scalars(select(DocumentBundle)).all() == []
    answer = asked(office, [quotes[0], quotes[3], quotes[1], quotes[2]], "pdf", "?order=-number")
    made = work(app, session, place)
    assert (answer.status_code, answer.location) == (302, f"/document_bundle/show/{made.id}")
    assert (made.state, made.message, made.files, made.done_rows) == (BundleState.done, None, 3, 4)
    assert made.missing == [[quotes[3].id, "none"]]
    shown = office.get(f"/document_bundle/show/{made.id}").text
    assert "No file was made of it" in shown
    assert f'href="/quote/show/{quotes[3].id}">Q-4</a>' in shown
    address = f"/document_bundle/parcel/{made.id}?format=pdf"
    assert "Content-Disposition" not in office.get(address).headers
    assert office.get(f"/document_bundle/{made.id}/file/{made.file_id}").status_code == 404
    assert session.scalars(select(ExportRun)).all() == []
    sent = office.export(address, reason="For the accountant")
    assert (sent.status_code, sent.mimetype) == (200, "application/pdf")
    with pikepdf.open(io.BytesIO(sent.data)) as whole:
        assert [int(each.mediabox[2]) for each in whole.pages] == [103, 102, 101]
        with whole.open_outline() as outline:
            assert [str(each.title) for each in outline.root] == ["Q-3 · Q-3.pdf", "Q-2 · Q-2.pdf", "Q-1 · Q-1.pdf"]
    session.expire_all()
    run = session.scalars(select(ExportRun)).one()
    assert (run.kind, run.area, run.format, run.state) == (ExportKind.bundle, "quote", "pdf", ExportState.done)
    assert (run.rows, run.reason, run.sha256) == (3, "For the accountant", hashlib.sha256(sent.data).hexdigest())
    assert session.scalars(select(FieldChange).where(FieldChange.act == Act.export)).one().entity == "quote"


def test_files_are_offered_as_zip_and_pdf_alone(as_user: As, session: Session, quotes: list[Any]):
    office, ticked = as_user("office"), {"rowid": [str(each.id) for each in quotes]}
    for form in ("", "labels", "letters", "nonsense"):
        page = office.post("/quote/many/files", ticked | {"form": form})
        assert page.status_code == 200, form
        assert re.findall(r'name="form" value="(\w+)"', page.text) == ["zip", "pdf"], form
    assert session.scalars(select(DocumentBundle)).all() == []


def test_everything_that_matches_leaves_as_a_zip_with_a_list(
    app: Flask, as_user: As, session: Session, quotes: list[Any], place: Any
):
    attachment.place_of(quotes[1].file.sha256, files=place["CRM_VAR"] / "files").unlink()
    answer = as_user("office").post("/quote/many/files?order=number", {"all": "1", "form": "zip"})
    assert answer.status_code == 302
    made = work(app, session, place)
    assert made.missing == [[quotes[1].id, "lost"], [quotes[3].id, "none"]]
    with zipfile.ZipFile(attachment.path_of(made.file, files=place["CRM_VAR"] / "files")) as packed:
        assert packed.namelist() == ["1 Q-1.pdf", "2 Q-3.pdf", "list.csv"]
        assert packed.read("2 Q-3.pdf") == pdf(103)
        rows = packed.read("list.csv").decode("utf-8-sig").splitlines()
    assert [row.split(",")[:3] for row in rows] == [
        ["Number", "Record", "File"], ["1", "Q-1", "Q-1.pdf"], ["2", "Q-2", ""], ["3", "Q-3", "Q-3.pdf"],
        ["4", "Q-4", ""],
    ]  # fmt: skip
    assert rows[2].endswith(",Its file is not in the store any more")


def test_signed_copies_go_with_their_contract_and_only_pdf_into_a_pdf(
    app: Flask, session: Session, made: Made, place: Any
):
    contract = made.contract()
    contract.file = stored(session, place, "paper.pdf", pdf(101))
    at = clock.now()
    for side, name, kind in ((Side.ours, "scan.png", "image/png"), (Side.theirs, "copy.pdf", "application/pdf")):
        file = stored(session, place, name, pdf(102) if kind == "application/pdf" else b"png", kind)
        about = {"name": "A", "signed_on": at.date(), "noted_at": at, "content_sha256": "a" * 64}
        session.add(ContractSignature(contract_id=contract.id, side=side, file=file, **about))
    session.commit()
    bundle = ask(session, made, "contract", [contract.id], BundleForm.pdf)
    done = work(app, session, place)
    assert (done.id, done.files, done.missing) == (bundle, 2, [[contract.id, "kind"]])


def ask(session: Session, made: Made, entity: str, keys: list[int], form: BundleForm, name: str = "admin") -> int:
    user = made.user(name)
    by = access.actor_of(session, user_id=user.id, name=name, roles=[each.name for each in user.roles])
    with access.acting(session, by):
        found = bundles.ask(session, entity, keys, form=form, by=by, language="en", at=clock.now())
    session.commit()
    return int(found.id)


@attack(211, "documents that one does not see, or a right that was taken away, in a bundle that one asked for")
def test_the_worker_and_the_door_ask_again(
    app: Flask, as_user: As, session: Session, quotes: list[Any], made: Made, place: Any
):
    keys = [each.id for each in quotes[:2]]
    ask(session, made, "quote", keys, BundleForm.zip, "head")
    session.delete(quotes[1])
    session.commit()
    done = work(app, session, place)
    assert (done.files, done.missing) == (1, [[keys[1], "gone"]])
    address = f"/document_bundle/parcel/{done.id}?format=zip"
    head, office = as_user("head"), as_user("office")
    assert head.get(address).status_code == 200
    assert office.get(address).status_code == 404
    assert as_user("admin").get(address).status_code == 403  # he sees it, and the file is another's
    quotes[0].owner_id, quotes[0].team_id = None, None
    session.commit()
    assert head.export(address).status_code == 403
    assert session.scalars(select(ExportRun)).all() == []
    ask(session, made, "quote", keys[:1], BundleForm.zip, "manager")  # whose role takes no lists
    failed = work(app, session, place)
    assert (failed.state, failed.file_id) == (BundleState.failed, None)
    assert failed.message == "Whoever started this may not do it any more"


def test_whoever_takes_no_lists_is_offered_nothing_and_refused(as_user: As, session: Session, quotes: list[Any]):
    manager = as_user("manager")
    assert "/quote/many/files" not in manager.get("/quote/list/").text
    assert "/quote/many/files" in as_user("office").get("/quote/list/").text
    assert asked(manager, quotes[:1], "zip").status_code == 403
    assert session.scalars(select(DocumentBundle)).all() == []


def test_more_than_the_role_may_take_is_refused_before_any_work(as_user: As, session: Session, quotes: list[Any]):
    role = session.execute(select(Role).where(Role.name == "Back office")).unique().scalar_one()
    export_rule.set_cap(session, role, 2)
    session.commit()
    refused = asked(as_user("office"), quotes[:3], "zip")
    assert refused.status_code == 422
    assert "Your role takes at most 2 rows in one file, and these are 3." in refused.text
    assert session.scalars(select(DocumentBundle)).all() == []
    assert session.scalars(select(Outbox).where(Outbox.topic == bundles.TOPIC)).all() == []


def test_nothing_too_many_and_other_kinds_are_refused(session: Session, made: Made):
    for entity, keys, told in (
        ("quote", [], "no record whose file"),
        ("quote", list(range(2_001)), "At most 2,000 documents"),
        ("party", [1], "have no files of this kind"),
    ):
        with pytest.raises(DomainError, match=told):
            ask(session, made, entity, keys, BundleForm.zip)
        session.rollback()


def test_where_nothing_has_a_file_the_bundle_says_so(
    app: Flask, as_user: As, session: Session, quotes: list[Any], place: Any
):
    assert asked(as_user("office"), quotes[3:], "pdf").status_code == 302
    made = work(app, session, place)
    assert (made.state, made.message) == (
        BundleState.failed,
        "None of these records has a file that can be taken along",
    )
    assert "None of these records has a file" in as_user("office").get(f"/document_bundle/show/{made.id}").text


def test_the_file_is_kept_for_a_day(app: Flask, session: Session, quotes: list[Any], made: Made, place: Any):
    ask(session, made, "quote", [quotes[0].id], BundleForm.zip)
    done = work(app, session, place)
    digest, ended = done.file.sha256, done.ended_at
    row = session.scalars(select(Outbox).where(Outbox.topic == bundles.FORGET)).one()
    assert (row.record_id, row.due_at - ended) == (done.id, timedelta(days=1))
    gone = work(app, session, place, bundles.FORGET)
    assert (gone.state, gone.file_id) == (BundleState.expired, None)
    assert session.scalars(select(Attachment).where(Attachment.sha256 == digest)).all() == []
    sweep = session.scalars(select(Outbox).where(Outbox.topic == "bin.sweep")).one()
    assert sweep.payload["digests"] == [digest]
