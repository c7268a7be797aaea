"""Numbers of states and banks: golden numbers name their source, refusals say what is wrong."""

import pytest

from app.errors import DomainError
from app.services import identifier

# Published by their owners: Sberbank (ИНН, ОГРН, БИК, correspondent account), the tax service's sample ИНН of a
# person, the Dutch tax authority's sample BTW-id of a sole trader.
INN, OGRN, BIK, CORRESPONDENT = "7707083893", "1027700132195", "044525225", "30101810400000000225"
INN_OF_A_PERSON, BTW_OF_A_SOLE_TRADER = "500100732259", "NL000099998B57"


def refusal(act, *args, **kwargs) -> tuple[str | None, str]:
    with pytest.raises(DomainError) as caught:
        act(*args, **kwargs)
    return caught.value.field, caught.value.text


@pytest.mark.parametrize(
    ("country", "kind", "typed", "stored"),
    [
        ("RU", "company", INN, INN),
        ("RU", "company", " 77 07-083893 ", INN),
        ("RU", "company", "７７０７０８３８９３", INN),
        ("RU", "company", INN_OF_A_PERSON, INN_OF_A_PERSON),
        ("RU", "person", INN_OF_A_PERSON, INN_OF_A_PERSON),
        ("NL", "person", BTW_OF_A_SOLE_TRADER, BTW_OF_A_SOLE_TRADER),
        ("NL", "company", "8537.46.333.b.01", "NL853746333B01"),
        ("NL", "company", "DE136695976", "DE136695976"),
        ("DE", "company", "136 695 976", "DE136695976"),
        ("GR", "company", "094259216", "EL094259216"),
        ("GR", "company", "GR094259216", "EL094259216"),
        ("BE", "company", "0403.170.701", "BE0403170701"),
        ("FR", "company", "40 303 265 045", "FR40303265045"),
        ("GB", "company", "GB 980 7806 84", "980780684"),
        ("GB", "company", "XI980780684", "XI980780684"),
        ("BY", "company", "200988541", "200988541"),
        ("AM", "company", "0123 4567", "01234567"),
        ("KZ", "company", "123456789012", "123456789012"),
        ("US", "company", "91-1144442", "911144442"),
        (None, "company", " A-12  34 ", "A-12 34"),
    ],
)
def test_tax_numbers_have_one_form(country, kind, typed, stored):
    assert identifier.normalise_tax_number(country, kind, typed) == stored


@pytest.mark.parametrize(
    ("country", "kind", "typed", "text"),
    [
        ("RU", "company", "7707083894", "ИНН is mistyped: its check digits do not fit"),
        ("RU", "company", "770708389", "ИНН has 10 or 12 digits; this has 9"),
        ("RU", "person", INN, "ИНН has 12 digits; this has 10"),
        ("RU", "company", "77O7083893", "ИНН consists of digits only"),
        ("RU", "company", "7707083893.0", "ИНН consists of digits only"),
        ("RU", "person", "500100732258", "ИНН is mistyped: its check digits do not fit"),
        ("AM", "company", "0123456", "ՀՎՀՀ has 8 digits; this has 7"),
        ("AM", "company", "0123456Ա", "ՀՎՀՀ consists of digits only"),
        ("NL", "company", "NL123456789B01", "BTW-id is mistyped: its check digits do not fit"),
        ("NL", "company", "NL85374633B01", "BTW-id is written like this: NL123456789B01"),
        ("DE", "company", "DE13669597", "USt-IdNr. is written like this: DE123456789"),
        ("DE", "company", "DE136695978", "USt-IdNr. is mistyped: its check digits do not fit"),
        ("BY", "company", "200988542", "УНП is mistyped: its check digits do not fit"),
        ("BY", "company", "20098854", "УНП cannot have 8 characters"),
        ("KZ", "company", "1" * 33, "БИН / ИИН has at most 32 characters; this has 33"),
        ("KZ", "company", "abc", "БИН / ИИН: “abc” is not written like one"),
        ("ZZ", "company", "1\x002", "VAT or tax number: “1\x002” is not written like one"),
    ],
)
def test_impossible_tax_numbers_are_refused_by_their_local_name(country, kind, typed, text):
    assert refusal(identifier.normalise_tax_number, country, kind, typed) == ("tax_number", text)


def test_every_single_wrong_digit_of_an_inn_is_found():
    for at in range(10):
        for digit in "0123456789":
            if digit != INN[at]:
                typed = INN[:at] + digit + INN[at + 1 :]
                assert refusal(identifier.normalise_tax_number, "RU", "company", typed)[0] == "tax_number"


def test_branch_numbers():
    assert identifier.normalise_tax_branch("RU", "7707 01 001") == "770701001"
    assert identifier.normalise_tax_branch("RU", "7707ab001") == "7707AB001"
    assert identifier.normalise_tax_branch("DE", " 12 ") == "12"
    short = ("tax_branch", "КПП has 9 digits; this has 8")
    assert refusal(identifier.normalise_tax_branch, "RU", "77070100") == short
    letters = ("tax_branch", "КПП is written like this: 770701001")
    assert refusal(identifier.normalise_tax_branch, "RU", "77А701001") == letters


