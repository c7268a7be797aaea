"""Segments of the demo company: whom its people write to, in their own languages."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.demo.team import SALES, People
from app.models.segment import Segment
from app.services import segment as segments

CUSTOMER: dict[str, Any] = {"field": "is_customer", "is": "eq", "value": "1"}
# name → owner, conditions
KNOWN: tuple[tuple[str, str, tuple[dict[str, Any], ...]], ...] = (
    ("Klanten in Nederland", "manager", (CUSTOMER, {"field": "country", "is": "eq", "value": "NL"})),
    (
        "Давно не заказывали",
        "head",
        (
            {"field": "orders_count", "is": "ge", "value": "1"},
            {"field": "last_order_on", "is": "over", "value": "60"},
        ),
    ),
    ("Մեկ պատվեր ունեցողներ", "head", ({"has": "order", "count": {"is": "eq", "value": 1}},)),
    ("Birthdays in the next two weeks", "marketer", ({"field": "birthday", "is": "comes", "value": "14"},)),
    (
        "Good customers with something overdue",
        "head",
        (
            {"field": "turnover", "is": "ge", "value": "5000"},
            {"any": [{"field": "open_balance", "is": "gt", "value": "0"}, {"has": "invoice", "days": 90}]},
        ),
    ),
)


def ensure(session: Session, *, people: People) -> int:
    """Make the segments, if there are none, and return how many were made."""
    if session.scalar(select(Segment.id).limit(1)) is not None:
        return 0
    for name, username, parts in KNOWN:
        owner = people.ids.get(username, people.ids["head"])
        made = Segment(name=name, definition={"version": 1, "all": list(parts)})
        made.owner_id, made.team_id = owner, people.teams[SALES]
        segments.save(session, made)
    session.flush()
    return len(KNOWN)
