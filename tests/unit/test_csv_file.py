"""CSV files as people have them: found out, read row by row, broken rows given back with their reason."""

import codecs
from pathlib import Path

import pytest

from app.errors import DomainError
from app.exchange.csv_file import MOST_LINES, CsvFile, Row, open_csv


@pytest.fixture
def csv(tmp_path):
    """Write bytes to a file and open it."""

    def opened(content: bytes | str, written: str = "utf-8", **options) -> CsvFile:
        path = tmp_path / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(written))
        return open_csv(path, **options)

    return opened


def cells(file: CsvFile) -> list[list[str]]:
    rows = list(file.rows())
    assert [row.error for row in rows] == [None] * len(rows)
    return [row.cells for row in rows]


RUSSIAN = 'Название;ИНН;Город\nООО "Ромашка";7707083893;Москва\nИП Ёлкина;500100732259;Тула\n'
DUTCH = "Naam;Plaats\nCafé Zoë BV;Münster\n"


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        (RUSSIAN, "utf-8", "utf-8"),
        (RUSSIAN, "utf-8-sig", "utf-8"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "cp866", "cp866"),
        (RUSSIAN, "koi8-r", "koi8-r"),
        (RUSSIAN, "utf-16", "utf-16-le"),
        (RUSSIAN, "utf-16-le", "utf-16-le"),
        (RUSSIAN, "utf-16-be", "utf-16-be"),
        (DUTCH, "cp1252", "cp1252"),
        ("Անվանում;Քաղաք\nՍԱՆ ՍՊԸ;Երևան\n", "utf-8", "utf-8"),
        ("name,city\nAcme,Leeds\n", "ascii", "utf-8"),
    ],
)
def test_the_encoding_is_found_out(csv, text, written, found):
    file = csv(text, written)
    assert file.encoding == found
    delimiter = ";" if ";" in text else ","
    assert [list(file.columns), *cells(file)] == [line.split(delimiter) for line in text.splitlines()]


def test_letters_beyond_ascii_far_down_in_the_file_count(csv):
    file = csv(b"name;city\n" + b"Acme;Leeds\n" * 20_000 + "Ромашка и друзья;Москва\n".encode("cp1251") * 3)
    assert file.encoding == "cp1251"
    assert list(file.rows())[-1].cells == ["Ромашка и друзья", "Москва"]


def test_one_broken_row_does_not_make_a_utf_8_file_something_else(csv):
    file = csv(b"name;city\n" + "Рома;Тула\n".encode() * 30 + "Рома;Тула\n".encode("cp1251"))
    assert file.encoding == "utf-8"
    *good, broken = file.rows()
    assert {row.error for row in good} == {None}
    assert broken.line == 32
    assert "cannot be read in the encoding" in (broken.error or "")


def test_the_reader_may_overrule_what_was_found_out(csv):
    file = csv(RUSSIAN, "cp1251", encoding="windows-1251", delimiter=",")
    assert (file.encoding, file.delimiter, len(file.columns)) == ("cp1251", ",", 1)
    assert csv("a\tb\n1\t2\n", delimiter="tab").columns == ("a", "b")
    for options, text in (({"encoding": "utf-7"}, "no encoding"), ({"delimiter": "x"}, "no delimiter")):
        with pytest.raises(DomainError, match=text):
            csv(RUSSIAN, **options)


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_delimiter_is_the_one_by_which_rows_have_as_many_cells_as_the_header(csv, delimiter):
    rows = [["name", "address", "note"], ["Acme", "1 High St", "a"], ["Bolt", "2 Low St", "b"]]
    file = csv("\n".join(delimiter.join(row) for row in rows))
    assert (file.delimiter, file.columns) == (delimiter, ("name", "address", "note"))


def test_commas_inside_cells_do_not_make_the_delimiter_a_comma(csv):
    file = csv("name;address, street\nИванов, Пётр;ул. Мира, 1, кв. 2\nПетров;ул. Мира\n")
    assert (file.delimiter, file.columns) == (";", ("name", "address, street"))


