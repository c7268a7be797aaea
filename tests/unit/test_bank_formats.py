"""Files of banks: what each format says, and that nothing that is wrong in one passes for a booking."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from app.errors import DomainError
from app.exchange import bank_child, bank_csv, bank_file
from app.services.bank_entry import Entry, Parsed, Unreadable, amount_of

D = Decimal
DATA = Path(__file__).resolve().parent.parent / "data" / "bank"
APRIL_1, APRIL_2 = date(2026, 4, 1), date(2026, 4, 2)
ING = {
    "delimiter": ";",
    "encoding": "utf-8-sig",
    "date_format": "YYYYMMDD",
    "decimal_mark": ",",
    "skip_rows": 0,
    "debit_words": "Af, debit",
    "columns": {
        "Datum": "booked_on",
        "Naam / Omschrijving": "name",
        "Rekening": "own_account",
        "Tegenrekening": "account",
        "Code": "code",
        "Af Bij": "direction",
        "Bedrag (EUR)": "amount",
        "Mutatiesoort": "text",
        "Mededelingen": "text",
    },
}


def read(name: str, profile=None) -> list[Parsed]:
    found = bank_child.read((DATA / name).read_bytes(), profile)
    assert found is not None
    return found


def only(name: str, profile=None) -> Parsed:
    (found,) = read(name, profile)
    return found


def facts(parsed: Parsed):
    return parsed.account, parsed.currency, parsed.number, parsed.opening, parsed.closing


def problem(content: bytes, profile=None) -> dict[str, object]:
    with pytest.raises(Unreadable) as caught:
        bank_child.read(content, profile)
    return {name: value for name, value in caught.value.about.items() if value}


def changed(name: str, old: str, new: str) -> bytes:
    text = (DATA / name).read_text("utf-8")
    assert old in text
    return text.replace(old, new, 1).encode()


def test_camt_of_version_8():
    parsed = only("camt-08.xml")
    assert facts(parsed) == ("NL91ABNA0417164300", "EUR", "61", D(1000), D("1337.60"))
    assert (parsed.from_on, parsed.until_on) == (APRIL_1, APRIL_1)
    first, second, third, fee = parsed.entries
    assert first == Entry(
        booked_on=APRIL_1,
        value_on=APRIL_1,
        amount=D(100),
        line=11,
        name="Tulpen & Zonen B.V.",
        account="NL20INGB0001234567",
        bank="INGBNL2A",
        text="Factuur 2026-00007, bedankt",
        end_to_end="E2E-7",
        reference="A1",
        code="PMNT/RCDT/ESCT",
    )
    assert [(each.amount, each.name, each.reference, each.structured) for each in (second, third)] == [
        (D(150), "Արարատ ՍՊԸ", "A2/1", "RF18539007547034"),
        (D(100), "ООО «Ромашка»", "A2/2", ""),
    ]
    assert (fee.amount, fee.text, fee.booked_on) == (D("-12.40"), "Kosten zakelijk pakket", APRIL_1)


def test_camt_of_version_2():
    parsed = only("camt-02.xml")
    assert facts(parsed) == ("2500123456789012", "AMD", "S-62", D(-500000), D(100000))
    (entry,) = parsed.entries
    assert (entry.amount, entry.name, entry.account, entry.bank, entry.code, entry.end_to_end) == (
        D(600000),
        "Արարատ ՍՊԸ",
        "1930012345678901",
        "ARMIAM22",
        "541",
        "",
    )
    assert (entry.booked_on, entry.value_on) == (APRIL_2, date(2026, 4, 3))


@pytest.mark.parametrize(
    ("name", "head", "entries"),
    [
        (
            "ing.sta",
            ("NL91ABNA0417164300", "EUR", "00062", D("1337.60"), D("1417.60")),
            [
                (D(100), "TULPEN EN ZONEN", "NL20INGB0001234567", "Factuur 2026-00008", "E2E-8", ""),
                (D(-20), "KANTOOR PLUS", "NL69INGB0123456789", "", "", "9001234567890123"),
            ],
        ),
        (
            "rabobank.swi",
            ("NL91ABNA0417164300", "EUR", "26093", D(1000), D("1040.25")),
            [
                (D("50.25"), "Tulpen en Zonen", "NL20INGB0001234567", "2026-00010", "E2E-9", ""),
                (D(-10), "", "", "Terugboeking", "", ""),
            ],
        ),
        (
            "abn.sta",
            ("417164300", "EUR", "09301/1", D(-10), D(50)),
            [(D(60), "Tulpen en Zonen", "NL20INGB0001234567", "Factuur 2026-00012", "", "")],
        ),
        (
            "german.sta",
            ("1234567890", "EUR", "00005/001", D(0), D("25.50")),
            [(D("25.50"), "Blumen GmbH", "DE89370400440532013000", "EREF+E-15 Rechnung 2026-00015", "E-15", "")],
        ),
    ],
)
def test_mt940_as_banks_write_it(name, head, entries):
    parsed = only(name)
    assert facts(parsed) == head
    told = [(e.amount, e.name, e.account, e.text, e.end_to_end, e.structured)
            for e in parsed.entries]  # fmt: skip
    assert told == entries
    assert parsed.opening + sum(each.amount for each in parsed.entries) == parsed.closing


def test_a_day_without_a_year_belongs_to_the_year_that_is_nearest():
    entry = only("german.sta").entries[0]
    assert (entry.value_on, entry.booked_on) == (date(2025, 12, 31), date(2026, 1, 2))


def test_1c_in_its_own_alphabet():
    parsed = only("romashka.txt")
    assert facts(parsed) == ("40702810900000000001", "", "", D(5000), D("16849.50"))
    paid, fee = parsed.entries
    assert (paid.amount, paid.name, paid.tax_number, paid.account, paid.booked_on) == (
        D(12000),
        'ООО "Ромашка"',
        "7707083893",
        "40702810100000000002",
        APRIL_2,
    )
    assert paid.text == "Оплата по счету № 2026-00021 от 30.03.2026, без НДС"
    assert (fee.amount, fee.name, fee.code) == (D("-150.50"), 'ПАО "Банк"', "")


def test_a_table_by_its_profile():
    parsed = only("ing.csv", ING)
    assert facts(parsed) == ("NL91ABNA0417164300", "", "", None, None)
    assert [(e.amount, e.name, e.text, e.line) for e in parsed.entries] == [
        (D(1100), "Tulpen en Zonen", "Overschrijving Factuur 2026-00013", 2),
        (D("-2.50"), "Bank", "Diversen Kosten april", 4),
    ]
    assert bank_child.read((DATA / "ing.csv").read_bytes(), None) is None


def test_a_table_shows_its_columns_before_anybody_has_said_what_they_are():
    found = bank_csv.peek((DATA / "ing.csv").read_bytes())
    assert (found["encoding"], found["delimiter"], found["skip_rows"]) == ("utf-8-sig", ";", 0)
    assert found["columns"][:2] == ["Datum", "Naam / Omschrijving"]
    assert len(found["rows"]) == 2
    assert found["digest"] == bank_csv.digest([each.upper() for each in found["columns"]])


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1.100,00", "1100"), ("1 100,5", "1100.5"), ("-7", "-7"), ("7,00-", "-7"), ("(7,25)", "-7.25"), ("−3", "-3")],
)
def test_numbers_of_tables(text, amount):
    profile = ING | {"columns": {"d": "booked_on", "a": "amount"}}
    (parsed,) = bank_child.read(f"d;a\n20260402;{text}\n".encode(), profile)
    assert parsed.entries[0].amount == D(amount)


def test_money_in_and_out_in_columns_of_their_own():
    profile = ING | {"columns": {"d": "booked_on", "in": "credit", "out": "debit"}, "decimal_mark": "."}
    (parsed,) = bank_child.read(b"d;in;out\n20260402;5.00;\n20260402;;-2.00\n20260402;0;3.00\n", profile)
    assert [each.amount for each in parsed.entries] == [D(5), D(-2), D(-3)]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("camt-08.xml", ">100.00</Amt><CdtDbtInd>CRDT", ">1e3</Amt><CdtDbtInd>CRDT", ("amount", 12, 1, "Amt")),
        ("camt-08.xml", "<CdtDbtInd>DBIT</CdtDbtInd>", "<CdtDbtInd>X</CdtDbtInd>", ("sign", 31, 3, "CdtDbtInd")),
        ("camt-08.xml", '<Amt Ccy="EUR">250.00', '<Amt Ccy="USD">250.00', ("currency", 23, 2, "Amt")),
        ("camt-08.xml", "2026-04-01T23:59", "2026-02-30T23:59", ("date", 33, None, "BookgDt/DtTm")),
        ("camt-08.xml", "camt.053.001.08", "camt.053.001.14", ("camt", 2, None, None)),
        ("camt-08.xml", "</Stmt>", "", ("xml", 41, None, None)),
        ("ing.sta", "C100,00N", "C1OO,00N", ("entry", 5, 1, ":61:")),
        ("ing.sta", "2604020402C100", "2602300402C100", ("date", 5, 1, ":61:")),
        ("ing.sta", ":60F:C260401EUR", ":60F:C260401EU", ("balance", 4, None, ":60F:")),
        ("ing.sta", ":28C:", ":99Z:", ("tag", 3, None, ":99Z:")),
        ("ing.sta", ":62F:C260402EUR1417,60", "", ("missing", None, None, ":62F:")),
    ],
)
def test_what_is_wrong_is_told_with_its_place(name, old, new, told):
    found = problem(changed(name, old, new))
    assert tuple(found.get(key) for key in ("code", "line", "entry", "field")) == told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("КонецФайла", "", ("cut", None, None, "КонецФайла")),
        ("Сумма=12000.00", "Сумма=много", ("amount", 17, 1, "Сумма")),
        ("ДатаПоступило=02.04.2026", "ДатаПоступило=31.04.2026", ("date", 17, 1, "ДатаПоступило")),
        ("ПлательщикСчет=40702810900000000001", "ПлательщикСчет=1", ("account", 31, 2, "ПлательщикСчет")),
    ],
)
def test_what_is_wrong_with_1c(old, new, told):
    text = (DATA / "romashka.txt").read_bytes().decode("cp1251")
    assert old in text
    found = problem(text.replace(old, new, 1).encode())
    assert tuple(found.get(key) for key in ("code", "line", "entry", "field")) == told


@pytest.mark.parametrize("text", ["1e5", "٣", "1,5", "", "--1", "9" * 15, "0x1", "NaN", "1.23456"])
def test_what_is_no_amount(text):
    with pytest.raises(Unreadable):
        amount_of(text)


def test_a_file_is_read_by_a_process_of_its_own():
    content = (DATA / "camt-08.xml").read_bytes()
    assert bank_file.read(content) == bank_child.read(content, None)
    assert bank_file.read((DATA / "ing.csv").read_bytes()) is None
    with pytest.raises(DomainError) as caught:
        bank_file.read(changed("ing.sta", "C100,00N", "C1OO,00N"))
    assert (caught.value.field, caught.value.text) == (
        "file",
        "This file cannot be read (line 5, entry 1, :61:): “2604020402C1OO,00NTRFEREF//00000000001005” is no entry",
    )


def test_what_is_told_comes_back_as_it_was():
    for name in ("camt-08.xml", "ing.sta", "romashka.txt"):
        for parsed in read(name):
            assert Parsed.of(json.loads(json.dumps(parsed.told()))) == parsed


def test_a_word_for_money_out_that_nobody_has_said_makes_no_income_of_it():
    found = problem((DATA / "ing.csv").read_bytes(), ING | {"debit_words": "uit"})
    assert found == {"code": "sign", "field": "debit_words", "value": "af, bij"}
