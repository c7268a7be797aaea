"""How complete a counterparty is, its group, its interests, and its figures: exact, and kept true."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select, update

from app.errors import DomainError, Refusals
from app.models.party import Party, PartyAddress, PartyBankAccount, PartyContact
from app.models.party_interest import PartyInterest, Strength
from app.models.party_metric import PartyMark, PartyMetric
from app.services import access, party_complete, party_group, party_metric
from app.services import allocation as allocations
from app.services import party as parties
from app.services import sale_order as orders
from app.services.allocation import When

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


# --- complete ---------------------------------------------------------------------------------------------------------


def test_completeness_is_the_share_of_what_is_wanted_of_such_a_party(session, made):
    party = made.party("Tulpen B.V.", country="NL")
    assert party.completeness == 10
    assert [want.field for want in party_complete.missing(party)] == [
        "tax_number", "phone", "email", "addresses", "contacts", "legal_name",
    ]  # fmt: skip
    party.tax_number, party.phone, party.email = "NL854502130B01", "+31201234567", "info@tulpen.nl"
    party.legal_name = "Tulpen B.V."
    party.addresses.append(PartyAddress(street="Dorpsstraat 2", city="Lisse"))
    party.contacts.append(PartyContact(name="Jan"))
    parties.save(session, party)
    assert (party.completeness, party_complete.missing(party)) == (100, [])
    party.is_supplier = True
    parties.save(session, party)
    assert (party.completeness, [want.field for want in party_complete.missing(party)]) == (87, ["bank_accounts"])
    party.bank_accounts.append(PartyBankAccount(iban="NL91ABNA0417164300"))
    parties.save(session, party)
    assert party.completeness == 100
    assert made.party("Jan de Wit", kind="person", country="NL").completeness == 17


def test_the_card_asks_one_question_for_what_is_missing(session, made, statements):
    party = made.party("Tulpen B.V.", country="NL")
    party.contacts.append(PartyContact(name="Jan"))
    parties.save(session, party)
    session.flush()
    session.refresh(party)
    statements.clear()
    assert [want.field for want in party_complete.missing_of(session, party)] == [
        "tax_number", "phone", "email", "addresses", "legal_name",
    ]  # fmt: skip
    assert len(statements) == 1


def test_what_was_written_past_the_mapper_is_completed_without_a_new_version(session, made):
    party = made.party("ООО «Ромашка»", country="RU")
    version = party.version
    raw = {"completeness": None, "latin_key": "", "sound_key": ""}
    session.execute(update(Party).where(Party.id == party.id).values(raw).execution_options(synchronize_session=False))
    session.expire_all()
    assert party_complete.fill(session, parties.derive, most=10) == 1
    assert party_complete.fill(session, parties.derive, most=10) == 0
    again = session.scalars(select(Party).where(Party.id == party.id)).one()
    session.refresh(again)
    assert (again.completeness, again.latin_key, again.sound_key, again.version) == (10, "romashka", "rnsk", version)


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_is_a_tree_without_circles(session, made):
    top = made.party("Holding N.V.")
    left, right = made.party("Left B.V.", parent=top), made.party("Right B.V.", parent=top)
    below = made.party("Below B.V.", parent=left)
    group = party_group.of_party(session, right)
    assert [(one.name, one.depth) for one in group.rows] == [
        ("Holding N.V.", 0), ("Left B.V.", 1), ("Below B.V.", 2), ("Right B.V.", 1),
    ]  # fmt: skip
    assert party_group.of_party(session, made.party("Alone B.V.")) is None
    for parent in (below, top):
        with session.no_autoflush:
            top.parent = parent
        with session.no_autoflush, pytest.raises(DomainError) as caught:
            parties.save(session, top)
        assert caught.value.field == "parent"
        session.refresh(top)
    assert top.parent_id is None


def test_the_sums_of_a_group_are_those_of_its_members(session, made, chain_key):
    top = made.buyer("Holding N.V.")
    below = made.buyer("Below B.V.", parent=top)
    for party, price in ((top, "100.00"), (below, "50.00")):
        made.issued(("1", price), party=party)
    party_metric.count(session, [top.id, below.id], at=NOON)
    group = party_group.of_party(session, below)
    assert (group.turnover, group.open_balance) == (Decimal(150), Decimal("181.50"))


# --- interests --------------------------------------------------------------------------------------------------------


def test_an_interest_is_named_by_words_or_by_its_product(session, made):
    party = made.party("Tulpen B.V.")
    party.interests.append(PartyInterest(product=made.product("Tulip bulb")))
    party.interests.append(PartyInterest(topic="  garden   tools ", strength="strong", source="Fair"))
    parties.save(session, party)
    session.flush()
    assert [(one.topic, one.strength) for one in party.interests] == [
        ("Tulip bulb", Strength.clear), ("garden tools", Strength.strong),
    ]  # fmt: skip
    assert [each.name for each in session.scalars(parties.named("garden"))] == ["Tulpen B.V."]
    party.interests.append(PartyInterest())
    with pytest.raises(Refusals) as caught:
        parties.save(session, party)
    assert list(caught.value.errors) == ["interests-2-topic"]


# --- figures ----------------------------------------------------------------------------------------------------------


def figures(session, party) -> dict:
    [found] = party_metric.figures(session, [party.id], at=NOON)
    return found


def test_figures_are_worked_out_from_what_was_ordered_invoiced_and_paid(session, made, chain_key, statements):
    party = made.buyer()
    first = made.order(party=party, ordered_on=date(2026, 1, 10))
    made.order(party=party, ordered_on=date(2026, 5, 1))
    orders.confirm(session, first, at=datetime(2026, 1, 10, 9, tzinfo=UTC))
    early = made.issued(("1", "100.00"), party=party, on=date(2026, 1, 31))
    made.issued(("1", "50.00"), party=party, on=date(2026, 3, 31))
    payment = made.payment("121.00", party=party, on=date(2026, 3, 12))
    when = When(at=datetime(2026, 3, 12, 12, tzinfo=UTC), on=date(2026, 3, 12), by=access.SYSTEM)
    allocations.allocate(session, payment, early, when=when)
    session.flush()
    statements.clear()
    found = figures(session, party)
    assert len(statements) == 1
    assert found | {"last_touch_on": None, "counted_at": None} == {
        "party_id": party.id,
        "orders_count": 1,
        "first_order_on": date(2026, 1, 10),
        "last_order_on": date(2026, 1, 10),
        "orders_per_year": Decimal("1.00"),
        "client_since": date(2026, 1, 10),
        "turnover": Decimal("150.00"),
        "average_check": Decimal("75.00"),
        "open_balance": Decimal("60.50"),
        "payment_lag_days": (date(2026, 3, 12) - early.due_on).days,
        "last_touch_on": None,
        "counted_at": None,
    }


def test_a_credit_note_lowers_turnover_and_an_exchange_rate_counts(session, made, chain_key):
    party = made.buyer()
    made.issued(("1", "100.00"), party=party, currency="USD", exchange_rate=Decimal("0.9"))
    found = figures(session, party)
    assert (found["turnover"], found["client_since"], found["first_order_on"]) == (
        Decimal("90.00"),
        date(2026, 3, 31),
        None,
    )


def test_a_change_of_documents_marks_the_party_and_the_next_round_counts(session, made, chain_key):
    party = made.buyer()
    party_metric.count_marked(session, at=NOON)
    session.execute(PartyMark.__table__.delete())
    invoice = made.issued(("1", "100.00"), party=party)
    assert set(session.scalars(select(PartyMark.party_id))) == {party.id}
    assert party_metric.count_marked(session, at=NOON) > 0
    kept = session.get(PartyMetric, party.id)
    assert (kept.turnover, kept.open_balance) == (Decimal("100.0000"), Decimal("121.0000"))
    assert session.scalar(select(func.count()).select_from(PartyMark)) == 0
    assert party_metric.count_marked(session, at=NOON) == 0
    assert invoice.party_id == party.id


def test_everything_is_counted_in_portions(session, made, chain_key, monkeypatch):
    monkeypatch.setattr(party_metric, "PORTION", 2)
    keys = [made.party(name).id for name in ("Alpha", "Bravo", "Charlie")]
    last, reached = 0, []
    while (last := party_metric.portion(session, after=last, at=NOON)) is not None:
        reached.append(last)
    assert reached[-1] == keys[-1]
    assert set(keys) <= set(session.scalars(select(PartyMetric.party_id)))