def test_the_line_with_which_excel_tells_the_delimiter_is_obeyed_and_is_no_row(csv):
    file = csv("sep=|\nname|city;x\nAcme|Leeds\n")
    assert (file.delimiter, file.columns, cells(file)) == ("|", ("name", "city;x"), [["Acme", "Leeds"]])


def test_a_file_with_one_column_is_read(csv):
    assert cells(csv("name\nAcme\nBolt\n")) == [["Acme"], ["Bolt"]]


def test_quoted_line_breaks_stay_and_lines_are_counted_as_in_the_file(csv):
    file = csv('name;note\r\nA;"one\r\ntwo"\r\n\r\n ; \r\nB;"say ""hi"""\r\nООО "В";c\r\n')
    assert list(file.rows()) == [
        Row(2, ["A", "one\r\ntwo"]),
        Row(6, ["B", 'say "hi"']),
        Row(7, ['ООО "В"', "c"]),
    ]


def test_a_row_with_a_broken_quote_does_not_swallow_its_neighbours(csv):
    file = csv('name;note\nA;"never closed\nB;"fine"\nC;also fine\n')
    broken, *good = file.rows()
    assert (broken.line, broken.cells) == (2, ["A", '"never closed'])
    assert "quotation mark" in (broken.error or "")
    assert good == [Row(3, ["B", "fine"]), Row(4, ["C", "also fine"])]


def test_a_quote_that_is_never_closed_costs_one_row_however_long_the_file_is(csv):
    file = csv('name;note\nA;"open\n' + "B;x\n" * (MOST_LINES * 3))
    rows = list(file.rows())
    assert [row.line for row in rows if row.error] == [2]
    assert len(rows) == MOST_LINES * 3 + 1


def test_rows_with_too_few_or_too_many_cells_are_given_back(csv):
    file = csv("a;b;c\n1;2;3\n1;2\n1;2;3;4\n1;2;3;;\n")
    assert [(row.line, row.error) for row in file.rows()] == [
        (2, None),
        (3, "The row has 2 cells instead of 3"),
        (4, "The row has 4 cells instead of 3"),
        (5, None),
    ]


def test_zero_bytes_make_their_row_an_error(csv):
    file = csv(b"name;note\nA;x\nB\0;y\nC;z\n")
    assert [(row.line, row.error) for row in file.rows()] == [
        (2, None),
        (3, "There are zero bytes in this row"),
        (4, None),
    ]


def test_columns_get_names_that_differ(csv):
    file = csv("Phone;phone;;Phone;\n1;2;3;4;5\n")
    assert file.columns == ("Phone", "phone (2)", "#3", "Phone (3)")
    assert next(file.rows()).error == "The row has 5 cells instead of 4"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "empty"),
        (b"\n \n;;\n", "nothing in the file"),
        (codecs.BOM_UTF8, "nothing in the file"),
        (b"PK\x03\x04rest", "workbook"),
        (b"%PDF-1.7", "PDF"),
        (b"Acme;7707083893;x\nBolt;7728168971;y\n", "first row holds data"),
        (b"Acme,info@acme.com\nBolt,info@bolt.com\n", "first row holds data"),
        (b'"name;city\nAcme;Leeds\n', "header cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(csv, content, text):
    with pytest.raises(DomainError, match=text) as caught:
        csv(content)
    assert caught.value.field == "file"


def test_a_file_beyond_the_limit_is_refused(csv):
    with pytest.raises(DomainError, match="at most 1 MB"):
        csv(b"name\n" + b"x" * 2**20, limit=2**20)


def test_a_header_alone_is_a_file_without_rows(csv):
    assert csv("name;city\n").count() == 0


def test_memory_stays_flat(tmp_path: Path):
    import tracemalloc

    path = tmp_path / "large.csv"
    path.write_bytes(b"name;note\n" + (b"Acme;" + b"x" * 100 + b"\n") * 100_000)
    file = open_csv(path)
    tracemalloc.start()
    assert file.count() == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
