"""Counterparties of the demo company: the n-th is always the same, so that a larger demo continues a smaller one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from anyascii import anyascii
from sqlalchemy import Table, func, insert, inspect, select
from sqlalchemy.orm import Session

from app.demo import numbers
from app.demo.team import People
from app.demo.words import LANDS, Land, Town
from app.models.history import Act, Channel, FieldChange
from app.models.party import (
    AddressUsage,
    ChannelKind,
    Party,
    PartyAddress,
    PartyBankAccount,
    PartyChannel,
    PartyContact,
    PartyIdentifier,
    PartyKind,
)
from app.models.party_interest import PartyInterest, Reached, Strength
from app.services import history
from app.services import party as parties

MARK = "DEMO-"  # external numbers of demo records begin with it
NUMBERED = f"{MARK}______"  # … and those of the parties of this module end with six digits
DAYS = 425  # fourteen months
BELOW: dict[str, type[Any]] = {
    "addresses": PartyAddress,
    "contacts": PartyContact,
    "channels": PartyChannel,
    "bank_accounts": PartyBankAccount,
    "identifiers": PartyIdentifier,
    "interests": PartyInterest,
}
_LANDS = [land for land, _weight in LANDS]
_WEIGHTS = [weight for _land, weight in LANDS]
_FEW = 1000  # so many names are hardly ever the same; later ones share an address on the net with nobody either
_LIMITS = {"EUR": 500, "GBP": 500, "RUB": 50_000, "AMD": 250_000}


@dataclass
class Made:
    """One counterparty about to be written.

    Shape: `values` are columns of `party`, `below` maps a relationship to the columns of its rows, `history` are
    rows of `field_change` that lack their record's id.
    """

    values: dict[str, Any]
    below: dict[str, list[dict[str, Any]]]
    history: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Draw:
    """The dice of one counterparty, and what is settled about it."""

    at: int
    random: Random
    land: Land
    town: Town
    is_person: bool
    kin: int  # which list of first and last names: Russian ones must agree

    def maybe(self, percent: int) -> bool:
        return self.random.random() * 100 < percent

    def one_of(self, words: Sequence[str]) -> str:
        return self.random.choice(words)

    def number(self, pattern: str) -> str:
        return numbers.pattern(self.random, pattern)

    def person(self, kin: int | None = None) -> str:
        """Return a full name as its language writes it."""
        which = self.random.randrange(len(self.land.people)) if kin is None else kin
        first, last = self.land.people[which]
        patronymics = self.land.patronymics[which]
        return self.land.person.format(
            first=self.one_of(first),
            last=self.one_of(last),
            patronymic=self.one_of(patronymics) if patronymics else "",
        )


def add_up_to(
    session: Session, count: int, *, people: People, today: date, chunk: int, tell: Callable[[int], None]
) -> int:
    """Make demo counterparties until there are `count`; return how many were added.

    Writes in bulk, history included; triggers keep the full-text index right.
    """
    standing = session.execute(
        select(func.count()).select_from(Party).where(Party.external_id.like(NUMBERED))
    ).scalar_one()
    for start in range(standing, count, chunk):
        end = min(start + chunk, count)
        write(session, [make(at, people=people, today=today) for at in range(start, end)])
        tell(end)
    return max(0, count - standing)


def write(session: Session, made: Iterable[Made]) -> list[int]:
    """Insert counterparties with what belongs to them, and return their ids."""
    rows = list(made)
    connection = session.connection()  # plain tables: the mapper would split rows by which of their columns are empty
    table = cast("Table", Party.__table__)
    returning = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    ids = list(connection.execute(returning, [one.values for one in rows]).scalars())
    keyed = list(zip(ids, rows, strict=True))
    for name, entity in BELOW.items():
        below = [{"party_id": key} | values for key, one in keyed for values in one.below[name]]
        if below:
            connection.execute(insert(entity.__table__), below)
    told = [{"record_id": key} | row for key, one in keyed for row in one.history]
    connection.execute(insert(cast("Table", FieldChange.__table__)), told)
    return ids


def make(at: int, *, people: People, today: date) -> Made:
    """Return the counterparty with this number, in the normal form that services.party.save would give it."""
    random = Random(f"counterparty {at}")  # noqa: S311 -- the same demo every time
    (land,) = random.choices(_LANDS, _WEIGHTS)
    person = random.random() < 0.25  # noqa: PLR2004 -- a quarter
    draw = _Draw(at, random, land, random.choice(land.towns), person, random.randrange(len(land.people)))
    name, legal_name = _names(draw)
    slug = _slug(name) if at < _FEW else f"{_slug(name)}-{at}"
    values = _blank() | {
        "kind": PartyKind.person if person else PartyKind.company,
        "name": name,
        "legal_name": legal_name,
        "country": land.country,
        "language": land.language,
        "currency": land.currency,
        "phone": draw.number(land.mobile if person else draw.town.phone) if draw.maybe(92) else None,
        "email": f"{'post' if person else 'info'}@{slug}.example" if draw.maybe(88) else None,
        "website": f"https://www.{slug}.example" if not person and draw.maybe(60) else None,
        "source": draw.one_of(land.sources) if draw.maybe(70) else None,
        "note": draw.one_of(land.notes) if draw.maybe(15) else None,
        "external_id": f"{MARK}{at + 1:06}",
    }
    values |= _parts(draw) | _papers(draw) | _moments(draw, today) | people.owner_for(land.country, random)
    if values["is_customer"] and draw.maybe(40):
        values["credit_limit"] = Decimal(random.randint(1, 60) * _LIMITS[land.currency])
    if person and draw.maybe(60):
        values["birthday"] = date(1955, 1, 1) + timedelta(days=random.randrange(50 * 365))
    below = {
        "addresses": _addresses(draw),
        "contacts": [] if person else _contacts(draw, slug),
        "channels": _channels(draw, slug),
        "bank_accounts": _bank_accounts(draw) if draw.maybe(55 if not person else 15) else [],
        "identifiers": _identifiers(draw, values),
        "interests": _interests(draw),
    }
    values |= _preferences(draw)
    _derive(values, below)
    made = Made(values, below)
    made.history = _history(draw, values, people)
    return made


@lru_cache(maxsize=1)
def _blank() -> dict[str, Any]:
    """Return every column without a value: rows written together must have the same columns."""
    return {column.key: None for column in inspect(Party).column_attrs if column.key != "id"} | {"version": 1}


def _names(draw: _Draw) -> tuple[str, str | None]:
    land = draw.land
    if draw.is_person:
        name = draw.person(draw.kin)
        if land.country == "RU" and draw.maybe(50):
            last, first, patronymic = name.split()
            return f"ИП {last} {first[0]}. {patronymic[0]}.", f"Индивидуальный предприниматель {name}"
        return name, None
    words = {
        "last": draw.one_of(land.people[0][1]),
        "adjective": draw.one_of(land.adjectives),
        "noun": draw.one_of(land.nouns),
        "trade": draw.one_of(land.trades),
        "town": draw.town.name,
    }
    short, long = draw.random.choice(land.firms)
    return _capital(short.format(**words)), _capital(long.format(**words))


def _capital(text: str) -> str:
    """Return a firm's name as it begins on paper: «Van Rijn», though the man is Jan van Rijn."""
    return text[:1].upper() + text[1:]


