"""What a search finds, letter by letter: four alphabets, telephone numbers, one-letter queries."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, Text, create_engine, select

from app.search import escape_like, fold, like_clauses, search_text, terms

table = Table("thing", MetaData(), Column("search_text", Text))


def finds(parts: list[str | None], query: str) -> bool:
    """Ask a real database."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(table.insert().values(search_text=search_text(parts)))
        found = connection.execute(select(table).where(*like_clauses(table.c.search_text, query))).all()
    engine.dispose()
    return len(found) == 1


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ԵՐԵՎԱՆ", "երեվան"),
        ("ԵՐԵՒԱՆ", "երեվան"),
        ("Երևան", "երեվան"),
        ("երեւան", "երեվան"),
        ("և", "եվ"),
        ("Ո՞վ", "ով"),
        ("Ёлкин-Йод", "елкин йод"),
        ("Е\u0308лкин И\u0306од", "елкин йод"),
        ("Цифей за́мок", "цифей замок"),
        ("Їжак", "їжак"),
        ("Café Zürich, Łódź", "cafe zurich lodz"),
        ("Straße İstanbul Ærø", "strasse istanbul aero"),
        ("ООО «Ромашка»", "ооо ромашка"),
        ("„И.И. Иванов“", "и и иванов"),
        ("O’Neil & D'Arc", "oneil darc"),
        ("Ро\u200bма\u200fш\u202eка\u00ad", "ромашка"),
        ("a\x00b\x1fc\td\u00a0e", "ab c d e"),
        ("№ ５ ٣٤", "no 5 34"),
        ("🚀 Rocket ❤\ufe0f", "🚀 rocket ❤"),
        ("50%_off\\", "50 off"),
        ("", ""),
    ],
)
def test_fold_gives_one_spelling(text, folded):
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing_and_leaves_no_wildcard(text):
    folded = fold(text)
    assert fold(folded) == folded
    assert not set(folded) & set("%_\\\x00\"'")


@given(st.text(alphabet="абвгдеёжзийкրևԵՎևւabcéÅß «»'.1234567890", max_size=60))
def test_case_does_not_matter(text):
    assert fold(text.upper()) == fold(text.lower()) == fold(text)


def test_search_text_puts_two_spaces_before_each_different_word():
    assert search_text(["ООО «Ромашка»", None, "", "Ромашка", "Ереван"]) == "  ооо  ромашка  ереван"
    assert search_text([]) == ""


def test_search_text_keeps_numbers_typed_in_pieces_in_one_piece_too():
    assert search_text(["тел 12-34-56"]) == "  тел  12  34  56  123456"
    assert search_text(["дом 5 12"]) == "  дом  5  12"
    assert search_text(["7707083893/770701001"]) == "  7707083893  770701001"


@pytest.mark.parametrize(
    ("query", "fragments"),
    [
        ("", []),
        ("  ", []),
        ("и", ["  и"]),
        ("Ив", [" ив"]),
        ("иванов и", ["иванов", "  и"]),
        ("иванов Иванов", ["иванов"]),
        ("010 12 34", ["0101234"]),
        ("0 10 12 34", ["0101234"]),
        ("+374 (10) 12-34", ["374101234"]),
        ("+374 10", ["37410"]),
        ("+7 (9", [" 79"]),
        ("00374 10", ["37410"]),
        ("0012", ["0012"]),
        ("+31 (0)20 123 45 67", ["31201234567"]),
        ("арам 010 12 34", ["арам", "0101234"]),
        ("12 34", [" 12", " 34"]),
        ("7707083893 770701001", ["7707083893", "770701001"]),
        ("%%%", []),
    ],
)
def test_terms_cut_a_query_into_fragments(query, fragments):
    assert terms(query) == fragments


def test_a_very_long_query_is_cut():
    assert terms("я" * 1000) == ["я" * 200]


COMPANY = ["ООО «Ёлка Երևան»", "Иванов Пётр", "+37410123456", "37410123456", "010123456", "7707083893"]


@pytest.mark.parametrize(
    "query",
    [
        "елка",
        "ЁЛК",
        "лка",
        "ԵՐԵՎԱՆ",
        "երևան",
        "ԵՐԵՒԱՆ",
        "վան",
        "Пет",
        "и",
        "п",
        "ив",
        "петр иван",
        "«ёлка»",
        "7707",
        "770 708 38 93",
        "083893",
        "010 12 34",
        "0 10 12 34",
        "+37410",
        "+374 10",
        "+374 10 123456",
        "+374 (0)10 12",
        "(010) 12-34-56",
        "12 34 56",
        "00374 10 12 34 56",
        "петр +374 10",
    ],
)
def test_finds_by_any_part_and_by_the_start_of_a_word(query):
    assert finds(COMPANY, query)


@pytest.mark.parametrize("query", ["в", "тр", "сосна", "иванов сосна", "010 99", "%", "_____", "***", "нов пят"])
def test_does_not_find(query):
    assert not finds(COMPANY, query)


def test_a_blank_query_sets_no_condition_and_signs_find_nothing():
    assert like_clauses(table.c.search_text, "  ") == []
    assert [str(clause) for clause in like_clauses(table.c.search_text, "***")] == ["false"]


def test_escaped_wildcards_mean_themselves():
    assert escape_like("50%_\\") == "50\\%\\_\\\\"
    connection = sqlite3.connect(":memory:")
    sql = "SELECT ? LIKE ? ESCAPE '\\'"
    assert connection.execute(sql, ("50%_\\", escape_like("50%_\\"))).fetchone() == (1,)
    assert connection.execute(sql, ("50xx\\", escape_like("50%_\\"))).fetchone() == (0,)
    connection.close()


def test_patterns_let_the_trigram_index_of_sqlite_answer_even_one_letter():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE found USING fts5(search_text, tokenize='trigram')")
    for query in ("и", "ив", "иванов"):
        (clause,) = like_clauses(table.c.search_text, query)
        sql = str(clause.compile(compile_kwargs={"literal_binds": True})).replace("thing.", "")
        (plan,) = connection.execute(f"EXPLAIN QUERY PLAN SELECT rowid FROM found WHERE {sql}").fetchall()
        assert plan[3] == "SCAN found VIRTUAL TABLE INDEX 0:L0"
    connection.close()
