"""Boards: cards in columns, moved by the verbs that the buttons run, cut by the row rule."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.models.invoice import Invoice, InvoiceState
from app.models.sale_order import OrderState, SaleOrder
from app.services import access
from app.services import sale_order as orders
from app.views.order import OrderView
from app.web.board import Board
from tests.conftest import Browser
from tests.factories import Made

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
As = Callable[[str], Browser]


@pytest.fixture
def order(session: Session, made: Made) -> SaleOrder:
    made.organisation()
    found = made.order(("3", "10.00"), owner=made.user("manager"))
    session.commit()
    return found


def columns(page: str) -> dict[str, tuple[str, list[str], list[str]]]:
    """Return what the columns say: their count, sums and cards."""
    found = {}
    for part in page.split('<section class="board-column" data-column="')[1:]:
        key = part.partition('"')[0]
        count = re.search(r'class="count[^"]*"[^>]*>([\d,]+)', part)
        sums = re.findall(r'<span class="num">([^<]+)</span>', part.partition("<ul")[0])
        cards = re.findall(r'class="bcard-title"[^>]*>([^<]+)<', part)
        assert count
        found[key] = (count[1], sums, cards)
    return found


def move(browser: Browser, record: Any, to: str, *, stem: str = "order", query: str = "", **given: str) -> Any:
    return browser.post(f"/{stem}/board/{record.id}{query}", {"to": to, **given}, headers={"X-Part": "1"})


WHY = "Deliveries and invoices bring an order on; closing and cancelling need a reason: see its card."


def standing(session: Session, record: SaleOrder) -> SaleOrder:
    session.expire_all()
    access.act_as(session, access.SYSTEM)
    return session.get_one(SaleOrder, record.id)


def test_columns_count_and_add_up_what_matches(as_user: As, session: Session, made: Made) -> None:
    made.organisation()
    for quantity in ("1", "2"):
        made.order((quantity, "10.00"))
    done = made.order(("5", "10.00"))
    orders.confirm(session, done, at=NOW)
    session.commit()
    found = columns(as_user("office").get("/order/board").text)
    assert {key: column[:2] for key, column in found.items()} == {
        "draft": ("2", ["36.30 EUR"]),
        "confirmed": ("1", ["60.50 EUR"]),
        "in_progress": ("0", []),
        "fulfilled": ("0", []),
        "closed": ("0", []),
        "cancelled": ("0", []),
    }
    filtered = columns(as_user("office").get("/order/board?flt.state.eq=confirmed").text)
    assert [column[0] for column in filtered.values()] == ["0", "1", "0", "0", "0", "0"]
    assert filtered["confirmed"][2] == [done.number]


def test_a_move_is_the_verb_of_the_service(as_user: As, session: Session, order: SaleOrder) -> None:
    told = move(as_user("manager"), order, "confirmed").get_json()
    kept = standing(session, order)
    assert (kept.state, kept.number is not None) == (OrderState.confirmed, True)
    assert told["column"] == "confirmed"
    assert kept.number in told["card"]
    assert re.search(r'class="count">1<', told["heads"]["confirmed"])
    assert re.search(r'class="count">0<', told["heads"]["draft"])
    assert told["undo"]["fields"]["to"] == "draft"
    again = as_user("manager").post(told["undo"]["url"], told["undo"]["fields"])
    assert (again.status_code, standing(session, order).state) == (302, OrderState.draft)


@pytest.mark.parametrize(
    ("to", "text"), [("fulfilled", "#{id} cannot go from “Draft” to “Fulfilled”. " + WHY), ("draft", "")]
)
def test_what_the_state_forbids_is_refused_and_nothing_changes(
    as_user: As, session: Session, order: SaleOrder, to: str, text: str
) -> None:
    told = move(as_user("office"), order, to).get_json()
    assert told == {"refused": text.format(id=order.id)}
    assert (standing(session, order).state, order.version) == (OrderState.draft, 1)


def test_what_the_service_refuses_is_said(as_user: As, session: Session, order: SaleOrder) -> None:
    session.execute(sa.text("DELETE FROM sale_order_line"))
    session.commit()
    assert move(as_user("office"), order, "confirmed").get_json() == {"refused": "An order needs at least one line"}
    assert standing(session, order).state == OrderState.draft


def test_who_only_looks_moves_nothing(as_user: As, session: Session, order: SaleOrder) -> None:
    auditor = as_user("auditor")
    page = auditor.get("/order/board").text
    assert columns(page)["draft"][2] == [f"#{order.id}"]
    assert "bcard-menu" not in page
    assert move(auditor, order, "confirmed").get_json() == {"refused": "You may not do this: Confirm"}
    assert standing(session, order).state == OrderState.draft


def test_a_foreign_card_is_not_there(as_user: As, session: Session, order: SaleOrder) -> None:
    other = as_user("manager2")
    assert columns(other.get("/order/board").text)["draft"] == ("0", [], [])
    assert move(other, order, "confirmed").status_code == 404
    own = columns(as_user("manager").get("/order/board").text)
    assert own["draft"][2] == [f"#{order.id}"]
    assert standing(session, order).state == OrderState.draft


def test_an_unknown_column_is_not_found(as_user: As, order: SaleOrder) -> None:
    assert move(as_user("office"), order, "shipped").status_code == 404


def test_without_a_script_the_menu_moves_too(as_user: As, session: Session, order: SaleOrder) -> None:
    office = as_user("office")
    page = office.get("/order/board?q=").text
    button = re.search(r'form="mover"[^>]*value="confirmed" formaction="([^"]+)"', page)
    assert button
    answer = office.post(button[1].replace("&amp;", "&"), {"to": "confirmed", "back": "/order/board?size=25"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/order/board?size=25")
    assert standing(session, order).state == OrderState.confirmed
    assert f"{order.number} is now in “Confirmed”." in office.get("/order/board").text.replace("&#34;", '"')


def test_a_verb_that_asks_opens_its_dialog(as_user: As, session: Session, made: Made) -> None:
    made.organisation()
    invoice = made.invoice(("3", "10.00"), party=made.buyer())
    session.commit()
    office = as_user("accountant")
    found = columns(office.get("/invoice/board").text)
    assert [(key, column[0]) for key, column in found.items()] == [
        ("", "1"), ("open", "0"), ("partly_paid", "0"), ("paid", "0"), ("credited", "0"),
    ]  # fmt: skip
    assert move(office, invoice, "open", stem="invoice").get_json() == {"open": f"/invoice/{invoice.id}/issue"}
    card = office.get(f"/invoice/{invoice.id}/issue").text
    assert re.search(r'<details class="drop verb-drop"[^>]* open>\s*<summary[^>]*>.*?Issue', card, re.DOTALL)
    told = move(office, invoice, "paid", stem="invoice").get_json()["refused"]
    assert told == (
        f"#{invoice.id} cannot go from “Draft” to “Paid”."
        " What is paid decides where an invoice stands: issue it, or register its payment."
    )
    session.expire_all()
    access.act_as(session, access.SYSTEM)
    assert session.get_one(Invoice, invoice.id).state == InvoiceState.draft


def test_a_plain_column_is_changed_by_the_door_of_the_cells(
    as_user: As, session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OrderView, "boards", [Board("state", moves={"confirmed": "confirm"}), Board("owner")])
    made.organisation()
    order, other = made.order(owner=made.user("manager")), made.user("manager2")
    made.order(owner=other)
    session.commit()
    office, query = as_user("office"), "?by=owner"
    found = columns(office.get(f"/order/board{query}").text)
    assert {key: column[2] for key, column in found.items()} == {
        str(order.owner_id): [f"#{order.id}"],
        str(other.id): [f"#{order.id + 1}"],
    }
    stale = move(office, order, str(other.id), query=query, record_version="7").get_json()
    assert stale == {"refused": "Somebody else has just changed this record. Look at it and try again."}
    told = move(office, order, str(other.id), query=query, record_version="1").get_json()
    assert (told["column"], told["undo"]["fields"]["record_version"]) == (str(other.id), "2")
    assert (standing(session, order).owner_id, order.state) == (other.id, OrderState.draft)
    assert move(as_user("auditor"), order, "1", query=query).get_json() == {
        "refused": "You may look at these cards but not move them."
    }


def test_a_column_shows_fifty_cards_and_then_the_others(
    as_user: As, session: Session, made: Made, statements: list[str]
) -> None:
    made.organisation()
    first = made.order()
    table = SaleOrder.__table__
    values = {
        column.name: getattr(first, column.key)
        for column in table.columns
        if column.name not in {"id", "settlement"} and not column.computed
    }
    session.execute(sa.insert(table), [values] * 120)
    session.commit()
    office = as_user("office")
    statements.clear()
    page = office.get("/order/board").text
    assert len(statements) <= 12, len(statements)
    seen = columns(page)["draft"][2]
    assert (columns(page)["draft"][0], len(seen)) == ("121", 50)
    for expected in (50, 21):
        more = re.search(r'hx-get="([^"]+)" hx-vals=\'([^\']+)\'', page)
        assert more
        page = office.get(more[1].replace("&amp;", "&") + "&column=draft").text
        cards = re.findall(r'class="bcard-title"[^>]*>([^<]+)<', page)
        assert len(cards) == expected
        seen += cards
    assert (len(seen), len(set(seen))) == (121, 121)
    assert "hx-get" not in page


def test_marks_of_too_much_and_too_long(
    as_user: As, session: Session, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.organisation()
    old, _new = made.order(), made.order()
    session.flush()
    since = clock.now() - timedelta(days=41)
    session.execute(sa.update(SaleOrder).where(SaleOrder.id == old.id).values(changed_at=since))
    session.commit()
    monkeypatch.setattr(OrderView, "boards", [Board("state", wip={"draft": 1}, rot_after=timedelta(days=30))])
    page = as_user("office").get("/order/board").text
    assert "More than 1 at once" in page
    assert re.findall(r'class="rot" title="([^"]+)"', page) == ["Not changed for 41 days"]
