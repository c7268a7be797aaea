"""Screens and REST of counterparties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from markupsafe import Markup
from marshmallow import fields, validate
from sqlalchemy.orm import Query, Session, selectinload

from app import clock
from app.db import db
from app.i18n import language
from app.i18n import lazy_gettext as _l
from app.models.invoice import Invoice
from app.models.party import Party, PartyKind
from app.models.party_metric import SHOWN
from app.money import format_decimal, format_money
from app.services import balance as balances
from app.services import consent as consents
from app.services import (
    duplicate,
    field_right,
    party_complete,
    party_group,
    party_known,
    party_merge,
    party_merge_undo,
    party_metric,
    rule_forecast,
)
from app.services import organisation as organisations
from app.services import party as parties
from app.services import period as periods
from app.web import menu
from app.web.api import CrudApi
from app.web.api_consents import ConsentsApi
from app.web.card_tabs import Own, Related
from app.web.cells import cell
from app.web.charts import Chart
from app.web.consents import AREA, TAB, Consents
from app.web.crud import Child, CrudView
from app.web.form_rules import Is, Show
from app.web.labelling import Labelling
from app.web.merging import MERGE, UNMERGE, Merging
from app.web.merging import TAB as TWINS
from app.web.records import Records
from app.web.schema import LinkedField
from app.web.segmenting import Segmenting
from app.web.verbs import Verb

ORDER = 14
MOST_ITEMS = 20

_OTHER = {
    "other": LinkedField(Party, required=True),
    "take": fields.List(fields.String(validate=validate.OneOf(party_merge.FIELDS)), metadata={"example": ["phone"]}),
}
VERBS = [
    Verb(
        "archive",
        parties.archive,
        label=_l("Archive"),
        icon="archive",
        when=lambda party: party.archived_at is None,
        fits=lambda party: party.archived_at is None,
        undo="restore",
        needs_time=True,
    ),
    Verb(
        "restore",
        parties.restore,
        label=_l("Restore"),
        icon="archive-restore",
        when=lambda party: party.archived_at is not None and party.anonymised_at is None,
        fits=lambda party: party.archived_at is not None and party.anonymised_at is None,
        undo="archive",
    ),
    Verb(
        MERGE,
        party_merge.merge,
        label=_l("Merge"),
        icon="layers",
        fits=lambda _party: False,  # a page of its own asks for it
        arguments=_OTHER,
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        UNMERGE,
        party_merge_undo.undo,
        label=_l("Undo the merge"),
        icon="undo-2",
        fits=lambda party: party.merged_into_id is not None,
        needs_time=True,
        needs_actor=True,
    ),
]
MAIN = ["kind", "name", "legal_name", "is_customer", "is_supplier", "is_partner"]
PREFERENCES = ["preferred_channel", "call_time"]
NUMBERS = ["country", "tax_number", "tax_branch", "registration_number"]
REACH = ["phone", "email", "website", "language", *PREFERENCES]
MORE = [
    "parent",
    "currency",
    "price_list",
    "credit_limit",
    "birthday",
    "source",
    "external_id",
    "owner",
    "team",
    "note",
]
FIELDSETS = [
    (None, {"fields": MAIN}),
    (_l("Registration"), {"fields": NUMBERS}),
    (_l("How to reach them"), {"fields": REACH}),
    (_l("More"), {"fields": MORE}),
]
TOLD = [name for name in MORE if name != "parent"]  # the card has a tab for the group


LINES = {
    "contacts": ("name", "role", "phone", "email"),
    "addresses": ("usage", "street", "postal_code", "city", "country"),
    "bank_accounts": ("iban", "account", "bic", "bik", "bank_name", "correspondent_account"),
    "interests": ("topic", "product", "strength", "since", "source"),
}
FIGURES = {
    "order": ("orders_count", "first_order_on", "last_order_on", "orders_per_year", "client_since"),
    "invoice": ("turnover", "average_check", "open_balance", "payment_lag_days", "last_touch_on"),
}


MONEY = frozenset({"turnover", "average_check", "open_balance"})


def money_cell(amount: Decimal | None) -> Any:
    """Return an amount in the company's currency as safe HTML."""
    if not amount:
        return cell(None)
    return Markup('<span class="num">{}</span>').format(format_decimal(round(amount, 2), language(), least=2))


class PartyRecords(Records):
    """The door to counterparties: those that were merged into others are reached by their key alone."""

    def selection(self, **about: Any) -> Query[Any]:
        """Return the query without them."""
        return super().selection(**about).filter(Party.merged_into_id.is_(None))


PARTIES = PartyRecords(
    Party,
    save=parties.save,
    options=[selectinload(Party.owner), selectinload(Party.team)],
)


@dataclass(frozen=True)
class Owed:
    """What a party owes us, and what of that is late, by currency; `currency` is the one in which nothing is owed."""

    balance: dict[str, Decimal]
    overdue: dict[str, Decimal]
    currency: str