def test_registration_numbers():
    number = identifier.normalise_registration_number
    assert number("RU", "company", OGRN) == OGRN
    assert number("RU", "person", "304500116000157") == "304500116000157"
    assert number("NL", "company", "1234 5678") == "12345678"
    assert number("AM", "company", "286.110.05848") == "286.110.05848"
    assert number("DE", "company", "HRB  12345") == "HRB 12345"
    field = "registration_number"
    assert refusal(number, "RU", "company", "1027700132194") == (field, "ОГРН is mistyped: its check digits do not fit")
    assert refusal(number, "RU", "person", OGRN) == (field, "ОГРН has 15 digits; this has 13")
    assert refusal(number, "RU", "person", "304500116000158")[0] == field
    assert refusal(number, "NL", "company", "1234567") == (field, "KvK-nummer has 8 digits; this has 7")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("nl91 abna 0417 1643 00", "NL91ABNA0417164300"),
        ("DE89370400440532013000", "DE89370400440532013000"),
        ("RU0304452522540817810538091310419", "RU0304452522540817810538091310419"),
    ],
)
def test_ibans_of_the_registry_have_one_form(typed, stored):
    assert identifier.normalise_iban(typed) == stored


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("NL91ABNA041716430", "An IBAN of NL has 18 characters; this has 17"),
        ("NL91ABNA04171643000", "An IBAN of NL has 18 characters; this has 19"),
        ("NL92ABNA0417164300", "IBAN is mistyped: its check digits do not fit"),
        ("NL91ABNAA417164300", "An IBAN of NL has letters and digits in other places"),
        ("AM12345678", "No bank of “AM” has an IBAN: use the account number instead"),
        ("40702810", "IBAN is written like this: NL91 ABNA 0417 1643 00"),
        ("NL91ABNA0417164З00", "IBAN is written like this: NL91 ABNA 0417 1643 00"),
    ],
)
def test_an_impossible_iban_is_refused_with_what_is_wrong(typed, text):
    assert refusal(identifier.normalise_iban, typed) == ("iban", text)


def test_bics():
    assert identifier.normalise_bic("abna nl2a") == "ABNANL2A"
    assert identifier.normalise_bic("SABRRUMMXXX") == "SABRRUMMXXX"
    assert refusal(identifier.normalise_bic, "ABNANL2") == ("bic", "A BIC has 8 or 11 characters; this has 7")
    assert refusal(identifier.normalise_bic, "ABNAXX2A") == ("bic", "BIC is written like this: ABNANL2A")


def test_biks():
    assert identifier.normalise_bik("044 525 225") == BIK
    assert refusal(identifier.normalise_bik, "44525225") == ("bik", "БИК has 9 digits; this has 8")
    assert refusal(identifier.normalise_bik, "944525225") == ("bik", "БИК is written like this: 044525225")


@pytest.mark.parametrize(
    ("bik", "account"),
    [
        # Source: Bank of Russia, order No. 515 of 8 September 1997, annex, examples 1, 3 and 4.
        ("049805000", "30101810800000000746"),
        ("049805746", "40602810700000000025"),
        ("044541312", "30114B84600000000501"),
        # Source: SWIFT IBAN registry, example of the Russian Federation; Sberbank; Treasury of Moscow.
        (BIK, "40817810538091310419"),
        (BIK, CORRESPONDENT),
        ("004525988", "40102810545370000003"),
    ],
)
def test_the_key_of_a_russian_account_fits_its_bank_and_no_other_key_does(bik, account):
    assert [key for key in "0123456789" if identifier.account_key_fits(bik, account[:8] + key + account[9:])] == [
        account[8]
    ]


def test_accounts():
    account = identifier.normalise_account
    assert account("RU", "40602 810 7 0000 0000025", bik="049805746") == "40602810700000000025"
    assert account("AM", "40602810700000000025", bik="049805746") == "40602810700000000025"
    assert account("RU", "03100643000000017300", bik="004525988") == "03100643000000017300"
    assert account("AM", "15700 12345 678901") == "1570012345678901"
    assert account("GE", "ge 12-3") == "GE123"
    misfit = "Расчётный счёт does not fit БИК 044525225: one of the two is mistyped"
    assert refusal(account, "RU", "40602810800000000025", bik=BIK) == ("account", misfit)
    without = "Расчётный счёт is checked against its bank: give the БИК"
    assert refusal(account, "RU", "40602810700000000025") == ("account", without)
    assert refusal(account, "RU", "4060281070000000002", bik=BIK) == (
        "account",
        "Расчётный счёт has 20 digits; this has 19",
    )
    assert refusal(account, "AM", "1570012345") == ("account", "Հաշվեհամար has 11–16 digits; this has 10")


def test_a_correspondent_account_is_checked_by_the_office_of_the_central_bank():
    assert identifier.normalise_correspondent_account(CORRESPONDENT, bik=BIK) == CORRESPONDENT
    text = "Корреспондентский счёт does not fit БИК 044525225: one of the two is mistyped"
    wrong = CORRESPONDENT[:8] + "5" + CORRESPONDENT[9:]
    field = "correspondent_account"
    assert refusal(identifier.normalise_correspondent_account, wrong, bik=BIK) == (field, text)


def test_further_identifiers_are_checked_where_their_scheme_is_known():
    assert identifier.normalise_identifier("rsin", "8537.46.333") == "853746333"
    assert identifier.normalise_identifier("LEI", "213800KUD8LAJWSQ9D15") == "213800KUD8LAJWSQ9D15"
    assert identifier.normalise_identifier("ОКПО", " 00032537 ") == "00032537"
    text = "RSIN is mistyped: its check digits do not fit"
    assert refusal(identifier.normalise_identifier, "RSIN", "853746334") == ("value", text)


def test_numbers_are_called_as_in_their_country():
    assert [identifier.label(country, "tax_number") for country in ("RU", "NL", "AM", "FI", None)] == [
        "ИНН",
        "BTW-id",
        "ՀՎՀՀ",
        "VAT or tax number",
        "VAT or tax number",
    ]
    assert identifier.label("RU", "tax_branch") == "КПП"
    assert identifier.label("NL", "registration_number") == "KvK-nummer"
    assert identifier.label("AM", "bik") == "БИК"
    assert identifier.label(None, "iban") == "IBAN"
