"""Rows that leave: the dialog, the cap, the log with the file's hash, the alarm, and every way by which many go."""

import hashlib
import re
from collections.abc import Callable
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.export_run import ExportKind, ExportRule, ExportRun, ExportState
from app.models.notification import Notification, NotificationKind
from app.services import export_rule
from app.web import hand_out, rows_read
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
LIST = "/party/list/export?format=csv"
# Every route that is read, by its function: how many rows it can give in one answer, and where that is counted. A
# route that is not here fails the test: whoever adds one says which of these it is.
COUNTED = {
    "export": "a list as a file: the log",
    "chart_file": "a chart's table as a file: the log",
    "report": "the report of a bulk change as a file: the log",
    "parcel": "everything about one person, or the files of chosen documents, as a file: the log",
    "report_file": "a report as a file: the log",
    "get_list": "REST, by pages of at most 100: counted by person and day",
    "get": "REST, one record: counted by person and day",
    "get_members": "REST, members of a segment by pages of at most 100: counted by person and day",
    "get_fact": "REST, the plans of a month with sums: counted by person and day",
}
ONE_PAGE = {
    "list": "a page of at most 100 rows; printing prints this page",
    "count": "a number",
    "totals_row": "sums",
    "chart": "figures and at most as many groups as a chart has",
    "one_report": "at most 200 rows of figures, and their totals",
    "catalogue": "which reports there are",
    "show_board": "the first cards of each column",
    "more_cards": "the next cards of a column",
    "forecast": "sums by month and currency",
    "get_forecast": "REST, at most twenty of the letters that a rule is to write next",
    "get_effect": "REST, sums of one mailing or one rule, of groups of at least thirty",
    "by_month": "plans of one month and sums beside them",
    "show_calendar": "at most as many as a calendar draws",
    "show_gallery": "a page, like the list",
    "find": "what a form offers",
    "page": "what Find shows",
    "standing": "counts and at most ten letters in trouble",
    "results": "what Find shows while one types",
    "colleagues": "at most eight people",
    "recent": "ten notifications",
    "index": "roles, keys of one's own, the access X-ray: no rows of the company",
    "people": "at most fifty people who may be forgotten",
    "person": "at most 31 days of one person",
    "pairs": "at most fifty pairs of parties that look like one",
    "waiting": "at most fifty leads that wait to be sorted",
    "running": "one's own jobs",
    "day": "at most 210 things that one has to do oneself",
    "team": "counts, a row for each of one's people",
    "progress": "how far a job is",
}
ONE_RECORD = {
    *("show", "edit", "cell", "row", "tab", "beside", "acted", "attached", "edit_note", "happened_part", "pdf", "info"),
    "get_consents",
    *("about", "profile", "own"),
    *("deliver_some", "invoice_some", "take_some"),
    *("shown_preview", "preview_page", "letter_page", "picture", "docx_file"),
}
FORMS = {
    *("ahead", "add", "erase_one", "ask_for", "quick_form", "try_price", "merge_two"),
    *("edit_many_again", "begun", "upload", "settings", "verify", "rules_page", "set_up"),
    "snippet",
    "write_letter",
    "make_document",
    "pictures",
    "docx_page",
    "follow",
    *("new", "link", "forgot", "code", "callback", "begin", "connect"),
    *("login", "logout", "home", "health", "metrics", "manifest", "static", "glossary", "mail", "compare"),
}
FILES = {
    "FeedView.feed": "one's own calendar, at most a thousand entries, by a secret address",
    "ImportRunView.errors": "the rejected rows of a file that came from outside, as they came",
    "BankStatementView.file": "the statement that came from the bank, as it came",
    "ImportRunView.file": "the file that came from outside, as it came",
    "RoleView.file": "a role: rights, no rows of the company",
}
SENDS = re.compile(r"send_file|\bcsv_chunks\b|write_xlsx|stream_with_context|Content-Disposition")


@pytest.fixture
def clients(session: Session, made: Made) -> None:
    for name, owner in (("Alpha", "manager"), ("Bravo", "manager2"), ("Charlie", None)):
        made.party(name, owner=owner, country="NL")
    session.commit()


def runs(session: Session) -> list[ExportRun]:
    session.expire_all()
    return list(session.scalars(select(ExportRun).order_by(ExportRun.id)))


