"""Lists as files: exactly what the list shows, to those who may take it away."""

import csv
import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
import time_machine
from sqlalchemy.orm import Session

from app.roles import PRESETS
from app.web import export
from app.web.hand_out import XLSX
from tests.conftest import Browser
from tests.factories import PEOPLE, Made

NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
TODAY = datetime(2026, 4, 15, 12, tzinfo=UTC)


@pytest.fixture
def clients(session: Session, made: Made) -> None:
    with time_machine.travel(datetime(2026, 3, 31, 22, 30, 59, tzinfo=UTC), tick=False):
        made.party("Alpha; B.V.", country="NL", owner="manager", phone="+31201234567", is_customer=True)
        made.party("=Bravo", country="AM", owner="manager2")
        made.party("Charlie", country=None, note="two\nlines\x0b")
        session.commit()


def table(answer: Any, mark: str = ",") -> list[list[str]]:
    assert answer.status_code == 200
    text = answer.get_data().decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=mark))


def first_column(browser: Browser, path: str) -> list[str]:
    return [row[0] for row in table(browser.export(path))[1:]]


def workbook(answer: Any) -> list[list[tuple[str, str | None]]]:
    """Return the cells of a workbook: "t" and a text, or "n" and a number as the file has it."""
    assert answer.status_code == 200
    data = answer.get_data()
    assert int(answer.headers["Content-Length"]) == len(data)
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        sheet = ET.fromstring(parts.read("xl/worksheets/sheet1.xml"))
    return [
        [
            ("t", "".join(cell.itertext())) if cell.get("t") == "inlineStr" else ("n", cell.findtext(f"{NAMESPACE}v"))
            for cell in row.iter(f"{NAMESPACE}c")
        ]
        for row in sheet.iter(f"{NAMESPACE}row")
    ]


