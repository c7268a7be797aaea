"""Reports on screens: the catalogue by rights, addresses that say all, figures that lead to rows, files with a log."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.export_run import ExportFormat, ExportKind, ExportRun, ExportState
from app.models.saved_view import SavedView
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
MAY = "from=2026-05-01&to=2026-05-31"


def text_of(page: str) -> str:
    plain = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", plain).split()))


@pytest.fixture(autouse=True)
def today(time_machine: Any) -> None:
    time_machine.move_to(datetime(2026, 6, 30, 12, tzinfo=UTC), tick=True)


@pytest.fixture
def sold(session: Session, made: Made) -> dict[str, int]:
    """What two managers have invoiced in May, one of them to a client whose name a spreadsheet would compute."""
    ours, found = made.organisation(), {}
    for name, amount, buyer in (("manager", "500.00", "=1+1 & Co"), ("manager2", "30.00", "Bloem")):
        person = made.user(name)
        about = {"owner_id": person.id, "team_id": person.profile.team_id, "organisation": ours}
        made.issued(("1", amount), on=date(2026, 5, 16), party=made.buyer(buyer, owner=name), **about)
        found[name] = person.id
    session.commit()
    return found


def runs(session: Session) -> list[ExportRun]:
    session.expire_all()
    return list(session.scalars(select(ExportRun).order_by(ExportRun.id)))


@pytest.mark.usefixtures("sold")
def test_the_catalogue_offers_what_the_reader_sees(as_user: As):
    shown = {name: as_user(name).get("/report/").text for name in ("head", "marketer")}
    listed = {name: re.findall(r'href="/report/(\w+)"', page) for name, page in shown.items()}
    deals = ["funnel", "outcome", "response"]
    assert listed["head"] == ["sales", "best", "rfm", "cohorts", *deals, "open_items", "tax"]
    assert listed["marketer"] == deals
    refused = as_user("marketer").get("/report/sales")
    assert (refused.status_code, "invoice" in text_of(refused.text).casefold()) == (403, True)
    assert as_user("support").get("/report/").status_code == 403
    assert as_user("head").get("/report/nothing").status_code == 404


def test_a_figure_leads_to_its_rows(as_user: As, sold: dict[str, int], statements: list[str]):
    head = as_user("head")
    head.get("/report/sales")
    statements.clear()
    page = head.get(f"/report/sales?by=person&{MAY}").text
    assert len(statements) <= 12, statements
    told = text_of(page)
    assert "Mark Manager EUR 1 500.00 94.3 %" in told
    assert "Total EUR 2 530.00 100 %" in told
    days = "flt.issued_on.ge=2026-05-01&flt.issued_on.le=2026-05-31"
    place = f"/invoice/list/?{days}&flt.state.neq=draft&flt.owner.eq={sold['manager']}"
    assert f'href="{place.replace("&", "&amp;")}"' in page
    assert "1–1 of 1" in text_of(head.get(place).text)
    mine = text_of(as_user("manager").get(f"/report/sales?by=person&{MAY}").text)
    assert ("Total EUR 1 500.00 100 %" in mine, "Maria" in mine.partition("Figures")[2]) == (True, False)
    assert 'id="chart-data"' in page


@pytest.mark.usefixtures("sold")
@pytest.mark.parametrize(
    ("address", "count"),
    [
        ("/report/sales?by=time&period=this_year", 12),
        ("/report/best?by=party&period=this_year", 2),
        ("/report/open_items", 2),
        ("/report/tax?period=this_year", 1),
    ],
)
def test_every_link_of_a_report_is_answered(as_user: As, address: str, count: int):
    head = as_user("head")
    page = head.get(address).text
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert body.count("<tr>") == count
    places = {unescape(place) for place in re.findall(r'href="([^"]+)"', body)}
    assert {place: head.get(place).status_code for place in places} == dict.fromkeys(places, 200)
    assert len(places) >= 1


@pytest.mark.usefixtures("sold")
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(as_user: As):
    answer = as_user("head").get("/report/sales?period=own&from=2026-05-01&to=soon&by=team")
    assert answer.status_code == 422
    assert "Write a day as 2026-03-31" in text_of(answer.text)
    assert re.search(r'id="ask-to" name="to" value="soon"[^>]*aria-invalid="true"', answer.text)
    assert 'value="2026-05-01"' in answer.text
    assert '<option value="team" selected>' in answer.text
    assert "<table" not in answer.text
    empty = as_user("head").get("/report/sales?period=own&from=2020-01-01&to=2020-01-31")
    assert "There is nothing to tell for this choice." in text_of(empty.text)


@attack(232, "a report as a file without the right, a reason or a log")
@pytest.mark.usefixtures("sold")
def test_a_report_leaves_by_the_door_of_exports(as_user: As, session: Session):
    address = f"/report/sales/file?by=party&{MAY}&format=csv"
    assert as_user("manager").get(address).status_code == 403
    assert as_user("manager").export(address).status_code == 403
    head = as_user("head")
    assert "Client, Currency, Documents, Net, Share" in text_of(head.get(address).text)
    assert runs(session) == []
    answer = head.export(address)
    read = list(csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("﻿"))))
    assert read == [
        ["Client", "Currency", "Documents", "Net", "Share"],
        ["'=1+1 & Co", "EUR", "1", "500.00", "94.3"],
        ["Bloem", "EUR", "1", "30.00", "5.7"],
        ["Total", "EUR", "2", "530.00", "100"],
    ]
    [run] = runs(session)
    about = (run.kind, run.area, run.entity, run.state, run.format, run.rows, run.reason)
    assert about == (ExportKind.chart, "report", "invoice", ExportState.done, ExportFormat.csv, 3, "The spring fair")
    assert run.query.startswith("/report/sales/file?by=party")
    assert head.export(f"/report/sales/file?{MAY}&format=xlsx").get_data()[:2] == b"PK"
    assert head.export("/report/sales/file?period=soon").status_code == 404
    assert [run.state for run in runs(session)] == [ExportState.done] * 2


@attack(233, "a report of rows that its reader does not see, by its parameters")
def test_parameters_do_not_widen_what_one_sees(as_user: As, sold: dict[str, int]):
    manager = as_user("manager")
    for more in (
        f"person={sold['manager2']}",
        f"by=person&person={sold['manager2']}",
        "team=999999",
        "organisation=999",
    ):
        told = text_of(manager.get(f"/report/sales?{MAY}&{more}").text)
        assert "There is nothing to tell for this choice." in told, more
    page = manager.get(f"/report/open_items?by=document&party={sold['manager2']}").text
    assert "Bloem" not in text_of(page)


@pytest.mark.usefixtures("sold")
def test_a_choice_is_kept_under_a_name(as_user: As, session: Session):
    head = as_user("head")
    asked = "by=team&period=own&from=2026-05-01&to=2026-05-31&x=1"
    answer = head.post(f"/report/sales/keep?{asked}", {"name": "  May by   team ", "is_pinned": "1"})
    kept = "/report/sales?period=own&from=2026-05-01&to=2026-05-31&by=team"
    assert (answer.status_code, answer.headers["Location"]) == (302, kept)
    told = "Kept choices May by team Sales"
    assert told in text_of(head.get("/report/").text)
    page = head.get("/report/sales").text
    assert f'class="chip" href="{kept.replace("&", "&amp;")}"' in page
    assert told not in text_of(as_user("manager").get("/report/").text)
    for name, why in (("", "Give the view a name"), ("x" * 81, "At most 80 characters")):
        refused = head.post("/report/sales/keep?by=team", {"name": name})
        assert (refused.status_code, why in text_of(refused.text)) == (422, True)
        assert f'name="name" value="{name}"' in refused.text
    assert head.post("/report/sales/keep?period=soon", {"name": "Soon"}).status_code == 422
    [view] = session.scalars(select(SavedView).where(SavedView.entity == "report.sales"))
    assert (view.name, view.is_pinned, view.is_shared) == ("May by team", True, False)


@attack(234, "a choice of somebody else is forgotten, or kept for a report that is closed to one")
def test_whose_choice_it_is(as_user: As, session: Session):
    head, manager = as_user("head"), as_user("manager")
    head.post("/report/sales/keep?by=team", {"name": "Mine"})
    view = session.scalars(select(SavedView)).one()
    assert manager.post("/report/sales/forget", {"view": str(view.id)}).status_code == 404
    assert head.post("/report/best/forget", {"view": str(view.id)}).status_code == 404
    assert as_user("marketer").post("/report/sales/keep", {"name": "Mine"}).status_code == 403
    assert as_user("support").post("/report/sales/keep", {"name": "Mine"}).status_code == 403
    session.expire_all()
    assert [each.name for each in session.scalars(select(SavedView))] == ["Mine"]
    assert head.post("/report/sales/forget", {"view": str(view.id)}).status_code == 302
    session.expire_all()
    assert session.scalars(select(SavedView)).all() == []
