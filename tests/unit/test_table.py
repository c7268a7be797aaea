"""Tables as files: what a spreadsheet finds in them, read from the bytes themselves."""

import csv
import io
import re
import tracemalloc
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.exchange import table
from app.exchange.table import Tally, Value, csv_chunks, sheet_name, write_xlsx
from tests.attack import attack

MAIN = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
MOMENT = datetime(2026, 3, 31, 9, 5)  # noqa: DTZ001 -- spreadsheets know no zones
EPOCH = date(1899, 12, 30)


@dataclass(frozen=True)
class Cell:
    """A cell as the file has it: text or number, its number format, whether it is guarded or bold."""

    text: str | None
    number: str | None
    pattern: str
    guarded: bool = False
    bold: bool = False


def sheets(data: bytes) -> dict[str, ET.Element]:
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        assert parts.testzip() is None
        assert not [name for name in parts.namelist() if "external" in name.lower()]
        book = ET.fromstring(parts.read("xl/workbook.xml"))
        names = [each.attrib["name"] for each in book.iterfind("m:sheets/m:sheet", MAIN)]
        return {
            name: ET.fromstring(parts.read(f"xl/worksheets/sheet{at}.xml")) for at, name in enumerate(names, start=1)
        }


def cells(data: bytes, sheet: str = "Table") -> list[list[Cell]]:
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        styles = ET.fromstring(parts.read("xl/styles.xml"))
    patterns = {each.attrib["numFmtId"]: each.attrib["formatCode"] for each in styles.iterfind(".//m:numFmt", MAIN)}
    patterns |= {"0": "General", "1": "0", "2": "0.00", "3": "#,##0", "4": "#,##0.00"}
    bold = [font.find("m:b", MAIN) is not None for font in styles.iterfind("m:fonts/m:font", MAIN)]
    formats = [
        (patterns[xf.attrib["numFmtId"]], xf.get("quotePrefix") == "1", bold[int(xf.attrib["fontId"])])
        for xf in styles.iterfind("m:cellXfs/m:xf", MAIN)
    ]
    found = []
    for row in sheets(data)[sheet].iterfind("m:sheetData/m:row", MAIN):
        found.append([])
        for cell in row.iterfind("m:c", MAIN):
            assert cell.find("m:f", MAIN) is None, "a formula"
            text = "".join(each.text or "" for each in cell.iterfind("m:is//m:t", MAIN))
            number = cell.find("m:v", MAIN)
            known = None if number is None else number.text
            found[-1].append(Cell(text if number is None else None, known, *formats[int(cell.get("s", "0"))]))
    return found


def workbook(*rows: Sequence[Value], heads: Sequence[str] = ("A",), language: str = "en") -> bytes:
    file = io.BytesIO()
    write_xlsx(file, heads, rows, title="Table", language=language)
    return file.getvalue()


def one(value: Value, language: str = "en") -> Cell:
    return cells(workbook([value], language=language))[1][0]


def text_of(*rows: Sequence[Value], heads: Sequence[str] = ("A", "B"), language: str = "en") -> str:
    return b"".join(csv_chunks(heads, rows, language=language)).decode()


# --- XLSX -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "number", "pattern"),
    [
        (Decimal("1234.50"), "1234.5", "#,##0.00"),
        (Decimal("-0.01"), "-0.01", "#,##0.00"),
        (Decimal(1500), "1500", "#,##0"),
        (Decimal("0.125"), "0.125", "#,##0.000"),
        (Decimal("0.00"), "0", "#,##0.00"),
        (Decimal("9999999999999.99"), "9999999999999.99", "#,##0.00"),  # 15 digits, the most that are kept
        (Decimal("1234567890123000.00"), "1234567890123000", "#,##0.00"),  # noughts at the end need no room
        (42, "42", "0"),
    ],
)
def test_numbers_are_numbers_with_their_decimals(value: Value, number: str, pattern: str):
    assert one(value) == Cell(None, number, pattern)


@pytest.mark.parametrize("value", [Decimal("12345678901234.56"), Decimal("99999999999999.9999"), 2**60])
def test_a_number_of_too_many_digits_is_text_and_loses_none(value: Value):
    assert one(value) == Cell(str(value), None, "General")


