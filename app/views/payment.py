"""Screens and REST of payments: recording money and letting it settle invoices."""

from typing import Any, ClassVar

from flask import request
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app import clock
from app.db import db
from app.errors import DomainError, Refusals
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.allocation import Allocation
from app.models.invoice import Invoice
from app.models.organisation import Organisation
from app.models.payment import Payment
from app.money import format_money, parse_decimal
from app.services import access
from app.services import allocation as allocations
from app.services import payment as payments
from app.services.allocation import When
from app.services.payment import Share
from app.web import menu
from app.web.api import CrudApi
from app.web.arguments import AMOUNT, ON, PAID, RATE, REASON
from app.web.crud import CrudView
from app.web.fields import CrmForm
from app.web.locale import choose_time_zone
from app.web.records import Records
from app.web.schema import LinkedField, schema, strict
from app.web.settled import rows_of
from app.web.verbs import Verb

ORDER = 45
LOADED = [selectinload(Payment.party), selectinload(Payment.owner), selectinload(Payment.organisation)]
HEAD = ["kind", "party", "organisation", "paid_on", "amount", "currency", "exchange_rate"]
WORDS = ["method", "bank_account", "reference", "note"]
WHOSE = ["owner", "team"]
RESULT = ["state", "allocated", "unallocated", "cancelled_on", "cancelled_reason"]
MOST_OPEN = 100  # open invoices shown on a payment's card

SHARE = strict(
    "Share",
    invoice=LinkedField(Invoice, required=True),
    amount=AMOUNT,
    exchange_rate=RATE,
)
SHARES = fields.List(fields.Nested(SHARE), validate=validate.Length(1, 500))
ALLOCATIONS = fields.Function(
    lambda record: schema(
        Allocation,
        ["id", "allocated_on", "amount", "credit_amount", "invoice", "refund", "payment", "credit_note", "reverses"],
        name="AllocationOfPayment",
        out=True,
    )(many=True).dump(db.session.execute(allocations.of(record)).scalars().all()),
    metadata={"type": "array", "items": {"type": "object"}},
)


def save(session: Session, payment: Payment) -> None:
    """Store a payment that is made now."""
    payments.save(session, payment, at=clock.now())


def allocate(session: Session, payment: Payment, *, when: When, allocations: Any = None) -> None:
    """Let a payment settle the given invoices, or the oldest open ones."""
    shares = None if allocations is None else [Share(**share) for share in allocations]
    payments.allocate(session, payment, shares, when=when)


VERBS = [
    Verb(
        "allocate",
        allocate,
        label=_l("Settle the oldest invoices"),
        icon="link",
        when=lambda payment: payment.is_recorded and payment.is_receipt and payment.unallocated > 0,
        arguments={"allocations": SHARES, "on": ON},
        offered=lambda _payment: {"on": None},  # left empty: the day since which both were there
        needs_when=True,
    ),
    Verb(
        "refund",
        payments.refund,
        label=_l("Pay back"),
        icon="undo-2",
        when=lambda payment: payment.is_recorded and payment.is_receipt and payment.unallocated > 0,
        arguments=PAID,
        offered=lambda payment: {"amount": payment.unallocated, "method": payment.method},
        needs_when=True,
    ),
    Verb(
        "cancel",
        payments.cancel,
        label=_l("Cancel the payment"),
        icon="x",
        when=lambda payment: payment.is_recorded,
        arguments={"reason": REASON, "on": ON},
        needs_when=True,
        danger=True,
    ),
]


