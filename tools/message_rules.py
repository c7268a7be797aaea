"""Say what is wrong with the translation of one text."""

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Message

SOURCE_LANGUAGE = "en"  # its catalogue may stay empty: what is empty is said as it stands in the code
SCRIPTS = {"ru": "CYRILLIC", "hy": "ARMENIAN"}

PERCENT = re.compile(r"%(?:\(\w+\))?[-#0 +]*\d*(?:\.\d+)?[sdifgrx]")
BRACES = re.compile(r"\{[^{}\s]*\}")
TAGS = re.compile(r"</?[A-Za-z][^>]*>")
WORDS = re.compile(r"[^\W\d_]+")
ENDINGS = frozenset(".…?!:,;")
# Armenian: what answers an English sign at the end, and what stands inside the word instead
ARMENIAN_ENDINGS = {"։": ".", "՝": ":"}
ARMENIAN_INSIDE = {"?": "՞", "!": "՜"}


class SameAsEnglish:
    """The texts that may look like English in another language, and why.

    Shape: a file with one text per line, `languages | text | reason`; # starts a comment.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.faults: list[str] = []
        self._allowed: dict[tuple[str, str], int] = {}
        self._used: set[tuple[str, str]] = set()
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith("#"):
                self._read(line, number)

    def _read(self, line: str, number: int) -> None:
        languages, _bar, rest = line.partition(" | ")
        text, bar, reason = rest.rpartition(" | ")
        if not bar or not reason.strip() or not set(languages.split()) <= {*SCRIPTS, "nl"}:
            self.faults.append(f"{self.name}:{number}: expected 'languages | text | reason'")
            return
        for language in languages.split():
            self._allowed[language, text] = number

    def allows(self, language: str, text: str) -> bool:
        """Tell whether the text may stay, and remember that somebody asked."""
        self._used.add((language, text))
        return (language, text) in self._allowed

    def leftovers(self) -> Iterator[str]:
        """Yield the exceptions that nothing needs any more."""
        for (language, text), number in self._allowed.items():
            if (language, text) not in self._used:
                yield f"{self.name}:{number}: {language} does not need the exception for {text!r}"


def _placeholders(text: str) -> list[str]:
    return sorted(PERCENT.findall(text.replace("%%", "")) + BRACES.findall(text))


def has_lone_percent(text: str) -> bool:
    """Tell whether the % operator would stumble over the text."""
    return "%" in PERCENT.sub("", text.replace("%%", ""))


def is_formatted(message: Message) -> bool:
    """Tell whether the text always meets the % operator: Jinja's gettext applies it without values too."""
    return any("/templates/" in file for file, _line in message.locations)


def _words(text: str) -> list[str]:
    """Return the words of a text without placeholders and tags, which are no language."""
    return WORDS.findall(TAGS.sub(" ", BRACES.sub(" ", PERCENT.sub(" ", text))))


def _scripts(word: str) -> set[str]:
    return {unicodedata.name(letter, "?").split()[0] for letter in word}


def _ending(text: str, language: str) -> str:
    """Return the English sign for the way a text ends, "" when it ends with a word."""
    text = text.rstrip()
    if text.endswith("..."):
        return "…"
    last = text[-1:]
    if language == "hy":
        last = ARMENIAN_ENDINGS.get(last, last)
    return last if last in ENDINGS else ""


def _ends_alike(text: str, translation: str, language: str) -> bool:
    wants, has = _ending(text, SOURCE_LANGUAGE), _ending(translation, language)
    if language == "hy" and wants in ARMENIAN_INSIDE:
        return ARMENIAN_INSIDE[wants] in translation and has in {"", "."}
    return wants == has


def _edge_faults(text: str, translation: str, language: str) -> Iterator[str]:
    """Yield what is wrong at either end."""
    if text[: len(text) - len(text.lstrip())] != translation[: len(translation) - len(translation.lstrip())]:
        yield "leading whitespace differs"
    if text[len(text.rstrip()) :] != translation[len(translation.rstrip()) :]:
        yield "trailing whitespace differs"
    if language != SOURCE_LANGUAGE and not _ends_alike(text, translation, language):
        yield f"ends differently: {text.rstrip()[-1:]!r} and {translation.rstrip()[-1:]!r}"


def _form_faults(message: Message, text: str, translation: str, language: str) -> Iterator[str]:
    """Yield what is wrong with one form of a translation."""
    if _placeholders(text) != _placeholders(translation):
        yield f"placeholders differ: {_placeholders(text)} and {_placeholders(translation)}"
    if (is_formatted(message) or PERCENT.search(text)) and has_lone_percent(translation):
        yield "a lone % (write %%)"
    yield from _edge_faults(text, translation, language)
    if sorted(TAGS.findall(text)) != sorted(TAGS.findall(translation)):
        yield "tags differ"
    yield from (f"the word {word!r} mixes scripts" for word in _words(translation) if len(_scripts(word)) > 1)
    if language == "hy" and re.search("եւ|Եւ|ԵՒ", translation):
        yield "և is one letter in the reformed spelling"


def _foreign(text: str, strings: tuple[str, ...], language: str) -> str:
    """Return why a translation does not look like its language, "" when it does."""
    script = SCRIPTS.get(language)
    for string in strings if _words(text) and language != SOURCE_LANGUAGE else ():
        if script is None and string == text:
            return "equal to English"
        if script and not any(script in _scripts(word) for word in _words(string)):
            return f"without a letter of its script ({script.lower()})"
    return ""


def faults(message: Message, language: str, forms: int, same: SameAsEnglish) -> Iterator[str]:
    """Yield what is wrong with the translation of one text into a language with so many plural forms."""
    ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    strings = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    if message.fuzzy:
        yield "fuzzy"
    if not any(strings):
        if language != SOURCE_LANGUAGE:
            yield "not translated"
        return
    if len(ids) > 1 and (len(strings) != forms or not all(strings)):
        yield f"needs {forms} plural forms"
        return
    for place, string in enumerate(strings):
        # where a language has one and many, its "one" may say the number or do without it, as English does
        is_one = len(ids) == 1 or (place == 0 and forms == 2)  # noqa: PLR2004
        without = is_one and _placeholders(string) != _placeholders(ids[-1])
        yield from _form_faults(message, ids[0] if without else ids[-1], string, language)
    foreign = _foreign(ids[0], strings, language)
    if foreign and not same.allows(language, ids[0]):
        yield foreign
