"""Screens and REST of payments: recording money and letting it settle invoices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from flask import request
from marshmallow import fields, validate
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app import clock, lifecycle
from app.db import db
from app.errors import DomainError, NotAllowed, Refusals
from app.i18n import gettext as _
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.allocation import Allocation
from app.models.invoice import Invoice
from app.models.organisation import Organisation
from app.models.payment import PAYMENT_MOVES, Payment, PaymentKind, PaymentMethod, PaymentState
from app.money import format_money, parse_decimal
from app.services import access
from app.services import allocation as allocations
from app.services import balance as balances
from app.services import payment as payments
from app.services import period as periods
from app.services.allocation import When
from app.services.payment import Share
from app.web import menu
from app.web.api import CrudApi
from app.web.arguments import AMOUNT, ON, PAID, RATE, REASON
from app.web.calendar import Calendar
from app.web.card_chain import CHAIN, Chained
from app.web.card_tabs import Own
from app.web.charts import Chart, Sum
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.filters import Wanted
from app.web.form_rules import Choose, Differs, Is, Not, Require, Show
from app.web.lookup import KEY_DIGITS
from app.web.records import Records
from app.web.schema import LinkedField, schema, strict
from app.web.settled import count_of, rows_of
from app.web.totals import signed
from app.web.verbs import Verb, reason

ORDER = 45
LOADED = [selectinload(Payment.party), selectinload(Payment.owner), selectinload(Payment.organisation)]
HEAD = ["kind", "party", "organisation", "paid_on", "amount", "currency", "exchange_rate"]
WORDS = ["method", "bank_account", "reference", "note"]
WHOSE = ["owner", "team"]
RESULT = ["state", "allocated", "unallocated", "cancelled_on", "cancelled_reason"]
STANDING = (Wanted("state", "eq", "recorded"),)
MOST_OPEN = 100  # open invoices shown on a payment's card
MOST_SHARES = 500

SHARE = strict(
    "Share",
    invoice=LinkedField(Invoice),
    refund=LinkedField(Payment),
    amount=AMOUNT,
    exchange_rate=RATE,
)
SHARES = fields.List(fields.Nested(SHARE), validate=validate.Length(1, 500))
SETTLED = ["allocated_on", "amount", "credit_amount", "exchange_rate", "invoice", "refund", "payment", "credit_note"]
ROW = schema(Allocation, ["id", *SETTLED, "write_off", "reverses", "note"], name="AllocationOfPayment", out=True)


class AllocationsField(fields.List):
    """The allocations of a payment, oldest first."""

    def __init__(self, **about: Any) -> None:
        super().__init__(fields.Nested(ROW), dump_only=True, **about)

    def get_value(self, obj: Any, attr: str, accessor: Any = None, default: Any = None) -> Any:  # noqa: ARG002
        """Ask for the rows: a payment has no list of its own."""
        return [row for row, _stands in rows_of(obj)]


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
        fits=lambda payment: payment.is_receipt,
        why=lambda payment: reason(allocations.refuse_spent, payment),
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
        fits=lambda payment: payment.is_receipt,
        why=lambda payment: reason(allocations.refuse_spent, payment),
        arguments=PAID,
        offered=lambda payment: {
            "amount": payment.unallocated,
            "method": payment.method,
            "exchange_rate": payment.exchange_rate,
        },
        needs_when=True,
    ),
    Verb(
        "cancel",
        payments.cancel,
        label=_l("Cancel the payment"),
        icon="x",
        when=lambda payment: payment.is_recorded,
        why=lambda payment: reason(lifecycle.refuse, PAYMENT_MOVES, payment, PaymentState.cancelled),
        to=PaymentState.cancelled,
        arguments={"reason": REASON, "on": ON},
        needs_when=True,
        danger=True,
    ),
]


class Debt(NamedTuple):
    """A row of the table of open debts: its input is called `name` and begins with `part`."""

    record: Invoice | Payment
    name: str
    rest: Decimal
    part: Decimal | str


class PaymentView(Chained, CrudView):
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
        "currency",
        "method",
        "organisation",
        "owner",
        "team",
    ]
    order_columns: ClassVar = ["paid_on", "amount", "state"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["state", "kind", "party", "paid_on"]
    total_columns: ClassVar = ["amount", "allocated"]
    total_hint = _l("refunds are subtracted")
    rules: ClassVar = [
        Show("exchange_rate", when=Differs("currency", "organisation.currency")),
        Require("exchange_rate", when=Differs("currency", "organisation.currency")),
        Show("bank_account", when=Not(Is("method", PaymentMethod.cash))),
        Choose("bank_account", by="organisation"),
    ]
    calendars: ClassVar = [Calendar("paid_on", title=("party", "reference"), kind="kind", amount="amount")]
    stages: ClassVar = (PaymentState.recorded,)
    own_tabs: ClassVar = [Own("allocations", _l("Allocations"), "web/card_allocations.html", count=count_of), CHAIN]
    charts: ClassVar = [
        Chart(
            "by_month", label=_l("In and out by month"), by="paid_on", measure=Sum("amount"), stack="kind", of=STANDING
        ),
        Chart("by_method", label=_l("Payments by method"), by="method", measure=Sum("amount"), of=STANDING),
    ]
    verbs: ClassVar = VERBS

    def total_of(self, name: str) -> Any:
        """Subtract what was paid back."""
        return signed(super().total_of(name), unless=Payment.kind == PaymentKind.receipt)

    def title_of(self, record: Payment) -> str:
        """Name the amount: it is what people look for."""
        return f"{self.one_name} {self.money(record, record.amount)}"

    def money(self, record: Payment | Invoice, amount: Any) -> str:
        """Return an amount in the record's currency."""
        return format_money(amount, record.currency, language())

    def prefill(self, form: CrmForm) -> None:
        """Begin with today, our organisation and its currency, or the counterparty's."""
        super().prefill(form)
        party = form["party"].data
        owed = next(iter(balances.open_now(db.session(), party)), None) if party is not None else None
        first = select(Organisation).order_by(Organisation.id).limit(1)
        organisation = form["organisation"].data or (owed.record.organisation if owed is not None else None)
        organisation = organisation or db.session.execute(first).scalars().first()
        form["organisation"].data = organisation
        if organisation is None:
            return
        form["paid_on"].data = form["paid_on"].data or periods.today(organisation, clock.now())
        if not form["currency"].data:
            usual = party.currency if party is not None else None
            form["currency"].data = (owed.currency if owed is not None else usual) or organisation.currency

    def fill(self, form: CrmForm, record: Payment, columns: Any) -> None:
        """Put the form's values in; a new payment belongs to those who look after the counterparty."""
        super().fill(form, record, columns)
        if not record.id:
            payments.give_to_owner_of_party(record)

    def open_of(self, payment: Payment) -> list[Debt]:
        """Return what a payment could settle, each with the amount that it would take, the oldest first."""
        if not (payment.is_recorded and payment.is_receipt and payment.unallocated > 0 and self.may("allocate")):
            return []
        refunds = db.session.execute(payments.open_refunds(payment).limit(MOST_OPEN)).scalars()
        invoices = db.session.execute(payments.open_invoices(payment).limit(MOST_OPEN)).scalars()
        rest = payment.unallocated
        offered = []
        for record in [*refunds, *invoices]:
            open_amount = record.rest if isinstance(record, Invoice) else record.unallocated
            part = min(rest, open_amount)
            rest -= part
            kind = "invoice" if isinstance(record, Invoice) else "refund"
            name = f"{kind}-{record.id}"
            offered.append(Debt(record, name, open_amount, request.form.get(name, part)))
        return offered

    def more_of(self, verb: Verb) -> dict[str, Any]:
        """Read the amounts that the card's table of open debts asks for."""
        if verb.name != "allocate" or not request.form.get("shares"):
            return {}
        return {"allocations": [{kind: record, "amount": amount} for kind, record, amount in shares_of(request.form)]}

    def refused_verb(
        self, verb: Verb, record: Payment, form: CrmForm | None, refusal: DomainError | None = None
    ) -> Any:
        """Show the refusals of the table of open debts at its rows."""
        if verb.name != "allocate" or not request.form.get("shares") or refusal is None:
            return super().refused_verb(verb, record, form, refusal)
        errors = refusal.errors if isinstance(refusal, Refusals) else {"": [str(refusal)]}
        names = [key for key in request.form if _is_share(key) and request.form[key].strip()]
        at_rows: dict[str, list[str]] = {}
        for field, texts in errors.items():
            place = field.split("-")[1:2]
            name = names[int(place[0])] if place and place[0].isdecimal() and int(place[0]) < len(names) else field
            at_rows.setdefault(name, []).extend(texts)
        return self._card(record, share_errors=at_rows), 422