# --- what is in it ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clients")
def test_a_file_holds_what_the_list_shows(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    assert table(admin.export("/party/list/export?format=csv")) == [
        ["Name", "Tax number", "Country", "Phone", "E-mail", "Owner", "Changed"],
        ["'=Bravo", "", "Armenia", "", "", "Maria Manager", "2026-03-31 22:30"],
        ["Alpha; B.V.", "", "Netherlands", "'+31 20 123 4567", "", "Mark Manager", "2026-03-31 22:30"],
        ["Charlie", "", "", "", "", "", "2026-03-31 22:30"],
    ]
    assert first_column(admin, "/party/list/export?format=csv&q=alpha") == ["Alpha; B.V."]
    assert first_column(admin, "/party/list/export?format=csv&flt.country.empty=0&order=-name") == [
        "Alpha; B.V.",
        "'=Bravo",
    ]
    assert table(admin.export("/party/list/export?format=csv&cols=is_customer,note,name&order=name&size=1")) == [
        ["Customer", "Note", "Name"],
        ["No", "", "'=Bravo"],
        ["Yes", "", "Alpha; B.V."],
        ["No", "two\nlines", "Charlie"],
    ]


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize(
    ("language", "head", "armenia", "yes"),
    [("ru", "Страна", "Армения", "Да"), ("nl", "Land", "Armenië", "Ja"), ("hy", "Երկիր", "Հայաստան", "Այո")],
)
def test_a_file_speaks_the_readers_language(
    as_user: Callable[[str], Browser], language: str, head: str, armenia: str, yes: str
):
    admin = as_user("admin")
    rows = table(admin.export(f"/party/list/export?format=csv&_l_={language}&cols=country,is_customer&order=name"), ";")
    assert [rows[0][0], rows[1][0], rows[2][1]] == [head, armenia, yes]


@pytest.mark.usefixtures("clients")
def test_moments_are_those_of_the_readers_zone(as_user: Callable[[str], Browser], session: Session, made: Made):
    made.user("admin").profile.time_zone = "Asia/Yerevan"
    session.commit()
    assert first_column(as_user("admin"), "/party/list/export?format=csv&cols=changed_at&q=charlie") == [
        "2026-04-01 02:30"
    ]


def test_a_workbook_has_numbers_and_days(as_user: Callable[[str], Browser], session: Session, made: Made):
    issued = made.issued(("2", "1000.50"), on=date(2026, 3, 31))
    draft = made.invoice(("1", "99999999999.99"))
    session.commit()
    rows = workbook(
        as_user("admin").export("/invoice/list/export?cols=number,party,issued_on,gross,currency&order=gross")
    )
    assert rows == [
        [("t", "Number"), ("t", "Party"), ("t", "Date of issue"), ("t", "Total"), ("t", "Currency")],
        [("t", issued.number), ("t", "Tulpen & Zonen B.V."), ("n", "46112"), ("n", "2421.21"), ("t", "EUR")],
        [("t", f"#{draft.id}"), ("t", "Tulpen & Zonen B.V."), ("n", "120999999999.99"), ("t", "EUR")],
    ]
    assert draft.gross == Decimal("120999999999.99")


def test_what_a_view_adds_to_a_value_is_in_the_file(as_user: Callable[[str], Browser], session: Session, made: Made):
    made.issued(on=date(2026, 3, 31))
    session.commit()
    with time_machine.travel(TODAY, tick=False):
        found = table(as_user("admin").export("/invoice/list/export?format=csv&cols=settlement,kind,gross"))
    assert found[1] == ["Unpaid Overdue", "Invoice", "36.30"]
    with time_machine.travel(TODAY, tick=False):
        found = table(as_user("admin").export("/job/list/export?format=csv&cols=topic,record_id,tries"))
    assert found[1][0] == "Making the file of a document"


@pytest.mark.usefixtures("clients")
def test_a_file_has_a_name_in_the_readers_language(as_user: Callable[[str], Browser]):
    admin = as_user("admin")
    with time_machine.travel(TODAY, tick=False):
        admin = as_user("admin")
        said = admin.export("/party/list/export?format=csv&_l_=ru").headers["Content-Disposition"]
        plain, _mark, written = said.partition("; filename*=UTF-8''")
        assert plain == 'attachment; filename="party-2026-04-15.csv"'
        assert unquote(written) == "Контрагенты 2026-04-15.csv"
        answer = admin.export("/party/list/export")
        assert answer.headers["Content-Disposition"].endswith("''Parties%202026-04-15.xlsx")
        assert answer.mimetype == XLSX
        assert admin.export("/party/list/export?format=pdf").status_code == 404


# --- many rows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["name", "-name", "country,-name", "-country", "changed_at", "-tax_number"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_every_row_comes_once_and_in_order_over_many_chunks(
    as_user: Callable[[str], Browser],
    made: Made,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    order: str,
    form: str,
):
    for at in range(17):
        made.party(f"Tulip {at % 5:02} {at:02}", country=["NL", "AM", None][at % 3])
    session.commit()
    admin = as_user("admin")
    page = admin.get(f"/party/list/?order={order}&size=100").text
    shown = re.findall(r'class="row-link" href="[^"]+">([^<]+)</a>', page)
    assert len(shown) == 17
    monkeypatch.setattr(export, "CHUNK", 4)
    answer = admin.export(f"/party/list/export?format={form}&order={order}")
    rows = [row[0] for row in table(answer)] if form == "csv" else [row[0][1] for row in workbook(answer)]
    assert rows[1:] == shown


def test_a_chunk_of_the_very_size_ends_the_file(
    as_user: Callable[[str], Browser], made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
):
    for at in range(4):
        made.party(f"Tulip {at}")
    session.commit()
    monkeypatch.setattr(export, "CHUNK", 2)
    assert first_column(as_user("admin"), "/party/list/export?format=csv") == [
        "Tulip 0",
        "Tulip 1",
        "Tulip 2",
        "Tulip 3",
    ]


def test_ten_chunks_cost_ten_times_the_statements_of_one(
    as_user: Callable[[str], Browser],
    made: Made,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    statements: list[str],
):
    for at in range(10):
        made.party(f"Tulip {at}", owner="manager")
    session.commit()
    admin = as_user("admin")
    admin.export("/party/list/export?format=csv")
    monkeypatch.setattr(export, "CHUNK", 2)
    statements.clear()
    admin.export("/party/list/export?format=csv").get_data()
    rows = [each for each in statements if "FROM party" in each]
    owners = [each for each in statements if "FROM ab_user" in each]
    assert len(rows) == 7  # one counts them
    assert len(owners) <= 10  # of these, those of who asks