@dataclass(frozen=True, kw_only=True)
class Account:
    """What a card says of a party's account; `items` are the first open items, `more` is how many are left out."""

    party_balance: dict[str, Decimal]
    all_items: list[balances.OpenItem]
    at: datetime

    @property
    def balance(self) -> dict[str, Decimal]:
        """Return what is not zero, by currency."""
        return {currency: amount for currency, amount in self.party_balance.items() if amount}

    @property
    def items(self) -> list[balances.OpenItem]:
        """Return the first open items."""
        return self.all_items[:MOST_ITEMS]

    @property
    def more(self) -> int:
        """Return how many open items are not shown."""
        return max(len(self.all_items) - MOST_ITEMS, 0)

    def is_late(self, item: balances.OpenItem) -> bool:
        """Say whether an item is an overdue invoice."""
        today = periods.today(item.record.organisation, self.at)
        return isinstance(item.record, Invoice) and balances.is_overdue(item.record, today)

    @property
    def others(self) -> dict[str, Decimal]:
        """Return what of the balance stands in documents that the reader does not see, by currency."""
        found = dict(self.balance)
        for item in self.all_items:
            found[item.currency] = found.get(item.currency, Decimal(0)) - item.rest
        return {currency: amount for currency, amount in found.items() if amount}


def _occasions(party: Party) -> Any:
    return rule_forecast.of_party(db.session(), party)


def _currency_of_nothing(session: Session, balance: Mapping[str, Decimal]) -> str:
    """Return the currency in which a party owes nothing: that of its documents, else our company's."""
    ours = None if balance else organisations.first(session)
    return next(iter(balance), "") if ours is None else ours.currency