def _parts(draw: _Draw) -> dict[str, bool]:
    """Return which parts it plays: at least one."""
    customer, supplier, partner = draw.maybe(78), draw.maybe(18), draw.maybe(6)
    return {"is_customer": customer or not (supplier or partner), "is_supplier": supplier, "is_partner": partner}


def _papers(draw: _Draw) -> dict[str, str | None]:
    """Return tax and registration numbers; private persons outside business have none."""
    random, country, person = draw.random, draw.land.country, draw.is_person
    serial = numbers.serial(draw.at)
    none: dict[str, str | None] = {"tax_number": None, "tax_branch": None, "registration_number": None}
    if person and country != "RU":
        return none
    match country:
        case "RU":
            return {
                "tax_number": numbers.inn(serial, person=person),
                "tax_branch": None if person else f"99{numbers.digits(random, 2)}01001",
                "registration_number": numbers.ogrn(random, person=person) if not person or draw.maybe(60) else None,
            }
        case "NL":
            return none | {
                "tax_number": f"NL{numbers.rsin(serial)}B01",
                "registration_number": numbers.digits(random, 8),
            }
        case "BE":
            return none | {"tax_number": numbers.vat_be(serial)}
        case "AM":
            return none | {"tax_number": f"0{serial}"}
        case _:
            return none | {
                "tax_number": numbers.vat_gb(serial) if draw.maybe(80) else None,
                "registration_number": numbers.digits(random, 8),
            }


