"""What quotes, orders and invoices have in common: their heads, their lines, and the one way in which they are priced.

A document is first judged as a whole, and only then changed: a refusal leaves it as it was typed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.interfaces import ORMOption

from app import money
from app.errors import Conflict, DomainError, NotFound
from app.i18n import LANGUAGES, label_of
from app.i18n import gettext as _
from app.models.base import Line
from app.models.contract import Contract
from app.models.invoice import Invoice, InvoiceLine
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.payment_term import PaymentTerm
from app.models.product import Product
from app.models.quote import Quote, QuoteLine
from app.models.sale_order import SaleOrder, SaleOrderLine
from app.models.tax import Tax
from app.models.unit import Unit
from app.money import LineIn, Options, Priced
from app.services import access, contract_use
from app.services import price as prices
from app.services import tax as taxes
from app.services import unit as units
from app.services.collected import Collected
from app.services.party_rules import refuse_erased
from app.services.price_choice import Priced as Offer
from app.services.text import is_blank, line, lines

Document = Quote | SaleOrder | Invoice
DocumentLine = QuoteLine | SaleOrderLine | InvoiceLine
T = TypeVar("T")

ZERO = Decimal(0)
MOST_LINES = 1000
_TEXT_LENGTH = 2000
_NAMED_BY_HEAD = ("organisation", "party", "payment_term")
_NAMED_BY_LINE = ("product", "unit", "tax")
_PRICED_BY = ("party_id", "party", "currency", "prices_include_tax")
_NOTE_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a document with everything found that it names or leaves to a default."""

    organisation: Organisation
    party: Party
    currency: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A line with everything found that it names or leaves to its product."""

    line: DocumentLine
    values: dict[str, Any]

    @property
    def priced_as(self) -> LineIn:
        given = self.values
        return LineIn(
            quantity=given["quantity"],
            unit_price=given["unit_price"],
            discount_percent=given["discount_percent"],
            tax=taxes.key(given["tax"]),
        )


def state_of(record: Any) -> Any:  # noqa: ANN401
    """Return what the mapper knows of a record: stored or not, changed or not."""
    return inspect(record)


def linked(session: Session, record: Any, name: str, entity: type[T]) -> T | None:  # noqa: ANN401
    """Return the record that another one names, be it by the relationship or by the key; what was set last counts."""
    found: T | None = getattr(record, name)
    key = getattr(record, f"{name}_id")
    state = state_of(record)
    if state.persistent and name in state.committed_state:
        return found
    if key is not None and (found is None or (f"{name}_id" in state.committed_state and found.id != key)):  # type: ignore[attr-defined]
        return session.get(entity, key)
    return found


def number(value: Decimal | int) -> Decimal:
    """Return a whole number as a Decimal too: what a document says is written the same before and after storing."""
    return Decimal(value) if isinstance(value, int) else value


def gather(session: Session, document: Document, *more: ORMOption) -> list[Any]:
    """Load what judging a document reads in a few statements instead of one for each record that it names.

    `more` are loader options for what the caller reads besides. Return what nothing else holds yet: the session
    forgets records that nobody refers to.
    """
    entity, state = type(document), state_of(document)
    if not state.persistent:
        return [*_of_products(session, document)]
    lines = selectinload(entity.lines)
    parts = [lines.joinedload(getattr(entity.lines.property.mapper.class_, name)) for name in _NAMED_BY_LINE]
    heads = [joinedload(getattr(entity, name)) for name in _NAMED_BY_HEAD if name in state.unloaded]
    wanted = select(entity).where(entity.id == document.id).options(*heads, *parts, *more)
    with access.everything(session, why="a document is judged with everything that it names"):
        return list(session.scalars(wanted).unique())


def _of_products(session: Session, document: Document) -> Iterator[Any]:
    """Yield the units and taxes of the products on new lines."""
    products = [each.product for each in document.lines if each.product is not None]
    for entity, name in ((Unit, "unit"), (Tax, "tax")):
        keys = {getattr(product, f"{name}_id") for product in products if name in state_of(product).unloaded}
        missing = [key for key in keys if key is not None]
        if missing:
            yield from session.scalars(select(entity).where(entity.id.in_(sorted(missing))))


def head(session: Session, document: Document, found: Collected) -> Head | None:
    """Judge the head of a document; None when it lacks what everything else depends on."""
    organisation = linked(session, document, "organisation", Organisation) or _only_organisation(session)
    party = linked(session, document, "party", Party)
    if organisation is None:
        found.refuse("organisation", _("Say which of your organisations this is for"))
    if party is None:
        found.refuse("party", _("Say whom this is for"))
    if organisation is None or party is None:
        return None
    found.take("party", lambda: refuse_erased(party))
    new = not state_of(document).persistent
    currency = (document.currency or party.currency or organisation.currency).strip().upper()
    if found.take("currency", lambda: money.digits(currency)) is None:
        return None
    term = linked(session, document, "payment_term", PaymentTerm)
    included: bool | None = document.prices_include_tax
    discount: Decimal | None = document.discount
    charge: Decimal | None = document.charge
    values = {
        "organisation": organisation,
        "party": party,
        "currency": currency,
        "payment_term": organisation.payment_term if term is None and new else term,
        "prices_include_tax": organisation.prices_include_tax if included is None else included,
        "returns": bool(document.returns),
        "discount": number(discount or ZERO),
        "charge": number(charge or ZERO),
        "buyer_reference": found.take(
            "buyer_reference", lambda: line(document.buyer_reference or "", limit=120) or None
        ),
        "note": found.take("note", lambda: lines(document.note or "", limit=_NOTE_LENGTH) or None),
        "contract": _contract(session, document, party, organisation, found),
    }
    return Head(organisation, party, currency, values)


def _contract(
    session: Session, document: Document, party: Party, organisation: Organisation, found: Collected
) -> Contract | None:
    """Return the contract that a document names, judged."""
    contract = linked(session, document, "contract", Contract)
    if contract is not None:
        known = state_of(document)
        is_new = not known.persistent or any(known.attrs[n].history.has_changes() for n in ("contract", "contract_id"))
        found.take("contract", partial(contract_use.refuse, document, contract, party, organisation, is_new=is_new))
    return contract


def written_in(document: Quote | Invoice, about: Head, found: Collected) -> str:
    """Return the language of a document: its own, else the customer's, else ours; one that we do not write is wrong."""
    code = (document.language or about.party.language or about.organisation.language).strip().lower()
    if code not in LANGUAGES:
        found.refuse(
            "language", _("Letters and documents are written in one of: %(codes)s", codes=", ".join(LANGUAGES))
        )
    return code