# --- who may ----------------------------------------------------------------------------------------------------------


MAY = {"head", "accountant", "marketer", "office", "admin"}


@pytest.mark.usefixtures("clients")
@pytest.mark.parametrize("username", [*PEOPLE, "admin"])
def test_only_some_take_lists_away_and_others_see_no_button(as_user: Callable[[str], Browser], username: str):
    browser = as_user(username)
    may_see = username not in {"nobody", "warehouse"}
    for form in ("csv", "xlsx"):
        for answer in (browser.get(f"/party/list/export?format={form}"), browser.export("/party/list/export")):
            assert answer.status_code == (200 if username in MAY else 403)
    page = browser.get("/party/list/")
    assert page.status_code == (200 if may_see else 403)
    assert ("/party/list/export?" in page.text) == (username in MAY)


def test_the_table_of_roles_lets_those_export_what_they_see():
    exporting = {name for name, role in PRESETS.items() if "export" in role.grants.get("party", "").split()}
    assert exporting == {"Head of sales", "Accountant", "Marketer", "Back office"}
    for name in exporting:
        for area, text in PRESETS[name].grants.items():
            has_list = area not in {"saved_view", "deleted_record", "export_run", "document_bundle"} and "." not in area
            has_list = has_list and "see" in text.split()
            assert ("export" in text.split()) == has_list, (name, area)


@pytest.mark.parametrize(
    ("username", "seen"), [("head", ["Of head", "Of manager"]), ("marketer", ["Of head", "Of manager", "Of nobody"])]
)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_file_has_the_rows_that_its_reader_sees(
    as_user: Callable[[str], Browser],
    made: Made,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    username: str,
    seen: list[str],
    form: str,
):
    for owner in ("head", "manager", None):
        made.party(f"Of {owner or 'nobody'}", owner=owner)
    session.commit()
    monkeypatch.setattr(export, "CHUNK", 1)
    answer = as_user(username).export(f"/party/list/export?format={form}")
    rows = [row[0] for row in table(answer)] if form == "csv" else [row[0][1] for row in workbook(answer)]
    assert rows[1:] == seen


def test_the_buttons_carry_the_state_of_the_list(as_user: Callable[[str], Browser], made: Made, session: Session):
    made.party("Alpha", country="NL")
    session.commit()
    page = as_user("admin").get("/party/list/?flt.country.eq=NL&order=-name&cols=name,country&q=al&page=3").text
    found = [unquote(each.replace("&amp;", "&")) for each in re.findall(r'href="(/party/list/export[^"]+)"', page)]
    state = "q=al&flt.country.eq=NL&order=-name&cols=name,country&size=25"
    assert found == [f"/party/list/export?{state}&format={form}" for form in ("xlsx", "csv")]


def test_a_list_in_groups_is_a_file_of_groups(as_user: Callable[[str], Browser], made: Made, session: Session):
    made.issued(("2", "1000.50"), on=date(2026, 3, 31))
    made.invoice(("1", "10.00"), currency="USD")
    made.invoice(("2", "10.00"))
    session.commit()
    admin = as_user("admin")
    assert table(admin.export("/invoice/list/export?format=csv&group=state")) == [
        ["State", "Currency", "Records", "Net", "Total", "Margin"],
        ["Draft", "EUR", "1", "20.00", "24.20", ""],
        ["Draft", "USD", "1", "10.00", "12.10", ""],
        ["Issued", "EUR", "1", "2001.00", "2421.21", ""],
    ]
    assert workbook(admin.export("/invoice/list/export?group=issued_on.month"))[1][0] == ("t", "March 2026")


def test_records_of_any_kind_can_be_taken_away(as_user: Callable[[str], Browser], session: Session, made: Made):
    made.issued()
    made.payment()
    made.order()
    session.commit()
    admin = as_user("admin")
    for stem in ("party", "product", "order", "invoice", "payment", "letter", "job", "user", "team", "tax", "unit"):
        answer = admin.export(f"/{stem}/list/export?format=csv")
        rows = table(answer)
        assert {len(row) for row in rows} == {len(rows[0])}, stem
        assert workbook(admin.export(f"/{stem}/list/export"))[0][0][0] == "t"
