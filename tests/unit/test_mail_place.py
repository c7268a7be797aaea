"""Places of a template, first names out of whole ones, and parts of text messages."""

import pytest

from app.services import mail_place, sms_length
from app.services.mail_place import Slot


def test_a_text_is_taken_apart_at_its_places_and_nothing_else():
    found = mail_place.parts("Dear {first name|customer}, {x} {name}{organisation}!")
    assert found == (
        "Dear ",
        Slot("first name", "customer"),
        ", {x} ",
        Slot("name"),
        Slot("organisation"),
        "!",
    )
    words = {"name": "{organisation}", "organisation": "Kanal & Co"}
    assert mail_place.filled(found, words) == "Dear customer, {x} {organisation}Kanal & Co!"
    assert mail_place.filled(found, words, write=str.upper) == "Dear CUSTOMER, {x} {ORGANISATION}KANAL & CO!"


def test_a_place_without_words_for_who_has_none_is_refused():
    known = "{name}, {first name}, {company}, {city}, {manager}, {organisation}, {occasion}, {day}"
    assert mail_place.wrong("{organisation} {name|you}") is None
    assert mail_place.wrong("{name}") == "Say what stands there for whoever has none: {name|…}"
    assert mail_place.wrong("{password|x}") == "“{password}” stands for nothing; these do: " + known
    assert mail_place.wrong("{name|" + "x" * 121 + "}") == "At most 120 characters"


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Иванов Пётр Сергеевич", "Пётр"),
        ("Пётр Сергеевич Иванов", "Пётр"),
        ("Иванова Анна", "Анна"),
        ("Анна Иванова", "Анна"),
        ("Անի Պետրոսյան", "Անի"),
        ("Պետրոսյան Անի", "Անի"),
        ("Anna de Vries", "Anna"),
        ("Vries, Anna de", "Anna"),
        ("Jan van der Berg", "Jan"),
        ("Anna", None),
        ("И. Петров", None),
        ("Иванов Петров", None),
        (", Anna", None),
    ],
)
def test_a_first_name_is_told_or_left_alone(name, first):
    assert mail_place.first_name(name) == first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 1, 160, False)),
        ("a" * 160, (160, 1, 0, False)),
        ("a" * 161, (161, 2, 145, False)),
        ("€" * 80, (160, 1, 0, False)),
        ("€" * 81, (162, 2, 143, False)),
        ("Привет", (6, 1, 64, True)),
        ("я" * 70, (70, 1, 0, True)),
        ("я" * 71, (71, 2, 63, True)),
        ("я" * 66 + "🌷" + "я" * 4, (72, 2, 61, True)),
    ],
)
def test_parts_of_a_text_message(text, expected):
    found = sms_length.of(text)
    assert (found.size, found.parts, found.left, found.is_wide) == expected
