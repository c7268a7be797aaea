"""Records by what people call them: typed into a cell or pasted from a spreadsheet, many at once.

A record is meant by a text when the text is, up to case and accents, one of the ways in which it is spoken of: its
code or number, its name, or what screens show. What means none or several of the reader's records is refused.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import inspect, or_, select

from app.db import db
from app.errors import DomainError
from app.i18n import gettext as _
from app.i18n import language
from app.money import parse_decimal, plain
from app.search import fold
from app.services.legal_form import name_key
from app.web.link_field import FEW, MOST_OF_FEW
from app.web.lookup import stem_of
from app.web.request_cache import request_cache
from app.web.standard import standard_list

CODES = ("sku", "code", "number")
NAMES = ("label", "name", "short")
AT_ONCE = 400  # texts in one statement
LONGEST = 300  # characters that a name may have
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a text means: a key with the text that stands for it, or why there is none."""

    key: Any = None
    text: str = ""
    record: Any = None
    refusal: str = ""


def spoken(record: Any) -> tuple[str, ...]:
    """Return the ways in which a record is spoken of, codes first, each once."""
    said = [str(getattr(record, name, None) or "") for name in (*CODES, *NAMES)]
    rate = getattr(record, "rate", None)
    if isinstance(rate, Decimal):
        said.append(f"{plain(rate * HUNDRED)}%")
    return tuple(dict.fromkeys(text for text in (*said, str(record)) if text))


def meant(entity: Any, texts: Collection[str], *, on: date) -> dict[str, Meant]:
    """Return what each text means among the records of an entity that the reader may see; `on` settles rates."""
    wanted = {text: _folded(text) for text in texts}
    stem = stem_of(entity)
    records = few_records(entity) if stem in FEW else _candidates(entity, list(wanted))
    by_text: dict[str, dict[int, Any]] = {}
    for record in records:
        for said in spoken(record):
            by_text.setdefault(_folded(said), {})[record.id] = record
    return {text: _one(text, list(by_text.get(folded, {}).values()), on) for text, folded in wanted.items()}


def meant_in_list(of: str, texts: Collection[str]) -> dict[str, Meant]:
    """Return what each text means in a standard list: a code, or a name in the reader's language."""
    known: dict[str, tuple[str, str]] = {}
    for code, name in standard_list(of):
        for said in (name, name.partition(" · ")[2], code):
            if said:
                known[_folded(said)] = (code, name)
    return {text: _listed(text, known.get(_folded(text))) for text in texts}


def _listed(text: str, found: tuple[str, str] | None) -> Meant:
    return Meant(found[0], found[1]) if found else Meant(refusal=unknown(text))


def unknown(text: str) -> str:
    """Say that nothing is called so."""
    return _("Nothing is called “%(name)s”; choose from the list", name=text)


def _one(text: str, found: Sequence[Any], on: date) -> Meant:
    """Settle on one record: one in use before one that is not, one that is law on the day, one called exactly so."""
    preferences: tuple[Callable[[Any], bool], ...] = (
        lambda record: bool(getattr(record, "is_active", True)),
        lambda record: not hasattr(record, "is_valid_on") or record.is_valid_on(on),
        lambda record: text in spoken(record)[:1],
        lambda record: text in spoken(record),
    )
    for fits in preferences:
        if len(found) > 1:
            found = list(filter(fits, found)) or found
    if len(found) == 1:
        return Meant(found[0].id, str(found[0]), found[0])
    if found:
        return Meant(refusal=_("Several are called “%(name)s”; choose one from the list", name=text))
    return Meant(refusal=unknown(text))


def _folded(text: str) -> str:
    """Bring a text into the form that is compared; "21 %", "21" and "21,0 %" are all "21%"."""
    bare = text.strip()
    try:
        number = parse_decimal(bare.removesuffix("%"), language())
    except DomainError:
        return " ".join(fold(bare).split())
    return f"{plain(number)}%" if bare.endswith("%") else plain(number) if number else bare


def few_records(entity: Any) -> list[Any]:
    """Return all records of a short list, asked once per request."""
    kept = request_cache("_few_records")
    if entity not in kept:
        kept[entity] = list(db.session.execute(select(entity).limit(MOST_OF_FEW)).unique().scalars())
    return list(kept[entity])


def _candidates(entity: Any, texts: list[str]) -> Iterable[Any]:
    """Yield the records that one of the texts may mean: found by indexed columns, judged by the caller."""
    columns = inspect(entity).columns
    for start in range(0, len(texts), AT_ONCE):
        some = [text[:LONGEST] for text in texts[start : start + AT_ONCE]]
        parts = {part.strip() for text in some for part in (text, *text.split(" · ", 1))}
        exact = {spelling for part in parts for spelling in (part, part.upper(), part.lower())}
        clauses = [columns[name].in_(exact) for name in CODES if name in columns]
        if "name_key" in columns:
            clauses.append(columns["name_key"].in_({key for part in parts for key in (fold(part), name_key(part))}))
        elif "name" in columns:
            clauses.append(columns["name"].in_(exact))
        if clauses:
            yield from db.session.execute(select(entity).where(or_(*clauses))).unique().scalars()
