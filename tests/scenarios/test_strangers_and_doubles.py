"""Who is known: a message from an unknown number, twice; two counterparties that become one, and two again."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from app.models.activity import Activity
from app.models.history import Act, FieldChange
from app.models.lead import Lead, LeadState
from app.models.lead_source import LeadChannel, LeadReceiver, LeadSource
from app.models.party import Party
from app.models.party_merge import MergeState, PartyMerge
from app.models.sale_order import SaleOrder
from app.services import lead_source as sources

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
STRANGER = "+31612345678"


def message(visitor, secret: str, text: str, number: str, at: datetime) -> int:
    """Send what a messenger's program would send: signed, in its own words."""
    body = json.dumps({"channel": "chat", "from": {"phone": STRANGER, "name": "Bram"}, "text": text}).encode()
    moment = str(int(at.timestamp()))
    signed = {"webhook-id": number, "webhook-timestamp": moment}
    signed["webhook-signature"] = sources.sign(secret, number, moment, body)
    headers = {"Content-Type": "application/json"} | signed
    return visitor.client.post("/intake/messenger/message", data=body, headers=headers).status_code


def test_an_unknown_number_writes_twice_and_once_more_when_we_know_it(visitor, as_user, session, made, time_machine):
    time_machine.move_to(NOON, tick=False)
    made.organisation()
    made.pipeline()
    source = LeadSource(name="Messenger", code="messenger", channel=LeadChannel.message, norm_minutes=30)
    source.receivers.append(LeadReceiver(user=made.user("manager")))
    sources.save(session, source)
    session.flush()
    secret = sources.new_secret(session, source, at=NOON)
    session.commit()

    # A stranger writes: a lead makes itself. The program sends the message twice; it is stored once.
    assert message(visitor, secret, "Do you have oak?", "m-1", NOON) == 201
    assert message(visitor, secret, "Do you have oak?", "m-1", NOON) == 200
    lead = session.scalars(select(Lead)).one()
    assert (lead.name, lead.phone, lead.owner.username, len(lead.arrivals)) == ("Bram", STRANGER, "manager", 1)

    # The second message joins the first one, whose clock goes on as it was.
    time_machine.move_to(NOON + 5 * MINUTE, tick=False)
    due = lead.respond_by
    assert message(visitor, secret, "Twenty beams", "m-2", NOON + 5 * MINUTE) == 201
    session.expire_all()
    assert session.scalars(select(Lead)).all() == [lead]
    assert ([each.text for each in lead.arrivals], lead.respond_by) == (["Do you have oak?", "Twenty beams"], due)
    manager = as_user("manager")
    page = manager.get(f"/lead/{lead.id}/tab/arrivals").text
    assert page.index("Twenty beams") < page.index("Do you have oak?")

    # When he is a customer, what he writes stands in his history and makes nothing new.
    manager.post(f"/lead/{lead.id}/accept")
    manager.post(f"/lead/{lead.id}/convert")
    session.expire_all()
    assert (lead.state, lead.party.phone) == (LeadState.converted, STRANGER)
    assert message(visitor, secret, "When will they come?", "m-3", NOON + 5 * MINUTE) == 201
    session.expire_all()
    assert session.scalar(select(func.count()).select_from(Lead)) == 1
    assert "When will they come?" in manager.get(f"/party/{lead.party_id}/timeline").text
    assert session.scalars(select(Activity.body).where(Activity.entity == "party")).all() == ["When will they come?"]


def test_two_are_merged_worked_on_and_taken_apart(as_user, session, made, time_machine):
    time_machine.move_to(NOON, tick=False)
    one = made.buyer("Bakkerij Janssen B.V.", owner="manager", phone="+31201234567")
    other = made.buyer("Bakkerij Jansen", owner="manager2", phone="+31201234567", email="info@janssen.nl")
    first, second = made.order(party=one), made.order(party=other)
    session.commit()
    head = as_user("head")

    # The head merges them and takes the e-mail of the other one; its order comes along.
    choice = {"a": str(one.id), "b": str(other.id), "take.email": "b"}
    names = ("name", "kind", "owner", "team")
    sent = choice | {f"take.{name}": "a" for name in names}
    assert head.post("/party/merge", sent).headers["Location"] == f"/party/show/{one.id}"
    session.expire_all()
    assert (one.email, second.party_id) == ("info@janssen.nl", one.id)
    assert head.get(f"/party/show/{other.id}").headers["Location"] == f"/party/show/{one.id}"

    # Days later somebody corrects the e-mail and orders again.
    time_machine.move_to(NOON + 12 * DAY, tick=False)
    manager = as_user("manager")
    about = {"version": one.version, "email": "orders@janssen.nl"}
    assert manager.api("PUT", f"/api/v1/party/{one.id}", json=about).status_code == 200
    third = made.order(party=one)
    session.commit()

    # They were two after all: what nobody has touched goes back, what somebody has changed stays and is told.
    time_machine.move_to(NOON + 29 * DAY, tick=False)
    head = as_user("head")
    assert head.post(f"/party/{other.id}/unmerge").status_code == 302
    session.expire_all()
    merge = session.scalars(select(PartyMerge)).one()
    assert (merge.state, merge.conflicts) == (MergeState.undone, [{"field": "email"}])
    assert (first.party_id, second.party_id, third.party_id) == (one.id, other.id, one.id)
    assert (one.email, other.email, other.merged_into_id) == ("orders@janssen.nl", "info@janssen.nl", None)
    assert head.get(f"/party/show/{other.id}").status_code == 200
    told = select(FieldChange).where(FieldChange.entity == SaleOrder.__stem__, FieldChange.record_id == second.id)
    assert len([row for row in session.scalars(told) if row.act is Act.change and "party_id" in row.changes]) == 2
    assert session.scalar(select(func.count()).select_from(SaleOrder).where(SaleOrder.party_id == other.id)) == 1
    assert session.scalar(select(func.count()).select_from(Party).where(Party.merged_into_id.is_not(None))) == 0
