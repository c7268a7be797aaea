"""Statements as tables: CSV read by a profile that says which column is what.

Shape: a profile is {"delimiter", "encoding", "date_format", "decimal_mark", "skip_rows", "debit_words", "columns":
{name of a column: field}}. Several columns may be texts; the amount has a sign, or a column says which way it went, or
money in and money out have columns of their own.
"""

import csv
import hashlib
import io
import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from app.services.bank_entry import Entry, Parsed, Unreadable, amount_of, day_of, refuse_many

DELIMITERS: Final = (",", ";", "\t", "|")
ENCODINGS: Final = ("utf-8-sig", "cp1252", "cp1251", "utf-16")
DATES: Final = {
    "YYYY-MM-DD": r"(?P<y>\d{4})-(?P<m>\d\d?)-(?P<d>\d\d?)",
    "DD-MM-YYYY": r"(?P<d>\d\d?)-(?P<m>\d\d?)-(?P<y>\d{4})",
    "DD.MM.YYYY": r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d{4})",
    "DD/MM/YYYY": r"(?P<d>\d\d?)/(?P<m>\d\d?)/(?P<y>\d{4})",
    "MM/DD/YYYY": r"(?P<m>\d\d?)/(?P<d>\d\d?)/(?P<y>\d{4})",
    "YYYYMMDD": r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
    "DD.MM.YY": r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d\d)",
}
FIELDS: Final = (
    *("booked_on", "value_on", "amount", "credit", "debit", "direction", "currency", "own_account"),
    *("name", "account", "bank", "tax_number", "text", "structured", "end_to_end", "reference", "code"),
)
MOST_COLUMNS: Final = 60
SHOWN: Final = 5
_GROUPS = re.compile(r"[\s\u00a0\u202f'’]")


def digest(columns: list[str]) -> str:
    """Return by which a file of the same columns is known again."""
    return hashlib.sha256("\n".join(each.strip().casefold() for each in columns).encode()).hexdigest()