class PaymentView(CrudView):
    """List, form and card of payments."""

    rows_of = staticmethod(rows_of)  # for the table of allocations

    datamodel = Records(Payment, save=save, remove=payments.remove, options=LOADED)
    exclude_route_methods: ClassVar = {"delete"}
    one_name = _l("Payment")
    many_name = _l("Payments")
    hint = _l("Record what your customers have paid; it settles their invoices.")
    card_template = "web/payment_card.html"
    list_columns: ClassVar = [
        "paid_on", "kind", "party", "amount", "currency", "allocated", "method", "reference", "state",
    ]  # fmt: skip
    show_columns: ClassVar = [*HEAD, *WORDS, *WHOSE, *RESULT]
    show_fieldsets: ClassVar = [
        (None, {"fields": [*HEAD[:4], *WORDS]}),
        (_l("More"), {"fields": ["exchange_rate", *WHOSE, "cancelled_on", "cancelled_reason"]}),
    ]
    add_columns: ClassVar = [*HEAD, *WORDS, *WHOSE]
    add_fieldsets: ClassVar = [(None, {"fields": [*HEAD, *WORDS]}), (_l("More"), {"fields": WHOSE})]
    edit_columns: ClassVar = [*WORDS, *WHOSE]
    search_columns: ClassVar = [
        "kind",
        "state",
        "party",
        "paid_on",
        "amount",
        "method",
        "organisation",
        "owner",
        "team",
    ]
    order_columns: ClassVar = ["paid_on", "amount", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "kind", "party", "paid_on"]
    verbs: ClassVar = VERBS

    def title_of(self, record: Payment) -> str:
        """Name the amount: it is what people look for."""
        return f"{self.one_name} {self.money(record, record.amount)}"

    def money(self, record: Payment | Invoice, amount: Any) -> str:
        """Return an amount in the record's currency."""
        return format_money(amount, record.currency, language())

    def prefill(self, form: CrmForm) -> None:
        """Begin with today, our organisation and its currency, or the counterparty's."""
        super().prefill(form)
        organisation = form["organisation"].data or db.session.execute(
            select(Organisation).order_by(Organisation.id).limit(1)
        ).scalars().first()  # fmt: skip
        form["organisation"].data = organisation
        form["paid_on"].data = form["paid_on"].data or clock.today(choose_time_zone())
        party = form["party"].data
        if not form["currency"].data and organisation is not None:
            form["currency"].data = (party.currency if party is not None else None) or organisation.currency

    def fill(self, form: CrmForm, record: Payment, columns: Any) -> None:
        """Put the form's values in; a new payment belongs to those who look after the counterparty."""
        super().fill(form, record, columns)
        if not record.id:
            payments.give_to_owner_of_party(record)

    def open_of(self, payment: Payment) -> list[tuple[Invoice, str]]:
        """Return the invoices that a payment could settle, each with the amount that it would take, oldest first."""
        if not (payment.is_recorded and payment.is_receipt and payment.unallocated > 0 and self.may("allocate")):
            return []
        rest = payment.unallocated
        offered = []
        for invoice in db.session.execute(payments.open_invoices(payment).limit(MOST_OPEN)).scalars():
            part = min(rest, invoice.rest)
            rest -= part
            offered.append((invoice, part))
        typed = request.form if request.method == "POST" else {}
        return [(invoice, typed.get(f"share-{invoice.id}", part)) for invoice, part in offered]

    def more_of(self, verb: Verb) -> dict[str, Any]:
        """Read the amounts that the card's table of open invoices asks for."""
        if verb.name != "allocate" or not request.form.get("shares"):
            return {}
        shares = []
        for key, typed in request.form.items():
            stem, _dash, number = key.partition("-")
            if stem == "share" and number.isdecimal() and typed.strip():
                invoice = access.get(db.session(), Invoice, int(number))
                if invoice is not None:
                    shares.append({"invoice": invoice, "amount": _amount(typed, invoice)})
        return {"allocations": [share for share in shares if share["amount"]]}


def _amount(typed: str, invoice: Invoice) -> Any:
    try:
        return parse_decimal(typed, language())
    except DomainError as refusal:
        raise Refusals({"": [f"{invoice}: {refusal}"]}) from None


class PaymentApi(CrudApi):
    """REST of payments; a new one may settle invoices in the same request."""

    datamodel = Records(Payment, save=save, remove=payments.remove, options=LOADED)
    exclude_route_methods: ClassVar = {"delete"}
    list_columns: ClassVar = [*HEAD, "method", "reference", *RESULT[:3]]
    show_columns: ClassVar = [*HEAD, *WORDS, *WHOSE, *RESULT]
    add_columns: ClassVar = [*HEAD, *WORDS, *WHOSE]
    edit_columns: ClassVar = [*WORDS, *WHOSE]
    defaulted: ClassVar = ["kind", "organisation", "currency", "paid_on", "method"]
    more_in: ClassVar = {"allocations": SHARES}
    more_out: ClassVar = {"allocations": ALLOCATIONS}
    search_columns: ClassVar = ["kind", "state", "party", "paid_on", "amount", "method", "owner", "team"]
    order_columns: ClassVar = ["paid_on", "amount"]
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "party": 1,
            "amount": "100.00",
            "currency": "EUR",
            "paid_on": "2026-03-31",
            "reference": "Invoice 2026-00007",
            "allocations": [{"invoice": 7, "amount": "100.00"}],
        }
    }

    def fill(self, record: Payment, given: dict[str, Any]) -> None:
        """Put checked values in; a new payment belongs to those who look after the counterparty."""
        super().fill(record, given)
        if not record.id:
            payments.give_to_owner_of_party(record)

    def store_more(self, session: Session, record: Payment, more: dict[str, Any]) -> None:
        """Let the new payment settle what the request names."""
        when = When(at=clock.now(), by=access.required(session))
        payments.allocate(session, record, [Share(**share) for share in more["allocations"]], when=when)


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, PaymentView, "payment", label=_l("Payments"), group="money", icon="wallet")
    appbuilder.add_api(PaymentApi)
