"""What columns and cells of a file say of a counterparty."""

from datetime import date
from decimal import Decimal

import pytest

from app.errors import DomainError
from app.exchange.csv_file import Row
from app.exchange.party_csv import guess, layout, read_mapping
from app.exchange.party_field import FIELDS, key
from app.models.party import ChannelKind, PartyKind
from app.services.import_rows import Mode


def read(cells: dict[str, str], **options):
    """Read one row whose columns are named by the fields themselves."""
    shape = layout(list(cells), {name: name for name in cells}, **options)
    return shape.incoming(Row(2, list(cells.values())))


def party(name: str = "Acme", **cells: str):
    return read({"name": name} | cells).party


def refusal(**cells: str) -> dict[str, list[str]]:
    return read({"name": "Acme"} | cells).errors


@pytest.mark.parametrize(
    ("columns", "fields"),
    [
        (["Название", "ИНН", "КПП", "Телефон", "E-mail"], ["name", "inn", "kpp", "phone", "email"]),
        (["Контрагент", "Р/с", "БИК", "Юридический адрес"], ["name", "account", "bik", "address"]),
        (["Անվանում", "ՀՎՀՀ", "Հեռախոս", "Էլ. փոստ", "Քաղաք"], ["name", "hvhh", "phone", "email", "city"]),
        (["Bedrijfsnaam", "KvK-nummer", "BTW-nr.", "Plaats"], ["name", "kvk", "btw", "city"]),
        (["Company Name", "VAT Number", "ZIP", "Phone number"], ["name", "vat", "postal_code", "phone"]),
    ],
)
def test_headings_are_recognised_in_four_languages(columns, fields):
    assert guess(columns) == dict(zip(columns, fields, strict=True))


def test_each_field_is_guessed_once_and_a_bare_id_not_at_all():
    assert guess(["Name", "Company", "ID", "x"]) == {"Name": "name"}


def test_no_heading_stands_for_two_fields():
    owners: dict[str, str] = {}
    for name, field in FIELDS.items():
        for heading in (name, *field.names.split(";")):
            assert owners.setdefault(key(heading), name) == name, heading


def test_a_mapping_is_read_as_it_is_typed():
    assert read_mapping('ИНН=inn, Название = name,"Адрес, улица"=street,a=b=note,') == {
        "ИНН": "inn",
        "Название": "name",
        "Адрес, улица": "street",
        "a=b": "note",
    }
    with pytest.raises(DomainError, match="not written like"):
        read_mapping("ИНН")


