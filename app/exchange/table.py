"""A table as a file that people open in a spreadsheet: rows in, XLSX or CSV out, in flat memory.

Shape: a row is a sequence of values: text, whole numbers, exact numbers, days, moments without a zone, or None. An
exact number is shown with as many decimals as it has (`Decimal("2.50")` as 2.50).

XLSX is typed: numbers, days and moments are what a spreadsheet computes with, everything else is text and never a
formula. A number of more digits than a spreadsheet keeps is written as text, so that none is lost.

CSV is what Excel of the reader's language opens by a double click: UTF-8 with its mark, for English commas between the
cells and a decimal point, for Dutch, Russian and Armenian semicolons and a decimal comma. Numbers are not grouped; days
are ISO (2026-03-31), which Excel takes for days in every language. Text that a spreadsheet would compute gets an
apostrophe in front.
Source: RFC 4180; OWASP, CSV injection; Excel's limits (15 digits, 1,048,576 rows, 32,767 characters in a cell).
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

from xlsxwriter import Workbook  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

Value = str | int | Decimal | date | datetime | None

MOST_ROWS = 1_048_575  # of a sheet, its head left out
MOST_DIGITS = 15
LONGEST_TEXT = 32_767
LONGEST_NAME = 31  # of a sheet
CHUNK_ROWS = 500
NARROWEST, WIDEST = 8, 60
FIRST_YEAR = 1900
COMMA = {"en"}
DAYS = {"en": "yyyy-mm-dd", "nl": "dd-mm-yyyy", "ru": "dd.mm.yyyy", "hy": "dd.mm.yyyy"}

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_COMPUTED = re.compile(r"[\t\r\n]|\s*[=+\-@＝＋－＠]")
_NOT_IN_NAMES = re.compile(r"[\[\]:*?/\\]")


@dataclass
class Tally:
    """What became of the rows: how many were written, and how many control characters were left out."""

    rows: int = 0
    removed: int = 0

    def clean(self, text: str) -> str:
        """Return a text without the characters that no file may hold, and count them."""
        cleaned, count = _UNSEEN.subn("", text)
        self.removed += count
        return cleaned


def csv_chunks(
    heads: Sequence[str], rows: Iterable[Sequence[Value]], *, language: str, tally: Tally | None = None
) -> Iterator[bytes]:
    """Yield a CSV file in pieces of some hundred rows; see the module's text for what is in it."""
    told = tally if tally is not None else Tally()
    text = io.StringIO()
    writer = csv.writer(text, delimiter="," if language in COMMA else ";", lineterminator="\r\n")
    told_as = partial(_csv_cell, mark="." if language in COMMA else ",", tally=told)
    text.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer.writerow([told_as(head) for head in heads])
    for row in rows:
        writer.writerow([told_as(value) for value in row])
        told.rows += 1
        if told.rows % CHUNK_ROWS == 0:
            yield _taken(text)
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    found = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return found


def _csv_cell(value: Value, *, mark: str, tally: Tally) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        cleaned = tally.clean(value)
        return f"'{cleaned}" if _COMPUTED.match(cleaned) else cleaned
    if isinstance(value, Decimal):
        return f"{value:f}".replace(".", mark)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else str(value)


