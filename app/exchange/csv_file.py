"""CSV files as people have them: bytes in, rows out, in flat memory.

What a file is written in is found out and shown, and can be overruled. A row that cannot be read does not take its
neighbours with it: it comes back as its own row with a reason, and reading goes on at the next line of the file.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.errors import DomainError
from app.i18n import gettext as _

LARGEST = 256 * 1024 * 1024  # bytes; screens take less (config.MAX_CONTENT_LENGTH)
MOST_COLUMNS = 1000
MOST_LINES = 200  # of one row: a quote that is never closed must not swallow the rest of the file
LONGEST_CELL = 200_000  # characters
LONGEST_LINE = 2_000_000

# Python's name → what people call it. UTF-7 and its like are left out: they hide signs from whoever reads the file.
ENCODINGS = {
    "utf-8": "UTF-8",
    "cp1251": "Windows-1251",
    "cp866": "DOS 866",
    "koi8-r": "KOI8-R",
    "cp1252": "Windows-1252",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
}
DELIMITERS = (";", ",", "\t", "|")

_ISOLATED = ["utf_8", "cp1251", "cp866", "koi8_r", "cp1252", "utf_16"]  # without it cp1251 is taken for mac_cyrillic
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BLOCK = 1 << 20
_SAMPLE = 64 * 1024
_SAMPLE_ROWS = 100
_MOSTLY = 0.9
_LIKE_DATA = re.compile(r"\S@\S+\.\S|\d{7}|\+?\d[\d ()-]{9,}\d", re.ASCII)  # an address, a number, a telephone
_SEPARATOR_LINE = re.compile(r"sep=(.)\s*", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One row of the file.

    Units: `line` is the number, from 1, of the row's first line in the file. `error` says why the row cannot be used;
    its cells are then what could be read of them.
    """

    line: int
    cells: list[str]
    error: str | None = None


@dataclass(frozen=True)
class CsvFile:
    """A file whose encoding, delimiter and columns are known.

    `columns` have names that differ from each other: a second "Phone" is "Phone (2)", a nameless third column "#3".
    """

    path: Path
    encoding: str
    delimiter: str
    columns: tuple[str, ...]
    first_line: int  # the line of the header

    def rows(self) -> Iterator[Row]:
        """Read the rows below the header one by one; blank lines are passed over."""
        width = len(self.columns)
        with self.path.open("rb") as raw:
            for row in _records(_lines(raw, self.encoding), self.delimiter):
                if row.line > self.first_line and (row.error is not None or any(map(str.strip, row.cells))):
                    yield _fitted(row, width)

    def count(self) -> int:
        """Read the whole file once and return the number of its rows."""
        return sum(1 for _row in self.rows())


