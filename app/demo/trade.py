"""Orders and invoices of the demo company: fourteen months of business, done by the services one act after the other.

The story is planned first, then told in the order of its days, because numbers and chains only run forward.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import clock
from app.demo import payment as payments
from app.demo import selling
from app.demo.diary import Diary
from app.demo.party import DAYS
from app.demo.team import People
from app.models.invoice import Invoice, InvoiceKind, InvoiceLine
from app.models.organisation import Organisation
from app.models.party import Party, PartyKind
from app.models.payment import Payment
from app.models.product import Product, ProductKind
from app.models.sale_order import SaleOrder, SaleOrderLine
from app.models.tax import Tax
from app.outbox import Errand, Outbox
from app.roles import Scope
from app.services import invoice as invoices
from app.services import sale_order as orders
from app.services import tax as taxes
from app.services.access import Actor

# What becomes of each order, by how many of them there are.
ORDERS = {"draft": 9, "cancelled": 6, "confirmed": 13, "invoiced": 4, "drafted": 4, "done": 24}
DIRECT = 80  # invoices without an order
DRAFTS = 8  # of them, not issued yet
CREDITED = 8
RATE = Decimal("1.15")  # euros for a pound
_FOREIGN = "GBP"
FILES = ("invoice.render", "quote.render", "delivery.render", "document.render")
_REASONS = {
    "nl": "Beschadigd bij aankomst",
    "ru": "Повреждено при перевозке",
    "hy": "Վնասվել է փոխադրման ժամանակ",
    "en": "Damaged on arrival",
}


@dataclass
class Stage:
    """Everybody and everything that the story needs."""

    session: Session
    organisation: Organisation
    products: list[Product]
    parties: list[Party]
    people: People
    today: date
    diary: Diary
    taxes: dict[str, Tax]
    random: Random = field(default_factory=lambda: Random("trade"))  # noqa: S311 -- the same demo every time
    selling: Random = field(default_factory=lambda: Random("selling"))  # noqa: S311 -- of quotes and deliveries
    plan: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)

    def at(self, day: date, act: Callable[[datetime], None]) -> None:
        """Plan an act for a working hour of a day; what would be in the future does not happen."""
        moment = datetime.combine(day, time(7 + len(self.plan) % 8, self.random.randrange(60)), UTC)
        if day < self.today:
            self.plan.append((moment, len(self.plan), act))

    def day(self, earliest: int, latest: int) -> date:
        """Return a day between so many days ago and so many."""
        return self.today - timedelta(days=self.random.randint(latest, earliest))

    def actor(self, username: str) -> Actor:
        """Return somebody of the team as the one who acts."""
        return Actor(self.people.ids[username], username, Scope.all)

    def seller(self, party: Party) -> Actor:
        """Return the manager of a counterparty, else the back office."""
        names = {key: name for name, key in self.people.ids.items()}
        return self.actor(names.get(party.owner_id or 0, "office"))


def ensure(
    session: Session, *, organisation: Organisation, products: list[Product], people: People, today: date
) -> dict[str, int]:
    """Tell the story once, in a database without orders and invoices; return what was made, by stem."""
    stems = {SaleOrder: "order", Invoice: "invoice", Payment: "payment"}
    before = {of: session.execute(select(func.count()).select_from(of)).scalar_one() for of in stems}
    if any(before.values()):
        return dict.fromkeys(stems.values(), 0)
    presets = {tax.code: tax for tax in taxes.make_presets(session, organisation.country)}
    stage = Stage(session, organisation, products, _customers(session), people, today, Diary(session), presets)
    for fate, count in ORDERS.items():
        for _each in range(count):
            _plan_order(stage, fate)
    selling.plan_quotes(stage, _lines)
    for at in range(DIRECT):
        _plan_invoice(stage, issued=at >= DRAFTS, credited=DRAFTS <= at < DRAFTS + CREDITED)
    for moment, _number, act in sorted(stage.plan, key=lambda one: one[:2]):
        act(moment)
    return {stem: session.execute(select(func.count()).select_from(of)).scalar_one() for of, stem in stems.items()}


def let_work_begin_now(session: Session) -> None:
    """Make the files of the story's documents due now: work that waits since last year looks like a dead worker."""
    waiting = update(Outbox).where(Outbox.state == Errand.pending, Outbox.topic.in_(FILES))
    session.execute(waiting.values(due_at=clock.now()).execution_options(synchronize_session=False))


def _customers(session: Session) -> list[Party]:
    found = select(Party).where(Party.is_customer, Party.archived_at.is_(None)).order_by(Party.id).limit(90)
    return list(session.execute(found).scalars())


# --- orders ---------------------------------------------------------------------------------------------------------