def _moments(draw: _Draw, today: date) -> dict[str, datetime | None]:
    """Return when it was made, last changed and, for some, archived: within the last fourteen months."""
    made = _working_hour(draw.random, today - timedelta(days=draw.random.randint(1, DAYS)))
    limit = datetime.combine(today, time(0), UTC)
    changed = made
    if draw.maybe(30):
        changed = min(made + timedelta(days=draw.random.randint(1, 120), minutes=draw.random.randrange(400)), limit)
    archived = changed if draw.maybe(5) else None
    return {"created_at": made, "changed_at": changed, "archived_at": archived}


def _working_hour(random: Random, day: date) -> datetime:
    return datetime.combine(day, time(random.randint(6, 15), random.randrange(60), random.randrange(60)), UTC)


def _addresses(draw: _Draw) -> list[dict[str, Any]]:
    usages = [AddressUsage.postal if draw.is_person else AddressUsage.legal]
    if draw.maybe(25):
        usages.append(AddressUsage.delivery)
    return [
        _address(draw, usage, draw.town if at == 0 else draw.random.choice(draw.land.towns))
        for at, usage in enumerate(usages)
    ]


def _address(draw: _Draw, usage: AddressUsage, town: Town) -> dict[str, Any]:
    return {
        "usage": usage,
        "street": draw.land.street.format(street=draw.one_of(draw.land.streets), number=draw.random.randint(1, 180)),
        "postal_code": draw.number(town.postal),
        "city": town.name,
        "region": town.region,
        "country": draw.land.country,
    }


def _contacts(draw: _Draw, slug: str) -> list[dict[str, Any]]:
    found = []
    for _each in range(draw.random.choice((0, 1, 1, 1, 2, 3))):
        name = draw.person()
        found.append(
            {
                "name": name,
                "role": draw.one_of(draw.land.roles),
                "phone": draw.number(draw.land.mobile) if draw.maybe(60) else None,
                "email": f"{_slug(name)}@{slug}.example" if draw.maybe(70) else None,
                "language": draw.land.language,
                "note": None,
            }
        )
    return found


def _channels(draw: _Draw, slug: str) -> list[dict[str, Any]]:
    found = []
    if draw.maybe(10):
        name = f"@{slug[:20].replace('-', '_')}"
        found.append({"kind": ChannelKind.messenger, "value": name, "raw": name, "label": None})
    if draw.maybe(10):
        phone = draw.number(draw.land.mobile)
        found.append({"kind": ChannelKind.phone, "value": phone, "raw": phone, "label": None})
    return found