def _only_organisation(session: Session) -> Organisation | None:
    """Return our organisation when there is just one: nobody should have to choose it."""
    few = session.scalars(select(Organisation).limit(2)).all()
    return few[0] if len(few) == 1 else None


def resolve(session: Session, document: Document, about: Head, found: Collected, *, day: date | None) -> list[Resolved]:
    """Judge the lines of a document; `day` is the day of delivery, by which their taxes are chosen."""
    if len(document.lines) > MOST_LINES:
        found.refuse("lines", _("At most %(most)s lines are possible", most=MOST_LINES))
        return []
    given: Sequence[DocumentLine] = document.lines
    offers = _offers(session, document, about, given)
    return [
        Resolved(each, _line_values(session, each, f"lines-{at}-", found, offers[at], day=day))
        for at, each in enumerate(given)
    ]


def _offers(session: Session, document: Document, about: Head, given: Sequence[DocumentLine]) -> list[Offer | None]:
    """Ask what the lines cost whose price depends on something that is new; None for the others."""
    state = state_of(document)
    is_other = state.persistent and any(state.attrs[name].history.has_changes() for name in _PRICED_BY)
    changed = [is_other or prices.has_changed(each, state_of(each)) for each in given]
    products = [linked(session, each, "product", Product) for each in given]
    return prices.of_lines(session, document, products, head=about, changed=changed)


def _line_values(
    session: Session,
    each: DocumentLine,
    prefix: str,
    found: Collected,
    offer: Offer | None,
    *,
    day: date | None,
) -> dict[str, Any]:
    product = linked(session, each, "product", Product)
    unit = linked(session, each, "unit", Unit) or (product.unit if product is not None else None)
    typed = each.text if not is_blank(each.text or "") else (product.name if product else "")
    text = found.take(f"{prefix}text", partial(lines, typed, limit=_TEXT_LENGTH))
    if text == "":
        found.refuse(f"{prefix}text", _("A line needs a product or a text"))
    quantity: Decimal | None = each.quantity
    typed_price = {"product": product, "unit_price": each.unit_price, "discount_percent": each.discount_percent}
    told = prices.settled(each, offer, typed_price)
    if quantity is None:
        found.refuse(f"{prefix}quantity", _("Give the quantity"))
    elif unit is not None:
        found.take(f"{prefix}quantity", partial(units.refuse_parts, unit, quantity))
    if offer is not None and offer.refusal is not None and prices.must_be_refused(each, told):
        found.refuse(f"{prefix}unit_price", prices.why_refused(offer.refusal))
    elif told["unit_price"] is None:
        found.refuse(f"{prefix}unit_price", _("Give the price"))
    tax = found.take(f"{prefix}tax", partial(_tax, session, each, product, day=day))
    return {
        "product": product,
        "text": text,
        "quantity": quantity if quantity is None else number(quantity),
        "unit": unit,
        "tax": tax,
        **{name: number(value) if isinstance(value, int) else value for name, value in told.items()},
    }