def open_csv(path: Path, *, encoding: str | None = None, delimiter: str | None = None, limit: int = LARGEST) -> CsvFile:
    """Find out what a file is written in and which columns it has.

    Raises DomainError for an empty or too large file, for one that is no text, and for one without a header.
    """
    size = path.stat().st_size
    if size == 0:
        raise DomainError(_("The file is empty (0 bytes)"), field="file")
    if size > limit:
        raise DomainError(_("The file is too large: at most %(size)s MB", size=limit // 2**20), field="file")
    with path.open("rb") as raw:
        _refuse_other_kinds(raw.read(8))
        raw.seek(0)
        name = known_encoding(encoding) if encoding else detect_encoding(raw)
        raw.seek(0)
        if name in {"utf-16", "utf-16-le", "utf-16-be"} and raw.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            raw.seek(0)
            name = "utf-16-le" if raw.read(2) == codecs.BOM_UTF16_LE else "utf-16-be"
        raw.seek(0)
        sample = _beginning(_lines(raw, name))
    if not any(map(str.strip, sample)):
        raise DomainError(_("There is nothing in the file but blank lines"), field="file")
    chosen = known_delimiter(delimiter) if delimiter else detect_delimiter(sample)
    header = _header(sample, chosen)
    return CsvFile(path, name, chosen, _names(header.cells), header.line)


def _refuse_other_kinds(start: bytes) -> None:
    if start.startswith((b"PK\3\4", b"\xd0\xcf\x11\xe0")):
        raise DomainError(_("This is a workbook, not a CSV file: save it as CSV first"), field="file")
    if start.startswith(b"%PDF"):
        raise DomainError(_("This is a PDF, not a CSV file"), field="file")


def known_encoding(text: str) -> str:
    """Return the name of an encoding as this module writes it, or refuse one that it does not read."""
    try:
        name = codecs.lookup(text.strip()).name
    except LookupError:
        name = ""
    name = {"utf-8-sig": "utf-8"}.get(name, name)
    if name not in ENCODINGS:
        raise DomainError(
            _(
                "“%(encoding)s” is no encoding that can be read; choose one of: %(all)s",
                encoding=text.strip()[:40],
                all=", ".join(ENCODINGS),
            ),
            field="encoding",
        )
    return name


def known_delimiter(text: str) -> str:
    r"""Return a delimiter; a tab may be written "tab" or "\t"."""
    chosen = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ","}.get(text.strip().lower(), text)
    if chosen not in DELIMITERS:
        raise DomainError(
            _("“%(delimiter)s” is no delimiter; choose one of: ; , tab |", delimiter=text[:10]), field="delimiter"
        )
    return chosen


def detect_encoding(raw: BinaryIO) -> str:
    """Return the encoding of a file: by its mark, by what only UTF-8 and UTF-16 look like, else by its letters.

    The whole file is looked at: its first letter beyond ASCII may stand far down.
    """
    start = raw.read(4096)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    wide = _wide(start)
    if wide:
        return wide
    raw.seek(0)
    sample, good, bad = _beyond_ascii(raw)
    if good + bad == 0 or good >= _MOSTLY * (good + bad):
        return "utf-8"
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=_ISOLATED).best()
    if found is None:
        raise DomainError(
            _("The encoding of the file cannot be told; choose one of: %(all)s", all=", ".join(ENCODINGS)),
            field="encoding",
        )
    return known_encoding(found.encoding)


def _wide(start: bytes) -> str | None:
    """Say whether bytes are UTF-16 without a mark: plain letters and signs leave every other byte zero."""
    half = len(start) // 2
    if half == 0:
        return None
    odd, even = start[1::2].count(0), start[0::2].count(0)
    # Cyrillic and Armenian texts have zeros only in digits, signs and line ends: a tenth is plenty.
    if max(odd, even) < half / 10 or min(odd, even) > max(odd, even) / 10:
        return None
    name = "utf-16-le" if odd > even else "utf-16-be"
    return name if "\n" in start.decode(name, errors="replace") else None


def _beyond_ascii(raw: BinaryIO) -> tuple[bytes, int, int]:
    """Return a sample of the lines with letters beyond ASCII, and how many are valid UTF-8 and how many are not."""
    sample = bytearray()
    good = bad = 0
    for line in iter(lambda: raw.readline(_BLOCK), b""):
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            good += 1
        except UnicodeDecodeError:
            bad += 1
        if len(sample) < _SAMPLE:
            sample += line[:_SAMPLE]
    return bytes(sample), good, bad


def detect_delimiter(lines: list[str]) -> str:
    """Return the delimiter by which the rows of a sample have as many cells as their header, the more the better."""
    told = _SEPARATOR_LINE.fullmatch(lines[0]) if lines else None
    if told and told[1] in DELIMITERS:
        return told[1]
    best, chosen = (0.0, 0), DELIMITERS[0]
    for delimiter in DELIMITERS:
        rows = [row for row in _records(iter(lines), delimiter) if row.error is None and any(row.cells)]
        width = len(rows[0].cells) if rows else 0
        if width > 1:
            same = sum(len(row.cells) == width for row in rows) / len(rows)
            if (round(same, 1), width) > best:
                best, chosen = (round(same, 1), width), delimiter
    return chosen


def _lines(raw: BinaryIO, encoding: str) -> Iterator[str]:
    """Decode line by line; what cannot be decoded becomes U+FFFD, which makes its row an error."""
    text = io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline="")
    try:
        yield from iter(lambda: text.readline(LONGEST_LINE), "")
    finally:
        text.detach()  # whoever has opened the file closes it