def text_of(answer: Any) -> str:
    plain = re.sub(r"<(script|style).*?</\1>", " ", answer.get_data(as_text=True), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", plain)).split())


def cap(session: Session, name: str, most: int | None) -> None:
    role = session.execute(select(Role).where(Role.name == name)).unique().scalar_one()
    export_rule.set_cap(session, role, most)
    session.commit()


# --- the dialog -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clients")
def test_asking_for_a_file_says_what_it_would_be_and_takes_nothing(as_user: As, session: Session):
    office = as_user("office")
    answer = office.get(f"{LIST}&flt.country.eq=NL&cols=name,country")
    said = text_of(answer)
    assert answer.mimetype == "text/html"
    assert "3 rows × 2 columns" in said
    assert "Your role takes at most 10,000 rows in one file." in said
    assert "Name, Country" in said
    assert "Country: Netherlands" in said
    assert 'aria-required="true"' in answer.text
    part = office.get(LIST, headers={"X-Dialog": "1"}).text
    assert '<h2 id="export-title">Export: Parties</h2>' in part
    assert "<html" not in part
    assert runs(session) == []


@pytest.mark.usefixtures("clients")
def test_without_a_reason_nothing_leaves_and_what_was_typed_is_kept(as_user: As, session: Session):
    office = as_user("office")
    for reason in ("", "  "):
        answer = office.export(LIST, reason)
        assert (answer.status_code, answer.mimetype) == (422, "text/html")
        assert 'id="reason-error"' in answer.text
        assert "Alpha" not in answer.text
    answer = office.export(LIST, "why " * 80)
    assert answer.status_code == 422
    assert "why why why" in answer.text
    assert runs(session) == []


@attack(57, "more rows in a file than the role may take")
@pytest.mark.usefixtures("clients")
def test_what_is_beyond_the_cap_is_refused_whole_and_says_whom_to_ask(as_user: As, session: Session):
    cap(session, "Back office", 2)
    office = as_user("office")
    said = "Your role takes at most 2 rows in one file, and these are 3. Filter the list further, or ask"
    shown = office.get(LIST)
    assert said in text_of(shown)
    assert 'name="reason"' not in shown.text
    refused = office.export(LIST)
    assert refused.status_code == 422
    assert text_of(refused).count(said) == 1
    assert runs(session) == []
    assert office.export(f"{LIST}&q=alpha").get_data().count(b"\r\n") == 2
    assert [run.rows for run in runs(session)] == [1]
    assert as_user("admin").export(LIST).get_data().count(b"\r\n") == 4


@attack(67, "an export without the form's token")
def test_the_form_token_is_asked_for(app: Flask, as_user: As, session: Session):
    office = as_user("office")
    assert office.client.post(LIST, data={"reason": "x"}).status_code in {302, 400}
    assert runs(session) == []


# --- the log ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_file_leaves_a_line_with_its_hash(as_user: As, session: Session, made: Made, form: str):
    address = f"/party/list/export?format={form}&flt.country.eq=NL&cols=name,country"
    data = as_user("head").export(address, "Post to the clients").get_data()
    (run,) = runs(session)
    assert (run.state, run.kind, run.area, run.entity, run.format) == ("done", "list", "party", "party", form)
    assert (run.expected_rows, run.rows, run.size) == (2, 2, len(data))
    assert run.sha256 == hashlib.sha256(data).hexdigest()
    assert (run.query, run.heads, run.reason) == (address, ["Name", "Country"], "Post to the clients")
    assert (run.owner_id, run.team.name, run.address) == (made.user("head").id, "sales", "127.0.0.1")
    assert re.fullmatch(r"[0-9a-f-]{36}", run.request_id or "")
    assert run.ended_at is not None


@pytest.mark.usefixtures("clients")
def test_a_transfer_that_breaks_stays_visible_with_what_was_sent(
    as_user: As, session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("app.exchange.table.CHUNK_ROWS", 1)
    office = as_user("office")
    answer = office.post(LIST, {"reason": "Post"})
    pieces = answer.iter_encoded()
    sent = next(pieces) + next(pieces)
    assert b"Bravo" in sent
    assert [(run.state, run.expected_rows) for run in runs(session)] == [(ExportState.begun, 3)]
    answer.close()
    (run,) = runs(session)
    assert (run.state, run.expected_rows, run.rows, run.size, run.sha256) == ("broken", 3, 2, len(sent), None)


@pytest.mark.usefixtures("clients")
def test_a_file_that_cannot_be_made_is_noted_as_failed(as_user: As, session: Session, monkeypatch: pytest.MonkeyPatch):
    def broken(*_args: Any, **_options: Any) -> Any:
        raise OSError("no room")

    office = as_user("office")
    monkeypatch.setattr(hand_out, "write_xlsx", broken)
    assert office.export("/party/list/export").status_code == 500
    assert [(run.state, run.rows, run.sha256) for run in runs(session)] == [(ExportState.failed, 0, None)]


@pytest.mark.usefixtures("clients")
def test_charts_and_reports_are_in_the_log_too(as_user: As, session: Session, made: Made):
    made.order()
    session.commit()
    admin = as_user("admin")
    admin.export("/order/chart/export?by=party&measure=gross&format=csv")
    party = session.scalars(select(ExportRun.id)).all()
    assert len(party) == 1
    chosen = [str(row) for row in session.execute(select(made.party("Delta").__class__.id)).scalars()]
    session.commit()
    admin.post("/party/many/edit", {"rowid": chosen, "how.source": "set", "source": "Web", "step": "do"})
    page = admin.get("/bulk_run/list/").text
    (number,) = set(re.findall(r"/bulk_run/show/(\d+)", page))
    assert admin.export(f"/bulk_run/report/{number}", "").status_code == 422  # parties: a reason is needed
    admin.export(f"/bulk_run/report/{number}")
    told = [(run.kind, run.area, run.entity, run.rows) for run in runs(session)]
    assert told == [("chart", "order", "order", 2), ("report", "bulk_run", "party", len(chosen))]


def test_rows_over_rest_are_counted_some_hundred_at_a_time(
    as_user: As, session: Session, made: Made, monkeypatch: pytest.MonkeyPatch, statements: list[str]
):
    for at in range(4):
        made.party(f"Tulip {at}")
    session.commit()
    monkeypatch.setattr(rows_read, "LEAST", 9)
    office = as_user("office")
    for _time in range(2):
        assert len(office.get("/api/v1/party/").json["result"]) == 4
    assert not [each for each in statements if "export_run" in each]
    assert runs(session) == []
    first = session.scalars(select(ExportRun)).all()
    assert first == []
    key = office.get("/api/v1/party/").json["ids"][0]
    (run,) = runs(session)
    assert (run.kind, run.entity, run.rows, run.read_on) == (ExportKind.rest, "party", 12, clock.now().date())
    for _time in range(9):
        assert office.get(f"/api/v1/party/{key}").status_code == 200
    assert [run.rows for run in runs(session)] == [21]


# --- the alarm --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clients")
def test_the_head_hears_of_it_in_his_bell_and_is_led_to_the_exports(as_user: As, session: Session, made: Made):
    given = {"reason_from": 500, "reason_areas": ["party"], "alarm_times": 5, "alarm_least": 1, "alarm_new": 2}
    session.add(ExportRule(**given))
    office, other = made.user("office"), made.export_run("manager")
    office.profile.team = made.user("manager").profile.team
    session.commit()
    as_user("office").export(LIST)
    head = as_user("head")
    bell = text_of(head.get("/notification/recent"))
    assert "Olga Office takes away unusually many rows" in bell
    assert "3 rows in 24 hours, and there is no usual day to compare with yet" in bell
    (told,) = session.scalars(select(Notification).where(Notification.kind == NotificationKind.export_alarm))
    place = head.post(f"/notification/{told.id}/open").headers["Location"]
    assert place.startswith(f"/export_run/list/?flt.owner.eq={office.id}&")
    page = head.get(place).text
    assert "Olga Office" in page
    assert f"/export_run/show/{other.id}" not in page
    assert "unusually many" not in head.get("/notification/settings").text


# --- the screens ------------------------------------------------------------------------------------------------------


def test_one_sees_ones_own_a_head_his_peoples_an_auditor_all(as_user: As, session: Session, made: Made):
    made_by = {name: made.export_run(name).id for name in ("head", "manager", "office", "accountant")}
    session.commit()
    seen = {"head": {"head", "manager"}, "office": {"office"}, "marketer": set(), "auditor": {*made_by}}
    for username, names in (seen | {"admin": {*made_by}}).items():
        page = as_user(username).get("/export_run/list/").text
        found = {name for name, key in made_by.items() if f"/export_run/show/{key}" in page}
        assert found == names, username
    office = as_user("office")
    assert office.get(f"/export_run/show/{made_by['accountant']}").status_code == 404
    assert as_user("manager").get("/export_run/list/").status_code == 403


def test_a_card_tells_everything(as_user: As, session: Session, made: Made):
    run = made.export_run("office", rows=12, sha256="ab" * 32, query="/party/list/export?q=x&format=csv", size=77)
    session.commit()
    answer = as_user("office").get(f"/export_run/show/{run.id}")
    said = text_of(answer)
    assert f"Parties · #{run.id}" in said
    assert "ab" * 32 in said
    assert 'href="/party/list/?q=x&amp;format=csv"' in answer.text


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_file_is_recognised_by_its_hash(as_user: As, session: Session, form: str):
    office = as_user("office")
    data = office.export(f"/party/list/export?format={form}").get_data()

    def asked(who: Browser, content: bytes) -> str:
        return text_of(who.post("/export_run/verify", {"file": (BytesIO(content), "found.bin")}))

    assert "Yes. This very file was made here" in asked(office, data)
    assert "Olga Office" in asked(as_user("auditor"), data)
    assert "No export that you may see" in asked(office, data + b" ")
    assert "No export that you may see" in asked(as_user("marketer"), data)  # it is not his to know
    digest = hashlib.sha256(data).hexdigest()
    assert "Yes. This very file" in text_of(office.post("/export_run/verify", {"sha256": f" {digest.upper()} "}))
    assert office.post("/export_run/verify", {"sha256": "abc"}).status_code == 422
    assert office.post("/export_run/verify", {}).status_code == 422


def test_rules_and_caps_are_set_by_administrators(as_user: As, session: Session):
    admin = as_user("admin")
    given = {"reason_from": "1,000", "reason_areas": ["party", "rocket"], "alarm_times": "3", "alarm_least": "50"}
    refused = admin.post("/export_run/rules", given | {"alarm_new": "soon"})
    assert refused.status_code == 422
    assert "1,000" in refused.text
    assert "A whole number from 1" in text_of(refused)
    assert session.scalars(select(ExportRule)).all() == []
    assert admin.post("/export_run/rules", given | {"alarm_new": "70"}).status_code == 302
    session.expire_all()
    kept = export_rule.rule(session)
    assert (kept.reason_from, kept.reason_areas, kept.alarm_least, kept.alarm_new) == (1_000, ["party"], 50, 70)
    assert as_user("auditor").get("/export_run/rules").status_code == 403
    role = session.execute(select(Role).where(Role.name == "Marketer")).unique().scalar_one()
    wrong = admin.post(f"/role/{role.id}/cap", {"most_rows": "many"})
    assert wrong.status_code == 422
    assert 'value="many"' in wrong.text
    assert export_rule.cap_of(session, role) == 10_000
    for typed, most in (("2,500", 2_500), ("", None)):
        assert admin.post(f"/role/{role.id}/cap", {"most_rows": typed}).status_code == 302
        session.expire_all()
        assert export_rule.cap_of(session, role) == most
    assert "Most rows in one file" in text_of(admin.get(f"/role/show/{role.id}"))
    assert as_user("office").post(f"/role/{role.id}/cap", {"most_rows": "5"}).status_code == 403


# --- no other way out -------------------------------------------------------------------------------------------------


def test_every_route_that_gives_many_rows_is_counted_or_listed_with_its_reason(app: Flask):
    known = {*COUNTED, *ONE_PAGE, *ONE_RECORD, *FORMS}
    read = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or set())]
    strange = {rule.endpoint for rule in read if rule.endpoint.rpartition(".")[2] not in known} - set(FILES)
    assert strange == set(), "say in this file how many rows these give, and where that is counted"
    assert known - {rule.endpoint.rpartition(".")[2] for rule in read} == set(), "these are gone"
    for rule in read:
        if rule.endpoint.rpartition(".")[2] in {"export", "chart_file", "report"}:
            assert "POST" in (rule.methods or set()), f"{rule.endpoint}: a file leaves by POST alone"


