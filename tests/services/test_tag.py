"""Tags: one word is one tag, whoever writes it and however; they come and go with their record."""

import pytest
from sqlalchemy import select

from app.errors import DomainError
from app.models.history import FieldChange
from app.models.party import Party
from app.models.tag import Tag, TagColour, Tagging
from app.services import tag as tags


def names(session, record):
    return [tag.name for tag in session.scalars(tags.of(record))]


def test_a_new_word_becomes_a_tag_and_a_known_one_is_taken(session, made):
    one, other = made.party("One"), made.party("Other")
    first = tags.add(session, one, name="  Trade   fair ")
    again = tags.add(session, other, name="trade FAIR")
    assert (first.id, first.name, first.name_key) == (again.id, "Trade fair", "trade fair")
    assert first.colour in set(TagColour) - {TagColour.grey}
    assert names(session, one) == names(session, other) == ["Trade fair"]


def test_the_same_tag_twice_stands_once(session, made):
    party = made.party()
    tags.add(session, party, name="VIP")
    tags.add(session, party, name="vip")
    assert len(session.scalars(select(Tagging)).all()) == 1


@pytest.mark.parametrize("typed", ["", "   ", "\u200b", "x" * 41])
def test_what_is_no_word_is_refused_and_changes_nothing(session, made, typed):
    party = made.party()
    with pytest.raises(DomainError) as refusal:
        tags.add(session, party, name=typed)
    assert refusal.value.field == "tag"
    assert session.scalars(select(Tag)).all() == []


def test_a_record_has_at_most_twenty(session, made):
    party = made.party()
    for number in range(20):
        tags.add(session, party, name=f"word {number}")
    with pytest.raises(DomainError, match="at most 20 tags"):
        tags.add(session, party, name="one more")
    assert len(names(session, party)) == 20


def test_a_tag_is_taken_off_one_record_alone(session, made):
    one, other = made.party("One"), made.party("Other")
    tag = tags.add(session, one, name="VIP")
    tags.add(session, other, name="VIP")
    tags.remove(session, one, tag_id=tag.id)
    assert (names(session, one), names(session, other)) == ([], ["VIP"])


def test_tags_go_away_with_their_record(session, made):
    party = made.party()
    tags.add(session, party, name="VIP")
    session.delete(party)
    session.flush()
    assert session.scalars(select(Tagging)).all() == []
    assert [tag.name for tag in session.scalars(select(Tag))] == ["VIP"]


def test_two_tags_cannot_be_called_the_same(session):
    tags.save(session, Tag(name="VIP", colour=TagColour.red))
    session.flush()
    with pytest.raises(DomainError, match="such a tag already"):
        tags.save(session, Tag(name=" vip", colour=TagColour.blue))


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        ("eq", "VIP", ["Both", "Vip"]),
        ("eq", "vip", ["Both", "Vip"]),
        ("neq", "vip", ["Fair", "None"]),
        ("in", ["vip", "fair"], ["Both", "Fair", "Vip"]),
        ("empty", True, ["None"]),
        ("empty", False, ["Both", "Fair", "Vip"]),
        ("eq", "unknown", []),
    ],
)
def test_records_are_found_by_their_tags(session, made, operator, value, found):
    for name, words in {"None": (), "Vip": ("VIP",), "Fair": ("fair",), "Both": ("VIP", "fair")}.items():
        party = made.party(name)
        for word in words:
            tags.add(session, party, name=word)
    query = select(Party.name).where(tags.having(Party, operator, value)).order_by(Party.name)
    assert list(session.scalars(query)) == found


def test_a_tag_is_also_found_by_its_key(session, made):
    party = made.party("Vip")
    tag = tags.add(session, party, name="VIP")
    assert list(session.scalars(select(Party.name).where(tags.having(Party, "eq", str(tag.id))))) == ["Vip"]
    assert [each.name for each in party.tags] == ["VIP"]


def test_a_record_gets_exactly_the_tags_that_are_put_in_few_statements(session, made, statements):
    party = made.party()
    for name in ("VIP", "Old"):
        tags.add(session, party, name=name)
    tags.add(session, made.party("Other"), name="Known")
    statements.clear()
    tags.put(session, party, ["vip", "Known", "known", "Fresh"])
    assert len(statements) < 15
    assert names(session, party) == ["Fresh", "Known", "VIP"]
    tags.put(session, party, [])
    assert names(session, party) == []


def test_what_is_put_on_and_taken_off_stands_in_the_history(session, made):
    party = made.party()
    vip = tags.add(session, party, name="VIP")
    tags.add(session, party, name="vip")  # it is there: nothing happens
    tags.put(session, party, ["Fair", "VIP"])
    tags.put(session, party, ["VIP", "fair"])
    tags.remove(session, party, tag_id=vip.id)
    found = select(FieldChange.changes).where(
        FieldChange.entity == "party", FieldChange.record_id == party.id, FieldChange.act == "change"
    )
    told = [changes["tags"] for changes in session.scalars(found.order_by(FieldChange.id)) if "tags" in changes]
    assert told == [[None, "VIP"], ["VIP", "Fair, VIP"], ["Fair, VIP", "Fair"]]


def test_more_tags_than_a_record_may_have_are_refused_and_change_nothing(session, made):
    party = made.party()
    tags.put(session, party, ["VIP"])
    with pytest.raises(DomainError) as refusal:
        tags.put(session, party, [f"Tag {at}" for at in range(tags.MOST + 1)])
    assert refusal.value.field == "tag"
    assert names(session, party) == ["VIP"]
