"""Templates of letters from a card: a fixed list of placeholders, each a name; nothing in a template is worked out."""

import re
from collections.abc import Callable, Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.models.letter import LetterTemplate
from app.services.text import is_blank, line, lines

PLACES = ("party", "contact", "me", "organisation")
LONGEST_TEXT = 20_000
_RULES: dict[str, tuple[Callable[..., str], int]] = {
    "name": (line, 120),
    "subject": (line, 250),
    "text": (lines, LONGEST_TEXT),
}
_PLACE = re.compile(r"\{([^{}\n]{0,40})\}")


def save(session: Session, template: LetterTemplate) -> None:
    """Bring a template into its normal form and add it. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    with session.no_autoflush:
        template.language = template.language if template.language in LANGUAGES else "en"
        for name, (rule, most) in _RULES.items():
            typed = getattr(template, name) or ""
            if is_blank(typed):
                errors[name] = [_("This is needed")]
                continue
            try:
                setattr(template, name, rule(typed, limit=most))
            except DomainError as refusal:
                errors[name] = [refusal.text]
            unknown = unknown_places(typed, PLACES)
            if unknown:
                known = ", ".join(f"{{{each}}}" for each in PLACES)
                errors[name] = [_("“{%(name)s}” stands for nothing; these do: %(known)s", name=unknown[0], known=known)]
        if errors:
            raise Refusals(errors)
        session.add(template)


def offered(session: Session) -> list[LetterTemplate]:
    """Return the templates in use, by name and language."""
    found = select(LetterTemplate).where(LetterTemplate.is_active.is_(True))
    return list(session.scalars(found.order_by(LetterTemplate.name, LetterTemplate.language).limit(200)))


def unknown_places(text: str, known: Collection[str]) -> list[str]:
    """Return the places in a text that stand for nothing."""
    return sorted({each for each in _PLACE.findall(text) if each not in known})


def filled(text: str, names: Mapping[str, str], *, places: Collection[str] = PLACES) -> tuple[str, list[str]]:
    """Return a text with names in their places, and the places for which there is none: they stay as they are.

    Once through: what a name holds is never a place itself.
    """
    missing: list[str] = []

    def name(found: re.Match[str]) -> str:
        place = found[1]
        if place not in places:
            return found[0]
        if not names.get(place):
            missing.append(place)
            return found[0]
        return names[place]

    return _PLACE.sub(name, text), list(dict.fromkeys(missing))
