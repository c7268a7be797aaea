"""What may be the same record as the one that somebody types, as far as he may see it: one function per noun.

Each takes what stands in the form as text, unfinished as it is, and the record's own id; it asks indexed columns only,
so that it can run while one types. Who compares more finely replaces the inside of these functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.party import Party, PartyKind
from app.models.product import Product
from app.models.search_entry import SearchEntry
from app.search import fold
from app.services import channel as channels
from app.services import find_text
from app.services import identifier as identifiers
from app.services.legal_form import name_key
from app.services.party_alike import likely
from app.services.party_duplicate import DuplicateReason

MOST = 3
LEAST_LETTERS = 5  # of a name, before others that begin alike are told
_LAST = "~"  # behind every letter of a key

Typed = Mapping[str, str]


@dataclass(frozen=True)
class Alike:
    """A record that may be the same one; `field` is where that shows best, `detail` tells it from others."""

    id: int
    name: str
    field: str
    reasons: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True)
class Known:
    """A value that follows from what was typed; `why` says from what."""

    field: str
    value: str
    why: str


def of_party(session: Session, typed: Typed, key: int | None = None) -> list[Alike]:
    """Return counterparties of the reader's own rows that may be the typed one, those with the best reasons first.

    One that he does not see is not told: storing the typed one would not be refused for it either.
    """
    party = _party(typed, key)
    found = likely(session, party)
    shown = select(Party.id, Party.name, Party.country).where(Party.id.in_([twin.party_id for twin in found]))
    visible = {row.id: row for row in session.execute(shown)} if found else {}
    said = {
        DuplicateReason.tax_number: _("same tax number"),
        DuplicateReason.phone: _("same phone"),
        DuplicateReason.email: _("same e-mail"),
        DuplicateReason.name: _("same name"),
        DuplicateReason.similar_name: _("similar name"),
    }
    told = [
        Alike(
            twin.party_id,
            twin.name,
            "name" if twin.reasons[0] is DuplicateReason.similar_name else twin.reasons[0].value,
            tuple(said[reason] for reason in twin.reasons),
            visible[twin.party_id].country or "",
        )
        for twin in found
        if twin.party_id in visible
    ][:MOST]
    return told or _beginning(session, "party", typed.get("name", ""), key)


def _party(typed: Typed, key: int | None) -> Party:
    """Return the typed counterparty in its normal form; what cannot be read yet is left out."""
    country = typed.get("country") or None
    kind = typed.get("kind") or PartyKind.company.value
    tax_number = typed.get("tax_number", "")
    name = typed.get("name", "").strip()
    return Party(
        id=key,
        name=name,
        name_key=name_key(name) if name else "",
        country=country,
        tax_branch=typed.get("tax_branch") or None,
        tax_number=_normal(lambda: identifiers.normalise_tax_number(country, kind, tax_number), tax_number),
        phone=_normal(lambda: channels.normalise_phone(typed["phone"], country), typed.get("phone", "")),
        email=_normal(lambda: channels.normalise_email(typed["email"]), typed.get("email", "")),
    )


def _normal(rule: Callable[[], str], text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return rule()
    except DomainError:
        return None


def _beginning(session: Session, entity: str, name: str, key: int | None) -> list[Alike]:
    """Return the reader's records whose names begin with what was typed, in any script."""
    begins = find_text.latin(name.strip())
    if len(begins) < LEAST_LETTERS:
        return []
    kind = func.coalesce(SearchEntry.entity, "")  # looked at row by row: most entries are of one kind, the key tells
    alike = (kind == entity, SearchEntry.key >= begins, SearchEntry.key < begins + _LAST)
    rows = select(SearchEntry.record_id, SearchEntry.title).where(*alike, SearchEntry.record_id != (key or 0))
    found = session.execute(rows.order_by(SearchEntry.key).limit(MOST))
    return [Alike(row.record_id, row.title, "name", (_("begins alike"),)) for row in found]


def of_product(session: Session, typed: Typed, key: int | None = None) -> list[Alike]:
    """Return products with the typed article number or name."""
    sku, name = typed.get("sku", "").strip(), fold(typed.get("name", "")).strip()
    same = [column == text for column, text in ((Product.sku, sku), (Product.name_key, name[:250])) if text]
    if not same:
        return []
    rows = select(Product.id, Product.name, Product.sku, Product.is_active)
    found = session.execute(rows.where(or_(*same), Product.id != (key or 0)).order_by(Product.id).limit(MOST))
    return [
        Alike(
            row.id,
            row.name,
            "sku" if sku and row.sku == sku else "name",
            (_("same article number") if sku and row.sku == sku else _("same name"),),
            "" if row.is_active else _("out of use"),
        )
        for row in found
    ]
