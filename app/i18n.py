"""Translation and locale helpers for all layers: the one Flask-side import allowed below web."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from typing import Any

from babel.dates import format_date
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _gettext
from flask_babel import lazy_gettext as _lazy_gettext
from flask_babel import ngettext as _ngettext

LANGUAGES: dict[str, dict[str, str]] = {
    "en": {"flag": "gb", "name": "English"},
    "ru": {"flag": "ru", "name": "Русский"},
    "hy": {"flag": "am", "name": "Հայերեն"},
    "nl": {"flag": "nl", "name": "Nederlands"},
}
DEFAULT_LANGUAGE = "en"
# A year has all its digits on paper; the short Armenian form of CLDR has two. Source: the long forms of CLDR
_DAY = {"en": "d MMMM y", "nl": "d MMMM y", "ru": "d MMMM y 'г.'", "hy": "d MMMM, y 'թ.'"}


Noted = dict[str, tuple[str, dict[str, Any]]]  # a text as it was told → what was translated, with its values
_NOTED: ContextVar[Noted | None] = ContextVar("noted", default=None)


def gettext(text: str, **values: Any) -> str:  # noqa: ANN401 -- placeholders of any printable type
    """Translate now, into the language of the current reader."""
    told = str(_gettext(text, **values))
    noted = _NOTED.get()
    if noted is not None:
        noted[told] = (text, values)
    return told


@contextmanager
def noting() -> Iterator[Noted]:
    """Note how every text is made that is translated meanwhile: what is kept can be told in another language later."""
    noted: Noted = {}
    before = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(before)


def lazy_gettext(text: str, **values: Any) -> Any:  # noqa: ANN401 -- a lazy string, str to all who read it
    """Translate later, when the text is shown: for labels that stand in classes."""
    return _lazy_gettext(text, **values)


def ngettext(one: str, many: str, num: int, **values: Any) -> str:  # noqa: ANN401
    """Translate with the plural form that the reader's language has for `num`."""
    return str(_ngettext(one, many, num, **values))


def language() -> str:
    """Return the reader's language code: en, ru, hy or nl."""
    locale = get_locale()
    code = locale.language if locale else DEFAULT_LANGUAGE
    return code if code in LANGUAGES else DEFAULT_LANGUAGE


@contextmanager
def in_language(code: str) -> Iterator[None]:
    """Speak another language for a while: a letter or document to somebody else."""
    with force_locale(code if code in LANGUAGES else DEFAULT_LANGUAGE):
        yield


def written_day(day: date, code: str) -> str:
    """Return a day as documents and letters in a language write it: with its month in words."""
    return str(format_date(day, _DAY[code], code))


_LABELS: dict[Any, Any] = {}


def label(members: type[Any], **texts: Any) -> None:  # noqa: ANN401
    """Give the members of an enumeration their texts on screen: `label(PartyKind, company=_l("Company"))`."""
    for name, text in texts.items():
        _LABELS[members, members[name].value] = text


def label_of(member: Any) -> str:  # noqa: ANN401
    """Return the text on screen of an enumeration's member."""
    return str(_LABELS.get((type(member), member.value), str(member).replace("_", " ").capitalize()))


def is_labelled(member: Any) -> bool:  # noqa: ANN401
    """Say whether a member of an enumeration has a text of its own."""
    return (type(member), member.value) in _LABELS