def _is_share(key: str) -> bool:
    kind, _dash, number = key.partition("-")
    return kind in {"invoice", "refund"} and number.isdecimal() and len(number) <= KEY_DIGITS


def shares_of(form: Mapping[str, str]) -> list[tuple[str, Invoice | Payment, Decimal]]:
    """Read the typed shares: "invoice-7" or "refund-7" → amount.

    Raises Refusals by the inputs' names, DomainError when none is typed.
    """
    typed = {key: text for key, text in form.items() if _is_share(key) and text.strip()}
    if not typed or len(typed) > MOST_SHARES:
        raise DomainError(_("Give an amount for what is to be settled"), field="")
    found: list[tuple[str, Invoice | Payment, Decimal]] = []
    errors: dict[str, list[str]] = {}
    for kind, entity in (("invoice", Invoice), ("refund", Payment)):
        keys = {int(key.partition("-")[2]): key for key in typed if key.startswith(kind)}
        known = {one.id: one for one in db.session.execute(select(entity).where(entity.id.in_(keys))).scalars()}
        for number, key in keys.items():
            try:
                amount = parse_decimal(typed[key], language())
            except DomainError as refusal:
                errors[key] = [str(refusal)]
                continue
            if number not in known:
                errors[key] = [_("Not found")]
                continue
            found.append((kind, known[number], amount))
    if errors:
        raise Refusals(errors)
    order = list(typed)
    return sorted(found, key=lambda share: order.index(f"{share[0]}-{share[1].id}"))


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
    more_out: ClassVar = {"allocations": AllocationsField()}
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
        """Let the new payment settle what the request names; that is a right of its own."""
        if not self.appbuilder.sm.may(self.class_permission_name, "allocate"):
            raise NotAllowed(f"{self.class_permission_name}.allocate")
        when = When(at=clock.now(), by=access.required(session))
        payments.allocate(session, record, [Share(**share) for share in more["allocations"]], when=when)


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, PaymentView, "payment", label=_l("Payments"), group="money", icon="wallet")
    appbuilder.add_api(PaymentApi)
