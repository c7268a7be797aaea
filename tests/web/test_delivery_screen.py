"""Deliveries on screen: what should have arrived says how late it is."""

from datetime import UTC, datetime, timedelta

from app.services import delivery as deliveries
from app.services import sale_order as orders

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_a_delivery_says_how_late_it_is_until_it_arrives(as_user, session, made, time_machine):
    time_machine.move_to(NOON, tick=False)
    order = made.order(owner=made.user("manager"))
    orders.confirm(session, order, at=NOON)
    one = deliveries.plan(session, order, at=NOON)
    one.planned_on = NOON.date() - timedelta(days=2)
    session.commit()
    manager = as_user("manager")
    for path in ("/delivery/list/", f"/delivery/show/{one.id}"):
        assert '<span class="late">2 days overdue</span>' in manager.get(path).text
    one.planned_on = NOON.date()
    session.commit()
    assert "overdue" not in manager.get(f"/delivery/show/{one.id}").text
    one.planned_on = NOON.date() - timedelta(days=2)
    deliveries.deliver(session, one, at=NOON)
    session.commit()
    assert "overdue" not in manager.get(f"/delivery/show/{one.id}").text