@pytest.mark.parametrize(
    ("mapping", "options", "text"),
    [
        ({"inn": "inn"}, {}, "which column holds the name; the file has: Naam, inn, x"),
        ({"Naam": "name", "y": "note"}, {}, "no column “y”; it has: Naam, inn, x"),
        ({"Naam": "name", "x": "colour"}, {}, "no field “colour”; there are: name, legal_name"),
        ({"Naam": "name", "x": "name"}, {}, "“name” is given twice"),
        ({"Naam": "name"}, {"mode": Mode.update}, "needs a tax number"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(mapping, options, text):
    with pytest.raises(DomainError, match=text):
        layout(["Naam", "inn", "x"], mapping, **options)


def test_columns_are_found_whatever_their_case_and_the_others_are_ignored():
    shape = layout(["NAAM", "x", "tag", "Row", "reason"], {"naam": "name", "tag": "tags"})
    assert (dict(shape.fields), shape.ignored) == ({0: "name"}, ["x", "tag"])


def test_all_fields_reach_the_draft():
    made = party(
        kind="физ. лицо",
        inn='="500100732259"',
        ogrn="'304500116000157",
        phone="8 (495) 123-45-67, 8 916 123-45-67",
        email="a@b.ru; c@d.ru",
        country="Россия",
        language="русский",
        currency="руб.",
        birthday="31.03.1980",
        credit_limit="1 234,50 ₽",
        address="ул. Ленина, 1",
        city="Москва",
        contact="Пётр",
        contact_phone="8 916 765-43-21",
        account="40602810700000000025",
        bik="049805746",
        type="клиент, поставщик",
        is_partner="нет",
        owner="ada",
    )
    assert (made.kind, made.country, made.language, made.currency) == (PartyKind.person, "RU", "ru", "RUB")
    assert (made.tax_number, made.registration_number) == ("500100732259", "304500116000157")
    assert (made.birthday, made.credit_limit) == (date(1980, 3, 31), Decimal("1234.50"))
    assert (made.phone, made.email) == ("8 (495) 123-45-67", "a@b.ru")
    assert [(one.kind, one.value) for one in made.channels] == [
        (ChannelKind.phone, "8 916 123-45-67"),
        (ChannelKind.email, "c@d.ru"),
    ]
    assert (made.addresses[0].street, made.addresses[0].city) == ("ул. Ленина, 1", "Москва")
    assert (made.contacts[0].name, made.contacts[0].phone) == ("Пётр", "8 916 765-43-21")
    assert (made.bank_accounts[0].account, made.bank_accounts[0].bik) == ("40602810700000000025", "049805746")
    assert (made.is_customer, made.is_supplier, made.is_partner) == (True, True, False)


@pytest.mark.parametrize(
    ("cells", "options", "country"),
    [
        ({"country": "Nederland", "inn": "7707083893"}, {"country": "AM"}, "NL"),
        ({"inn": "7707083893"}, {"country": "KG", "home": "NL"}, "KG"),
        ({"inn": "7707083893"}, {"home": "NL"}, "RU"),
        ({"inn": ""}, {"home": "NL"}, "RU"),
        ({"inn": "", "btw": ""}, {"home": "AM"}, "AM"),
        ({"inn": "", "btw": "NL854502130B01"}, {"home": "AM"}, "NL"),
        ({"vat": "DE123456789"}, {"home": "NL"}, "DE"),
        ({"vat": "EL123456789"}, {}, "GR"),
        ({}, {}, None),
    ],
)
def test_the_country_is_the_cells_then_the_told_one_then_that_of_the_numbers_then_ours(cells, options, country):
    assert read({"name": "Acme"} | cells, **options).party.country == country


def test_a_telephone_with_an_extension_stays_one():
    made = party(phone="8 (495) 123-45-67, доб. 12")
    assert (made.phone, made.channels) == ("8 (495) 123-45-67, доб. 12", [])


def test_contact_details_without_a_name_are_further_channels_of_the_counterparty():
    found = read({"name": "Acme", "contact": "", "contact_phone": "1234567", "contact_email": "a@b.c"})
    assert found.party.contacts == []
    assert [one.value for one in found.party.channels] == ["1234567", "a@b.c"]
    assert found.origins == {"channels-0-value": "contact_phone", "channels-1-value": "contact_email"}


def test_formulas_in_cells_are_plain_text():
    assert party("=1+1", note="@SUM(A1)").name == "=1+1"
    assert party("=1+1", note="@SUM(A1)").note == "@SUM(A1)"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234", "1234"),
        ("1 234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1.234.567", "1234567"),
        ("1234.567", "1234.567"),
        ("0.500", "0.500"),
        ("€ 1.000,50", "1000.50"),
        ("10000 руб.", "10000"),
        ("-5", "-5"),
    ],
)
def test_amounts_are_read_whichever_way_they_are_written(text, amount):
    assert party(credit_limit=text).credit_limit == Decimal(amount)


@pytest.mark.parametrize(
    ("cells", "field", "text"),
    [
        ({"credit_limit": "1.234"}, "credit_limit", "two ways"),
        ({"credit_limit": "1.234.56"}, "credit_limit", "two ways"),
        ({"credit_limit": "abc"}, "credit_limit", "two ways"),
        ({"credit_limit": "1e12"}, "credit_limit", "two ways"),
        ({"birthday": "31.02.1980"}, "birthday", "no date"),
        ({"birthday": "03/1980"}, "birthday", "no date"),
        ({"kind": "robot"}, "kind", "not understood"),
        ({"type": "client, enemy"}, "type", "“enemy” is not understood"),
        ({"is_customer": "maybe"}, "is_customer", "not understood"),
        ({"country": "Atlantis"}, "country", "no country"),
        ({"inn": "7,70708E+09"}, "tax_number", "shortened"),
        ({"phone": "7.49512E+10"}, "phone", "shortened"),
    ],
)
def test_cells_that_cannot_be_understood_are_named_with_the_reason(cells, field, text):
    errors = refusal(**cells)
    assert list(errors) == [field]
    assert text in errors[field][0]


def test_a_refused_field_is_traced_back_to_the_column_that_was_filled():
    shape = layout(["Firma", "ИНН", "BTW", "Тел"], {"Firma": "name", "ИНН": "inn", "BTW": "btw", "Тел": "phone"})
    row = Row(2, ["Acme", "", "NL1", "x"])
    assert shape.column_of("tax_number", row) == "BTW"
    assert shape.column_of("phone", row) == "Тел"
    assert shape.column_of("addresses-0-city", row) == ""