def peek(content: bytes, asked: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return how a table seems to be written, its columns and its first rows; what is asked for is not guessed."""
    asked = asked or {}
    encoding = asked.get("encoding") or _encoding(content)
    text = _text(content, encoding)
    delimiter = asked.get("delimiter") or _delimiter(text)
    skip = int(asked.get("skip_rows") or 0)
    rows = []
    for row in _reader(text, delimiter):
        if any(cell.strip() for cell in row):
            rows.append([cell.strip()[:80] for cell in row[:MOST_COLUMNS]])
        if len(rows) > skip + SHOWN:
            break
    if len(rows) <= skip or len(rows[skip]) < 2:  # noqa: PLR2004 -- a day and an amount at least
        raise Unreadable("table", line=1)
    columns = _named(rows[skip])
    shown = [row[: len(columns)] + [""] * (len(columns) - len(row)) for row in rows[skip + 1 :]]
    return {
        "encoding": encoding,
        "delimiter": delimiter,
        "skip_rows": skip,
        "columns": columns,
        "rows": shown,
        "digest": digest(columns),
    }


def read(content: bytes, profile: dict[str, Any]) -> list[Parsed]:
    """Return the statement of a table, one for each account that its rows name. Raises Unreadable."""
    encoding, delimiter = str(profile["encoding"]), str(profile["delimiter"])
    pattern = re.compile(DATES[profile["date_format"]], re.ASCII)
    reader = _reader(_text(content, encoding), delimiter)
    fields: list[str] = []
    found: dict[tuple[str, str], Parsed] = {}
    skip, at = int(profile["skip_rows"]), 0
    words: set[str] = set()
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if skip >= 0:
            skip -= 1
            if skip < 0:
                columns = _named([cell.strip()[:80] for cell in row[:MOST_COLUMNS]])
                fields = [profile["columns"].get(name, "") for name in columns]
                _refuse_layout(fields, reader.line_num)
            continue
        at += 1
        refuse_many(at, line=reader.line_num)
        told = _told(fields, row)
        words.add(told.get("direction", "").casefold())
        entry = _entry(told, profile, pattern, line=reader.line_num, at=at)
        key = (re.sub(r"[\s.-]", "", told.get("own_account", "")), told.get("currency", "").upper())
        if key not in found:
            found[key] = Parsed(format="csv", account=key[0], currency=key[1])
        found[key].entries.append(entry)
    if not fields:
        raise Unreadable("table", line=1)
    if "direction" in fields and len(words) > 1 and not words & _out(profile):
        raise Unreadable("sign", field="debit_words", value=", ".join(sorted(words)))  # else all of it would be income
    return [each.complete() for each in found.values()]


def _refuse_layout(fields: list[str], line: int) -> None:
    if "booked_on" not in fields:
        raise Unreadable("column", line=line, field="booked_on")
    if not {"amount", "credit", "debit"} & set(fields):
        raise Unreadable("column", line=line, field="amount")


def _told(fields: list[str], row: list[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for field, cell in zip(fields, row, strict=False):
        if field and cell.strip():
            told[field] = f"{told[field]} {cell.strip()}" if field in told else cell.strip()
    return told


def _entry(told: dict[str, str], profile: dict[str, Any], pattern: re.Pattern[str], *, line: int, at: int) -> Entry:
    booked = _day(told, "booked_on", pattern, line=line, at=at)
    if booked is None:
        raise Unreadable("missing", line=line, entry=at, field="booked_on")
    return Entry(
        booked_on=booked,
        value_on=_day(told, "value_on", pattern, line=line, at=at),
        amount=_amount(told, profile, line=line, at=at),
        line=line,
        **{
            name: told.get(name, "")
            for name in ("name", "bank", "tax_number", "text", "structured", "end_to_end", "reference", "code")
        },
        account=re.sub(r"[\s.-]", "", told.get("account", "")),
    )


def _amount(told: dict[str, str], profile: dict[str, Any], *, line: int, at: int) -> Decimal:
    def number(field: str) -> Decimal | None:
        text = _GROUPS.sub("", told.get(field, ""))
        if not text:
            return None
        mark = profile["decimal_mark"]
        text = text.replace("." if mark == "," else ",", "").replace(mark, ".").replace("−", "-")
        text = f"-{text[1:-1]}" if text.startswith("(") and text.endswith(")") else text
        text = f"-{text[:-1]}" if text.endswith("-") else text
        return amount_of(text, line=line, entry=at, field=field)

    amount = number("amount")
    if amount is None:
        credit, debit = number("credit"), number("debit")
        if credit is None and debit is None:
            raise Unreadable("missing", line=line, entry=at, field="amount")
        return (credit or Decimal(0)) - abs(debit or Decimal(0))
    if "direction" in told:
        return -abs(amount) if told["direction"].casefold() in _out(profile) else abs(amount)
    return amount


def _out(profile: dict[str, Any]) -> set[str]:
    """Return the words that mean money out."""
    words = str(profile.get("debit_words") or "").split(",")
    return {each.strip().casefold() for each in words if each.strip()}


def _day(told: dict[str, str], field: str, pattern: re.Pattern[str], *, line: int, at: int) -> date | None:
    text = told.get(field, "")
    if not text:
        return None
    found = pattern.match(text)
    if found is None or text[found.end() : found.end() + 1].isdigit():
        raise Unreadable("date", line=line, entry=at, field=field, value=text)
    year = int(found["y"])
    return day_of(
        year if year > 99 else 2000 + year,  # noqa: PLR2004 -- two digits
        int(found["m"]),
        int(found["d"]),
        value=text,
        line=line,
        entry=at,
        field=field,
    )


def _reader(text: str, delimiter: str) -> Any:  # noqa: ANN401 -- the library's own
    return _Rows(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False))


class _Rows:
    """Rows whose errors are told as ours."""

    def __init__(self, reader: Any) -> None:  # noqa: ANN401
        self._reader = reader

    @property
    def line_num(self) -> int:
        """Return the line of the file on which the last row ends."""
        return int(self._reader.line_num)

    def __iter__(self) -> "_Rows":
        return self

    def __next__(self) -> list[str]:
        try:
            row: list[str] = next(self._reader)
        except csv.Error as problem:
            raise Unreadable("table", line=self.line_num, value=str(problem)) from None
        return row


def _named(cells: list[str]) -> list[str]:
    """Return names of columns that are all different."""
    seen: dict[str, int] = {}
    found = []
    for at, cell in enumerate(cells, 1):
        name = cell or f"#{at}"
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _encoding(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError:
        high = [each for each in content[:20_000] if each >= 0xC0]  # noqa: PLR2004 -- letters of both alphabets
        return "cp1251" if len(high) > len(content[:20_000]) / 20 else "cp1252"
    return "utf-8-sig"


def _text(content: bytes, encoding: str) -> str:
    if encoding not in ENCODINGS:
        raise Unreadable("encoding", value=encoding)
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("encoding", value=encoding) from None


def _delimiter(text: str) -> str:
    head = text[:4000].splitlines()[:20]
    return max(DELIMITERS, key=lambda each: max((line.count(each) for line in head), default=0))