def _plan_order(stage: Stage, fate: str) -> None:  # noqa: C901 -- one branch a fate
    party = stage.random.choice(stage.parties)
    recent = fate in {"draft", "confirmed", "drafted"}
    begun = stage.day(40, 6) if recent else stage.day(DAYS - 30, 60)
    order = _order(stage, party, begun)
    seller = stage.seller(party)

    def take_down(at: datetime) -> None:
        with stage.diary.entry(at, seller) as touched:
            order.created_at = at
            orders.save(stage.session, order)
            touched.append(order)

    def confirm(at: datetime) -> None:
        with stage.diary.entry(at, seller) as touched:
            orders.confirm(stage.session, order, at=at)
            touched.append(order)

    def act(verb: Callable[[Session, SaleOrder], None], by: Actor) -> Callable[[datetime], None]:
        def do(at: datetime) -> None:
            with stage.diary.entry(at, by) as touched:
                verb(stage.session, order)
                touched.append(order)

        return do

    def give_up(session: Session, given: SaleOrder) -> None:
        orders.cancel(session, given, reason=selling.GIVEN_UP[party.language])

    stage.at(begun, take_down)
    if fate == "draft":
        return
    stage.at(begun + timedelta(days=1), confirm)
    if fate == "cancelled":
        stage.at(begun + timedelta(days=4), act(give_up, seller))
    if fate in {"invoiced", "done", "drafted"}:
        _plan_invoice_of(stage, order, begun + timedelta(days=5), issued=fate != "drafted")
    if fate == "done":
        selling.plan_arrival(stage, order, begun + timedelta(days=9))
    elif fate in {"invoiced", "confirmed"}:
        selling.plan_delivery(stage, order, begun + timedelta(days=3))


def _order(stage: Stage, party: Party, day: date) -> SaleOrder:
    return SaleOrder(
        organisation=stage.organisation,
        party=party,
        owner_id=party.owner_id,
        team_id=party.team_id,
        currency=stage.organisation.currency,
        ordered_on=day,
        delivery_on=day + timedelta(days=4),
        buyer_reference=f"PO-{stage.random.randint(1000, 9999)}" if stage.random.random() < 0.5 else None,  # noqa: PLR2004
        lines=[SaleOrderLine(**line) for line in _lines(stage, party)],
    )


def _plan_invoice_of(stage: Stage, order: SaleOrder, day: date, *, issued: bool) -> None:
    drawn: list[Invoice] = []

    def draw_up(at: datetime) -> None:
        by = stage.actor("accountant")
        with stage.diary.entry(at, by) as touched:
            invoice = invoices.from_order(stage.session, order)
            drawn.append(invoice)
            invoice.created_at = at
            stage.session.flush()
            if issued:
                invoices.issue(stage.session, invoice, at=at, by=by)
            touched += [invoice, order]

    stage.at(day, draw_up)
    if issued:
        payments.plan(stage, lambda: next(iter(drawn), None), day)


# --- invoices without an order --------------------------------------------------------------------------------------


def _plan_invoice(stage: Stage, *, issued: bool, credited: bool) -> None:
    party = stage.random.choice(stage.parties)
    day = stage.day(DAYS - 20, 3) if issued else stage.day(12, 2)
    if credited:
        day = stage.day(DAYS - 20, 40)
    invoice = _invoice(stage, party)
    by = stage.actor("accountant")

    def draw_up(at: datetime) -> None:
        with stage.diary.entry(at, by) as touched:
            invoice.created_at = at
            invoices.save(stage.session, invoice)
            stage.session.flush()
            if issued:
                invoices.issue(stage.session, invoice, at=at, by=by)
            touched.append(invoice)

    def take_back(at: datetime) -> None:
        with stage.diary.entry(at, by) as touched:
            some = {invoice.lines[0].id: invoice.lines[0].quantity} if len(invoice.lines) > 1 else None
            note = invoices.credit(stage.session, invoice, reason=_REASONS[party.language], lines=some)
            note.created_at = at
            stage.session.flush()
            invoices.issue(stage.session, note, at=at, by=by)
            touched.append(note)

    stage.at(day, draw_up)
    if issued:
        payments.plan(stage, lambda: invoice, day)
    if credited:
        stage.at(day + timedelta(days=stage.random.randint(6, 30)), take_back)


def _invoice(stage: Stage, party: Party) -> Invoice:
    foreign = party.country == "GB" and stage.random.random() < 0.5  # noqa: PLR2004 -- half of them
    return Invoice(
        kind=InvoiceKind.invoice,
        organisation=stage.organisation,
        party=party,
        owner_id=party.owner_id,
        team_id=party.team_id,
        currency=_FOREIGN if foreign else stage.organisation.currency,
        exchange_rate=RATE if foreign else None,
        lines=[InvoiceLine(**line) for line in _lines(stage, party, foreign=foreign)],
    )


def _lines(stage: Stage, party: Party, *, foreign: bool = False) -> list[dict[str, Any]]:
    """Return lines that a counterparty of this country would buy, with the tax that its country asks for."""
    goods = [product for product in stage.products if product.kind == ProductKind.goods]
    wares: Sequence[Product] = stage.products if party.country == stage.organisation.country else goods
    tax = _tax(stage, party)
    found = []
    for product in stage.random.sample(list(wares), stage.random.choice((1, 2, 3, 3, 4, 6))):
        price = product.price or Decimal(0)
        found.append(
            {
                "product": product,
                "quantity": Decimal(stage.random.choice((1, 2, 4, 5, 10, 12, 24, 40))),
                "unit_price": (price / RATE).quantize(Decimal("0.01")) if foreign else price,
                "discount_percent": Decimal(stage.random.choice((0, 0, 0, 5, 10))),
            }
            | ({"tax": tax} if tax is not None else {})
        )
    return found


def _tax(stage: Stage, party: Party) -> Tax | None:
    """Return the tax of a sale abroad; None leaves it to the product."""
    if party.country == stage.organisation.country:
        return None
    if party.country == "BE":
        return stage.taxes["eu"] if party.kind == PartyKind.company and party.tax_number else None
    return stage.taxes["export"]