@pytest.mark.parametrize(
    ("language", "day", "moment"),
    [
        ("en", "yyyy-mm-dd", "yyyy-mm-dd hh:mm"),
        ("nl", "dd-mm-yyyy", "dd-mm-yyyy hh:mm"),
        ("ru", "dd.mm.yyyy", "dd.mm.yyyy hh:mm"),
        ("hy", "dd.mm.yyyy", "dd.mm.yyyy hh:mm"),
    ],
)
def test_days_and_moments_are_days_as_the_language_writes_them(language: str, day: str, moment: str):
    found = one(date(2026, 3, 31), language)
    assert (found.text, found.pattern) == (None, day)
    assert float(found.number or 0) == (date(2026, 3, 31) - EPOCH).days
    found = one(MOMENT.replace(hour=18, minute=0), language)
    assert (found.text, found.pattern) == (None, moment)
    assert float(found.number or 0) == (date(2026, 3, 31) - EPOCH).days + 0.75


def test_a_day_before_the_first_of_spreadsheets_is_text():
    assert one(date(1899, 12, 31)) == Cell("1899-12-31", None, "General")


@attack(133, "a formula in a workbook")
@pytest.mark.parametrize("text", ["=1+1", "+31 6 1234", "-5", "@SUM(A1)", "\t=1", "  =1", "＝1"])
def test_what_looks_like_a_formula_is_text_and_stays_it(text: str):
    assert one(text) == Cell(text, None, "General", guarded=True)


@pytest.mark.parametrize(
    "text",
    ["Tulpen & Zonen <b>", "ООО «Ромашка»", "Մարիամ", "https://example.org/x", "007", "1e5", "31.03.2026", "_x0041_"],
)
def test_text_is_text_letter_by_letter(text: str):
    found = one(text)
    assert (found.number, found.guarded) == (None, False)
    assert re.sub(r"_x005F_", "_", found.text or "") == text


def test_text_that_the_library_takes_for_its_own_markup_breaks_no_file():
    assert one("<r><t>x</t></r>").text == "<r><t>x</t></r> "
    assert one("<r></broken></r>").text == "<r></broken></r> "


def test_control_characters_are_left_out_and_counted():
    tally = write_xlsx(io.BytesIO(), ["A"], [["a\x00b\x0bc\x1f"], ["d\ne"], ["\ufffe"]], title="x\x01", language="en")
    assert (tally.rows, tally.removed) == (3, 5)
    assert cells(workbook(["a\x00b\x0bc\ttab\nline"]))[1][0].text == "abc\ttab\nline"


def test_the_head_is_bold_stays_in_sight_and_filters():
    data = workbook(["Alpha", Decimal("1.50"), "x" * 300], ["B", None, ""], heads=["Name", "Total", "Note"])
    head, *rows = cells(data)
    assert head == [Cell(name, None, "General", bold=True) for name in ("Name", "Total", "Note")]
    assert [len(row) for row in rows] == [3, 1]
    [sheet] = sheets(data).values()
    pane = sheet.find("m:sheetViews/m:sheetView/m:pane", MAIN)
    assert pane is not None
    assert (pane.attrib["ySplit"], pane.attrib["state"], pane.get("xSplit")) == ("1", "frozen", None)
    area = sheet.find("m:autoFilter", MAIN)
    assert area is not None
    assert area.attrib["ref"] == "A1:C3"
    columns = [each.attrib for each in sheet.iterfind("m:cols/m:col", MAIN)]
    assert [(about["min"], about["max"], round(float(about["width"]))) for about in columns] == [
        ("1", "2", 10),
        ("3", "3", 62),
    ]


def test_more_rows_than_a_sheet_holds_go_on_in_another_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(table, "MOST_ROWS", 2)
    data = workbook(["a"], ["b"], ["c"])
    assert list(sheets(data)) == ["Table", "Table 2"]
    assert [[cell.text for cell in row] for row in cells(data, "Table 2")] == [["A"], ["c"]]


