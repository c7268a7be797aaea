"""The fields that templates of documents know: what stands where, of which kind, and what of it is needed.

`register` tells it for a kind of document once, when a module is loaded. `data(session, record, language)` gives the
values as plain data by the fields' names: texts, numbers as texts, days in ISO, yes or no, and lists of such for rows.
Other forms of a value come by themselves: `total.words`, `director.genitive`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.i18n import gettext as _

# Forms of a value beside itself, by the kind of its field.
FORMS: Mapping[str, tuple[str, ...]] = {
    "amount": ("words",),
    "number": ("words",),
    "date": ("figures",),
    "person": ("genitive", "dative"),
    "position": ("genitive", "dative"),
}
KINDS = ("text", "number", "amount", "date", "rows", "yesno", "person", "position")
CURRENCY = "currency"  # the field whose value amounts are in
PAGE, PAGES = "page", "pages"  # what every header and footer knows
Data = Callable[[Session, Any, str], dict[str, Any]]


@dataclass(frozen=True)
class Field:
    """One field. `label` may be lazy; `fields` are the columns of `rows`; kinds: see KINDS.

    A "person" is the full name of somebody, a "position" what he is: both are declined in Russian.
    """

    name: str
    label: Any
    kind: str = "text"
    sample: str = ""
    is_needed: bool = False
    fields: "tuple[Field, ...]" = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS or (self.kind == "rows") != bool(self.fields):
            raise ValueError(self.name)


@dataclass(frozen=True)
class Place:
    """Where a missing value is filled in: the form of a record, and its field."""

    stem: str
    record_id: int
    field: str = ""


@dataclass(frozen=True)
class Paper:
    """What is known of a kind of document."""

    kind: str
    entity: type[Any]
    fields: tuple[Field, ...]
    data: Data
    place: Callable[[Any, str], Place | None] = field(default=lambda _record, _name: None)

    def all_names(self) -> dict[str, Field]:
        """Return every name that a template may use outside of rows, with its field: forms too."""
        return dict(_named(self.fields))

    def rows(self) -> dict[str, dict[str, Field]]:
        """Return the names of each kind of rows: {"lines": {"text": …}}."""
        return {each.name: dict(_named(each.fields)) for each in self.fields if each.kind == "rows"}


_PAPERS: dict[str, dict[type[Any], Paper]] = {}


def _named(fields: tuple[Field, ...]) -> Iterator[tuple[str, Field]]:
    for each in fields:
        yield each.name, each
        for form in FORMS.get(each.kind, ()):
            yield f"{each.name}.{form}", each


def register(
    kind: str,
    *,
    entity: type[Any],
    fields: tuple[Field, ...],
    data: Data,
    place: Callable[[Any, str], Place | None] = lambda _record, _name: None,
) -> None:
    """Tell which fields documents of a kind have when they are made from an entity; twice is an error of the program.

    `place(record, name)` says where the value of a field is filled in.
    """
    names = [each.name for each in fields]
    if len(set(names)) != len(names):
        raise ValueError(kind)
    known = _PAPERS.setdefault(str(kind), {})
    if entity in known:
        raise ValueError(f"{kind} is known for {entity.__name__}")
    known[entity] = Paper(str(kind), entity, fields, data, place)


def of(kind: str, entity: type[Any] | None = None) -> Paper | None:
    """Return what is known of a kind, for an entity or the first one; None when nothing is."""
    known = _PAPERS.get(str(kind), {})
    return known.get(entity) if entity is not None else next(iter(known.values()), None)


def kinds_of(entity: type[Any]) -> list[str]:
    """Return the kinds of documents that are made from an entity."""
    return [kind for kind, known in _PAPERS.items() if entity in known]


def stems() -> set[str]:
    """Return the stems of everything that documents are made from."""
    return {entity.__stem__ for known in _PAPERS.values() for entity in known}


def entities_of(kind: str) -> list[type[Any]]:
    """Return what documents of a kind are made from."""
    return list(_PAPERS.get(str(kind), {}))


def form_label(name: str, found: Field) -> str:
    """Return how the picker calls a field or one of its forms."""
    form = name[len(found.name) + 1 :]
    said = {
        "words": _("in words"),
        "figures": _("in figures"),
        "genitive": _("genitive (Russian)"),
        "dative": _("dative (Russian)"),
    }
    return f"{found.label}, {said[form]}" if form else str(found.label)
