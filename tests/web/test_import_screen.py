"""The screens of imports: upload, settings, check, import, what came of it, and who may."""

import io
import re

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app.models.import_run import ImportRun, ImportState
from app.models.party import Party
from app.outbox import Outbox
from app.services import access, role_change
from app.services import attachment as attachments
from tests.attack import attack

INNS = ["7707083893", "7728168971", "7736050003"]
FILE = (
    "Название;ИНН;Телефон;Чужое\n"
    + "".join(f"ООО «Ромашка {at}»;{inn};;x\n" for at, inn in enumerate(INNS))
    + "Плохой;7707083894;8 495 1;<b>\n"
)
SETTINGS = {"encoding": "cp1251", "delimiter": ";", "mode": "create", "country": "", "owner": ""}
FIELDS = {"field-0": "name", "field-1": "inn", "field-2": "phone", "field-3": ""}


def upload(browser, content: bytes, name: str = "clients.csv"):
    return browser.post("/party/import/", {"file": (io.BytesIO(content), name)}, content_type="multipart/form-data")


@pytest.fixture
def uploaded(as_user):
    """Upload the file as somebody; return the browser and the address of the file's settings."""

    def by(name: str, text: str = FILE):
        browser = as_user(name)
        answer = upload(browser, text.encode("cp1251"))
        assert answer.status_code == 302
        return browser, answer.headers["Location"]

    return by


def only_run(session) -> ImportRun:
    session.expire_all()
    return session.execute(select(ImportRun)).scalar_one()


def test_a_file_is_uploaded_understood_checked_and_imported(uploaded, session):
    office, settings = uploaded("office")
    page = office.get(settings).text
    assert re.search(r'<option selected value="cp1251">Windows-1251', page)
    for field in ("name", "inn", "phone"):
        assert f'<option value="{field}" selected>' in page
    assert "ООО «Ромашка 0»" in page
    assert "&lt;b&gt;" in page

    checked = office.post(settings, SETTINGS | FIELDS | {"act": "check"})
    assert checked.status_code == 200
    assert "check digits" in checked.text
    assert "ИНН, Телефон" in checked.text
    assert session.execute(select(Party)).all() == []

    answer = office.post(settings, SETTINGS | FIELDS | {"act": "start"})
    run = only_run(session)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/import_run/show/{run.id}")
    assert (run.state, run.created_rows, run.rejected_rows) == (ImportState.done, 3, 1)
    assert {party.owner.username for party in session.execute(select(Party)).scalars()} == {"office"}
    shown = office.get(answer.headers["Location"]).text
    assert "check digits" in shown
    assert "Чужое" in shown
    with office.get(f"/import_run/errors/{run.id}") as file:
        assert file.headers["Content-Disposition"].startswith("attachment")
        assert file.data.decode("utf-8-sig").splitlines()[1].startswith("Плохой;7707083894;8 495 1;<b>;5;")
    with office.get(f"/import_run/file/{run.id}") as file:
        assert file.data == FILE.encode("cp1251")
    assert "clients.csv" in office.get("/import_run/list/").text


@pytest.mark.parametrize(
    ("content", "text"), [(b"", "empty (0 bytes)"), (b"name;city\n", "no rows below"), (b"PK\x03\x04", "workbook")]
)
def test_a_file_that_is_no_table_is_refused_with_the_reason(as_user, session, content, text):
    answer = upload(as_user("office"), content)
    assert answer.status_code == 422
    assert text in answer.text
    assert session.execute(select(ImportRun)).all() == []


def test_no_file_is_refused(as_user):
    answer = as_user("office").post("/party/import/")
    assert answer.status_code == 422
    assert "Choose a file first" in answer.text


def test_an_upload_beyond_24_megabytes_gets_413(as_user, session):
    office = as_user("office")
    answer = office.client.post(
        "/party/import/",
        data=b"--x\r\n",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(50 * 2**20)},
    )
    assert answer.status_code == 413
    assert session.execute(select(ImportRun)).all() == []


def test_settings_that_do_not_fit_are_refused_and_what_was_chosen_stays(uploaded, session):
    office, settings = uploaded("office")
    answer = office.post(settings, SETTINGS | FIELDS | {"field-0": "", "field-3": "note", "act": "start"})
    assert answer.status_code == 422
    assert "which column holds the name" in answer.text
    assert '<option value="note" selected>' in answer.text
    assert only_run(session).state is ImportState.draft
    assert session.execute(select(Party)).all() == []


def test_the_file_is_read_again_in_another_encoding(uploaded, session):
    office, settings = uploaded("office")
    answer = office.post(settings, SETTINGS | FIELDS | {"encoding": "koi8-r", "act": "check"})
    assert answer.status_code == 302
    assert only_run(session).encoding == "koi8-r"
    assert "мЮГБЮМХЕ" in office.get(settings).text