class PartyView(Labelling, Consents, Merging, Segmenting, CrudView):
    """List, forms and card of counterparties."""

    datamodel = PARTIES
    one_name = _l("Party")
    many_name = _l("Parties")
    card_template = "web/party_card.html"
    hint = _l("Parties are your customers, suppliers and partners. Add the first one or import a file.")
    list_columns: ClassVar = ["name", "tax_number", "country", "phone", "email", "owner", "changed_at"]
    show_columns: ClassVar = [*MAIN, *NUMBERS, *REACH, *TOLD]
    show_fieldsets: ClassVar = [*FIELDSETS[:-1], (_l("More"), {"fields": TOLD})]
    add_columns: ClassVar = [*MAIN, *NUMBERS, *REACH, *MORE, *LINES]
    edit_columns: ClassVar = [*MAIN, *NUMBERS, *REACH, *MORE, *LINES]
    add_fieldsets: ClassVar = [*FIELDSETS, (None, {"fields": list(LINES)})]
    edit_fieldsets: ClassVar = [*FIELDSETS, (None, {"fields": list(LINES)})]
    search_columns: ClassVar = [
        "kind", "is_customer", "is_supplier", "country", "owner", "team", "created_at", "changed_at",
        "parent", "completeness", "archived_at", "preferred_channel", "call_time", "interest", "segment", *SHOWN,
    ]  # fmt: skip
    other_columns: ClassVar = [*MAIN, *NUMBERS, *REACH, *MORE, "completeness", *SHOWN]
    order_columns: ClassVar = ["name", "tax_number", "country", "changed_at", "completeness"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["tax_number", "country", "owner"]
    charts: ClassVar = [
        Chart("by_country", label=_l("Parties by country"), by="country"),
        Chart("by_month", label=_l("New parties by month"), by="created_at"),
        Chart("by_owner", label=_l("Parties by owner"), by="owner"),
    ]
    children: ClassVar = [
        Child("contacts", ("name", "role", "phone", "email")),
        Child("addresses", ("usage", "street", "postal_code", "city", "country")),
        Child("bank_accounts", ("iban", "account", "bic", "bik", "bank_name")),
        Child("channels", ("kind", "value", "label")),
        Child("identifiers", ("scheme", "value")),
        Child("interests", ("topic", "product", "strength", "since", "source")),
    ]
    own_tabs: ClassVar = [
        Own("figures", _l("In figures"), "web/party_figures.html"),
        Own("group", _l("Group"), "web/party_group.html", fits=lambda party: party.kind == PartyKind.company),
        Own("open", _l("Open items"), "web/party_open.html", area="invoice"),
        TWINS,
        Own(TAB, _l("Personal data"), "web/party_personal.html", count=consents.count, area=AREA),
    ]
    related: ClassVar = [
        Related("deal", "party"),
        Related("lead", "party"),
        Related("contract", "party"),
        Related("order", "party"),
        Related("invoice", "party"),
        Related("payment", "party"),
        Related("letter", "party"),
        Related("rule_occurrence", "party", where=_occasions, label=_l("Automatic letters")),
    ]
    lines: ClassVar = LINES
    verbs: ClassVar = VERBS
    gallery: ClassVar = ("name", "phone", "email", "country", "owner")

    rules: ClassVar = [
        Show("birthday", when=Is("kind", "person")),
        Show("tax_branch", when=Is("country", "RU")),
        Show("credit_limit", when=Is("is_customer", "true")),
        Show("parent", when=Is("kind", "company")),
    ]
    quick: ClassVar = ("kind", "is_customer", "is_supplier", "country", "tax_number", "phone", "email")
    duplicates: ClassVar = duplicate.of_party
    known: ClassVar = party_known.known

    def lets(self, action: str, record: Party) -> bool:
        """Let nobody change or use one that was made anonymous."""
        return self.takes_new(record) and super().lets(action, record)

    def takes_new(self, record: Party) -> bool:
        """Say that nothing new is for one who was made anonymous."""
        return record.anonymised_at is None

    def owed(self, party: Party) -> "Owed | None":
        """Return what the party owes, for those who see invoices, and what of the invoices they see is late."""
        if not self.appbuilder.sm.may("invoice", "see"):
            return None
        session, at = db.session(), clock.now()
        late: dict[str, Decimal] = {}
        for invoice in session.execute(balances.open_invoices(party)).scalars():
            if balances.is_overdue(invoice, periods.today(invoice.organisation, at)):
                late[invoice.currency] = late.get(invoice.currency, Decimal(0)) + invoice.rest
        balance = balances.of_party(session, party, on=date.max)
        standing = {currency: amount for currency, amount in balance.items() if amount}
        return Owed(standing, late, "" if standing else _currency_of_nothing(session, balance))

    def account(self, party: Party) -> "Account | None":
        """Return what the party owes and what makes it up, for those who see invoices; the items as far as they see."""
        if not self.appbuilder.sm.may("invoice", "see"):
            return None
        session = db.session()
        balance = balances.of_party(session, party, on=date.max)
        items = balances.open_now(session, party)
        return Account(party_balance=balance, all_items=items, at=clock.now())

    def figures(self, party: Party) -> list[tuple[str, Any]]:
        """Return the figures of a party as of now, those that the reader may see: (label, value)."""
        shown = [name for area, names in FIGURES.items() if self.appbuilder.sm.may(area, "see") for name in names]
        [found] = party_metric.figures(db.session(), [party.id], at=clock.now())
        cells = {name: money_cell(found[name]) if name in MONEY else cell(found[name]) for name in shown}
        return [(self.label(name), cells[name]) for name in shown if found[name] not in {None, 0}]

    def _loaders(self, names: Sequence[str]) -> list[Any]:
        """Return also how the figures of a page are read."""
        beside = [selectinload(Party.metric)] if set(names) & set(SHOWN) else []
        return [*super()._loaders(names), *beside]

    def value(self, record: Any, name: str) -> Any:
        """Show figures of money with cents, though nobody says in which currency."""
        if name in MONEY:
            return money_cell(getattr(record, name))
        return super().value(record, name)

    def sees_money(self) -> bool:
        """Say whether the reader sees what is invoiced."""
        return bool(self.appbuilder.sm.may("invoice", "see"))

    @staticmethod
    def missing(party: Party) -> list[party_complete.Want]:
        """Return what is to be completed, as far as the reader may see and fill it."""
        session = db.session()
        hidden = field_right.hidden(session, Party, "change")
        return [want for want in party_complete.missing_of(session, party) if want.field not in hidden]

    @staticmethod
    def group(party: Party) -> "party_group.Group | None":
        """Return the group that a party is a part of, as far as the reader sees it."""
        return party_group.of_party(db.session(), party)

    money = staticmethod(money_cell)

    def amount(self, amount: Decimal, currency: str) -> str:
        """Return an amount of money in the reader's language."""
        return format_money(amount, currency, language())

    def page(self, template: str, **about: Any) -> str:
        """Render the list with a way to the import for those who may import."""
        own = {"web/list.html": "web/party_list.html"}
        about |= {"may_import": self.appbuilder.sm.may("party", "import"), "may_merge": self.may(MERGE)}
        return super().page(own.get(template, template), **about)


class PartyApi(ConsentsApi, CrudApi):
    """REST of counterparties."""

    datamodel = PARTIES
    list_columns: ClassVar = ["name", "kind", "country", "tax_number", "phone", "email", "owner", "changed_at"]
    show_columns: ClassVar = [*MAIN, *NUMBERS, *REACH, *MORE, "archived_at", "completeness", "merged_into"]
    add_columns: ClassVar = [*MAIN, *NUMBERS, *REACH, *MORE]
    edit_columns: ClassVar = [*MAIN, *NUMBERS, *REACH, *MORE]
    search_columns: ClassVar = [
        "name",
        "kind",
        "country",
        "tax_number",
        "email",
        "phone",
        "external_id",
        "owner",
        "team",
        "changed_at",
    ]
    order_columns: ClassVar = ["name", "tax_number", "country", "changed_at"]
    base_order = ("name", "asc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {"name": "Tulpen & Zonen B.V.", "country": "NL", "tax_number": "NL854502130B01", "is_customer": True}
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, PartyView, "party", label=_l("Parties"), group="sales", icon="building-2")
    appbuilder.add_api(PartyApi)
