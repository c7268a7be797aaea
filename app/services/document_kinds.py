"""The fields of documents about sales and counterparties, and the parts that other kinds build on."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from app import clock
from app.errors import NotAllowed
from app.i18n import lazy_gettext as _l
from app.models.delivery import Delivery
from app.models.document_template import PaperKind
from app.models.invoice import Invoice
from app.models.organisation import Organisation
from app.models.party import Party
from app.models.quote import Quote
from app.models.sale_order import SaleOrder
from app.money import plain
from app.roles import SEE
from app.services import access, balance, field_right
from app.services import invoice_snapshot as snapshots
from app.services import organisation as organisations
from app.services.document_field import CURRENCY, Field, Place, register

SELLER = (
    Field("seller.name", _l("Our name"), sample="Grachten Handel B.V.", is_needed=True),
    Field("seller.tax_number", _l("Our tax number"), sample="NL854502130B01"),
    Field("seller.registration_number", _l("Our registration number"), sample="34215678"),
    Field("seller.address", _l("Our address"), sample="Keizersgracht 1, 1015 CJ Amsterdam"),
    Field("seller.city", _l("Our city"), sample="Amsterdam"),
    Field("seller.phone", _l("Our telephone"), sample="+31 20 555 0100"),
    Field("seller.email", _l("Our e-mail"), sample="office@example.org"),
    Field("seller.website", _l("Our website"), sample="https://example.org"),
    Field("seller.bank.account", _l("Our account"), sample="NL91 ABNA 0417 1643 00"),
    Field("seller.bank.name", _l("Our bank"), sample="ABN AMRO"),
    Field("seller.bank.code", _l("Code of our bank"), sample="ABNANL2A"),
)
BUYER = (
    Field("buyer.name", _l("Customer"), sample="Tulpen & Zonen B.V.", is_needed=True),
    Field("buyer.tax_number", _l("Customer's tax number"), sample="NL001234567B01"),
    Field("buyer.registration_number", _l("Customer's registration number"), sample="12345678"),
    Field("buyer.address", _l("Customer's address"), sample="Heereweg 10, 2161 AB Lisse"),
    Field("buyer.street", _l("Customer's street"), sample="Heereweg 10"),
    Field("buyer.town", _l("Customer's postcode and city"), sample="2161 AB Lisse"),
    Field("buyer.country", _l("Customer's country"), sample="NL"),
    Field("buyer.email", _l("Customer's e-mail"), sample="anna@example.org"),
    Field("buyer.contact", _l("Contact person"), "person", "Иванов Пётр Сергеевич"),
    Field("buyer.contact_position", _l("Position of the contact person"), "position", "генеральный директор"),
    Field("buyer.is_company", _l("The customer is a company"), "yesno", "1"),
)
LINE = (
    Field("position", _l("No."), "number", "1"),
    Field("sku", _l("Article"), sample="TB-25"),
    Field("text", _l("Text"), sample="Tulip bulbs, 25 pieces"),
    Field("quantity", _l("Quantity"), "number", "4"),
    Field("unit", _l("Unit"), sample="pcs"),
)
PRICED = (
    *LINE,
    Field("price", _l("Price"), "amount", "12.50"),
    Field("discount", _l("Discount (%)"), "number", "0"),
    Field("net", _l("Net"), "amount", "50.00"),
    Field("tax", _l("VAT amount"), "amount", "10.50"),
    Field("gross", _l("With VAT"), "amount", "60.50"),
)
MADE_ON = Field("made_on", _l("Day on which the document is made"), "date", "2026-03-31")
HEAD = (
    Field("number", _l("Number"), sample="2026-00017", is_needed=True),
    Field("date", _l("Date"), "date", "2026-03-31", is_needed=True),
    MADE_ON,
    Field("reference", _l("Your reference"), sample="PO 4711"),
    Field("note", _l("Note"), sample="Delivered to the back door."),
    Field("owner", _l("Responsible with us"), "person", "Смирнова Анна Игоревна"),
)
SUMS = (
    Field("net", _l("Net"), "amount", "50.00"),
    Field("tax", _l("VAT amount"), "amount", "10.50"),
    Field("gross", _l("Total"), "amount", "60.50", is_needed=True),
    Field(CURRENCY, _l("Currency"), sample="EUR"),
)
SALE = (*HEAD, *SELLER, *BUYER, Field("lines", _l("Lines"), "rows", is_needed=True, fields=PRICED), *SUMS)
DUE = Field("due", _l("Due on"), "date", "2026-04-30")
VALID = Field("valid_until", _l("Valid until"), "date", "2026-04-30")
OPEN = Field("open", _l("Still open"), "amount", "60.50")
DELIVERED = (
    *HEAD,
    *SELLER,
    *BUYER,
    Field("order", _l("Order"), sample="SO-2026-00009"),
    Field("carrier", _l("Carrier"), sample="PostNL"),
    Field("tracking", _l("Tracking number"), sample="3SABCD"),
    Field("lines", _l("Lines"), "rows", is_needed=True, fields=LINE),
)
ITEM = (
    Field("date", _l("Date"), "date", "2026-03-31"),
    Field("text", _l("Document"), sample="INV-2026-00017"),
    Field("rest", _l("Open"), "amount", "60.50"),
)
TO_PARTY = (MADE_ON, *SELLER, *BUYER)
STATEMENT = (
    *TO_PARTY,
    Field("items", _l("Open items"), "rows", fields=ITEM),
    Field("balance", _l("Balance"), "amount", "60.50"),
    Field(CURRENCY, _l("Currency"), sample="EUR"),
)
_GUARDED = {"buyer.email": "email", "buyer.contact": "contacts", "buyer.contact_position": "contacts"}


def seller_data(organisation: Organisation, currency: str) -> dict[str, Any]:
    """Return what documents say of us; our account is the one for the currency."""
    said = snapshots.seller(organisation)
    bank = snapshots.bank_account(organisation, currency)
    names = ("name", "tax_number", "registration_number", "city", "phone", "email", "website")
    return {f"seller.{name}": said[name] for name in names} | {
        "seller.address": _place(said),
        "seller.bank.account": (bank.iban or bank.account) if bank is not None else None,
        "seller.bank.name": bank.bank_name if bank is not None else None,
        "seller.bank.code": (bank.bic or bank.bik) if bank is not None else None,
    }


def buyer_data(session: Session, party: Party) -> dict[str, Any]:
    """Return what documents say of a counterparty, as far as the actor may see it."""
    said = snapshots.buyer(party)
    hidden = field_right.hidden(session, Party)
    contact = next(iter(party.contacts), None) if "contacts" not in hidden else None
    names = ("name", "tax_number", "registration_number", "street", "country", "email")
    found = {f"buyer.{name}": said[name] for name in names} | {
        "buyer.address": _place(said),
        "buyer.town": " ".join(filter(None, (said["postal_code"], said["city"]))) or None,
        "buyer.contact": contact.name if contact is not None else None,
        "buyer.contact_position": contact.role if contact is not None else None,
        "buyer.is_company": said["kind"] == "company",
    }
    return found | {name: None for name, guarded in _GUARDED.items() if guarded in hidden}


def _place(said: dict[str, Any]) -> str | None:
    town = " ".join(filter(None, (said["postal_code"], said["city"])))
    return ", ".join(filter(None, (said["street"], town, said["region"]))) or None


def place_of(record: Any, name: str) -> Place | None:  # noqa: ANN401 -- a document of a sale
    """Return the form in which a field of a document is filled in."""
    if name.startswith("seller."):
        return Place("organisation", record.organisation_id)
    if name.startswith("buyer."):
        return Place("party", record.party_id)
    return Place(record.__stem__, record.id)


def head_data(session: Session, record: Any, currency: str) -> dict[str, Any]:  # noqa: ANN401
    """Return what every document of a sale says: its number, the two sides, and who is responsible."""
    owner = record.owner
    return {
        "number": record.number,
        "note": record.note,
        "reference": getattr(record, "buyer_reference", None),
        "owner": f"{owner.first_name} {owner.last_name}".strip() if owner is not None else None,
        CURRENCY: currency,
        **seller_data(record.organisation, currency),
        **buyer_data(session, record.party),
    }


def _line(line: Any, currency: str) -> dict[str, Any]:  # noqa: ANN401
    return {
        "position": line.position,
        "sku": line.product.sku if line.product is not None else None,
        "text": line.text,
        "quantity": plain(line.quantity),
        "unit": line.unit.short if line.unit is not None else None,
        "price": plain(line.unit_price),
        "discount": plain(line.discount_percent),
        "net": plain(line.net, currency),
        "tax": plain(line.tax_amount, currency),
        "gross": plain(line.gross, currency),
    }


def _sale(day: str, **more: Callable[[Any], Any]) -> Callable[[Session, Any, str], dict[str, Any]]:
    """Return how the data of a document with priced lines are taken; `day` names its date."""

    def data(session: Session, record: Any, _language: str) -> dict[str, Any]:  # noqa: ANN401
        currency = record.currency
        return {
            **head_data(session, record, currency),
            "date": getattr(record, day),
            "lines": [_line(each, currency) for each in record.lines],
            **{name: plain(getattr(record, name), currency) for name in ("net", "tax", "gross")},
            **{name: read(record) for name, read in more.items()},
        }

    return data


def _delivery(session: Session, delivery: Delivery, _language: str) -> dict[str, Any]:
    currency = delivery.order.currency
    went = delivery.shipped_at or delivery.delivered_at
    place = snapshots.said(delivery, ("street", "postal_code", "city", "region", "country"), "")
    return {
        **head_data(session, delivery, currency),
        "date": went.date() if went is not None else delivery.planned_on,
        "reference": delivery.order.buyer_reference,
        "order": delivery.order.number,
        "carrier": delivery.carrier,
        "tracking": delivery.tracking_number,
        "buyer.address": _place(place),
        "lines": [
            _line(each.order_line, currency) | {"position": each.position, "quantity": plain(each.quantity)}
            for each in delivery.lines
        ],
    }


def our_company(session: Session) -> Organisation | None:
    """Return the one of ours that writes to a counterparty when no document says which."""
    return organisations.first(session)


def _party(session: Session, party: Party, _language: str) -> dict[str, Any]:
    ours = our_company(session)
    currency = party.currency or (ours.currency if ours is not None else "EUR")
    seller = seller_data(ours, currency) if ours is not None else {}
    return {CURRENCY: currency, **seller, **buyer_data(session, party)}


def _statement(session: Session, party: Party, language: str) -> dict[str, Any]:
    """Return what is open of a counterparty today in its currency. Raises NotAllowed to whom invoices are closed."""
    if not access.required(session).has(Invoice.__stem__, SEE):
        raise NotAllowed(f"{Invoice.__stem__}.{SEE}")
    said = _party(session, party, language)
    currency, ours = said[CURRENCY], our_company(session)
    today = clock.today(ours.time_zone if ours is not None else "UTC")
    items = [each for each in balance.open_items(session, party, on=today) if each.currency == currency]
    return said | {
        "items": [
            {
                "date": getattr(each.record, "issued_on", None) or getattr(each.record, "paid_on", None),
                "text": str(each.record),
                "rest": plain(each.rest, currency),
            }
            for each in items
        ],
        "balance": plain(sum((each.rest for each in items), start=balance.ZERO), currency),
    }


def _place_of_party(party: Party, name: str) -> Place | None:
    return None if name.startswith("seller.") else Place(Party.__stem__, party.id)


def load() -> None:
    """Be imported: the kinds are known then."""


register(PaperKind.quote, entity=Quote, fields=(*SALE, VALID), place=place_of,
         data=_sale("sent_on", valid_until=lambda quote: quote.valid_until))  # fmt: skip
register(PaperKind.order, entity=SaleOrder, fields=SALE, place=place_of, data=_sale("ordered_on"))
register(PaperKind.act, entity=SaleOrder, fields=SALE, place=place_of, data=_sale("ordered_on"))
for _kind in (PaperKind.invoice, PaperKind.credit_note, PaperKind.reminder):
    register(
        _kind,
        entity=Invoice,
        fields=(*SALE, DUE, OPEN),
        place=place_of,
        data=_sale(
            "issued_on",
            due=lambda invoice: invoice.due_on,
            open=lambda invoice: plain(invoice.gross - invoice.allocated, invoice.currency),
        ),
    )
register(PaperKind.delivery_note, entity=Delivery, fields=DELIVERED, place=place_of, data=_delivery)
for _kind in (PaperKind.letter, PaperKind.mail, PaperKind.label):
    register(_kind, entity=Party, fields=TO_PARTY, place=_place_of_party, data=_party)
register(PaperKind.statement, entity=Party, fields=STATEMENT, place=_place_of_party, data=_statement)