def test_by_get_no_file_leaves(app: Flask, as_user: As, session: Session):
    admin, tried = as_user("admin"), 0
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if rule.endpoint.rpartition(".")[2] in {"export", "chart_file"}:
            answer = admin.get(str(rule))
            assert (answer.status_code, answer.mimetype) == (200, "text/html"), str(rule)
            assert "Content-Disposition" not in answer.headers, str(rule)
            tried += 1
    assert tried >= 20
    assert runs(session) == []


def test_every_module_that_sends_files_is_known(root: Any):
    found = {
        path.relative_to(root / "app").as_posix()
        for layer in ("web", "views")
        for path in (root / "app" / layer).rglob("*.py")
        if SENDS.search(path.read_text())
    }
    assert found == set(KNOWN)


KNOWN = {
    "web/hand_out.py": "the one way out for rows",
    "web/activities.py": "one file that somebody attached, at a time",
    "views/import_run.py": "the file that came from outside, and its rejected rows",
    "views/bank_statement.py": "the statement that came from the bank, as it came",
    "views/invoice.py": "the printed form of one document",
    "web/stored_file.py": "the printed form of one document",
    "views/role.py": "a role: rights, no rows of the company",
}


def test_a_list_and_its_faces_give_one_page_at_a_time(as_user: As, session: Session, made: Made):
    """Whatever size is asked for: no list, gallery, find or REST gives more than 100 rows in one answer."""
    for at in range(130):
        made.party(f"Tulip {at:03}")
    session.commit()
    admin = as_user("admin")
    pages = ["/party/list/?size=9999", "/party/list/?q=tulip&size=9999", "/api/v1/party/?q=(page_size:9999)"]
    pages += ["/lookup/party?q=tulip", "/find/results?q=tulip", "/find/?q=tulip"]
    for path in pages:
        answer = admin.get(path)
        assert answer.status_code == 200, path
        assert len(set(re.findall(r"Tulip \d{3}", answer.get_data(as_text=True)))) <= 100, path