@pytest.mark.parametrize(
    ("title", "number", "name"),
    [
        ("Invoices", 1, "Invoices"),
        ("Счета/акты [все]: *?", 1, "Счета акты все"),
        ("x" * 40, 12, "x" * 28 + " 12"),
        ("'Quoted'", 1, "Quoted"),
        ("///", 1, "1"),
    ],
)
def test_a_sheet_has_a_name_that_spreadsheets_allow(title: str, number: int, name: str):
    assert sheet_name(title, number) == name


def test_no_rows_are_a_table_too():
    data = workbook(heads=["Name", "Total"])
    assert [[cell.text for cell in row] for row in cells(data)] == [["Name", "Total"]]


# --- CSV --------------------------------------------------------------------------------------------------------------


ROW: list[Value] = ["Tulpen; & Zonen, B.V.", Decimal("-1234.50"), 7, date(2026, 3, 31), MOMENT]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", '"Tulpen; & Zonen, B.V.",-1234.50,7,2026-03-31,2026-03-31 09:05'),
        ("nl", '"Tulpen; & Zonen, B.V.";-1234,50;7;2026-03-31;2026-03-31 09:05'),
        ("ru", '"Tulpen; & Zonen, B.V.";-1234,50;7;2026-03-31;2026-03-31 09:05'),
        ("hy", '"Tulpen; & Zonen, B.V.";-1234,50;7;2026-03-31;2026-03-31 09:05'),
    ],
)
def test_csv_is_what_excel_of_the_language_opens(language: str, line: str):
    mark = "," if language == "en" else ";"
    found = text_of(ROW, heads=["A", "B", "C", "D", "E"], language=language)
    assert found == f"\ufeff{mark.join('ABCDE')}\r\n{line}\r\n"


@attack(132, "a formula in a CSV file")
@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+31612345678", "'+31612345678"),
        ("-1", "'-1"),
        ("@SUM", "'@SUM"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\x00=1", "'=1"),
        (" =1", "' =1"),
        ("＝1", "'＝1"),
        ("a=1", "a=1"),
        ("O'Neil", "O'Neil"),
        (Decimal("-1.5"), "-1.5"),
        (-1, "-1"),
        (None, ""),
        ('say "x"\nto me', 'say "x"\nto me'),
    ],
)
def test_text_that_would_be_computed_gets_an_apostrophe_and_numbers_do_not(value: Value, cell: str):
    text = text_of([value, "end"])
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))) == [["A", "B"], [cell, "end"]]


def test_a_head_is_no_formula_either():
    assert text_of(heads=["=1", "B"]) == "\ufeff'=1,B\r\n"


def test_csv_counts_what_it_writes_and_leaves_out():
    tally = Tally()
    found = b"".join(csv_chunks(["A"], [["a\x00\x1b"], ["b\x7f"]], language="en", tally=tally))
    assert found == "\ufeffA\r\na\r\nb\r\n".encode()
    assert (tally.rows, tally.removed) == (2, 3)


# --- many rows --------------------------------------------------------------------------------------------------------


def many(count: int, alive: list[int]) -> Iterator[list[Value]]:
    for at in range(count):
        alive[0] = max(alive[0], at)
        yield [f"Tulpen & Zonen {at} B.V.", Decimal(at) / 4, date(2026, 1, 1), "x" * 100]


def peak(act: Any) -> int:
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_csv_is_read_piece_by_piece():
    read = [0]
    pieces = csv_chunks(["A", "B", "C", "D"], many(20_000, read), language="en")
    first = next(pieces)
    assert read == [499]
    assert len(first.splitlines()) == 501
    assert sum(len(piece.splitlines()) for piece in pieces) == 20_000 - 500


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_ten_times_the_rows_need_no_more_memory(form: str, tmp_path: Any):
    def write(count: int) -> None:
        rows = many(count, [0])
        with (tmp_path / form).open("wb") as file:
            if form == "xlsx":
                write_xlsx(file, ["A", "B", "C", "D"], rows, title="x", language="en")
            else:
                for piece in csv_chunks(["A", "B", "C", "D"], rows, language="en"):
                    file.write(piece)

    write(10)
    small, large = (peak(lambda count=count: write(count)) for count in (1_000, 10_000))
    assert large < small + 500_000