def _tax(session: Session, each: DocumentLine, product: Product | None, *, day: date | None) -> Tax:
    tax = linked(session, each, "tax", Tax)
    if tax is None and product is not None and product.tax is not None:
        tax = product.tax if day is None else taxes.rate_on(session, product.tax, day=day)
    if tax is None:
        raise DomainError(_("Choose the tax of this line"))
    if day is not None and not tax.is_valid_on(day):
        instead = taxes.rate_on(session, tax, day=day)
        if instead is None:
            raise DomainError(_("“%(name)s” is not valid on %(day)s", name=tax.name, day=day.isoformat()))
        raise DomainError(
            _(
                "“%(name)s” is not valid on %(day)s; take “%(instead)s”",
                name=tax.name,
                day=day.isoformat(),
                instead=instead.name,
            )
        )
    return tax


def price(about: Head, resolved: Sequence[Resolved]) -> Priced:
    """Price a judged document.

    Raises Refusals at the fields, a DomainError at "lines" when more comes back than goes out.
    """
    options = Options(
        currency=about.currency,
        prices_include_tax=about.values["prices_include_tax"],
        tax_rounding=about.organisation.tax_rounding,
        discount=about.values["discount"],
        charge=about.values["charge"],
        returns=about.values["returns"],
    )
    priced = money.price([each.priced_as for each in resolved], options)
    if priced.gross < 0:
        raise DomainError(_("The total is below zero; credit what comes back instead"), field="lines")
    return priced


def store(session: Session, document: Document, about: Head, resolved: Sequence[Resolved], priced: Priced) -> None:
    """Set what has been judged and priced: the only writer of a document's totals."""
    put(document, about.values)
    for at, (each, come_to) in enumerate(zip(resolved, priced.lines, strict=True)):
        sums = {"net": come_to.net, "tax_amount": come_to.tax, "gross": come_to.gross}
        put(each.line, each.values | sums | {"position": at + 1})
    put(document, {"net": priced.net, "tax": priced.tax, "gross": priced.gross})
    if state_of(document).persistent and lines_changed(document) and document.search_text is not None:
        flag_modified(document, "search_text")  # two people editing different lines edit one document
    session.add(document)


def put(record: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Set what is not so already: a record that nothing was set in needs no flush."""
    for name, value in values.items():
        standing = getattr(record, name)
        if standing is not value and (type(standing) is not type(value) or standing != value):
            setattr(record, name, value)


def lines_changed(document: Document) -> bool:
    """Say whether a line was added, taken out or changed since the document was read."""
    return bool(state_of(document).attrs.lines.history.has_changes() or any(map(_is_changed, document.lines)))


def _is_changed(each: Line) -> bool:
    """Say whether a line has other values than it was read with; setting the same value changes nothing."""
    state = state_of(each)
    return not state.persistent or bool(state.session.is_modified(each))


def refuse_changes(document: Document, *, free: frozenset[str], text: str) -> None:
    """Raise DomainError at the first column, other than the free ones, that was changed; lines count too."""
    refuse_columns(document, free=free, text=text)
    if lines_changed(document):
        raise DomainError(text, field="lines")


def refuse_columns(record: Any, *, free: frozenset[str], text: str) -> None:  # noqa: ANN401
    """Raise DomainError at the first column or link of a record, other than the free ones, that was changed."""
    state = state_of(record)
    for attribute in state.mapper.column_attrs:
        if attribute.key not in free and state.attrs[attribute.key].history.has_changes():
            raise DomainError(text, field=attribute.key.removesuffix("_id"))
    for relation in state.mapper.relationships:
        ours = {column.name for column in relation.local_columns}
        if not relation.uselist and not ours <= free and state.attrs[relation.key].history.has_changes():
            raise DomainError(text, field=relation.key)


def lock(session: Session, document: Document | Contract, *others: Document | None) -> None:
    """Keep others from changing a document, and from changing those that it depends on, until the transaction ends.

    Raises DomainError when its state has just changed, Conflict when anything else of it has.
    """
    session.flush()
    entity = type(document)
    keys = sorted({each.id for each in (document, *others) if each is not None})
    with access.everything(session, why="a document is locked with the one that it takes back"):
        rows = session.execute(
            select(entity.id, entity.state, entity.version)
            .where(entity.id.in_(keys))
            .order_by(entity.id)
            .with_for_update(key_share=True)
        ).all()
    row = next((row for row in rows if row.id == document.id), None)
    if row is None:
        raise NotFound
    if row.state != document.state:
        text = _("This cannot be done while the state is “%(state)s”", state=label_of(row.state))
        raise DomainError(text, field="state")
    if row.version != document.version:
        raise Conflict
