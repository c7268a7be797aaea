"""Counterparties that may be one: near misses across scripts and slips, how sure it is, pairs over the whole base."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.errors import NotFound
from app.models.party import Party
from app.models.party_pair import PairState, PartyPair
from app.models.setting import Setting
from app.services import access, duplicate, party_alike, party_pairs
from app.services import party as parties
from app.services.name_sound import latin_key, sound_key
from app.services.party_duplicate import DuplicateReason as Because

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def found(session, **values) -> list[tuple[str, tuple[Because, ...], int]]:
    party = Party(**values)
    with session.no_autoflush:
        parties.rules.normalise(party)
    return [(twin.name, twin.reasons, twin.score) for twin in party_alike.likely(session, party)]


@pytest.mark.parametrize(
    ("name", "latin", "sound"),
    [
        ("ООО «Ромашка»", "romashka", "rnsk"),
        ("Romashka LLC", "romashka", "rnsk"),
        ("Ռոմաշկա ՍՊԸ", "romashka", "rnsk"),
        ("Tulpen & Zonen B.V.", "tulpen zonen", "sn tlpn"),
        ("Zonen, Tulpen en", "en tulpen zonen", "an sn tlpn"),
        ("Studio 54", "54 studio", "54 st"),
        ("", "", ""),
    ],
)
def test_a_name_has_one_key_in_every_script_and_one_by_its_sound(name, latin, sound):
    assert (latin_key(name), sound_key(name)) == (latin, sound)


def test_a_slip_and_another_script_are_found_and_scored(session, made):
    made.party("ООО «Ромашка»", country="RU")
    made.party("Bakkerij Janssen B.V.", country="NL", email="info@janssen.nl")
    made.party("Slagerij Pietersen B.V.", country="NL")
    assert found(session, name="Romashka LLC", country="RU") == [("ООО «Ромашка»", (Because.similar_name,), 40)]
    assert found(session, name="Bakkerij Jansen", country="NL") == [
        ("Bakkerij Janssen B.V.", (Because.similar_name,), 40)
    ]
    assert found(session, name="Bakerij Jannsen BV", country="NL", email="info@janssen.nl") == [
        ("Bakkerij Janssen B.V.", (Because.email,), 40)
    ]
    assert found(session, name="Smederij de Wit", country="NL") == []


def test_what_speaks_against_lowers_the_score(session, made):
    made.party("Bakkerij Janssen B.V.", country="NL", tax_number="NL854502130B01")
    assert found(session, name="Bakkerij Jansen", country="BE") == [], "similar, and in another country"
    assert found(session, name="Bakkerij Jansen", country="NL", tax_number=None) == [
        ("Bakkerij Janssen B.V.", (Because.similar_name,), 40)
    ]
    same = found(session, name="Other name", country="NL", tax_number="NL854502130B01")
    assert same == [("Bakkerij Janssen B.V.", (Because.tax_number,), 70)]


def test_the_notice_tells_only_what_the_reader_sees(session, made):
    mine = made.party("Bakkerij Janssen B.V.", owner="manager", country="NL")
    made.party("Bakkerij Jansens", owner="manager2", country="NL")
    person = made.user("manager")
    actor = access.actor_of(
        session, user_id=person.id, name="manager", roles=[role.name for role in person.roles], profile=person.profile
    )
    typed = {"name": "Bakkerij Jansen", "country": "NL"}
    with access.acting(session, actor):
        told = duplicate.of_party(session, typed)
    assert [(one.id, one.field, one.reasons) for one in told] == [(mine.id, "name", ("similar name",))]
    assert len(duplicate.of_party(session, typed)) == 2


# --- pairs ------------------------------------------------------------------------------------------------------------


def pairs(session) -> list[tuple[str, str, int, str]]:
    return [
        (pair.one.name, pair.other.name, pair.score, ",".join(pair.reasons)) for pair in party_pairs.open_pairs(session)
    ]


def test_the_base_is_compared_with_itself_in_portions_and_goes_on_where_it_was(session, made, monkeypatch):
    made.party("ООО «Ромашка»", country="RU", phone="+74951234567")
    made.party("Bakkerij Janssen B.V.", country="NL", email="info@janssen.nl")
    made.party("Romashka LLC", country="RU", phone="+74951234567")
    made.party("Bakkerij Jansen", country="NL", email="info@janssen.nl")
    made.party("Slagerij Pietersen", country="NL")
    monkeypatch.setattr(party_pairs, "PORTION", 2)
    assert [party_pairs.scan(session, at=NOON) for _portion in range(3)] == [True, True, False]
    assert session.get(Setting, party_pairs.CURSOR).value == 0
    expected = [
        ("Bakkerij Janssen B.V.", "Bakkerij Jansen", 80, "email,similar_name"),
        ("ООО «Ромашка»", "Romashka LLC", 76, "phone,similar_name"),
    ]
    assert sorted(pairs(session)) == sorted(expected)
    while party_pairs.scan(session, at=NOON):
        pass
    assert sorted(pairs(session)) == sorted(expected), "a second night changes nothing"


def test_a_dismissed_pair_never_comes_back(session, made):
    made.party("Bakkerij Janssen B.V.", country="NL", email="info@janssen.nl")
    made.party("Bakkerij Jansen", country="NL", email="info@janssen.nl")
    party_pairs.scan(session, at=NOON)
    [pair] = party_pairs.open_pairs(session)
    party_pairs.dismiss(session, pair.id, by=access.SYSTEM)
    party_pairs.scan(session, at=NOON)
    assert pairs(session) == []
    assert session.scalars(select(PartyPair.state)).all() == [PairState.dismissed]


def test_nobody_sees_or_dismisses_a_pair_of_which_he_sees_one(session, made):
    made.party("Bakkerij Janssen B.V.", owner="manager", country="NL", email="info@janssen.nl")
    made.party("Bakkerij Jansen", owner="manager2", country="NL", email="info@janssen.nl")
    party_pairs.scan(session, at=NOON)
    [pair] = party_pairs.open_pairs(session)
    person = made.user("manager")
    actor = access.actor_of(
        session, user_id=person.id, name="manager", roles=[role.name for role in person.roles], profile=person.profile
    )
    with access.acting(session, actor):
        assert party_pairs.open_pairs(session) == []
        assert session.execute(party_pairs.count_of(session, pair.one)).scalar_one() == 0
        assert party_pairs.open_pairs(session, of=pair.one) == []
        with pytest.raises(NotFound):
            party_pairs.dismiss(session, pair.id, by=actor)
    assert session.scalars(select(PartyPair.state)).all() == [PairState.open]


def test_what_a_crowd_shares_makes_no_pairs(session, made, monkeypatch):
    monkeypatch.setattr(party_pairs, "CROWD", 2)
    for name in ("Alpha", "Bravo", "Charlie"):
        made.party(name, country="NL", phone="+31201234567")
    party_pairs.scan(session, at=NOON)
    assert session.execute(select(func.count()).select_from(PartyPair)).scalar_one() == 0
