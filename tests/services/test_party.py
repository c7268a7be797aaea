"""Counterparties: what may be stored, how they are found, which may be the same one."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from app.errors import DomainError, Refusals
from app.models.party import (
    AddressUsage,
    ChannelKind,
    Party,
    PartyAddress,
    PartyBankAccount,
    PartyChannel,
    PartyContact,
    PartyIdentifier,
    PartyKind,
)
from app.services import party as parties
from app.services.legal_form import name_key
from app.services.party import Duplicate
from app.services.party import DuplicateReason as Because

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
INN = "7707083893"


def stored(session, **values) -> Party:
    party = Party(**values)
    parties.save(session, party)
    session.flush()
    return party


def refusals(session, party) -> dict[str, list[str]]:
    with pytest.raises(Refusals) as caught:
        parties.save(session, party)
    return caught.value.errors


def names(session, query, **options) -> list[str]:
    return [party.name for party in session.scalars(parties.named(query, **options))]


def test_a_company_is_stored_in_its_normal_form(session):
    party = Party(
        name="  ООО  «Ромашка»\n",
        legal_name="Общество с ограниченной ответственностью «Ромашка»",
        country="ru",
        currency="rub",
        tax_number="7707083893/770701001",
        registration_number="1027700132195",
        phone="8 (495) 123-45-67",
        email="Info@Romashka.RU",
        website="romashka.ru",
        note=" first\r\nsecond \n",
        credit_limit=Decimal("1000.50"),
        is_customer=True,
    )
    party.addresses.append(PartyAddress(street="ул. Ленина, 1", city="Москва", postal_code="101000", country="RU"))
    party.contacts.append(PartyContact(name="Пётр Иванов", phone="8 916 123-45-67", email="Petr@Romashka.ru"))
    party.channels.append(PartyChannel(kind="messenger", value="@romashka"))
    party.channels.append(PartyChannel(value="8 495 765-43-21"))
    party.bank_accounts.append(
        PartyBankAccount(
            account="4060 2810 7000 0000 0025", bik="049805746", correspondent_account="30101810800000000746"
        )
    )
    party.identifiers.append(PartyIdentifier(scheme="ОКПО", value="00032537"))
    parties.save(session, party)
    session.flush()
    session.expire_all()

    assert (party.kind, party.name, party.country, party.language) == (PartyKind.company, "ООО «Ромашка»", "RU", "ru")
    assert (party.tax_number, party.tax_branch, party.registration_number) == (INN, "770701001", "1027700132195")
    assert (party.phone, party.email, party.website) == (
        "+74951234567",
        "info@romashka.ru",
        "https://romashka.ru",
    )
    assert (party.currency, party.credit_limit, party.note) == ("RUB", Decimal("1000.5000"), "first\nsecond")
    assert (party.is_customer, party.is_supplier, party.is_partner, party.version) == (True, False, False, 1)
    assert party.addresses[0].usage is AddressUsage.legal
    assert str(party.addresses[0]) == "ул. Ленина, 1, 101000 Москва, RU"
    assert (party.contacts[0].phone, party.contacts[0].email) == ("+79161234567", "petr@romashka.ru")
    assert [(c.kind, c.value, c.raw) for c in party.channels] == [
        (ChannelKind.messenger, "@romashka", "@romashka"),
        (ChannelKind.phone, "+74957654321", "8 495 765-43-21"),
    ]
    assert party.bank_accounts[0].account == "40602810700000000025"
    assert str(party) == "ООО «Ромашка»"
    assert party.name_key == "ромашка"
    assert party.search_text == (
        "  ооо  ромашка  общество  с  ограниченной  ответственностью  7707083893  770701001  1027700132195"
        "  info  ru  romashka  74951234567  84951234567  москва  петр  иванов  petr  79161234567  89161234567"
        "  74957654321  84957654321  00032537"
    ).replace("  info  ru  romashka", "  info  romashka  ru")


def test_saving_again_changes_nothing(session):
    party = stored(session, name="Café", country="NL", phone="06 12345678", tax_number="853746333B01")
    party.channels.append(PartyChannel(kind="email", value="A@B.nl"))
    parties.save(session, party)
    session.flush()
    before = (party.version, party.search_text, party.channels[0].raw)
    parties.save(session, party)
    session.flush()
    assert (party.version, party.search_text, party.channels[0].raw) == before == (2, before[1], "A@B.nl")


def test_all_refusals_come_at_once_each_at_its_field_and_nothing_changes(session):
    party = stored(session, name="Old", country="RU", tax_number=INN)
    session.refresh(party, ["addresses", "contacts", "channels", "bank_accounts", "identifiers"])
    party.name = "x" * 251
    party.tax_number = "7707083894"
    party.registration_number = "1"
    party.phone = "12"
    party.email = "a@b.nl\nBcc: c@d.nl"
    party.website = "javascript:alert(1)"
    party.language = "xx"
    party.currency = "ZZZ"
    party.credit_limit = Decimal(-1)
    party.legal_name = " shout  \x07"
    party.addresses.append(PartyAddress(city=" ", country="QQ"))
    party.contacts.append(PartyContact(name=" ", phone="12"))
    party.channels.append(PartyChannel(kind="email", value="nobody"))
    party.channels.append(PartyChannel(kind="pigeon", value="nobody"))
    party.bank_accounts.append(PartyBankAccount(iban="NL91ABNA041716430"))
    party.bank_accounts.append(PartyBankAccount(bank_name="Bank"))
    party.bank_accounts.append(PartyBankAccount(account="40602810700000000025", bik="1"))
    party.identifiers.append(PartyIdentifier(scheme="RSIN", value="853746334"))
    party.identifiers.append(PartyIdentifier(scheme="", value=""))

    assert refusals(session, party) == {
        "name": ["At most 250 characters are possible here; this has 251"],
        "legal_name": ["There are control characters in this text; retype it"],
        "language": ["Letters and documents are written in one of: en, ru, hy, nl"],
        "currency": ["“ZZZ” is no currency code; three letters like EUR are"],
        "tax_number": ["ИНН is mistyped: its check digits do not fit"],
        "registration_number": ["ОГРН has 13 or 15 digits; this has 1"],
        "phone": ["This telephone number is too short: “12”"],
        "email": ["This is no e-mail address: “a@b.nl Bcc: c@d.nl”"],
        "website": ["A web address begins with http:// or https://"],
        "credit_limit": ["A credit limit is not negative"],
        "addresses-0-country": ["“QQ” is no country code; two letters like NL are"],
        "addresses-0-street": ["An address needs a street or a place"],
        "contacts-0-name": ["A contact person needs a name"],
        "contacts-0-phone": ["This telephone number is too short: “12”"],
        "channels-0-value": ["This is no e-mail address: “nobody”"],
        "channels-1-kind": ["“pigeon” is none of: phone, email, messenger, website, fax"],
        "bank_accounts-0-iban": ["An IBAN of NL has 18 characters; this has 17"],
        "bank_accounts-1-iban": ["Give the IBAN or the account number"],
        "bank_accounts-2-bik": ["БИК has 9 digits; this has 1"],
        "identifiers-0-value": ["RSIN is mistyped: its check digits do not fit"],
        "identifiers-1-scheme": ["Say what number this is"],
        "identifiers-1-value": ["The number is missing"],
    }
    assert (party.name, party.legal_name, party.phone) == ("x" * 251, " shout  \x07", "12")
    session.expunge_all()
    (row,) = session.execute(select(Party.name, Party.tax_number, Party.phone, Party.version)).all()
    assert tuple(row) == ("Old", INN, None, 1)


@pytest.mark.parametrize("name", [None, "", "  \n", "\u200f\u200b"])
def test_a_name_is_needed(session, name):
    assert refusals(session, Party(name=name)) == {"name": ["A counterparty needs a name"]}
    assert session.scalar(select(func.count()).select_from(Party)) == 0


def test_a_long_name_of_emoji_and_bidi_marks_is_kept_as_typed_up_to_its_limit(session):
    name = "🚀\u202bשלום\u202c «Rocket»\u200f" * 14
    assert len(name) == 238
    assert stored(session, name=name).name == name
    assert names(session, "rocket") == [name]
    assert names(session, "שלום") == [name]
    too_long = Party(name="🚀\u202b" * 200)
    assert refusals(session, too_long) == {"name": ["At most 250 characters are possible here; this has 400"]}


def test_an_unknown_country_is_the_only_refusal_that_it_causes(session):
    party = Party(name="A", country="Russia", tax_number="1", phone="8 495 123-45-67")
    assert refusals(session, party) == {"country": ["“Russia” is no country code; two letters like NL are"]}


@pytest.mark.parametrize(
    ("country", "language"), [("RU", "ru"), ("BY", "ru"), ("AM", "hy"), ("NL", "nl"), ("DE", "en"), (None, "en")]
)
def test_the_language_follows_the_country_unless_it_is_chosen(session, country, language):
    assert stored(session, name="A", country=country).language == language
    assert stored(session, name="B", country=country, language="hy").language == "hy"


def test_an_extension_is_kept_as_a_channel(session):
    party = stored(session, name="A", country="RU", phone="8 495 123-45-67 доб. 12")
    parties.save(session, party)
    assert party.phone == "+74951234567"
    assert [(c.value, c.raw, c.label) for c in party.channels] == [
        ("+74951234567", "8 495 123-45-67 доб. 12", "ext. 12")
    ]


def test_a_changed_channel_remembers_what_was_typed_last(session):
    party = Party(name="A", country="NL", channels=[PartyChannel(value="06 12345678")])
    parties.save(session, party)
    party.channels[0].value = "+31687654321"
    parties.save(session, party)
    assert (party.channels[0].value, party.channels[0].raw) == ("+31687654321", "+31687654321")


def test_an_iban_typed_as_an_account_is_an_iban_and_checked_as_one(session):
    party = Party(name="A", country="NL", bank_accounts=[PartyBankAccount(account="nl91 abna 0417 1643 00")])
    parties.save(session, party)
    assert (party.bank_accounts[0].iban, party.bank_accounts[0].account) == ("NL91ABNA0417164300", None)
    wrong = Party(name="A", country="NL", bank_accounts=[PartyBankAccount(account="NL91ABNA041716430")])
    assert refusals(session, wrong) == {"bank_accounts-0-account": ["An IBAN of NL has 18 characters; this has 17"]}


def test_an_account_follows_the_rules_of_its_banks_country(session):
    def account(country: str, **values) -> str | None:
        party = Party(name="A", country=country, bank_accounts=[PartyBankAccount(**values)])
        parties.save(session, party)
        return party.bank_accounts[0].account

    assert account("AM", account="1570 0123 4567 8901") == "1570012345678901"
    assert account("AM", account="40602810700000000025", bik="049805746") == "40602810700000000025"
    assert account("RU", account="GE29-1", bic="TBCBGE22") == "GE291"
    assert account("RU", account="40702978000000000001", bic="SABRRUMM") == "40702978000000000001"
    party = Party(name="A", country="RU", bank_accounts=[PartyBankAccount(account="40602810700000000025")])
    text = "Расчётный счёт is checked against its bank: give the БИК"
    assert refusals(session, party) == {"bank_accounts-0-account": [text]}


def test_the_tables_refuse_what_got_around_the_service(session):
    for values in ({"name": " "}, {"name": "A", "country": "R"}, {"name": "A", "credit_limit": Decimal(-1)}):
        with session.begin_nested() as attempt:
            session.add(Party(**values))
            with pytest.raises(IntegrityError):
                session.flush()
            attempt.rollback()


def test_children_go_with_their_party(session):
    party = stored(
        session,
        name="A",
        country="NL",
        addresses=[PartyAddress(city="Delft")],
        contacts=[PartyContact(name="Jan")],
        channels=[PartyChannel(value="0612345678")],
        bank_accounts=[PartyBankAccount(iban="NL91ABNA0417164300")],
        identifiers=[PartyIdentifier(scheme="RSIN", value="853746333")],
    )
    party.addresses.clear()
    session.flush()
    assert session.scalar(select(func.count()).select_from(PartyAddress)) == 0
    session.expire_all()
    session.delete(party)
    session.flush()
    for table in (PartyContact, PartyChannel, PartyBankAccount, PartyIdentifier):
        assert session.scalar(select(func.count()).select_from(table)) == 0


def test_named_finds_in_any_case_and_spelling_by_parts_numbers_and_one_letter(session):
    stored(session, name="Иванов Пётр", kind="person", country="RU", phone="8 916 123-45-67")
    stored(session, name="«Երևան» ՍՊԸ", country="AM", phone="010 12 34 56", tax_number="01234567")
    stored(
        session,
        name="Zürich BV",
        country="NL",
        addresses=[PartyAddress(city="'s-Gravenhage")],
        contacts=[PartyContact(name="Ömer Şahin")],
    )
    assert names(session, "иванов") == names(session, "ПЕТР И") == names(session, "ив") == ["Иванов Пётр"]
    assert names(session, "ԵՐԵՎԱՆ") == names(session, "երևան") == names(session, "երեւան") == ["«Երևան» ՍՊԸ"]
    assert names(session, "010 12 34") == names(session, "0 10 12 34") == names(session, "+374 10") == ["«Երևան» ՍՊԸ"]
    assert names(session, "0123 4567") == ["«Երևան» ՍՊԸ"]
    assert names(session, "zurich") == names(session, "gravenhage") == names(session, "omer sa") == ["Zürich BV"]
    assert names(session, "916 123 45 67") == names(session, "8916") == ["Иванов Пётр"]
    assert names(session, "%") == names(session, "___") == []
    assert sorted(names(session, "")) == sorted(["«Երևան» ՍՊԸ", "Zürich BV", "Иванов Пётр"])


def test_named_lists_by_name_and_then_by_age(session):
    for name in ("b", "a", "b"):
        stored(session, name=name)
    found = list(session.scalars(parties.named("")))
    assert [party.name for party in found] == ["a", "b", "b"]
    assert found[1].id < found[2].id


def test_archived_ones_are_found_on_demand_only_and_come_back(session):
    party = stored(session, name="Old friend")
    parties.archive(session, party, at=NOON)
    session.flush()
    assert (party.archived_at, party.is_archived) == (NOON, True)
    assert (names(session, "friend"), names(session, "friend", archived=True)) == ([], ["Old friend"])
    with pytest.raises(DomainError, match="“Old friend” is in the archive already"):
        parties.archive(session, party, at=datetime(2026, 4, 1, tzinfo=UTC))
    assert party.archived_at == NOON
    parties.restore(session, party)
    session.flush()
    assert names(session, "friend") == ["Old friend"]
    with pytest.raises(DomainError, match="“Old friend” is not in the archive"):
        parties.restore(session, party)


def test_duplicates_are_told_with_their_reasons_strongest_first(session):
    by_name = stored(session, name="РОМАШКА, ООО")
    by_phone = stored(session, name="Other", country="RU", channels=[PartyChannel(value="8 495 123-45-67")])
    by_all = stored(
        session, name="ПАО Ромашка", country="RU", tax_number=INN, phone="+74951234567", email="a@romashka.ru"
    )
    stored(session, name="Сосна", country="RU", tax_number="500100732259", phone="+74957654321", email="b@sosna.ru")
    party = Party(name="ООО «Ромашка»", country="RU", tax_number=INN, phone="84951234567", email="other@romashka.ru")
    party.channels.append(PartyChannel(kind="email", value="A@romashka.ru"))
    parties.save(session, party)
    expected = [
        Duplicate(by_all.id, "ПАО Ромашка", (Because.tax_number, Because.phone, Because.email, Because.name)),
        Duplicate(by_phone.id, "Other", (Because.phone,)),
        Duplicate(by_name.id, "РОМАШКА, ООО", (Because.name,)),
    ]
    assert parties.duplicates(session, party) == expected
    session.flush()
    assert parties.duplicates(session, party) == expected
    session.expire_all()
    assert parties.duplicates_of_each(session, [by_name, party]) == [
        [
            Duplicate(by_all.id, "ПАО Ромашка", (Because.name,)),
            Duplicate(party.id, "ООО «Ромашка»", (Because.name,)),
        ],
        expected,
    ]


def test_branches_other_countries_and_namesakes_with_another_number_are_no_duplicates(session):
    stored(session, name="Ромашка", country="RU", tax_number=INN, tax_branch="770701001")
    stored(session, name="Reed", country="AM", tax_number="01234567")
    branch = Party(name="Ромашка", country="RU", tax_number=INN, tax_branch="770701002")
    namesake = Party(name="Ромашка", country="RU", tax_number="500100732259")
    elsewhere = Party(name="Riet", country="DE", tax_number=None)
    for party in (branch, namesake, elsewhere):
        parties.save(session, party)
        assert parties.duplicates(session, party) == []
    elsewhere.tax_number = "01234567"
    assert parties.duplicates(session, elsewhere) == []
    elsewhere.country = None
    assert [twin.reasons for twin in parties.duplicates(session, elsewhere)] == [(Because.tax_number,)]
    unknown_branch = Party(name="Ромашка", country="RU", tax_number=INN)
    parties.save(session, unknown_branch)
    assert [twin.reasons for twin in parties.duplicates(session, unknown_branch)] == [
        (Because.tax_number, Because.name),
    ]


def test_an_empty_party_has_no_duplicates(session):
    stored(session, name="A")
    assert parties.duplicates(session, Party(name="")) == []
    assert parties.duplicates_of_each(session, []) == []


def test_a_duplicate_can_be_refused_at_the_field_that_agrees(session):
    first = stored(session, name="A", country="NL", email="a@b.nl")
    with pytest.raises(Refusals) as caught:
        parties.save(session, Party(name="B", country="NL", email="A@b.nl"), unique=True)
    assert caught.value.errors == {"email": [f"“A” ({first.id}) has the same"]}
    assert session.scalar(select(func.count()).select_from(Party)) == 1
    parties.save(session, Party(name="B", country="NL", email="c@b.nl"), unique=True)
    assert session.scalar(select(func.count()).select_from(Party)) == 2


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Ромашка, ООО", "ромашка"),
        ("Общество с ограниченной ответственностью «РОМАШКА»", "ромашка"),
        ("О.О.О. Ромашка", "ромашка"),
        ("ИП Иванов И.П.", "и иванов п"),
        ("Петров Иван", "иван петров"),
        ("«Ռոման» ՍՊԸ", "ռոման"),
        ("Ռոման Փ.Բ.Ը.", "ռոման"),
        ("Jansen B.V.", "jansen"),
        ("Jansen GmbH & Co. KG", "jansen"),
        ("Acme Trading Co., Ltd.", "acme trading"),
        ("Żabka Sp. z o.o.", "zabka"),
        ("ООО", "ооо"),
        ("***", ""),
    ],
)
def test_the_name_key_forgets_legal_forms(name, key):
    assert name_key(name) == key


def test_birthdays_and_times_survive_the_database(session):
    party = stored(session, name="Anna", kind="person", birthday=date(1990, 2, 28))
    session.expire_all()
    assert (party.birthday, party.kind) == (date(1990, 2, 28), PartyKind.person)
    assert party.created_at.tzinfo is UTC
