"""Telephone numbers, e-mail and web addresses: one form each, and nothing that could harm a letter or a page."""

import pytest

from app.errors import DomainError
from app.services import channel


def refusal(act, *args) -> tuple[str | None, str]:
    with pytest.raises(DomainError) as caught:
        act(*args)
    return caught.value.field, caught.value.text


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("тел. 8 495 123-45-67 доб. 12", "RU", "+74951234567"),
        ("010 12 34 56", "AM", "+37410123456"),
        ("0 10 12 34 56", "AM", "+37410123456"),
        ("00374 10 123456", "AM", "+37410123456"),
        ("٠١٠١٢٣٤٥٦", "AM", "+37410123456"),
        ("06 1234 5678", "NL", "+31612345678"),
        ("+31 (0)20 123 4567", "AM", "+31201234567"),
        ("+1 212 555 0100", None, "+12125550100"),
        ("+74951234567", "XX", "+74951234567"),
    ],
)
def test_telephone_numbers_become_e164_by_country(typed, country, stored):
    assert channel.normalise_phone(typed, country) == stored


@pytest.mark.parametrize(
    ("typed", "country", "text"),
    [
        ("010 12 34", "AM", "This telephone number is too short: “010 12 34”"),
        ("112", "NL", "This telephone number is too short: “112”"),
        ("8 495 123-45-678", "RU", "This telephone number has a digit too many or too few: “8 495 123-45-678”"),
        ("+31 6 1234 5678 9012", "NL", "This telephone number is too long: “+31 6 1234 5678 9012”"),
        ("abc", "AM", "This is no telephone number: “abc”"),
        ("", "RU", "This is no telephone number: “”"),
        ("+999 123456", None, "This is no telephone number: “+999 123456”"),
        ("010 12 34 56", None, "Write this telephone number with its country code: +…, or choose the country"),
    ],
)
def test_what_cannot_be_dialled_is_refused(typed, country, text):
    assert refusal(channel.normalise_phone, typed, country) == ("phone", text)


def test_an_extension_is_told_apart():
    assert channel.extension("8 495 123-45-67 доб. 12", "RU") == "12"
    assert channel.extension("8 495 123-45-67", "RU") is None


@pytest.mark.parametrize(
    ("phone", "words"),
    [
        ("+37410123456", ["37410123456", "010123456"]),
        ("+74951234567", ["74951234567", "84951234567"]),
        ("+31612345678", ["31612345678", "0612345678"]),
        (None, []),
    ],
)
def test_a_number_is_found_as_dialled_from_abroad_and_from_inside(phone, words):
    assert channel.phone_words(phone) == words


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Info@Romashka.RU ", "info@romashka.ru"),
        ("ivan@почта.рф", "ivan@xn--80a1acny.xn--p1ai"),
        ("o'neil+crm@b.co.uk", "o'neil+crm@b.co.uk"),
        ("a@b.nl.", "a@b.nl"),
        ("x" * 64 + "@b.nl", "x" * 64 + "@b.nl"),
    ],
)
def test_email_addresses_have_one_form(typed, stored):
    assert channel.normalise_email(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            "a",
            "a@b",
            "a b@c.nl",
            "a@b.nl,c@d.nl",
            "Anna <a@b.nl>",
            '"a b"@c.nl',
            "a@@b.nl",
            "a..b@c.nl",
            ".a@c.nl",
        ),
        *("a@b.nl\nBcc: x@y.z", "a@b.nl\r\nSubject: x", "a@b.nl%0aBcc:x@y.z", "a@b\x00.nl", "a\u200b@b.nl"),
        *("a.@c.nl", "a@-c.nl", "a@c_d.nl", "a@c..nl", "a@[127.0.0.1]", "a@127.0.0.1", "a@" + "b" * 64 + ".nl"),
    ],
)
def test_what_is_no_single_plain_address_is_refused(typed):
    field, text = refusal(channel.normalise_email, typed)
    assert field == "email"
    assert text.startswith("This is no e-mail address: “")
    assert text.isprintable()


def test_email_addresses_with_other_faults_say_so():
    assert (
        refusal(channel.normalise_email, "иван@почта.рф")[1] == "Before the @ an e-mail address has Latin letters only"
    )
    assert refusal(channel.normalise_email, "x" * 65 + "@b.nl")[1] == "This e-mail address is too long"
    long = "a" * 60 + "@" + ".".join(["b" * 60] * 3) + ".nl1a1a1a1a1a"
    assert refusal(channel.normalise_email, long)[1] == "This e-mail address is too long"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("romashka.ru", "https://romashka.ru"),
        ("HTTP://Romashka.RU/", "http://romashka.ru"),
        ("romashka.ru:8080/x", "https://romashka.ru:8080/x"),
        ("https://ромашка.рф/чай?q=1#ё", "https://xn--80aa3agjl3d.xn--p1ai/%D1%87%D0%B0%D0%B9?q=1#%D1%91"),
        ("https://a.nl/%20x?a=\"<'", "https://a.nl/%20x?a=%22%3C'"),
    ],
)
def test_web_addresses_have_a_scheme_and_an_ascii_host(typed, stored):
    assert channel.normalise_website(typed) == stored


@pytest.mark.parametrize(
    "typed", ["javascript:alert(1)", "JavaScript:alert(1)//a.nl", "data:text/html,x", "ftp://a.nl"]
)
def test_other_schemes_are_refused(typed):
    text = "A web address begins with http:// or https://"
    assert refusal(channel.normalise_website, typed) == ("website", text)


@pytest.mark.parametrize(
    "typed", ["", "a b.nl", "localhost", "http://", "//a.nl", "https://u:p@a.nl", "https://a.nl:99999", "http://[::1]/"]
)
def test_what_is_no_web_address_is_refused(typed):
    field, text = refusal(channel.normalise_website, typed)
    assert field == "website"
    assert text.startswith("This is no web address: “")


def test_a_web_address_has_a_limit():
    assert channel.normalise_website("https://a.nl/" + "x" * 487) == "https://a.nl/" + "x" * 487
    assert refusal(channel.normalise_website, "https://a.nl/" + "x" * 488) == (
        "website",
        "This web address is too long",
    )


def test_channels_are_normalised_by_kind():
    assert channel.normalise("phone", "010 12 34 56", "AM") == "+37410123456"
    assert channel.normalise("fax", "010 12 34 57", "AM") == "+37410123457"
    assert channel.normalise("email", "A@B.nl", None) == "a@b.nl"
    assert channel.normalise("website", "a.nl", None) == "https://a.nl"
    assert channel.normalise("messenger", " @anna ", "AM") == "@anna"
    assert channel.normalise("messenger", "8 916 123-45-67", "RU") == "+79161234567"
    assert refusal(channel.normalise, "messenger", " ", "RU") == ("value", "This is no name in a messenger: “”")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("+37410123456", "+374 10 123456"),
        ("+74951234567", "+7 495 123-45-67"),
        ("+31207941234", "+31 20 794 1234"),
        ("112", "112"),
        ("call me", "call me"),
    ],
)
def test_a_telephone_number_is_shown_in_groups(stored, shown):
    assert channel.shown_phone(stored) == shown
