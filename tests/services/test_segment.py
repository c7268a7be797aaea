"""Segments: who is in one, why, and who may ask."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.models.party import Party, PartyContact, PartyKind
from app.models.product_category import ProductCategory
from app.models.sale_order import OrderState
from app.models.segment import Segment, SegmentKind
from app.services import access, condition, party_metric, segment_members
from app.services import product_category as categories
from app.services import segment as segments
from app.services import tag as tags
from app.services.segment_members import Combining
from tests.attack import attack
from tests.factories import Made

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
NL: dict[str, Any] = {"field": "country", "is": "eq", "value": "NL"}


def tree(*parts: Any, join: str = "all") -> dict[str, Any]:
    return {"version": 1, join: list(parts)}


def segment(session: Session, *parts: Any, **values: Any) -> Segment:
    made = Segment(**{"name": "Ours", "definition": tree(*parts)} | values)
    segments.save(session, made)
    session.flush()
    return made


def names(session: Session, *parts: Any) -> list[str]:
    found = segments.matching(session, condition.parsed(tree(*parts)), at=AT)
    rows = session.query(Party.name).filter(Party.id.in_(found)).order_by(Party.name).all()
    return [name for (name,) in rows]


@pytest.fixture
def bulbs(made: Made) -> Any:
    return made.product("Tulip bulb")


def ordered(made: Made, party: Party, *lines: tuple[str, str], days_ago: int = 1, products: Any = ()) -> None:
    """An order that counts, of some days ago."""
    order = made.order(*lines, party=party, organisation=made_organisation(made))
    for line, product in zip(order.lines, products, strict=False):
        line.product = product
    order.state, order.ordered_on = OrderState.confirmed, AT.date() - timedelta(days=days_ago)
    made.session.flush()


def made_organisation(made: Made) -> Any:
    kept = made.session.info.get("of_tests")
    if kept is None:
        kept = made.session.info["of_tests"] = made.organisation()
    return kept


def test_fields_of_the_counterparty(session: Session, made: Made):
    made.party("Anna", kind=PartyKind.person, birthday=date(1990, 4, 2), country="NL")
    made.party("Boris", kind=PartyKind.person, birthday=date(1985, 12, 31), country="RU", language="ru")
    made.party("Cees B.V.", country=None)
    assert names(session, NL) == ["Anna"]
    assert names(session, {"none": [NL]}) == ["Boris", "Cees B.V."]
    assert names(session, {"field": "country", "is": "in", "value": ["NL", "RU"]}) == ["Anna", "Boris"]
    assert names(session, {"field": "country", "is": "empty", "value": "1"}) == ["Cees B.V."]
    assert names(session, {"any": [NL, {"field": "language", "is": "eq", "value": "ru"}]}) == ["Anna", "Boris"]
    assert names(session, {"field": "name", "is": "ct", "value": "%"}) == []
    assert names(session, {"field": "birthday", "is": "comes", "value": 7}) == ["Anna"]
    assert names(session, {"field": "birthday", "is": "comes", "value": 280}) == ["Anna", "Boris"]
    assert names(session, {"field": "kind", "is": "eq", "value": "person"}, {"none": [NL]}) == ["Boris"]


@pytest.mark.parametrize(
    ("at", "days", "found"),
    [
        (date(2027, 2, 25), 3, True),  # no leap year: 29 February is kept on the 28th
        (date(2027, 2, 25), 2, False),
        (date(2028, 2, 25), 3, False),
        (date(2028, 2, 25), 4, True),
        (date(2027, 12, 30), 70, True),
        (date(2027, 3, 1), 300, False),
    ],
)
def test_a_birthday_comes_round(session: Session, made: Made, at: date, days: int, found: bool):
    made.party("Leap", kind=PartyKind.person, birthday=date(1992, 2, 29))
    asked = condition.parsed(tree({"field": "birthday", "is": "comes", "value": days}))
    moment = datetime(at.year, at.month, at.day, 12, tzinfo=UTC)
    assert segments.count(session, asked, at=moment) == int(found)


def test_orders_count_as_rows_sums_and_different_products(session: Session, made: Made, bulbs: Any):
    roses = made.product("Rose")
    once, twice, never = made.buyer("Once"), made.buyer("Twice"), made.buyer("Never")
    ordered(made, once, ("1", "100.00"), ("1", "50.00"), days_ago=100, products=(bulbs, roses))
    ordered(made, twice, ("2", "10.00"), days_ago=5, products=(bulbs,))
    ordered(made, twice, ("2", "30.00"), days_ago=40, products=(bulbs,))
    draft = made.order(("9", "10.00"), party=never, organisation=made_organisation(made))
    assert draft.state is OrderState.draft
    assert names(session, {"has": "order"}) == ["Once", "Twice"]
    assert names(session, {"has": "order", "count": {"is": "ge", "value": 2}}) == ["Twice"]
    assert names(session, {"has": "order", "count": {"is": "eq", "value": 0}}) == ["Never"]
    assert names(session, {"has": "order", "count": {"is": "le", "value": 1}}) == ["Never", "Once"]
    assert names(session, {"has": "order", "days": 30}) == ["Twice"]
    assert names(session, {"has": "order", "days": 30, "count": {"is": "lt", "value": 1}}) == ["Never", "Once"]
    more = {"has": "order", "sum:net": {"is": "gt", "value": "80"}, "currency": "EUR"}
    assert names(session, more) == ["Once"]
    assert names(session, more | {"sum:net": {"is": "le", "value": "80.00"}}) == ["Never", "Twice"]
    assert names(session, {"has": "order", "where": [{"field": "products", "is": "ge", "value": 2}]}) == ["Once"]
    rose = {"field": "product", "is": "eq", "value": str(roses.id)}
    assert names(session, {"has": "bought", "where": [rose]}) == ["Once"]
    assert names(session, {"has": "bought", "where": [rose], "count": {"is": "eq", "value": 0}}) == ["Never", "Twice"]
    assert names(session, {"has": "bought", "distinct": {"is": "ge", "value": 2}}) == ["Once"]
    assert names(session, {"has": "bought", "sum:quantity": {"is": "ge", "value": "4"}}) == ["Twice"]


def test_a_category_has_its_parts(session: Session, made: Made, bulbs: Any):
    windows = ProductCategory(name="100%_ windows")
    categories.save(session, windows)
    session.flush()
    wooden = ProductCategory(name="Wooden", parent=windows)
    categories.save(session, wooden)
    session.flush()
    frame = made.product("Frame", category=wooden)
    buyer, other = made.buyer("Buyer"), made.buyer("Other")
    ordered(made, buyer, ("1", "10.00"), products=(frame,))
    ordered(made, other, ("1", "10.00"), products=(bulbs,))
    asked = {"field": "category", "is": "eq", "value": str(windows.id)}
    assert names(session, {"has": "bought", "where": [asked]}) == ["Buyer"]
    asked["value"] = str(wooden.id)
    assert names(session, {"has": "bought", "where": [asked]}) == ["Buyer"]
    never = {"has": "bought", "where": [asked], "count": {"is": "eq", "value": 0}}
    assert names(session, never) == ["Other"]


def test_figures_of_who_was_never_counted_are_zero(session: Session, made: Made):
    bought, fresh = made.buyer("Bought"), made.buyer("Fresh")
    ordered(made, bought, ("1", "100.00"), days_ago=100)
    party_metric.count(session, [bought.id], at=AT)
    assert names(session, {"field": "orders_count", "is": "eq", "value": 0}) == [fresh.name]
    assert names(session, {"field": "orders_count", "is": "le", "value": 1}) == ["Bought", "Fresh"]
    assert names(session, {"field": "orders_count", "is": "ge", "value": 1}) == ["Bought"]
    assert names(session, {"field": "last_order_on", "is": "over", "value": 90}) == ["Bought"]
    assert names(session, {"field": "last_order_on", "is": "last", "value": 90}) == []
    assert names(session, {"field": "last_order_on", "is": "empty", "value": "1"}) == ["Fresh"]


def test_tags_consents_and_contacts(session: Session, made: Made):
    said, back = made.party("Said yes"), made.party("Took it back")
    about = {"purpose": ConsentPurpose.marketing_mail, "source": ConsentSource.form, "said_at": AT, "noted_at": AT}
    for party in (said, back):
        session.add(Consent(party_id=party.id, state=ConsentState.given, wording="v1", **about))
    session.flush()
    session.add(Consent(party_id=back.id, state=ConsentState.withdrawn, **about))
    tags.add(session, said, name="VIP")
    back.contacts.append(PartyContact(name="Olga", role="Buyer"))
    session.flush()
    assert names(session, {"field": "consent", "is": "eq", "value": "marketing_mail"}) == ["Said yes"]
    assert names(session, {"field": "consent", "is": "neq", "value": "marketing_mail"}) == ["Took it back"]
    assert names(session, {"field": "tags", "is": "eq", "value": "vip"}) == ["Said yes"]
    buyer = {"field": "role", "is": "eq", "value": "Buyer"}
    assert names(session, {"has": "contact", "where": [buyer]}) == ["Took it back"]
    assert names(session, {"has": "contact", "count": {"is": "eq", "value": 0}}) == ["Said yes"]


def test_archived_merged_and_anonymised_ones_are_left_out(session: Session, made: Made):
    here = made.party("Here")
    made.party("Archived", archived_at=AT)
    made.party("Merged", merged_into=here, archived_at=AT)
    made.party("Anonymous").anonymised_at = AT
    session.flush()
    assert names(session, NL) == ["Here"]
    assert names(session, {"field": "archived_at", "is": "empty", "value": "0"}) == ["Archived"]


@attack(174, "SQL, a foreign field or table, or nonsense in the JSON of a segment's conditions")
@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"field": "search_text", "is": "ct", "value": "a"}, "cannot ask|One cannot ask"),
        ({"field": "owner.password", "is": "sw", "value": "s"}, "One cannot ask"),
        ({"field": "country", "is": "gt", "value": "A"}, "compared in this way"),
        ({"field": "turnover", "is": "ge", "value": "lots"}, "no value to compare"),
        ({"field": "created_at", "is": "last", "value": "0"}, "no value to compare"),
        ({"field": "created_at", "is": "last", "value": "99999999999999"}, "no value to compare"),
        ({"has": "user"}, "One cannot ask"),
        ({"has": "order", "where": [{"field": "margin", "is": "ge", "value": "1"}]}, "One cannot ask"),
        ({"has": "order", "sum:net": {"is": "ge", "value": "1"}}, "which currency"),
        ({"has": "order", "sum:margin": {"is": "ge", "value": "1"}, "currency": "EUR"}, "added up"),
        ({"has": "order", "count": {"is": "ge", "value": "-1"}}, "no value to compare"),
        ({"has": "order", "count": {"is": "ct", "value": "1"}}, "compared in this way"),
        ({"has": "contact", "days": 3}, "no day to count from"),
        ({"has": "order", "where": [{"has": "order"}]}, "not in a form"),
        ({"has": "order", "where": [{"any": []}]}, "nested"),
        ({"all": [], "any": []}, "not in a form"),
        ("country = 'NL'", "not in a form"),
        ({"field": {"a": 1}, "is": "eq", "value": "1"}, "not in a form"),
        ({"field": "country", "is": "eq", "value": "x" * 201}, "not in a form"),
    ],
)
def test_what_no_condition_can_be_is_refused_and_nothing_is_kept(session: Session, part: Any, text: str):
    made = Segment(name="Bad", definition=tree(part))
    with pytest.raises(DomainError, match=text) as refusal:
        segments.save(session, made)
    assert refusal.value.field == "definition"
    assert made not in session


def nested(deep: int) -> dict[str, Any]:
    made: dict[str, Any] = NL
    for _each in range(deep):
        made = {"any": [made]}
    return made


@attack(175, "conditions nested or repeated without end")
@pytest.mark.parametrize(
    ("part", "text"),
    [
        (nested(5), "nested"),
        (nested(40), "nested"),
        ({"any": [NL] * 60}, "At most 60"),
        ({"any": [{"any": [NL] * 30}] * 1000}, "At most 60"),
        ({"has": "order", "where": [{"field": "net", "is": "ge", "value": "1"}] * 60}, "At most 60"),
        ({"field": "country", "is": "in", "value": ["NL"] * 101}, "At most 100"),
        ({"has": "order", "days": 10**9}, "whole number of days"),
        ({"has": "order", "count": {"is": "ge", "value": 10**12}}, "no value to compare"),
    ],
)
def test_a_bomb_of_conditions_is_refused_before_it_is_sql(session: Session, part: Any, text: str):
    with pytest.raises(DomainError, match=text) as refusal:
        segments.save(session, Segment(name="Bomb", definition=tree(part)))
    assert refusal.value.field == "definition"
    segments.save(session, Segment(name="Deepest", definition=tree(nested(4))))


def test_a_live_segment_needs_a_condition_and_a_name(session: Session):
    with pytest.raises(DomainError) as refusal:
        segments.save(session, Segment(name="  ", definition=tree(NL)))
    assert refusal.value.field == "name"
    with pytest.raises(DomainError) as refusal:
        segments.save(session, Segment(name="All", definition=tree()))
    assert refusal.value.field == "definition"
    segments.save(session, Segment(name="By hand", kind=SegmentKind.static))


# --- whose rows -------------------------------------------------------------------------------------------------------


def as_user(session: Session, made: Made, name: str, role: str) -> Any:
    person = made.user(name)
    return access.acting(session, access.actor_of(session, user_id=person.id, name=name, roles=[role]))


def test_each_reader_finds_his_own_rows_only(session: Session, made: Made):
    made.party("Mine", owner="manager")
    made.party("Hers", owner="manager2")
    shared = segment(session, NL)
    assert segments.recount(session, shared, at=AT) == 2
    with as_user(session, made, "manager", "Sales manager"):
        found = session.scalars(segments.members(session, shared, at=AT)).all()
        assert [session.get_one(Party, key).name for key in found] == ["Mine"]
        assert segments.counted(session, [shared.id]) == {}
        assert segments.recount(session, shared, at=AT) == 1
        assert segments.counted(session, [shared.id])[shared.id].members == 1


@attack(177, "records of others, asked for by what belongs to a counterparty")
def test_orders_of_others_are_no_way_to_look_into_them(session: Session, made: Made):
    mine = made.buyer("Mine", owner="manager")
    ordered(made, mine, ("1", "1000.00"))  # of nobody: a manager does not see it
    asked = {"has": "order", "where": [{"field": "net", "is": "ge", "value": "1000"}]}
    assert names(session, asked) == ["Mine"]
    with as_user(session, made, "manager", "Sales manager"):
        assert names(session, asked) == []
        assert names(session, {"has": "order", "count": {"is": "eq", "value": 0}}) == ["Mine"]


@attack(176, "a figure that one may not see, told by a condition on it")
@pytest.mark.parametrize(
    "part",
    [
        {"field": "turnover", "is": "ge", "value": "1"},
        {"field": "orders_count", "is": "eq", "value": "0"},
        {"has": "invoice"},
        {"has": "bought"},
        {"none": [{"any": [{"field": "average_check", "is": "empty", "value": "1"}]}]},
    ],
)
def test_a_figure_that_one_may_not_see_cannot_be_asked(session: Session, made: Made, part: Any):
    """The owner of a segment may ask; who reads it without that right gets a refusal, not an answer."""
    party = made.party("Mine")
    kept = segment(session, part)
    actor = access.Actor(
        made.user("robot").id, "robot", access.Scope.own, reaches=(("party", "see", access.EVERYTHING),)
    )
    with access.acting(session, actor):
        with pytest.raises(DomainError, match="right") as refusal:
            segments.members(session, kept, at=AT)
        assert refusal.value.field == "definition"
        with pytest.raises(DomainError, match="right"):
            segments.save(session, Segment(name="Probe", definition=tree(part)))
        assert [one.met for one in segments.why(session, kept, party, at=AT)][1:] == [None] * (
            3 if "none" in part else 1
        )


# --- why --------------------------------------------------------------------------------------------------------------


def test_why_says_each_condition_with_its_value(session: Session, made: Made):
    party = made.buyer("Once")
    ordered(made, party, ("1", "100.00"))
    orders = {"has": "order", "sum:net": {"is": "ge", "value": "500"}, "currency": "EUR"}
    kept = segment(session, NL, {"any": [orders, {"field": "tags", "is": "empty", "value": "1"}]})
    found = segments.why(session, kept, party, at=AT)
    assert [(one.depth, one.met) for one in found] == [(0, True), (1, True), (1, True), (2, False), (2, True)]
    assert [one.value for one in found] == [None, "NL", None, Decimal("100.0000"), None]


# --- static ones ------------------------------------------------------------------------------------------------------


def keys(session: Session, one: Segment) -> list[int]:
    return sorted(session.scalars(segments.members(session, one, at=AT)).all())


def test_a_static_segment_keeps_who_was_found(session: Session, made: Made):
    first, second = made.party("First"), made.party("Second", country="RU")
    kept = segment(session, NL, kind=SegmentKind.static)
    assert keys(session, kept) == []
    assert segment_members.refresh(session, kept, at=AT) == 1
    assert (keys(session, kept), kept.frozen_at) == ([first.id], AT)
    second.country, first.country = "NL", "RU"
    session.flush()
    assert keys(session, kept) == [first.id]
    assert segment_members.refresh(session, kept, at=AT) == 1
    assert keys(session, kept) == [second.id]
    assert segment_members.add(session, kept, keys=[first.id, first.id, 999_999], at=AT) == 2
    assert segment_members.remove(session, kept, keys=[second.id], at=AT) == 1
    assert keys(session, kept) == [first.id]


def test_segments_are_combined(session: Session, made: Made):
    one, two, three = (made.party(name) for name in ("One", "Two", "Three"))
    kept = segment(session, kind=SegmentKind.static)
    other = segment(session, kind=SegmentKind.static, name="Other")
    segment_members.add(session, kept, keys=[one.id, two.id], at=AT)
    segment_members.add(session, other, keys=[two.id, three.id], at=AT)
    assert segment_members.combine(session, kept, other=other, how=Combining.union, at=AT) == 3
    assert segment_members.combine(session, kept, other=other, how=Combining.minus, at=AT) == 1
    assert keys(session, kept) == [one.id]
    assert segment_members.combine(session, kept, other=other, how=Combining.common, at=AT) == 0
    assert keys(session, other) == [two.id, three.id]
    live = segment(session, NL, name="Live")
    for act in (
        lambda: segment_members.combine(session, live, other=other, how=Combining.union, at=AT),
        lambda: segment_members.combine(session, kept, other=kept, how=Combining.union, at=AT),
        lambda: segment_members.refresh(session, kept, at=AT),
        lambda: segment_members.add(session, live, keys=[one.id], at=AT),
    ):
        with pytest.raises(DomainError):
            act()
    assert keys(session, live) == [one.id, two.id, three.id]
