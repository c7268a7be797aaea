"""Russian names and positions in other cases: «в лице генерального директора Иванова Петра Сергеевича».

Names are declined by a library of rules for anthroponyms; positions by our own rules for the words that they are made
of: adjectives that agree, the noun they belong to, and what follows it («директор по продажам») unchanged.
"""

import re
from typing import Final

GENITIVE: Final = "genitive"
DATIVE: Final = "dative"
_CYRILLIC = re.compile(r"[А-Яа-яЁё][А-Яа-яЁё.\- ]*")
_FEMALE_PATRONYMIC = ("вна", "чна", "кызы", "гызы")
_MALE_PATRONYMIC = ("ич", "оглы", "улы")
_THREE = 3
# Endings of adjectives: nominative → genitive, dative.
_ADJECTIVES: Final = (
    (("ый", "ой"), "ого", "ому"),
    (("жий", "ший", "чий", "щий"), "его", "ему"),
    (("ний",), "его", "ему"),
    (("ий",), "ого", "ому"),
    (("няя", "щая", "шая", "жая", "чая"), "ей", "ей"),
    (("ая",), "ой", "ой"),
)
# Words with endings of their own: nominative → genitive, dative.
_OWN: Final = {
    "глава": ("главы", "главе"),
    "председатель": ("председателя", "председателю"),
    "и.о.": ("и.о.", "и.о."),
    "врио": ("врио", "врио"),
    "управляющая": ("управляющей", "управляющей"),
    "заведующая": ("заведующей", "заведующей"),
}


def name_in(full_name: str, case: str) -> str:
    """Return a full Russian name (surname, name, patronymic) in a case; anything else stays as it is."""
    name = " ".join(full_name.split())
    parts = name.split(" ")
    if not _CYRILLIC.fullmatch(name) or len(parts) > _THREE or any("." in part for part in parts):
        return full_name
    from pytrovich.detector import PetrovichGenderDetector
    from pytrovich.enums import Case, Gender, NamePart
    from pytrovich.maker import PetrovichDeclinationMaker

    kinds = [NamePart.LASTNAME, NamePart.FIRSTNAME, NamePart.MIDDLENAME][: len(parts)]
    if len(parts) == 1:
        kinds = [NamePart.LASTNAME]
    given = dict(zip(kinds, parts, strict=True))
    patronymic = given.get(NamePart.MIDDLENAME, "").lower()
    if patronymic.endswith(_FEMALE_PATRONYMIC):
        gender = Gender.FEMALE
    elif patronymic.endswith(_MALE_PATRONYMIC):
        gender = Gender.MALE
    else:
        first = given.get(NamePart.FIRSTNAME)
        detector = PetrovichGenderDetector()
        gender = detector.detect(firstname=first) if first else Gender.ANDROGYNOUS  # type: ignore[no-untyped-call]
    wanted = Case.GENITIVE if case == GENITIVE else Case.DATIVE
    maker = PetrovichDeclinationMaker()
    return " ".join(maker.make(kind, gender, wanted, part) for kind, part in given.items())


def position_in(position: str, case: str) -> str:
    """Return a Russian position in a case: its adjectives and the first noun; what follows stays as it is."""
    text = " ".join(position.split())
    if not re.fullmatch(r"[А-Яа-яЁё][А-Яа-яЁё.,\- ]*", text):
        return position
    words = text.split(" ")
    made: list[str] = []
    for at, word in enumerate(words):
        parts = [_word(part, case) for part in word.split("-")]
        made.append("-".join(part for part, _is_noun in parts))
        if any(is_noun for _part, is_noun in parts):
            return " ".join([*made, *words[at + 1 :]])
    return " ".join(made)


def _word(word: str, case: str) -> tuple[str, bool]:
    """Return a word in a case, and whether it is the noun."""
    at = 0 if case == GENITIVE else 1
    own = _OWN.get(word.lower())
    if own is not None:
        made = own[at]
        return (made[:1].upper() + made[1:] if word[:1].isupper() else made), word.lower() not in {"и.о.", "врио"}
    for endings, *cases in _ADJECTIVES:
        if word.endswith(endings):
            return word[:-2] + cases[at], False
    return _noun(word, at), True


# Endings of nouns: nominative → genitive, dative; the first that fits.
_NOUNS: Final = (
    ("ия", "ии", "ии"),
    ("ец", "ца", "цу"),
    ("ь", "я", "ю"),
    ("й", "я", "ю"),
    ("я", "и", "е"),
    *((f"{letter}а", f"{letter}и", f"{letter}е") for letter in "гкхжшчщ"),
    ("а", "ы", "е"),
    *((letter, f"{letter}а", f"{letter}у") for letter in "бвгджзклмнпрстфхцчшщ"),
)


def _noun(word: str, at: int) -> str:
    """Return a noun by its ending in the genitive (0) or the dative (1)."""
    for ending, *cases in _NOUNS:
        if word.endswith(ending):
            return word.removesuffix(ending) + cases[at]
    return word