def _bank_accounts(draw: _Draw) -> list[dict[str, Any]]:
    random, country = draw.random, draw.land.country
    account: dict[str, Any] = dict.fromkeys(("iban", "account", "bic", "bik", "correspondent_account"))
    account |= {"bank_name": draw.land.bank, "currency": draw.land.currency}
    if country == "RU":
        correspondent = numbers.russian_account(Random(numbers.BIK), beginning="30101810")  # noqa: S311 -- one bank
        number = numbers.russian_account(random, beginning="40802810" if draw.is_person else "40702810")
        return [account | {"account": number, "bik": numbers.BIK, "correspondent_account": correspondent}]
    account["bic"] = numbers.BICS[country]
    if country == "AM":
        return [account | {"account": f"9{numbers.digits(random, 15)}"}]
    return [account | {"iban": numbers.iban(random, country)}]


def _identifiers(draw: _Draw, values: dict[str, Any]) -> list[dict[str, Any]]:
    if not values["is_supplier"] or not draw.maybe(40):
        return []
    return [{"scheme": "GLN", "value": numbers.gln(draw.random, draw.land.country)}]


def _interests(draw: _Draw) -> list[dict[str, Any]]:
    """Return what every third one is interested in; dice of its own leave all else as it was."""
    random = Random(f"interest {draw.at}")  # noqa: S311 -- the same demo every time
    if random.random() > 1 / 3:
        return []
    topics = random.sample(list(draw.land.trades), k=min(random.choice((1, 1, 2)), len(draw.land.trades)))
    since = date(2025, 1, 1) + timedelta(days=random.randrange(300))
    source = random.choice(draw.land.sources)
    return [
        {"topic": _capital(topic), "product_id": None, "strength": random.choice(list(Strength)), "since": since,
         "source": source}
        for topic in topics
    ]  # fmt: skip


def _preferences(draw: _Draw) -> dict[str, Any]:
    random = Random(f"preference {draw.at}")  # noqa: S311 -- the same demo every time
    chosen = random.choice(list(Reached)) if random.random() < 0.3 else None  # noqa: PLR2004 -- some
    return {
        "preferred_channel": chosen,
        "call_time": random.choice(("9–12", "14–17")) if chosen == Reached.phone else None,
    }


def _derive(values: dict[str, Any], below: dict[str, list[dict[str, Any]]]) -> None:
    """Let the service compute search text and name key, on a plain object with the attributes of a record."""
    plain = SimpleNamespace(
        **values, **{name: [SimpleNamespace(**row) for row in rows] for name, rows in below.items()}
    )
    parties.derive(cast("Party", plain))
    names = ("search_text", "name_key", "latin_key", "sound_key", "completeness")
    values |= {name: getattr(plain, name) for name in names}


def _history(draw: _Draw, values: dict[str, Any], people: People) -> list[dict[str, Any]]:
    """Return what the history says: made by its owner or the office, changed since by the same."""
    by_id = values["owner_id"] or people.ids["office"]
    names = {key: name for name, key in people.ids.items()}
    common = {"entity": Party.__stem__, "actor_id": by_id, "actor_name": names.get(by_id), "channel": Channel.demo}
    common["name"] = values["name"]
    told = {
        name: [None, history.plain(value)]
        for name, value in values.items()
        if value not in (None, False) and name not in history.SILENT and name != "archived_at"
    }
    found = [common | {"at": values["created_at"], "act": Act.add, "changes": told}]
    if values["changed_at"] > values["created_at"] and not values["archived_at"]:
        before = draw.number(draw.land.mobile) if values["phone"] else None
        change = {"phone": [before, values["phone"]]} if before else {"source": [None, values["source"]]}
        if change.get("source") != [None, None]:
            found.append(common | {"at": values["changed_at"], "act": Act.change, "changes": change})
    if values["archived_at"]:
        change = {"archived_at": [None, history.plain(values["archived_at"])]}
        found.append(common | {"at": values["archived_at"], "act": Act.change, "changes": change})
    return found


@lru_cache(maxsize=4096)
def _slug(text: str) -> str:
    """Return a name as part of an address on the net: Latin letters, digits and hyphens."""
    latin = "".join(sign if sign.isalnum() else " " for sign in anyascii(text).lower() if sign not in "'.")
    return "-".join(latin.split())[:40].strip("-")
