"""Leads from a file: mapped, checked, each row arriving once at a source; what nobody could answer comes back."""

import io
import json
import re

import pytest
from sqlalchemy import select

from app.exchange import import_running
from app.exchange.imports import KINDS
from app.models.import_run import ImportRun, ImportState
from app.models.lead import Lead, LeadArrival, LeadState
from app.models.lead_source import Assignment, LeadChannel, LeadReceiver, LeadSource
from app.services import lead_source as sources

FILE = (
    "Имя;Компания;Телефон;Почта;Сообщение;Откуда знают\n"
    "Анна;ООО «Ромашка»;8 495 123-45-67;;Нужны луковицы;выставка\n"
    "Борис;;;boris@example.org;;\n"
    "Вера;;;;Перезвоните;\n"
    "Глеб;;;not an address;;\n"
)
SETTINGS = {"encoding": "utf-8", "delimiter": ";"}
FIELDS = {f"field-{at}": name for at, name in enumerate(("name", "company", "phone", "email", "text", ""))}


@pytest.fixture
def source(session, made) -> LeadSource:
    """Where the leads of a fair arrive; they go to the manager, within half an hour; five a minute from elsewhere."""
    found = LeadSource(
        name="Fair", channel=LeadChannel.imported, norm_minutes=30, language="ru", country="RU", per_minute=1,
        assignment=Assignment.in_turn,
    )  # fmt: skip
    found.receivers.append(LeadReceiver(user_id=made.user("manager").id))
    sources.save(session, found)
    session.commit()
    return found


def upload(browser, text: str = FILE) -> str:
    file = (io.BytesIO(text.encode()), "fair.csv")
    answer = browser.post("/lead/import/", {"file": file}, content_type="multipart/form-data")
    assert answer.status_code == 302
    return answer.headers["Location"]


def run_of(session) -> ImportRun:
    session.expire_all()
    return session.scalars(select(ImportRun).order_by(ImportRun.id.desc())).first()


def test_a_file_is_understood_checked_and_taken_in(as_user, session, source):
    head = as_user("head")
    settings = upload(head)
    page = head.get(settings).text
    for field in ("name", "company", "phone", "email", "text"):
        assert f'<option value="{field}" selected>' in page
    given = SETTINGS | FIELDS | {"source": str(source.id)}

    checked = head.post(settings, given | {"act": "check"})
    assert checked.status_code == 200
    assert "Neither a phone number nor an address is given" in checked.text
    assert session.scalars(select(LeadArrival)).all() == []

    answer = head.post(settings, given | {"act": "start"})
    run = run_of(session)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/import_run/show/{run.id}")
    assert (run.entity, run.state, run.created_rows, run.rejected_rows) == ("lead", ImportState.done, 2, 2)
    anna, boris = session.scalars(select(Lead).order_by(Lead.id))
    assert (anna.name, anna.company, anna.phone, anna.text, anna.channel) == (
        "Анна", "ООО «Ромашка»", "+74951234567", "Нужны луковицы", LeadChannel.imported,
    )  # fmt: skip
    assert (boris.email, boris.state, boris.owner.username) == ("boris@example.org", LeadState.new, "manager")
    assert anna.respond_by is not None
    raw = session.scalars(select(LeadArrival.raw).where(LeadArrival.lead_id == anna.id)).one()
    assert json.loads(raw)["Откуда знают"] == "выставка", "columns of no field are kept"
    with head.get(f"/import_run/errors/{run.id}") as file:
        rows = file.data.decode("utf-8-sig").splitlines()
    assert [row.split(";")[0] for row in rows[1:]] == ["Вера", "Глеб"]
    shown = head.get(answer.headers["Location"]).text
    assert 'href="/lead/import/"' in shown
    assert "Сообщение" in shown


def test_the_same_rows_arrive_once(as_user, session, source):
    head = as_user("head")
    given = SETTINGS | FIELDS | {"source": str(source.id), "act": "start"}
    head.post(upload(head), given)
    settings = upload(head, FILE + "Дина;;;dina@example.org;;\n")
    checked = head.post(settings, given | {"act": "check"}).text
    head.post(settings, given)
    run = run_of(session)
    assert (run.created_rows, run.duplicate_rows, run.rejected_rows) == (1, 2, 2)
    assert "Known already" in checked
    assert len(session.scalars(select(Lead)).all()) == 3


@pytest.mark.parametrize("channel", [None, LeadChannel.form])
def test_rows_arrive_at_a_source_of_files_alone(as_user, session, made, source, channel):
    head = as_user("head")
    settings = upload(head)
    chosen = ""
    if channel is not None:
        other = LeadSource(name="Website", channel=channel, language="nl")
        sources.save(session, other)
        session.commit()
        chosen = str(other.id)
    answer = head.post(settings, SETTINGS | FIELDS | {"source": chosen, "act": "start"})
    assert answer.status_code == 422
    assert session.scalars(select(Lead)).all() == []
    assert run_of(session).state is ImportState.draft


def test_a_column_by_which_somebody_is_reached_is_needed(as_user, session, source):
    head = as_user("head")
    given = SETTINGS | FIELDS | {"field-2": "", "field-3": "", "source": str(source.id), "act": "check"}
    answer = head.post(upload(head), given)
    assert answer.status_code == 422
    assert "phone or e-mail" in answer.text


def test_an_import_that_was_killed_goes_on_where_it_stopped(as_user, session, source, app, monkeypatch):
    monkeypatch.setattr(import_running, "CHUNK", 1)
    head = as_user("head")
    settings = upload(head)
    run = run_of(session)
    head.post(settings, SETTINGS | FIELDS | {"source": str(source.id), "act": "check"})
    run = run_of(session)
    from app.services import access
    from app.services import import_run as runs

    class Killed(BaseException):
        pass

    def watch(rows: int) -> None:
        if rows:
            raise Killed

    with access.acting(session, access.SYSTEM):
        runs.queue(session, run, at=run.created_at)
        session.commit()
    files = app.config["CRM_VAR"] / "files"
    with pytest.raises(Killed):
        import_running.run_import(lambda: session, run.id, files, kinds=KINDS, watch=watch)
    session.expire_all()
    assert (run.read_rows, len(session.scalars(select(Lead)).all())) == (1, 1)
    import_running.run_import(lambda: session, run.id, files, kinds=KINDS)
    session.expire_all()
    assert (run.state, run.created_rows, run.rejected_rows) == (ImportState.done, 2, 2)


def test_who_may_not_import_sees_no_way_and_a_file_of_one_kind_is_none_of_the_other(as_user, session, source):
    manager, head = as_user("manager"), as_user("head")
    assert "/lead/import/" not in manager.get("/lead/list/").text
    assert manager.get("/lead/import/").status_code == 403
    assert re.search(r'href="/lead/import/"', head.get("/lead/list/").text)
    settings = upload(head)
    assert head.get(settings.replace("/lead/", "/party/")).status_code == 404


def test_where_there_is_no_source_of_files_the_way_to_one_is_shown(as_user, session):
    head = as_user("head")
    page = head.get(upload(head)).text
    assert 'href="/lead_source/add?channel=imported"' in page
    assert re.search(r'<option selected value="imported">', head.get("/lead_source/add?channel=imported").text)