def write_xlsx(
    to: BinaryIO, heads: Sequence[str], rows: Iterable[Sequence[Value]], *, title: str, language: str
) -> Tally:
    """Write a workbook: a bold head that stays in sight, filters, columns as wide as what stands in them."""
    tally = Tally()
    title = tally.clean(title)
    book = Workbook(to, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": title})
    looks = _Looks(book, DAYS.get(language, DAYS["en"]))
    sheet = _Sheet(looks, title, [tally.clean(head) for head in heads], tally)
    for row in rows:
        if sheet.rows == MOST_ROWS:
            sheet.close()
            sheet = _Sheet(looks, sheet.title, sheet.heads, tally)
        sheet.add(row)
        tally.rows += 1
    sheet.close()
    book.close()
    return tally


def sheet_name(title: str, number: int) -> str:
    """Return a sheet's name as spreadsheets allow it; from the second sheet on it carries its number."""
    end = f" {number}" if number > 1 else ""
    plain = " ".join(_NOT_IN_NAMES.sub(" ", title).split()).strip("'")
    return f"{plain[: LONGEST_NAME - len(end)].rstrip()}{end}".strip("'") or str(number)


@dataclass
class _Looks:
    """The book with the formats that its cells have, each made once; `day` is how days are written."""

    book: Workbook
    day: str
    made: dict[str, Any] = field(default_factory=dict)

    def of(self, key: str, **about: Any) -> Any:  # noqa: ANN401 -- what the library takes
        if key not in self.made:
            self.made[key] = self.book.add_format(about)
        return self.made[key]


@dataclass
class _Sheet:
    """One sheet under way: its rows go to the disk one by one, what its columns need is noted."""

    looks: _Looks
    title: str
    heads: Sequence[str]
    tally: Tally
    rows: int = 0
    widths: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        book = self.looks.book
        self.sheet: Worksheet = book.add_worksheet(sheet_name(self.title, len(book.worksheets()) + 1))
        self.widths = [len(head) + 3 for head in self.heads]  # room for the button of the filter
        bold = self.looks.of("head", bold=True, bottom=1, bg_color="#EEF1EF", valign="vcenter")
        for at, head in enumerate(self.heads):
            self.sheet.write_string(0, at, head, bold)
        self.sheet.freeze_panes(1, 0)

    def add(self, row: Sequence[Value]) -> None:
        """Write one row below the others."""
        self.rows += 1
        for at, value in enumerate(row):
            if value is not None and value != "":
                self.widths[at] = max(self.widths[at], min(self._write(at, value), WIDEST))

    def close(self) -> None:
        """Add what is known only now: how wide the columns are, and which rows can be filtered."""
        for at, width in enumerate(self.widths):
            self.sheet.set_column(at, at, min(max(width, NARROWEST), WIDEST) + 1)
        if self.heads:
            self.sheet.autofilter(0, 0, self.rows, len(self.heads) - 1)

    def _write(self, at: int, value: str | int | Decimal | date) -> int:
        """Write a cell and return how many characters wide it is."""
        if isinstance(value, str):
            return self._write_text(at, value)
        if isinstance(value, datetime):
            return self._write_day(at, value, f"{self.looks.day} hh:mm")
        if isinstance(value, date):
            return self._write_day(at, value, self.looks.day)
        number = Decimal(value)
        places = max(-int(number.as_tuple().exponent), 0)
        if _digits(number) > MOST_DIGITS:
            return self._write_text(at, f"{number:f}")
        pattern = "0" if isinstance(value, int) else f"#,##0.{'0' * places}" if places else "#,##0"
        binary = float(number)  # what spreadsheets compute with; so many digits come back as they were
        self.sheet.write_number(self.rows, at, binary, self.looks.of(pattern, num_format=pattern))
        return len(f"{number:,f}") + 1

    def _write_day(self, at: int, value: date, pattern: str) -> int:
        if value.year < FIRST_YEAR:  # a spreadsheet's days begin then
            return self._write_text(at, value.isoformat())
        self.sheet.write_datetime(self.rows, at, value, self.looks.of(pattern, num_format=pattern, align="left"))
        return len(pattern)

    def _write_text(self, at: int, value: str) -> int:
        cleaned = self.tally.clean(value)[:LONGEST_TEXT]
        if cleaned.startswith("<r>") and cleaned.endswith("</r>"):
            cleaned += " "  # the library would take it for marked-up text and write it as it is
        # What looks like a formula stays text when somebody edits the cell.
        guarded = self.looks.of("text", quote_prefix=True) if _COMPUTED.match(cleaned) else None
        self.sheet.write_string(self.rows, at, cleaned, guarded)
        return max(map(len, cleaned.split("\n")), default=0)


def _digits(number: Decimal) -> int:
    """Count the digits that a number cannot do without."""
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))