def test_a_large_file_is_left_to_the_worker(uploaded, session, app):
    text = "Название\n" + "".join(f"Party {at}\n" for at in range(2001))
    office, settings = uploaded("office", text)
    office.post(settings, SETTINGS | {"field-0": "name", "act": "start"})
    run = only_run(session)
    assert (run.state, run.read_rows) == (ImportState.queued, 0)
    (row,) = session.execute(select(Outbox).where(Outbox.topic == "import.run")).scalars()
    assert row.record_id == run.id
    page = office.get(f"/import_run/show/{run.id}").text
    assert 'id="import-progress"' in page
    told = office.get(f"/import_run/progress/{run.id}").json
    assert told == {"percent": 0, "text": "Waiting for the worker", "over": False}

    from app.exchange.party_import import run_import

    run_import(lambda: session, run.id, app.config["CRM_VAR"] / "files")
    assert office.get(f"/import_run/progress/{run.id}").json["over"] is True
    assert only_run(session).created_rows == 2001
    assert office.get(settings).headers["Location"] == f"/import_run/show/{run.id}"


def test_a_failed_import_goes_on_by_a_button(uploaded, session, app):
    office, _settings = uploaded("office")
    run = only_run(session)
    path = attachments.path_of(run.file, files=app.config["CRM_VAR"] / "files")
    run.state, run.message = ImportState.failed, "The file is gone"
    session.commit()
    assert path.exists()
    page = office.get(f"/import_run/show/{run.id}").text
    assert "The file is gone" in page
    assert f'action="/party/import/{run.id}/again"' in page
    office.post(f"/party/import/{run.id}/again")
    assert (only_run(session).state, only_run(session).created_rows) == (ImportState.done, 3)


def test_only_who_may_import_imports(as_user, uploaded, session):
    _office, settings = uploaded("office")
    manager = as_user("manager")
    for path in ("/party/import/", settings):
        assert manager.get(path).status_code == 403 or "/login/" in manager.get(path).headers.get("Location", "")
        assert manager.post(path, SETTINGS | FIELDS | {"act": "start"}).status_code != 200
    assert only_run(session).state is ImportState.draft
    auditor = as_user("auditor")
    assert "/party/import/" not in auditor.get("/import_run/list/").text


@attack(14, "imports and imported files of another")
def test_an_import_of_somebody_else_is_seen_by_those_alone_whose_rows_reach_there(as_user, uploaded, session):
    office, settings = uploaded("office")
    office.post(settings, SETTINGS | FIELDS | {"act": "start"})
    run = only_run(session)
    head, auditor = as_user("head"), as_user("auditor")
    for path in ("show", "errors", "file", "progress"):
        assert head.get(f"/import_run/{path}/{run.id}").status_code == 404, path
        with auditor.get(f"/import_run/{path}/{run.id}") as answer:
            assert answer.status_code == 200, path
    assert head.get(settings).status_code == 404
    assert "clients.csv" not in head.get("/import_run/list/").text


def test_there_is_no_way_to_write_imports_past_these_pages(as_user, uploaded, session):
    office, _settings = uploaded("office")
    run = only_run(session)
    for path in ("add", f"edit/{run.id}", f"delete/{run.id}"):
        assert office.post(f"/import_run/{path}").status_code in {404, 405}, path
    assert only_run(session).id == run.id


def test_the_pages_speak_all_languages(as_user, uploaded):
    office, settings = uploaded("office")
    for language in ("ru", "hy", "nl"):
        office.get(f"/lang/{language}")
        for path in ("/party/import/", settings, "/import_run/list/"):
            assert office.get(path).status_code == 200, (language, path)


def test_the_owner_may_be_chosen(as_user, uploaded, session, made):
    office, settings = uploaded("office")
    manager = made.user("manager")
    office.post(settings, SETTINGS | FIELDS | {"owner": str(manager.id), "act": "start"})
    access.act_as(session, access.SYSTEM)
    assert {party.owner_id for party in session.execute(select(Party)).scalars()} == {manager.id}


def test_who_could_not_see_what_comes_of_it_is_refused_before_he_sends_a_file(as_user, session):
    office, role = as_user("office"), session.scalars(select(Role).where(Role.name == "Back office")).unique().one()
    role_change.put(session, role, rights={("import_run", "see"): False})
    session.commit()
    upload = {"file": (io.BytesIO(b"Name\nKade Acht\n"), "a.csv")}
    asked = office.get("/party/import/")
    sent = office.post("/party/import/", upload, content_type="multipart/form-data")
    for answer in (asked, sent):
        assert answer.status_code == 403
        assert "You lack the right “Imports: See”" in answer.text
    assert session.scalars(select(ImportRun)).all() == []
    assert "/party/import/" not in office.get("/home/").text
