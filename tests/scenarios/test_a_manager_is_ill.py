"""A manager is ill for a week: somebody stands in, requests go to others, one deal changes hands, and he comes back."""

import json
from datetime import UTC, date, datetime

from sqlalchemy import select

from app.models.activity import Activity, ActivityKind, ActivityState
from app.models.lead import Lead
from app.models.lead_source import Assignment, LeadChannel, LeadReceiver, LeadSource
from app.models.substitution import Substitution
from app.services import lead_source as sources
from app.services import planned
from app.services.access import SYSTEM

FRIDAY = datetime(2026, 3, 27, 9, tzinfo=UTC)
MONDAY, WEDNESDAY = datetime(2026, 3, 30, 8, tzinfo=UTC), datetime(2026, 4, 1, 8, tzinfo=UTC)
BACK = datetime(2026, 4, 7, 8, tzinfo=UTC)  # the Tuesday after Easter


def test_a_manager_is_ill_for_a_week(visitor, as_user, session, made, time_machine):
    time_machine.move_to(FRIDAY, tick=False)
    made.organisation()
    source = LeadSource(name="Shop", code="shop", channel=LeadChannel.api, assignment=Assignment.in_turn, language="nl")
    source.receivers = [LeadReceiver(user=made.user(name)) for name in ("manager", "manager2")]
    sources.save(session, source)
    session.flush()
    secret = sources.new_secret(session, source, at=FRIDAY)
    running, urgent = made.deal("Bulbs for the park", at=FRIDAY), made.deal("Bulbs for the fair", at=FRIDAY)
    ill, other = made.user("manager"), made.user("manager2")
    about = {"owner_id": ill.id, "by": SYSTEM, "at": FRIDAY}
    call = planned.plan(
        session, running, kind=ActivityKind.call, subject="Call the park", due_at=WEDNESDAY.replace(hour=10), **about
    )
    session.commit()

    def ask(number: str, at: datetime) -> str:
        """Let the shop's program send a request, and return who gets it."""
        body, moment = (
            json.dumps({"name": "Anna", "email": f"{number}@bloem.example"}).encode(),
            str(int(at.timestamp())),
        )
        signed = {"webhook-id": number, "webhook-timestamp": moment}
        signed["webhook-signature"] = sources.sign(secret, number, moment, body)
        answer = visitor.client.post("/intake/shop", data=body, headers={"Content-Type": "application/json"} | signed)
        assert answer.status_code == 201
        return str(session.scalars(select(Lead).where(Lead.email == f"{number}@bloem.example")).one().owner.username)

    # Before, requests go to both in turn, and she sees nothing of his.
    assert [ask("a", FRIDAY), ask("b", FRIDAY)] == ["manager", "manager2"]
    assert as_user("manager2").get(f"/deal/show/{running.id}").status_code == 404

    # On Monday he is ill; the head notes it and says who stands in for him.
    time_machine.move_to(MONDAY, tick=False)
    head = as_user("head")
    illness = {
        "user": ill.id,
        "kind": "illness",
        "begins_on": "2026-03-30",
        "ends_on": "2026-04-03",
        "substitute": other.id,
    }
    assert head.post("/absence/add", illness).status_code == 302
    stands_in = session.scalars(select(Substitution)).one()
    assert (stands_in.substitute_id, stands_in.ends_on) == (other.id, date(2026, 4, 3))
    assert [ask("c", MONDAY), ask("d", MONDAY)] == ["manager2", "manager2"]
    team = head.get("/day/team").text
    assert team.count('class="badge">Away<') == 1

    # On Wednesday she makes his call and moves his deal; another deal is hers from now on.
    time_machine.move_to(WEDNESDAY, tick=False)
    hers = as_user("manager2")
    assert "Call the park" in hers.get(f"/deal/show/{running.id}").text
    assert hers.post(f"/activity/{call.id}/finish", {"result": "They agree"}).status_code == 302
    offer = next(each for each in running.pipeline.stages if each.name == "Offer")
    assert hers.post(f"/deal/{running.id}/move", {"stage": str(offer.id)}).status_code == 302
    session.expire_all()
    given = as_user("head").api("PUT", f"/api/v1/deal/{urgent.id}", json={"version": urgent.version, "owner": other.id})
    assert given.status_code == 200, given.json
    session.expire_all()
    assert (running.stage.name, running.owner_id, urgent.owner_id) == ("Offer", ill.id, other.id)
    assert session.scalars(select(Activity.state).where(Activity.id == call.id)).one() is ActivityState.done

    # After Easter he is back: it is his turn again, his deals are his alone, and what she did stands in their history.
    time_machine.move_to(BACK, tick=False)
    assert ask("e", BACK) == "manager"
    hers, his = as_user("manager2"), as_user("manager")
    assert [hers.get(f"/deal/show/{one.id}").status_code for one in (running, urgent)] == [404, 200]
    assert "Away" not in as_user("head").get("/day/team").text
    history = his.get(f"/deal/{running.id}/timeline").text
    assert "They agree" in history
    assert "Maria Manager" in history
