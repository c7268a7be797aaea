"""Quotes and deliveries of the demo company, told among its orders and invoices."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from app.models.delivery import DeliveryState
from app.models.quote import Quote, QuoteLine, QuoteState
from app.models.sale_order import UNDER_WAY, OrderState, SaleOrder
from app.services import delivery as deliveries
from app.services import order_progress as progress
from app.services import quote as quotes

if TYPE_CHECKING:
    from app.demo.trade import Stage

# What becomes of each quote, by how many of them there are.
QUOTES = {"draft": 4, "sent": 7, "accepted": 3, "ordered": 6, "rejected": 4, "expired": 4, "replaced": 3}
CARRIERS = {"nl": "PostNL", "en": "DHL", "ru": "СДЭК", "hy": "Հայփոստ"}
GIVEN_UP = {
    "nl": "De klant heeft zich bedacht",
    "ru": "Клиент передумал",
    "hy": "Հաճախորդը մտափոխվել է",
    "en": "The customer has changed his mind",
}
TOO_DEAR = {
    "nl": "Een ander was goedkoper",
    "ru": "У других дешевле",
    "hy": "Ուրիշի մոտ ավելի էժան էր",
    "en": "Somebody else was cheaper",
}
_BACK = {
    "nl": "Verkeerde kleur geleverd",
    "ru": "Не тот цвет",
    "hy": "Այլ գույն էր ուղարկվել",
    "en": "The wrong colour was sent",
}
Lines = Callable[..., list[dict[str, Any]]]


def plan_quotes(stage: "Stage", lines: Lines) -> None:
    """Plan quotes with every fate."""
    own = _own(stage)
    for fate, count in QUOTES.items():
        for _each in range(count):
            _plan_quote(own, fate, lines)


def _own(stage: "Stage") -> "Stage":
    """Return the stage with a chance of its own: what else happens does not change with quotes and deliveries."""
    return replace(stage, random=stage.selling)


def _plan_quote(stage: "Stage", fate: str, lines: Lines) -> None:  # noqa: C901 -- one branch a fate
    party = stage.random.choice(stage.parties)
    begun = stage.day(14, 4) if fate in {"draft", "sent"} else stage.day(150, 60)
    seller = stage.seller(party)
    quote = Quote(
        organisation=stage.organisation,
        party=party,
        owner_id=party.owner_id,
        team_id=party.team_id,
        currency=stage.organisation.currency,
        edition=1,
        valid_until=begun + timedelta(days=30),
        lines=[QuoteLine(**line) for line in lines(stage, party)],
    )
    session = stage.session

    def told(act: Callable[[datetime], list[Any]]) -> Callable[[datetime], None]:
        def do(at: datetime) -> None:
            with stage.diary.entry(at, seller) as touched:
                touched.extend(act(at))

        return do

    def draw_up(at: datetime) -> list[Any]:
        quote.created_at = at
        quotes.save(session, quote)
        session.flush()
        if fate != "draft":
            quotes.release(session, quote, at=at, by=seller)
        return [quote]

    def answer(at: datetime) -> list[Any]:
        if fate == "rejected":
            quotes.reject(session, quote, reason=TOO_DEAR[party.language], at=at, by=seller)
        elif fate in {"accepted", "ordered"}:
            quotes.accept(session, quote, at=at, by=seller)
        else:
            later = quotes.new_version(session, quote)
            later.valid_until = stage.today + timedelta(days=20)
            later.created_at = at
            quotes.save(session, later)
            session.flush()
            quotes.release(session, later, at=at, by=seller)
            return [quote, later]
        return [quote]

    def order(at: datetime) -> list[Any]:
        if quote.state != QuoteState.accepted:
            return []
        made = quotes.make_order(session, quote)
        made.created_at = at
        session.flush()
        return [made]

    def expire(at: datetime) -> list[Any]:
        quotes.expire_some(session, at=at)
        return [quote]

    stage.at(begun, told(draw_up))
    if fate in {"accepted", "ordered", "rejected", "replaced"}:
        stage.at(begun + timedelta(days=6), told(answer))
    if fate == "ordered":
        stage.at(begun + timedelta(days=7), told(order))
    if fate == "expired":
        stage.at(begun + timedelta(days=32), told(expire))


def plan_delivery(stage: "Stage", order: SaleOrder, day: date) -> None:
    """Plan a first delivery of an order: of some half of it has arrived, others are on their way, a few are late."""
    stage = _own(stage)
    by = stage.actor("office")
    fate = stage.random.choice(("planned", "shipped", "half", "none"))

    def do(at: datetime) -> None:
        if order.state not in UNDER_WAY or fate == "none":
            return
        with stage.diary.entry(at, by) as touched:
            line = order.lines[0]
            some = {line.id: line.quantity} if fate == "half" and len(order.lines) > 1 else None
            carrier = CARRIERS[order.party.language]
            one = deliveries.plan(stage.session, order, at=at, lines=some, carrier=carrier)
            one.created_at = at
            stage.session.flush()
            if fate in {"shipped", "half"}:
                number = f"T{stage.random.randint(10**8, 10**9)}"
                deliveries.ship(stage.session, one, at=at, by=by, tracking_number=number)
            if fate == "half":
                deliveries.deliver(stage.session, one, at=at, by=by)
            touched += [one, order]

    stage.at(day, do)


def plan_arrival(stage: "Stage", order: SaleOrder, day: date) -> None:
    """Plan that everything of an order arrives, and that now and then something comes back."""
    by = stage.actor("office")
    comes_back = stage.selling.random() < 0.15  # noqa: PLR2004 -- now and then

    def do(at: datetime) -> None:
        if order.state not in {OrderState.confirmed, OrderState.in_progress}:
            return
        with stage.diary.entry(at, by) as touched:
            open_now = deliveries.open_quantities(order, progress.moved(stage.session, order))
            if not any(open_now.values()):
                return
            one = deliveries.plan(stage.session, order, at=at, carrier=CARRIERS[order.party.language])
            one.created_at = at
            stage.session.flush()
            deliveries.deliver(stage.session, one, at=at, by=by)
            touched += [one, order]
            if comes_back and one.state == DeliveryState.delivered:
                line = one.lines[0]
                wanted = {line.order_line_id: line.quantity}
                back = deliveries.take_back(stage.session, one, reason=_BACK[order.party.language], at=at, lines=wanted)
                back.created_at = at
                stage.session.flush()
                touched.append(back)

    stage.at(day, do)
