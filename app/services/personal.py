"""A person as the register of personal data sees him: who it is, which words tell of him alone, and where his rows are.

A person is a counterparty that is a natural person, or one contact person of any counterparty. Rows are found over all
tables, whoever may see them: who asks must have been let in before.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import ColumnElement, Select, Table, Text, and_, cast, false, func, or_, select, true
from sqlalchemy.orm import Session

from app.db import Model, metadata
from app.errors import DomainError, NotFound
from app.i18n import gettext as _
from app.models.history import FieldChange
from app.models.party import Party, PartyContact, PartyKind
from app.outbox import Errand
from app.services import access
from app.services.personal_place import Place, Way

LEAST = 5  # characters of a word that is looked for in texts
LONG_WORD = 9  # from here on a single word of letters tells of one person
TELLING = {
    "party": ("name", "legal_name", "tax_number", "registration_number", "phone", "email", "external_id"),
    "party_contact": ("name", "phone", "email"),
    "party_channel": ("value", "raw"),
    "party_bank_account": ("iban", "account"),
    "party_identifier": ("value",),
}
_NUMBER = re.compile(r"\+?(?=(?:\D*\d){6})[0-9A-Za-z]{9,34}")  # telephone and tax numbers, IBANs
_LOCAL = 9  # digits of a telephone number that are left without its country
_DRAFT_OF = re.compile(r"^/(\w+)/(?:edit|show)?/?(\d+)\b")


@dataclass(frozen=True)
class Person:
    """One person: `contact_id` None for the counterparty itself; `values` are the words that tell of him alone.

    Shape: `tables` maps the stem of each kind of document to its table.
    """

    party_id: int
    contact_id: int | None
    name: str
    values: tuple[str, ...]
    tables: Mapping[str, Table]

    @property
    def is_contact(self) -> bool:
        """Say whether it is one contact person of a counterparty."""
        return self.contact_id is not None

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """Return the words in all spellings in which columns keep them: plain, in JSON, in addresses."""
        found = {form for value in self.values for form in (value, json.dumps(value)[1:-1], quote_plus(value))}
        found |= {quote(value, safe="") for value in self.values}
        return tuple(sorted(found, key=lambda form: (-len(form), form)))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        plain = [rf"(?<!\w){re.escape(form)}(?!\w)" for form in self.forms if form in self.values]
        coded = [re.escape(form) for form in self.forms if form not in self.values]
        spaced = [_spaced(value) for value in self.values if _NUMBER.fullmatch(value)]
        return re.compile("|".join([*plain, *spaced, *coded]), re.IGNORECASE) if self.values else None

    def is_named_in(self, value: Any) -> bool:  # noqa: ANN401 -- what JSON can hold
        """Say whether a text, or a text within lists and dictionaries, names the person."""
        if isinstance(value, str):
            return self._pattern is not None and self._pattern.search(value) is not None
        if isinstance(value, Mapping):
            return any(self.is_named_in(each) for pair in value.items() for each in pair)
        return isinstance(value, list | tuple) and any(self.is_named_in(each) for each in value)

    def without(self, value: Any) -> Any:  # noqa: ANN401
        """Return a value without what names the person."""
        if isinstance(value, str):
            return self._pattern.sub("—", value) if self._pattern is not None else value
        if isinstance(value, Mapping):
            return {self.without(key): self.without(each) for key, each in value.items()}
        return [self.without(each) for each in value] if isinstance(value, list | tuple) else value


# --- who it is --------------------------------------------------------------------------------------------------------


def find(session: Session, party_id: int, contact_id: int | None = None) -> Person:
    """Return a person whom the actor sees. Raises NotFound, and DomainError for a company as a whole."""
    party = access.get(session, Party, party_id)
    if party is None:
        raise NotFound("party")
    if contact_id is None:
        if party.kind is not PartyKind.person:
            raise DomainError(_("This is a company: choose one of its contact persons."))
        return _party(session, party)
    contact = next((each for each in party.contacts if each.id == contact_id), None)
    if contact is None:
        raise NotFound("party_contact")
    return _contact(session, party, contact)


def _party(session: Session, party: Party) -> Person:
    if party.anonymised_at is not None:
        return Person(party.id, None, str(party), (), documents())
    rows = [party, *party.contacts, *party.channels, *party.bank_accounts, *party.identifiers]
    values = {word for row in rows for word in _words(row.__tablename__, vars_of(row))}
    values |= _former(session, party.id, None)
    return Person(party.id, None, party.name, _sorted(values), documents())


def _contact(session: Session, party: Party, contact: PartyContact) -> Person:
    values = set(_words("party_contact", vars_of(contact))) | _former(session, party.id, contact.id)
    of_company = set(_words("party", vars_of(party)))
    of_company |= {
        word for other in party.contacts if other is not contact for word in _words("party_contact", vars_of(other))
    }
    return Person(party.id, contact.id, contact.name, _sorted(values - of_company), documents())


def vars_of(record: Any) -> dict[str, Any]:  # noqa: ANN401 -- any mapped row
    """Return the columns of a row."""
    return {column.key: getattr(record, column.key) for column in record.__mapper__.column_attrs}


def _words(table: str, values: Mapping[str, Any]) -> list[str]:
    given = (values.get(name) for name in TELLING.get(table, ()))
    return [each.strip() for each in given if isinstance(each, str) and is_telling(each)]


def is_telling(value: str) -> bool:
    """Say whether a word tells of one person: not short, and no single common word."""
    plain = value.strip()
    return len(plain) >= LEAST and (not plain.isalpha() or len(plain) >= LONG_WORD)


def _former(session: Session, party_id: int, contact_id: int | None) -> set[str]:
    """Return what the history knows of former names, numbers and addresses."""
    told = select(FieldChange.part, FieldChange.changes).where(
        FieldChange.entity == Party.__stem__, FieldChange.record_id == party_id
    )
    if contact_id is not None:
        told = told.where(FieldChange.part == "party_contact", FieldChange.part_id == contact_id)
    found: set[str] = set()
    for part, changes in session.execute(told):
        for side in (0, 1):
            found.update(_words(part or "party", {name: pair[side] for name, pair in changes.items()}))
    return found


def _spaced(number: str) -> str:
    """Return a pattern of a number with the signs that people write between its digits; of a telephone its end."""
    shown = number[-_LOCAL:] if number.startswith("+") else number
    return r"[\s().\-/]{0,3}".join(map(re.escape, shown)) + r"(?!\w)"


def _sorted(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def documents() -> dict[str, Table]:
    """Return the tables of what a counterparty has besides its card, by stem: each names it by `party_id`."""
    found: dict[str, Table] = {}
    for mapper in Model.registry.mappers:
        stem, table = getattr(mapper.class_, "__stem__", None), mapper.local_table
        if stem and isinstance(table, Table) and "party_id" in table.c and table.c.party_id.foreign_keys:
            found[str(stem)] = table
    return found


# --- where the rows are -----------------------------------------------------------------------------------------------


def rows(session: Session, person: Person, place: Place) -> list[Any]:
    """Return the rows of a place that hold data of a person, as far as SQL and a look at their texts can tell."""
    table = metadata.tables[place.table]
    where = _where(person, place, table)
    if where is None:
        return []
    found = session.execute(select(table).where(where).order_by(*table.primary_key.columns)).all()
    if place.way is Way.draft:
        return [row for row in found if _is_draft_of(session, person, row)]
    if place.way is Way.named or (person.is_contact and place.way is not Way.contact):
        return [row for row in found if _is_theirs(person, place, row)]
    return list(found)


def _is_theirs(person: Person, place: Place, row: Any) -> bool:  # noqa: ANN401
    if place.table == "consent":
        return bool(row.contact_id == person.contact_id)
    if place.table == "person_export":
        return bool(row.contact_id == person.contact_id)
    return any(person.is_named_in(row._mapping[name]) for name in place.columns)  # noqa: SLF001 -- a row's own


def _where(person: Person, place: Place, table: Table) -> ColumnElement[bool] | None:  # noqa: PLR0911 -- one per way
    way = place.way
    if way is Way.own:
        return table.c.id == person.party_id
    if way is Way.contact:
        of_party = table.c.party_id == person.party_id
        return of_party & (table.c.id == person.contact_id) if person.is_contact else of_party
    if way is Way.part and person.is_contact and place.table != "consent":
        return None
    if way in {Way.part, Way.document}:
        return table.c.party_id == person.party_id
    if way is Way.line:
        under = metadata.tables[place.under]
        link = next(c for c in table.c if any(key.column.table is under for key in c.foreign_keys))
        return link.in_(select(under.c.id).where(under.c.party_id == person.party_id))
    if way is Way.about_party:
        return None if person.is_contact else and_(table.c.entity == "party", table.c.record_id == person.party_id)
    if way is Way.about:
        return about(person, table)
    if way is Way.bulk:
        return _of_bulk(person, table)
    if way in {Way.named, Way.draft}:
        return _named(person, place, table)
    return None  # what others find: the bin, the audit, the index


def about(person: Person, table: Table) -> ColumnElement[bool]:
    """Return the condition that rows hang on the counterparty or on one of its documents."""
    ours = [and_(table.c.entity == "party", table.c.record_id == person.party_id)]
    for stem, documents_of in person.tables.items():
        keys = select(documents_of.c.id).where(documents_of.c.party_id == person.party_id)
        ours.append(and_(table.c.entity == stem, table.c.record_id.in_(keys)))
    found = or_(*ours)
    return found & (table.c.purpose == "file") if "purpose" in table.c else found


def keys_of(person: Person, stem: str) -> Select[Any]:
    """Return the statement of the keys of his documents of a kind."""
    table = person.tables[stem]
    return select(table.c.id).where(table.c.party_id == person.party_id).order_by(table.c.id)


def _of_bulk(person: Person, table: Table) -> ColumnElement[bool] | None:
    if person.is_contact:
        return None
    runs = metadata.tables["bulk_run"]
    kinds = {"party": [person.party_id]}
    ours = [
        and_(
            table.c.run_id.in_(select(runs.c.id).where(runs.c.entity == stem)),
            table.c.record_id.in_(kinds.get(stem) or keys_of(person, stem)),
        )
        for stem in ("party", *person.tables)
    ]
    return or_(*ours)


def _named(person: Person, place: Place, table: Table) -> ColumnElement[bool]:
    """Return the condition that some column may name the person; who asks looks at the texts then."""
    if place.way is Way.draft or place.table == "import_problem":
        return true()  # drafts are few; cells are written as people write numbers, which SQL does not compare
    texts = [func.lower(cast(table.c[name], Text)) for name in place.columns]
    hits = [text.contains(form.casefold(), autoescape=True) for text in texts for form in person.forms]
    found = or_(false(), *hits)
    if place.table == "outbox":  # what still waits needs its payload
        found &= table.c.state.in_((Errand.done, Errand.failed))
    return found


def _is_draft_of(session: Session, person: Person, row: Any) -> bool:  # noqa: ANN401
    if person.is_named_in(row.fields) or person.is_named_in(row.path):
        return True
    match = None if person.is_contact else _DRAFT_OF.match(row.path)
    if match is None:
        return False
    stem, key = match[1], int(match[2])
    if stem == Party.__stem__:
        return key == person.party_id
    table = person.tables.get(stem)
    if table is None:
        return False
    return (
        session.execute(select(table.c.id).where(table.c.id == key, table.c.party_id == person.party_id)).first()
        is not None
    )
