"""Two counterparties become one: nothing is lost, nothing is forgotten, and for thirty days all of it comes back."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from app.db import metadata
from app.errors import DomainError, NotReached
from app.models.activity import Activity
from app.models.consent import Consent
from app.models.deal import DecisionRole
from app.models.history import FieldChange
from app.models.party import (
    ChannelKind,
    Party,
    PartyAddress,
    PartyBankAccount,
    PartyChannel,
    PartyContact,
    PartyIdentifier,
)
from app.models.party_interest import PartyInterest
from app.models.party_merge import MergeState, PartyMerge, PartyMergeRow
from app.models.search_entry import SearchEntry
from app.models.tag import Tagging
from app.services import access, deal_contact, party_merge_undo
from app.services import allocation as allocations
from app.services import balance as balances
from app.services import party as parties
from app.services import party_merge as merging
from app.services import party_merge_places as places
from app.services import tag as tags
from app.services.allocation import When

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=5)
LAST_DAY = date(2026, 12, 31)


def merge(session, winner: Party, other: Party, **about: Any) -> Party:
    found = merging.merge(session, winner, other=other, by=access.SYSTEM, at=NOON, **about)
    session.flush()
    return found


def undo(session, loser: Party, *, at: datetime = LATER) -> list[dict[str, Any]]:
    made = party_merge_undo.undo(session, loser, by=access.SYSTEM, at=at)
    session.flush()
    session.expire_all()
    return made.conflicts


def rows_of(session, *names: str) -> dict[str, list[tuple]]:
    """Everything that stands in tables, but for what counts changes and what is derived."""
    quiet = {"version", "changed_at"}
    found = {}
    for name in names:
        table = metadata.tables[name]
        columns = [column for column in table.c if column.name not in quiet]
        order = list(table.primary_key.columns)
        found[name] = [tuple(row) for row in session.connection().execute(select(*columns).order_by(*order))]
    return found


TABLES = (
    *("party", "party_address", "party_contact", "party_channel", "party_bank_account", "party_identifier"),
    *("party_interest", "consent", "invoice", "payment", "sale_order", "activity", "tagging", "allocation"),
)


@pytest.fixture
def two(session, made, chain_key) -> tuple[Party, Party]:
    """A counterparty known twice, each with rows, documents, notes and tags of its own."""
    winner = made.buyer("Bakkerij Janssen B.V.", phone="+31201234567", is_customer=True)
    loser = made.buyer("Bakkerij Jansen", phone="+31207654321", email="info@janssen.nl", is_supplier=True)
    for party in (winner, loser):
        party.contacts.append(PartyContact(name="Jan", email="jan@janssen.nl"))
        tags.add(session, party, name="Bakers")
    loser.contacts.append(PartyContact(name="Piet"))
    loser.bank_accounts.append(PartyBankAccount(iban="NL91ABNA0417164300"))
    loser.channels.append(PartyChannel(kind=ChannelKind.messenger, value="@jansen"))
    loser.identifiers.append(PartyIdentifier(scheme="GLN", value="8712345678906"))
    loser.interests.append(PartyInterest(topic="Flour"))
    for party in (winner, loser):
        parties.save(session, party)
    tags.add(session, loser, name="Flour")
    session.add(Activity(entity="party", record_id=loser.id, body="Called about flour"))
    session.add(
        Consent(party_id=loser.id, purpose="marketing_mail", state="given", source="paper", said_at=NOON, noted_at=NOON)
    )
    made.issued(("1", "100.00"), party=winner)
    made.issued(("1", "50.00"), party=loser)
    made.payment("20.00", party=loser)
    made.order(party=loser)
    session.flush()
    session.expire_all()
    return winner, loser


# --- every table ------------------------------------------------------------------------------------------------------


def test_every_column_of_every_table_that_names_a_party_is_moved_or_stays_for_a_reason():
    moved = {link.name for link in places.links()}
    naming = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.c
        if any(key.column.table.name == "party" for key in column.foreign_keys)
        or column.name in {"party_id", "record_id", "contact_id"}
    }
    contacts = {"person_export.contact_id", "erasure.contact_id"}  # of a contact person, who keeps his key
    assert naming - moved - set(places.STAYS) - contacts == set()
    assert set(places.STAYS) & moved == set()
    assert set(places.STAYS) - naming == set(), "a column that stays is gone"
    assert moved >= {
        "invoice.party_id",
        "payment.party_id",
        "party.parent_id",
        "party.merged_into_id",
        "tagging.record_id",
    }


def test_rows_that_may_be_doubles_are_compared_by_columns_that_there_are():
    for name, columns in places.ALIKE.items():
        assert set(columns) <= set(metadata.tables[name].c.keys()), name


# --- merging ----------------------------------------------------------------------------------------------------------


def test_a_contact_person_known_twice_goes_along_only_where_something_names_him(session, made, two):
    winner, loser = two
    [named] = [contact for contact in loser.contacts if contact.name == "Jan"]
    deal = made.deal(party=loser)
    deal_contact.involve(session, deal, contact=named, role=DecisionRole.decides)
    session.flush()
    merge(session, winner, loser)
    session.expire_all()
    assert sorted(contact.name for contact in winner.contacts) == ["Jan", "Jan", "Piet"]
    [part] = deal.contacts
    assert (deal.party_id, part.contact_id, part.contact.party_id) == (winner.id, named.id, winner.id)


def test_everything_goes_to_the_winner_and_the_balances_add_up(session, two):
    winner, loser = two
    before = [balances.of_party(session, party, on=LAST_DAY) for party in two]
    assert before == [{"EUR": Decimal("121.00")}, {"EUR": Decimal("40.50")}]
    merge(session, winner, loser)
    session.expire_all()
    assert balances.of_party(session, winner, on=LAST_DAY) == {"EUR": Decimal("161.50")}
    assert balances.of_party(session, loser, on=LAST_DAY) == {}
    assert (winner.phone, winner.email, winner.is_customer, winner.is_supplier) == (
        "+31201234567", "info@janssen.nl", True, True,
    )  # fmt: skip
    assert sorted(contact.name for contact in winner.contacts) == ["Jan", "Piet"]
    assert sorted((channel.kind.value, channel.value) for channel in winner.channels) == [
        ("messenger", "@jansen"), ("phone", "+31207654321"),
    ]  # fmt: skip
    assert [account.iban for account in winner.bank_accounts] == ["NL91ABNA0417164300"]
    assert len(winner.addresses) == 1, "the same address is not written twice"
    assert sorted(tag.name for tag in winner.tags) == ["Bakers", "Flour"]
    assert [consent.purpose.value for consent in winner.consents] == ["marketing_mail"]
    assert (loser.merged_into_id, loser.archived_at, loser.name) == (winner.id, NOON, "Bakkerij Jansen")
    notes = session.scalars(select(Activity.record_id).where(Activity.entity == "party")).all()
    assert notes == [winner.id]
    entries = select(SearchEntry.record_id).where(
        SearchEntry.entity == "party", SearchEntry.record_id.in_([winner.id, loser.id])
    )
    assert session.scalars(entries).all() == [winner.id]


def test_the_history_of_both_and_of_the_documents_tells_it(session, two):
    winner, loser = two
    merge(session, winner, loser)
    told = {
        (row.entity, row.record_id): row.changes
        for row in session.scalars(select(FieldChange).order_by(FieldChange.id))
        if {"merged", "merged_into_id"} & set(row.changes) or row.changes.get("party_id", [None])[0] is not None
    }
    assert told["party", winner.id]["merged"] == [None, f"Bakkerij Jansen (#{loser.id})"]
    assert told["party", loser.id]["merged_into_id"] == [None, winner.id]
    invoice = next(changes for (entity, _key), changes in told.items() if entity == "invoice")
    assert invoice == {"party_id": [loser.id, winner.id]}


def test_one_chooses_by_field(session, two):
    winner, loser = two
    plan = merging.plan(session, winner, other=loser)
    assert {choice.name for choice in plan.choices if choice.differs} == {"name", "phone"}
    assert plan.takes == {"email"}
    assert plan.moves["invoice"] == 1
    assert "party_address" not in plan.moves
    merge(session, winner, loser, take={"name", "phone"})
    assert (winner.name, winner.phone, winner.email) == ("Bakkerij Jansen", "+31207654321", None)
    assert ("email", "info@janssen.nl") in {(each.kind.value, each.value) for each in winner.channels}


def test_what_cannot_be_merged_is_refused_and_nothing_changes(session, two, made):
    winner, loser = two
    before = rows_of(session, *TABLES)
    with pytest.raises(DomainError, match="two different"):
        merge(session, winner, winner)
    with pytest.raises(DomainError, match="cannot choose") as caught:
        merge(session, winner, loser, take={"owner_id"})
    assert caught.value.field == "take"
    loser.anonymised_at = NOON
    with pytest.raises(DomainError, match="anonymous"):
        merge(session, winner, loser)
    loser.anonymised_at = None
    person = made.user("manager")
    actor = access.actor_of(
        session, user_id=person.id, name="manager", roles=[role.name for role in person.roles], profile=person.profile
    )
    with access.acting(session, actor), pytest.raises(NotReached):
        merge(session, winner, loser)
    session.flush()
    assert rows_of(session, *TABLES) == before
    merge(session, winner, loser)
    for act in (
        lambda: parties.save(session, loser),
        lambda: parties.restore(session, loser),
        lambda: merge(session, winner, loser),
    ):
        with pytest.raises(DomainError, match="was merged into"):
            act()


def test_the_winner_takes_the_losers_place_in_its_group(session, made):
    top = made.party("Holding N.V.")
    loser = made.party("Doubled B.V.", parent=top)
    between = made.party("Between B.V.", parent=loser)
    winner = made.party("Double B.V.", parent=between)
    merge(session, winner, loser)
    session.expire_all()
    assert (winner.parent_id, between.parent_id, loser.parent_id) == (top.id, winner.id, None)
    assert undo(session, loser) == []
    assert (winner.parent_id, between.parent_id, loser.parent_id) == (between.id, loser.id, top.id)


def test_a_consent_moves_with_a_merge_and_by_nothing_else(session, two):
    winner, loser = two
    statement = text("UPDATE consent SET party_id = :to WHERE party_id = :of")
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(statement, {"to": winner.id, "of": loser.id})
    merge(session, winner, loser)
    third = Party(name="Third", language="nl", currency=None)
    parties.save(session, third)
    session.flush()
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(statement, {"to": third.id, "of": winner.id})


# --- undoing ----------------------------------------------------------------------------------------------------------


def test_undoing_brings_everything_back_that_nobody_has_touched(session, two):
    winner, loser = two
    before = rows_of(session, *TABLES)
    merge(session, winner, loser, take={"name", "phone", "email"})
    assert rows_of(session, *TABLES) != before
    assert undo(session, loser) == []
    assert rows_of(session, *TABLES) == before
    made = session.scalars(select(PartyMerge)).one()
    assert (made.state, made.fields, made.loser_before) == (MergeState.undone, {}, {})
    assert session.scalars(select(PartyMergeRow)).all() == []
    with pytest.raises(DomainError, match="was not merged"):
        undo(session, loser)
    merge(session, winner, loser)
    assert undo(session, loser) == [], "it can be merged again"


def test_what_was_changed_since_stays_and_is_told(session, two):
    winner, loser = two
    merge(session, winner, loser, take={"name", "email"})
    session.expire_all()
    winner.name = "Janssen & Zonen"
    [piet] = [contact for contact in winner.contacts if contact.name == "Piet"]
    winner.contacts.remove(piet)
    key = piet.id
    parties.save(session, winner)
    session.flush()
    conflicts = undo(session, loser)
    assert sorted(conflicts, key=str) == [
        {"field": "name"},
        {"table": "party_contact", "row": key, "why": "changed"},
    ]
    assert (winner.name, winner.email, loser.email) == ("Janssen & Zonen", None, "info@janssen.nl")
    assert balances.of_party(session, loser, on=LAST_DAY) == {"EUR": Decimal("40.50")}


def test_documents_that_hang_together_by_now_are_not_torn_apart(session, two):
    winner, loser = two
    merge(session, winner, loser)
    session.expire_all()
    places_of = {row[0]: row for row in session.connection().execute(text("SELECT id, party_id, gross FROM invoice"))}
    payment = session.connection().execute(text("SELECT id FROM payment")).scalar_one()
    ours = session.scalars(
        select(metadata.tables["invoice"].c.id).where(metadata.tables["invoice"].c.net == Decimal(100))
    ).one()
    from app.models.invoice import Invoice
    from app.models.payment import Payment

    paid = access.get(session, Payment, payment)
    when = When(at=NOON, on=NOON.date(), by=access.SYSTEM)
    allocations.allocate(session, paid, access.get(session, Invoice, ours), when=when)
    session.flush()
    conflicts = undo(session, loser)
    assert conflicts == [{"table": "payment", "row": payment, "why": "tied"}]
    assert len(places_of) == 2
    assert paid.party_id == winner.id
    assert balances.of_party(session, winner, on=LAST_DAY) == {"EUR": Decimal("101.00")}
    assert balances.of_party(session, loser, on=LAST_DAY) == {"EUR": Decimal("60.50")}


def test_after_thirty_days_a_merge_stands_and_forgets(session, two):
    winner, loser = two
    merge(session, winner, loser)
    month = NOON + timedelta(days=30)
    assert party_merge_undo.settle(session, at=month - timedelta(seconds=1)) == 0
    assert party_merge_undo.settle(session, at=month) == 1
    with pytest.raises(DomainError, match="30 days"):
        undo(session, loser, at=month)
    made = session.scalars(select(PartyMerge)).one()
    assert (made.state, made.fields, made.loser_before) == (MergeState.settled, {}, {})
    assert session.scalars(select(PartyMergeRow)).all() == []
    assert session.scalars(select(PartyContact.name).where(PartyContact.party_id == loser.id)).all() == []
    assert party_merge_undo.settle(session, at=month) == 0


def test_merges_are_undone_from_the_last_one_back(session, two, made):
    winner, loser = two
    top = made.party("Brood N.V.")
    before = rows_of(session, *TABLES)
    merge(session, winner, loser)
    merge(session, top, winner)
    session.expire_all()
    assert loser.merged_into_id == top.id, "one step leads to what there is"
    with pytest.raises(DomainError, match="merged further"):
        undo(session, loser)
    assert undo(session, winner) == []
    assert undo(session, loser) == []
    assert rows_of(session, *TABLES) == before


# --- whatever happens -------------------------------------------------------------------------------------------------

FIELD = some.sampled_from(["name", "phone", "email", "source", "note", "legal_name"])
ACTS = some.lists(
    some.one_of(
        some.tuples(some.just("field"), FIELD),
        some.tuples(some.just("drop"), some.sampled_from(["contacts", "channels", "bank_accounts", "identifiers"])),
        some.tuples(some.just("add"), some.sampled_from(["contacts", "addresses"])),
        some.tuples(some.just("untag"), some.just("")),
    ),
    max_size=4,
)
VALUES = {
    "name": "Somebody else", "phone": "+31205555555", "email": "new@janssen.nl", "source": "Fair", "note": "New",
    "legal_name": "Somebody else B.V.",
}  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(take=some.sets(FIELD), acts=ACTS)
def test_merge_and_undo_restore_whatever_was_not_touched(session, two, take, acts):
    """Whoever does what to the winner in between: it stays, it is told, and all else is as it was."""
    winner, loser = two
    nested = session.begin_nested()
    try:
        before = rows_of(session, *TABLES)
        merge(session, winner, loser, take=take)
        session.expire_all()
        merged = rows_of(session, *TABLES)
        for kind, what in acts:
            _act(session, winner, kind, what)
        session.flush()
        touched = rows_of(session, *TABLES)
        conflicts = undo(session, loser)
        after = rows_of(session, *TABLES)
        for name in TABLES:
            _compare(name, before[name], merged[name], touched[name], after[name], conflicts)
    finally:
        nested.rollback()
        session.expire_all()


def _act(session, winner: Party, kind: str, what: str) -> None:
    if kind == "field":
        setattr(winner, what, VALUES[what])
    elif kind == "drop" and getattr(winner, what):
        getattr(winner, what).pop()
    elif kind == "add":
        made = {"contacts": PartyContact(name="New"), "addresses": PartyAddress(street="Nieuwe weg 1", city="Lisse")}
        getattr(winner, what).append(made[what])
    elif kind == "untag":
        row = session.scalars(select(Tagging).where(Tagging.record_id == winner.id).order_by(Tagging.id.desc())).first()
        if row is not None:
            session.delete(row)
    parties.save(session, winner)
    session.flush()


def _compare(
    name: str,
    before: list[tuple],
    merged: list[tuple],
    touched: list[tuple],
    after: list[tuple],
    conflicts: list[dict[str, Any]],
) -> None:
    """Every row is as it was before, or as somebody has left it; what could not come back is told."""
    columns = [column.name for column in metadata.tables[name].c if column.name not in {"version", "changed_at"}]
    key = columns.index("id")
    derived = {"search_text", "name_key", "latin_key", "sound_key", "completeness"}
    [was, became, left, now] = [{row[key]: row for row in rows} for rows in (before, merged, touched, after)]
    for one, row in was.items():
        if one not in left:
            assert one not in now
            continue
        for column, old, new, last, final in zip(columns, row, became[one], left[one], now[one], strict=True):
            if column in derived:
                continue
            expected = old if new == last else last
            assert final == expected, (name, column)
            if new not in (last, old) and name == "party":
                assert {"field": column} in conflicts
    moved = {one for one, row in was.items() if became.get(one) != row}
    for one in moved - set(left):
        assert {"table": name, "row": one, "why": "changed"} in conflicts
    for one in set(now) - set(was):
        assert one in left, "what the merge has added is gone, what somebody has added stays"
        assert now[one] == left[one]


def merged_as(session, made, name: str, winner: Party, loser: Party, **about: Any) -> Party:
    """Merge two of somebody's own."""
    person = made.user(name)
    winner.owner, loser.owner = person, person
    session.flush()
    actor = access.actor_of(
        session, user_id=person.id, name=name, roles=[role.name for role in person.roles], profile=person.profile
    )
    with access.acting(session, actor):
        merge(session, winner, loser, **about)
    session.expire_all()
    return winner


def test_a_field_that_one_may_not_change_is_filled_where_it_was_empty_and_else_stays(session, made, two):
    winner, loser = two
    winner.credit_limit, loser.credit_limit = None, Decimal(500)
    session.flush()
    assert merged_as(session, made, "manager", winner, loser, take=["credit_limit"]).credit_limit == Decimal(500)


def test_a_field_that_one_may_not_change_is_not_chosen(session, made, two):
    winner, loser = two
    winner.credit_limit, loser.credit_limit = Decimal(100), Decimal(500)
    session.flush()
    assert merged_as(session, made, "manager", winner, loser, take=["credit_limit"]).credit_limit == Decimal(100)