def _beginning(text: Iterable[str]) -> list[str]:
    lines: list[str] = []
    size = 0
    for line in text:
        lines.append(line.removeprefix("\ufeff") if not lines else line)
        size += len(line)
        if len(lines) >= _SAMPLE_ROWS or size > _SAMPLE:
            break
    return lines


class _TooManyLinesError(Exception):
    """One row runs over more lines than any real one does."""


class _Feed:
    """Gives the CSV parser line after line, remembers those of the row being read, and takes lines back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines
        self.again: list[str] = []  # lines taken back, the next one last
        self.taken: list[str] = []
        self.number = 0  # of the line given last

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MOST_LINES:
            raise _TooManyLinesError
        line = self.again.pop() if self.again else next(self.lines)
        self.number += 1
        if self.number == 1:
            line = line.removeprefix("\ufeff")
        self.taken.append(line)
        return line

    def keep_first(self) -> str:
        """Take back all lines of the row but its first one, which is returned."""
        first, *rest = self.taken
        self.again += reversed(rest)
        self.number -= len(rest)
        return first


def _records(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    """Parse rows; a broken one is given with its first line, and parsing goes on with the second."""
    feed = _Feed(lines)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.taken.clear()
        start = feed.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooManyLinesError:
            reason = _("A quotation mark is opened here and never closed")
        except csv.Error as error:
            reason = _broken(str(error))
        else:
            yield Row(start, cells)
            continue
        yield Row(start, feed.keep_first().rstrip("\r\n").split(delimiter), reason)


def _broken(error: str) -> str:
    """Return in the reader's language what the parser says."""
    if "field larger" in error:
        return _("A cell is longer than %(count)s characters", count=LONGEST_CELL)
    if "unexpected end" in error:
        return _("A quotation mark is opened here and never closed")
    return _("The quotation marks do not match: inside a quoted cell each one is doubled")


def _fitted(row: Row, width: int) -> Row:
    """Return the row with as many cells as there are columns, or with the reason why that cannot be."""
    if row.error is not None:
        return row
    cells = row.cells
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        cells = cells[:width]  # empty cells behind the last column say nothing
    error = None
    if len(cells) != width:
        error = _("The row has %(found)s cells instead of %(expected)s", found=len(cells), expected=width)
    elif any("\0" in cell for cell in cells):
        error = _("There are zero bytes in this row")
    elif any("\ufffd" in cell for cell in cells):
        error = _("There are characters in this row that cannot be read in the encoding of the file")
    return Row(row.line, cells, error)


def _header(lines: list[str], delimiter: str) -> Row:
    """Return the first row with anything in it, or refuse it when it holds data."""
    for row in _records(iter(lines), delimiter):
        if not any(map(str.strip, row.cells)) or _SEPARATOR_LINE.fullmatch(lines[row.line - 1]):
            continue
        if row.error is not None:
            raise DomainError(_("The header cannot be read: %(reason)s", reason=row.error), field="file")
        if len(row.cells) > MOST_COLUMNS:
            raise DomainError(_("The file has more than %(count)s columns", count=MOST_COLUMNS), field="file")
        if any(map(_LIKE_DATA.search, row.cells)):
            raise DomainError(
                _(
                    "The first row holds data, not names of columns: %(cells)s. Put a row with the names above it.",
                    cells=" | ".join(cell.strip()[:40] for cell in row.cells[:8]),
                ),
                field="file",
            )
        return row
    raise DomainError(_("There is nothing in the file but blank lines"), field="file")


def _names(cells: list[str]) -> tuple[str, ...]:
    while len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    names: list[str] = []
    known: set[str] = set()
    for at, cell in enumerate(cells, 1):
        plain = " ".join(cell.replace("\0", "").split()) or f"#{at}"
        name, again = plain, 1
        while name.casefold() in known:
            again += 1
            name = f"{plain} ({again})"
        known.add(name.casefold())
        names.append(name)
    return tuple(names)
