"""Hand-overs: each strategy exactly, a dry run that writes nothing, all or nothing, the way back, and who may."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import ApiKey
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from app.db import unit_of_work
from app.errors import Conflict, DomainError, NotAllowed, NotFound, Refusals
from app.models.handover import Handover, HandoverLine, HandoverState, LineOutcome, Strategy
from app.models.history import FieldChange
from app.models.notification import Notification
from app.models.party import Party, PartyAddress
from app.models.search_entry import SearchEntry
from app.models.sign_in import SignIn
from app.models.substitution import Substitution
from app.models.team import Team
from app.outbox import Outbox
from app.services import access, api_key, colleague, handover_kinds
from app.services import handover as handovers
from app.services import sign_in as sign_ins
from app.services import user as users
from app.services.handover_plan import Place, Plan, Wish
from tests.factories import Made, user

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
WATCHED = (Handover, HandoverLine, FieldChange, Notification, Outbox)


@pytest.fixture(autouse=True)
def today(time_machine: Any) -> None:
    time_machine.move_to(AT, tick=False)


@contextmanager
def acting(session: Session, name: str) -> Iterator[None]:
    person = user(session, name)
    roles = [role.name for role in person.roles]
    with access.acting(session, access.actor_of(session, user_id=person.id, name=name, roles=roles)):
        yield


def wish(made: Made, leaver: str, *to: str, **values: Any) -> Wish:
    return Wish(leaver_id=made.user(leaver).id, to=tuple(made.user(name).id for name in to), **values)


def owners(session: Session, *records: Any) -> list[str | None]:
    session.expire_all()
    return [record.owner.username if record.owner else None for record in records]


def carried_out(session: Session, asked: Wish, reason: str = "Mark has left") -> Handover:
    found = handovers.plan(session, asked)
    made = handovers.start(session, asked, fingerprint=found.fingerprint, reason=reason, at=AT)
    session.commit()
    return made


def to_names(made: Made, found: Plan) -> dict[tuple[str, int], str]:
    names = {made.user(name).id: name for name in ("manager", "manager2", "head", "office", "accountant")}
    return {(move.entity, move.record_id): names[move.to_id] for move in found.moves}


def counted(session: Session) -> list[int]:
    return [session.scalar(select(func.count()).select_from(each)) or 0 for each in WATCHED]


# --- plans ------------------------------------------------------------------------------------------------------------


def test_a_plan_for_one_person_names_everything_and_writes_nothing(made: Made, session: Session) -> None:
    party = made.buyer(owner="manager")
    order = made.order(party=party, owner=made.user("manager"))
    invoice = made.issued(party=party, owner=made.user("manager"))
    other = made.party("Hers", owner="manager2")
    session.commit()
    before, version = counted(session), party.version
    found = handovers.plan(session, wish(made, "manager", "manager2"))
    hers = made.user("manager2").id
    assert found.counts == {(hers, "party"): 1, (hers, "order"): 1, (hers, "invoice"): 1}
    assert found.stays == {}
    assert found.fingerprint == handovers.plan(session, wish(made, "manager", "manager2")).fingerprint
    assert owners(session, party, order, invoice, other) == ["manager", "manager", "manager", "manager2"]
    assert (counted(session), party.version) == (before, version)


def test_by_load_gives_each_record_to_who_has_the_fewest_open_ones(made: Made, session: Session) -> None:
    for place in range(2):
        made.party(f"Of the office {place}", owner="office")
    made.party("Archived, and no load", owner="manager2", archived_at=AT)
    his = [made.party(f"His {place}", owner="manager") for place in range(4)]
    session.commit()
    asked = wish(made, "manager", "manager2", "office", strategy=Strategy.load)
    found = to_names(made, handovers.plan(session, asked))
    # manager2 begins with 0 and the office with 2; of equals the one with the smaller key
    assert [found["party", party.id] for party in his] == ["manager2", "manager2", "manager2", "office"]


def test_by_load_keeps_documents_with_their_party(made: Made, session: Session) -> None:
    first, second = (made.buyer(f"Buyer {place}", owner="manager") for place in range(2))
    orders = [made.order(party=party, owner=made.user("manager")) for party in (first, first, first, second)]
    session.commit()
    asked = wish(made, "manager", "manager2", "office", strategy=Strategy.load)
    found = to_names(made, handovers.plan(session, asked))
    assert (found["party", first.id], found["party", second.id]) == ("manager2", "office")
    assert [found["order", order.id] for order in orders] == ["manager2"] * 3 + ["office"]
    apart = wish(made, "manager", "manager2", "office", strategy=Strategy.load, together=False)
    found = to_names(made, handovers.plan(session, apart))
    assert [found["order", order.id] for order in orders] == ["manager2", "office", "manager2", "office"]


def test_by_territory_the_first_place_that_fits_decides(made: Made, session: Session) -> None:
    def there(name: str, country: str, **address: Any) -> Party:
        party = made.party(name, owner="manager", country=country)
        if address:
            party.addresses.append(PartyAddress(**({"country": country} | address)))
        return party

    lisse = there("Lisse", "NL", postal_code="2161 AB")
    north = there("North", "NL", postal_code="9711 XX", region="Groningen")
    plain = there("No address", "NL")
    yerevan = there("Yerevan", "AM", city="Երևան", region="Երևան")
    berlin = there("Berlin", "DE", postal_code="10115")
    session.flush()
    order = made.order(party=yerevan, owner=made.user("manager"))
    session.commit()
    key = {name: made.user(name).id for name in ("manager2", "head", "office", "accountant")}
    places = (
        Place("NL", "21 61", key["manager2"]),
        Place("", "groningen", key["head"]),
        Place("NL", "", key["office"]),
        Place("AM", "Երևան", key["accountant"]),
    )
    asked = wish(made, "manager", strategy=Strategy.territory, places=places)
    with pytest.raises(DomainError, match="in none of these places") as refusal:
        handovers.plan(session, asked)
    assert refusal.value.field == "to"
    found = to_names(
        made, handovers.plan(session, wish(made, "manager", "head", strategy=Strategy.territory, places=places))
    )
    assert {party.name: found["party", party.id] for party in (lisse, north, plain, yerevan, berlin)} == {
        "Lisse": "manager2", "North": "head", "No address": "office", "Yerevan": "accountant", "Berlin": "head",
    }  # fmt: skip
    assert found["order", order.id] == "accountant"


def test_kinds_are_left_out_and_what_is_closed_stays_when_asked_for(made: Made, session: Session) -> None:
    party = made.buyer(owner="manager")
    gone = made.party("Archived", owner="manager", archived_at=AT)
    order = made.order(party=party, owner=made.user("manager"))
    session.commit()
    found = handovers.plan(session, wish(made, "manager", "office", areas=frozenset({"party"}), with_closed=False))
    assert [(move.entity, move.record_id) for move in found.moves] == [("party", party.id)]
    assert found.stays == {"party": 1, "order": 1}
    carried_out(session, found.wish)
    assert owners(session, party, gone, order) == ["office", "manager", "manager"]


@pytest.mark.parametrize(("to", "field", "said"), [
    ("warehouse", "to", "may not see: party"),
    ("nobody", "to", "Choose somebody who is offered"),
    ("manager", "to", "Choose somebody who is offered"),
    ("support", "to", None),
])  # fmt: skip
def test_nobody_gets_what_he_may_not_see(made: Made, session: Session, to: str, field: str, said: str | None) -> None:
    made.party("His", owner="manager")
    session.commit()
    if said is None:
        assert len(handovers.plan(session, wish(made, "manager", to)).moves) == 1
        return
    with pytest.raises(DomainError, match=said) as refusal:
        handovers.plan(session, wish(made, "manager", to))
    assert refusal.value.field == field


def test_a_locked_account_gets_nothing(made: Made, session: Session) -> None:
    party = made.party("His", owner="manager")
    made.user("manager2").active = False
    session.commit()
    with pytest.raises(Refusals):
        handovers.plan(session, wish(made, "manager", "manager2"))
    place = Place("NL", "", made.user("manager2").id)
    with pytest.raises(Refusals) as refusal:
        handovers.plan(session, wish(made, "manager", "office", strategy=Strategy.territory, places=(place,)))
    assert list(refusal.value.errors) == ["place-0"]
    assert owners(session, party) == ["manager"]


def test_a_plan_costs_the_same_statements_for_many_records(made: Made, session: Session) -> None:
    asked = wish(made, "manager", "manager2", "office", strategy=Strategy.load)
    counts = []
    for more in (2, 60):
        for place in range(more):
            made.party(f"His {more} {place}", owner="manager")
        session.commit()
        found: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any, kept: list[str] = found) -> None:
            kept.append(statement)

        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", note)
        handovers.plan(session, asked)
        planned = len(found)
        made_now = handovers.start(
            session, asked, fingerprint=handovers.plan(session, asked).fingerprint, reason="x", at=AT
        )
        event.remove(engine, "before_cursor_execute", note)
        session.commit()
        counts.append((planned, len(found)))
        handovers.undo(session, made_now, at=AT)
        session.commit()
    (few_planned, few), (many_planned, many) = counts
    assert few_planned == many_planned <= 18
    assert many <= few + 4  # versions of what is loaded, no statement per record
    assert few <= 70


# --- doing ------------------------------------------------------------------------------------------------------------


def test_versions_history_search_and_one_message_go_along(made: Made, session: Session) -> None:
    parties = [
        made.party(f"His {place}", owner="manager", team=made.user("manager").profile.team) for place in range(3)
    ]
    invoice = made.issued(party=made.buyer(owner="manager2"), owner=made.user("manager"))
    session.commit()
    admin, hers = made.user("admin"), made.user("manager2")
    south = hers.profile.team_id
    versions = {party.id: party.version for party in parties}
    with acting(session, "admin"):
        done = carried_out(session, wish(made, "manager", "manager2"), "  Mark   has left ")
    assert (done.state, done.total_rows, done.reason) == (HandoverState.done, 4, "Mark has left")
    assert owners(session, *parties, invoice) == ["manager2"] * 4
    assert [party.team_id for party in parties] == [south] * 3
    assert {party.id: party.version - 1 for party in parties} == versions
    entries = session.scalars(select(SearchEntry).where(SearchEntry.entity == "party", SearchEntry.title.like("His %")))
    assert {(entry.owner_id, entry.team_id) for entry in entries} == {(hers.id, south)}
    told = session.scalars(
        select(FieldChange)
        .where(FieldChange.entity == "party", FieldChange.record_id == parties[0].id)
        .order_by(FieldChange.id)
    ).all()[-1]
    north = made.user("manager").profile.team_id
    assert (told.act, told.actor_id) == ("change", admin.id)
    assert told.changes == {
        "owner_id": [made.user("manager").id, hers.id],
        "team_id": [north, south],
        "handover": [None, "Mark has left"],
    }
    (news,) = session.scalars(select(Notification).where(Notification.user_id == hers.id))
    assert (news.entity, news.record_id, news.said, news.by_id) == ("handover", done.id, "4", admin.id)


def test_teams_stay_when_they_are_not_to_follow(made: Made, session: Session) -> None:
    party = made.party("His", owner="manager", team=made.user("manager").profile.team)
    session.commit()
    carried_out(session, wish(made, "manager", "manager2", moves_team=False))
    assert owners(session, party) == ["manager2"]
    assert party.team.name == "north"


def test_one_record_that_cannot_be_written_stops_all_of_it(made: Made, session: Session) -> None:
    parties = [made.party(f"His {place}", owner="manager") for place in range(3)]
    session.commit()
    which = f"old.id = {parties[2].id}"
    raising = "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$"
    stop = [raising, f"CREATE TRIGGER stop BEFORE UPDATE ON party FOR EACH ROW WHEN ({which}) EXECUTE FUNCTION stop()"]
    if session.get_bind().dialect.name == "sqlite":
        stop = [f"CREATE TRIGGER stop BEFORE UPDATE ON party WHEN {which} BEGIN SELECT RAISE(ABORT, 'planted'); END"]
    for statement in stop:
        session.execute(text(statement))
    session.commit()
    before = counted(session)
    asked = wish(made, "manager", "office", locks=True)
    found = handovers.plan(session, asked)
    with pytest.raises(Exception, match="planted"), unit_of_work(session):
        handovers.start(session, asked, fingerprint=found.fingerprint, reason="Left", at=AT)
    assert owners(session, *parties) == ["manager"] * 3
    assert made.user("manager").active is True
    assert counted(session) == before


def test_a_plan_that_would_be_another_one_now_is_not_carried_out(made: Made, session: Session) -> None:
    party = made.party("His", owner="manager")
    session.commit()
    asked = wish(made, "manager", "office")
    seen = handovers.plan(session, asked).fingerprint
    late = made.party("Of today", owner="manager")
    session.commit()
    with pytest.raises(handovers.PlanChanged) as refusal:
        handovers.start(session, asked, fingerprint=seen, reason="Left", at=AT)
    session.rollback()
    assert refusal.value.plan is not None
    assert len(refusal.value.plan.moves) == 2
    assert owners(session, party, late) == ["manager", "manager"]


def test_a_record_that_changes_hands_while_it_is_written_stops_all_of_it(
    made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = made.party("One", owner="manager"), made.party("Other", owner="manager")
    session.commit()
    asked = wish(made, "manager", "office")
    stale = handovers.plan(session, asked)
    other.owner = made.user("accountant")
    session.commit()
    monkeypatch.setattr(handovers, "plan", lambda *_given, **_named: stale)
    with pytest.raises(Conflict), unit_of_work(session):
        handovers.start(session, asked, fingerprint=stale.fingerprint, reason="Left", at=AT)
    assert owners(session, one, other) == ["manager", "accountant"]


@pytest.mark.parametrize("reason", ["", "   ", "x" * 251])
def test_a_reason_is_needed(made: Made, session: Session, reason: str) -> None:
    party = made.party("His", owner="manager")
    session.commit()
    with pytest.raises(DomainError) as refusal:
        carried_out(session, wish(made, "manager", "office"), reason)
    session.rollback()
    assert refusal.value.field == "reason"
    assert owners(session, party) == ["manager"]


def test_a_large_one_waits_for_the_worker_and_is_then_done_whole(
    made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handovers, "AT_ONCE", 2)
    monkeypatch.setattr(handovers, "PORTION", 2)
    parties = [made.party(f"His {place}", owner="manager") for place in range(5)]
    session.commit()
    with acting(session, "admin"):
        waiting = carried_out(session, wish(made, "manager", "office"))
    assert (waiting.state, owners(session, *parties)) == (HandoverState.queued, ["manager"] * 5)
    assert session.scalars(select(Outbox.record_id).where(Outbox.topic == handovers.TOPIC)).all() == [waiting.id]
    assert handovers.begin(session, waiting.id, at=AT)
    handovers.go(session, waiting.id, at=AT)
    session.commit()
    assert (waiting.state, waiting.done_rows, owners(session, *parties)) == (HandoverState.done, 5, ["office"] * 5)
    with acting(session, "admin"):
        handovers.undo(session, waiting, at=AT)
        session.commit()
    assert waiting.state is HandoverState.queued
    handovers.begin(session, waiting.id, at=AT)
    handovers.break_off(session, waiting.id, at=AT, message="Not now")
    assert (waiting.state, waiting.undone_by_id, waiting.message) == (HandoverState.done, None, "Not now")
    with acting(session, "admin"):
        handovers.undo(session, waiting, at=AT)
        session.commit()
    handovers.begin(session, waiting.id, at=AT)
    handovers.go(session, waiting.id, at=AT)
    session.commit()
    assert (waiting.state, owners(session, *parties)) == (HandoverState.undone, ["manager"] * 5)


def test_the_worker_refuses_what_has_changed_or_may_not_be_done_any_more(
    made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handovers, "AT_ONCE", 0)
    party = made.party("His", owner="manager")
    session.commit()
    with acting(session, "head"):
        waiting = carried_out(session, wish(made, "manager", "manager2"))
    handovers.begin(session, waiting.id, at=AT)
    late = made.party("Of today", owner="manager")
    session.commit()
    with pytest.raises(handovers.PlanChanged):
        handovers.go(session, waiting.id, at=AT)
    session.rollback()
    made.user("head").active = False
    late.owner = None
    session.commit()
    with pytest.raises(NotAllowed):
        handovers.go(session, waiting.id, at=AT)
    session.rollback()
    handovers.break_off(session, waiting.id, at=AT, message="Not any more")
    session.commit()
    assert (waiting.state, waiting.message, owners(session, party)) == (
        HandoverState.failed, "Not any more", ["manager"],
    )  # fmt: skip


# --- the way back -----------------------------------------------------------------------------------------------------


def test_undo_brings_back_exactly_what_nobody_has_changed_since(made: Made, session: Session) -> None:
    north = made.user("manager").profile.team
    kept, moved, edited = (made.party(name, owner="manager", team=north) for name in ("Kept", "Moved", "Edited"))
    session.commit()
    done = carried_out(session, wish(made, "manager", "manager2"))
    moved.owner, edited.note = made.user("accountant"), "Called today"
    session.commit()
    handovers.undo(session, done, at=AT)
    session.commit()
    assert owners(session, kept, moved, edited) == ["manager", "accountant", "manager"]
    assert [party.team.name for party in (kept, moved, edited)] == ["north", "south", "north"]
    assert edited.note == "Called today"
    assert (done.state, done.left_rows) == (HandoverState.undone, 1)
    outcomes = {line.record_id: line.outcome for line in handovers.lines(session, done.id)}
    assert outcomes == {kept.id: LineOutcome.back, moved.id: LineOutcome.left, edited.id: LineOutcome.back}
    of_kept = select(FieldChange.changes).where(FieldChange.entity == "party", FieldChange.record_id == kept.id)
    told = session.scalars(of_kept.order_by(FieldChange.id)).all()[-1]
    assert told["handover"] == [None, "Taken back: Mark has left"]
    with pytest.raises(DomainError, match="Only what is handed over"):
        handovers.undo(session, done, at=AT)


def test_heads_substitutions_and_the_account_go_along_and_come_back(made: Made, session: Session) -> None:
    head, hers = made.user("head"), made.user("manager2")
    party = made.party("Of the head", owner="head")
    running = Substitution(absent=head, substitute=hers, begins_on=date(2026, 11, 1), ends_on=date(2026, 12, 1))
    coming = Substitution(absent=hers, substitute=head, begins_on=date(2026, 12, 24), ends_on=date(2026, 12, 31))
    session.add_all([running, coming])
    key = api_key.make(session, head, name="shop", scopes=["*.see"], at=AT)
    signed = sign_ins.begin(
        session, head, kind="browser", address="127.0.0.1", agent="x", at=AT, lasts=timedelta(hours=1)
    )
    session.commit()
    asked = wish(made, "head", "manager2", head_id=hers.id, ends_substitutions=True, locks=True)
    with acting(session, "admin"):
        done = carried_out(session, asked, "Left")
    session.expire_all()
    team = session.scalars(select(Team).where(Team.name == "sales")).one()
    assert (team.head_id, head.active, owners(session, party)) == (hers.id, False, ["manager2"])
    assert session.scalars(select(Substitution.ends_on)).all() == [date(2026, 11, 19)]
    assert session.get_one(SignIn, signed.key).revoked_at == AT
    assert session.scalars(select(ApiKey.active).where(ApiKey.user_id == head.id)).all() == [False]
    assert api_key.owner(session, key, at=AT) is None
    with acting(session, "admin"):
        handovers.undo(session, done, at=AT)
    session.commit()
    session.expire_all()
    assert (team.head_id, head.active, owners(session, party)) == (head.id, True, ["head"])
    days = select(Substitution.begins_on, Substitution.ends_on).order_by(Substitution.begins_on)
    assert [tuple(row) for row in session.execute(days)] == [
        (date(2026, 11, 1), date(2026, 12, 1)), (date(2026, 12, 24), date(2026, 12, 31)),
    ]  # fmt: skip
    assert session.get_one(SignIn, signed.key).revoked_at == AT  # what has ended stays ended


def test_nothing_goes_back_to_an_account_that_somebody_has_locked_since(made: Made, session: Session) -> None:
    party = made.party("His", owner="manager")
    session.commit()
    done = carried_out(session, wish(made, "manager", "manager2"))
    made.user("manager").active = False
    session.commit()
    with pytest.raises(DomainError, match="is locked"):
        handovers.undo(session, done, at=AT)
    session.rollback()
    assert owners(session, party) == ["manager2"]


# --- who may ----------------------------------------------------------------------------------------------------------


def test_a_head_hands_over_among_his_own_people_only(made: Made, session: Session) -> None:
    his, foreign = made.party("His", owner="manager"), made.party("Foreign", owner="accountant")
    session.commit()
    with acting(session, "head"):
        for asked in (wish(made, "accountant", "manager2"), wish(made, "admin", "manager2")):
            with pytest.raises(NotFound):
                handovers.plan(session, asked)
            with pytest.raises(NotFound):
                handovers.start(session, asked, fingerprint="", reason="Left", at=AT)
        for asked in (
            wish(made, "manager", "accountant"),
            wish(made, "manager", "manager2", head_id=made.user("accountant").id),
        ):
            with pytest.raises(Refusals):
                handovers.plan(session, asked)
        for values in ({"locks": True}, {"head_id": made.user("manager2").id}):
            with pytest.raises(NotAllowed):
                handovers.start(session, wish(made, "manager", "manager2", **values), fingerprint="", reason="x", at=AT)
        carried_out(session, wish(made, "manager", "manager2"))
    assert owners(session, his, foreign) == ["manager2", "accountant"]
    foreign_one = carried_out(session, wish(made, "accountant", "office"))
    with acting(session, "head"), pytest.raises(NotFound):
        handovers.undo(session, foreign_one, at=AT)
    assert owners(session, foreign) == ["office"]


@pytest.mark.parametrize("name", ["manager", "accountant", "office", "auditor"])
def test_others_may_not(made: Made, session: Session, name: str) -> None:
    party = made.party("Hers", owner="manager2")
    session.commit()
    done = carried_out(session, wish(made, "manager2", "office"))
    with acting(session, name):
        with pytest.raises(NotAllowed):
            handovers.start(session, wish(made, "office", "manager"), fingerprint="", reason="x", at=AT)
        with pytest.raises(NotAllowed):
            handovers.undo(session, done, at=AT)
    assert owners(session, party) == ["office"]


def test_nobody_locks_himself_or_somebody_who_leaves_things_behind_unsaid(made: Made, session: Session) -> None:
    party = made.buyer(owner="manager")
    order = made.order(party=party, owner=made.user("manager"))
    session.commit()
    with acting(session, "admin"), pytest.raises(DomainError, match="his own account"):
        handovers.start(session, wish(made, "admin", "office", locks=True), fingerprint="", reason="x", at=AT)
    part = frozenset({"party"})
    with pytest.raises(DomainError, match=r"records \(1\) and teams \(0\)") as refusal:
        carried_out(session, wish(made, "manager", "office", areas=part, locks=True))
    session.rollback()
    assert refusal.value.field == "locks"
    assert (owners(session, party, order), made.user("manager").active) == (["manager", "manager"], True)
    carried_out(session, wish(made, "manager", "office", areas=part, locks=True, leaves_behind=True))
    assert (owners(session, party, order), made.user("manager").active) == (["office", "manager"], False)


def test_an_account_is_locked_elsewhere_only_when_that_is_said_too(made: Made, session: Session) -> None:
    made.party("His", owner="manager")
    session.commit()
    person = made.user("manager")
    person.active = False
    with pytest.raises(Refusals) as refusal:
        users.save(session, person)
    assert refusal.value.errors == {
        "active": ["Still responsible for open records (1) and teams (0): hand them over first"]
    }
    person.leaves_behind = True
    users.save(session, person)


# --- what nobody is working on ----------------------------------------------------------------------------------------


def test_what_nobody_is_working_on(made: Made, session: Session) -> None:
    for owner in ("manager", "manager2", "nobody", "warehouse", "auditor", None):
        made.party(f"Of {owner}", owner=owner)
    made.party("Archived", archived_at=AT)
    made.user("manager2").active = False
    session.commit()
    idle = session.scalars(select(Party.name).where(handover_kinds.idle(Party)).order_by(Party.id)).all()
    assert idle == ["Of manager2", "Of nobody", "Of warehouse", "Of None"]
    assert made.user("manager").id not in set(session.scalars(colleague.idle("party")))


def test_open_and_closed_of_each_kind(made: Made, session: Session) -> None:
    party = made.buyer(owner="manager")
    made.party("Archived", owner="manager", archived_at=AT)
    owner = made.user("manager")
    made.order(party=party, owner=owner)
    made.issued(party=party, owner=owner)
    made.invoice(party=party, owner=owner)
    session.commit()
    assert handover_kinds.owned(session, owner.id) == {"party": (2, 1), "order": (1, 1), "invoice": (2, 2)}
    assert handover_kinds.standing(session, owner.id) == {"party": 1, "order": 1, "invoice": 2}
    assert handover_kinds.standing(session, made.user("head").id) == {"team": 1}
    assert set(handover_kinds.kinds()) >= {"party", "order", "invoice", "payment"}
    assert not {"letter", "bulk_run", "import_run", "handover", "deleted_record"} & set(handover_kinds.kinds())
