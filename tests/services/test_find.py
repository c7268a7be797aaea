"""Finding records of every kind: scripts, numbers, slips, ranks, whose rows they are, and that nothing is forgotten."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from app.models.party import Party, PartyChannel
from app.models.search_entry import RecentRecord, SearchEntry, SearchWord
from app.models.setting import Setting
from app.roles import Scope
from app.services import access, find
from app.services.find_index import DUE
from app.services.find_text import fragments, latin, marked, nearest, slips

ALL = frozenset({"party", "product", "order", "invoice", "payment", "letter"})
AT = datetime(2026, 3, 31, 12, tzinfo=UTC)


def titles(session: Session, query: str, among: frozenset[str] = ALL) -> list[str]:
    return [hit.title for hit in find.search(session, query, among=among).hits]


def entries(session: Session) -> list[tuple[str, str, str]]:
    rows = session.execute(select(SearchEntry.entity, SearchEntry.title, SearchEntry.detail).order_by(SearchEntry.id))
    return [(row.entity, row.title, row.detail) for row in rows]


# --- one spelling for all scripts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (("Иванов", "Իվանով", "Ivanov"), "ivanov"),
        (("Хачатрян", "Խաչատրյան", "Khachatryan"), "hachatrian"),
        (("Щукин", "Shchukin", "Schukin"), "shukin"),
        (("Сергей", "Sergey", "Sergei"), "sergei"),
        (("Мария", "Maria", "Mariya"), "maria"),
        (("Երևան", "Ереван", "Yerevan", "Erevan"), "erevan"),
        (("Ձորագետ", "Дзорагет", "Dzoraget"), "dzoraget"),
        (("Царёв", "Tsarev"), "tsarev"),
        (("Որոտան", "Воротан", "Vorotan"), "vorotan"),
        (("Ղազարյան", "Газарян", "Ghazaryan"), "gazarian"),
        (("Филипп", "Philip"), "filip"),
        (("Ջավախք", "Джавахк"), "dzhavahk"),
        (("ООО", "OOO"), "ooo"),
        (("INV-2026/0017", "inv 2026 0017"), "inv 2026 0017"),
    ],
)
def test_words_of_every_script_meet_in_one_key(words: tuple[str, ...], key: str):
    assert {latin(word) for word in words} == {key}


@pytest.mark.parametrize(
    ("query", "sought"),
    [
        ("Carev", [("karev", "tsarev")]),
        ("Xachatryan", [("ksachatrian", "hachatrian")]),
        ("Jan", [("ian", "zhan", "dzhan")]),
        ("Petrovic", [("petrovik", "petrovits", "petrovi")]),
        ("и", [("  i",)]),
        ("ив ром", [(" iv",), ("rom",)]),
        ("+31 (0)20 624 11 11", [("31206241111",)]),
        ("***", []),
        ("", []),
    ],
)
def test_a_query_is_sought_in_all_its_spellings(query: str, sought: list[tuple[str, ...]]):
    assert fragments(query) == sought


def test_what_was_sought_is_marked_in_its_own_script():
    assert marked("ООО «Щукин и Ко»", fragments("shu")) == [("ООО «", False), ("Щу", True), ("кин и Ко»", False)]
    assert marked("Tulpen & Zonen B.V.", fragments("zon")) == [
        ("Tulpen & ", False),
        ("Zon", True),
        ("en B.V.", False),
    ]
    assert marked("Tulpen", fragments("bloem")) == [("Tulpen", False)]


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [
        ("ivanov", "ivanov", 0),
        ("ivanov", "ivnaov", 1),
        ("ivanov", "ivanof", 1),
        ("ivanov", "ivan", 2),
        ("a", "bcde", 3),
    ],
)
def test_slips_are_counted(one: str, other: str, count: int):
    assert slips(one, other, 2) == count


def test_only_what_is_near_was_meant():
    words = ["romashka", "romashkovi", "roman", "kalina"]
    assert nearest("romahska", words, most=4) == ["romashka"]
    assert nearest("roma", ["roman", "rama"], most=4) == ["rama"]  # the first one holds it as it stands


# --- what is found ----------------------------------------------------------------------------------------------------


def test_a_party_is_found_by_all_that_it_is_known_by_in_any_script(session: Session, made: Any):
    made.party(
        "ООО «Ромашка»", country="RU", tax_number="7707083893", phone="8 (903) 555-12-34", email="info@romashka.example"
    )
    made.party("Խաչատրյան և որդիներ", country="AM")
    session.flush()
    for query in ("ромаш", "Romashka", "Ռոմաշկա", "7707083893", "555-12-34", "+7 903 5551234", "info@romashka"):
        assert titles(session, query) == ["ООО «Ромашка»"], query
    for query in ("Хачатрян", "xachatryan", "khachatryan", "որդի"):
        assert titles(session, query) == ["Խաչատրյան և որդիներ"], query
    assert titles(session, "калина") == []


def test_documents_are_found_by_number_and_party_and_say_whose_they_are(session: Session, made: Any):
    party = made.buyer("Bakkerij De Halm")
    invoice = made.issued(party=party)
    made.payment(party=party, reference="RF18 5390")
    session.flush()
    assert invoice.number is not None
    [(kind, [hit])] = find.search(session, invoice.number, among={"invoice"}).groups
    assert (kind, hit.title, hit.detail, hit.rank) == ("invoice", invoice.number, "Bakkerij De Halm", 0)
    assert {kind for kind, _hits in find.search(session, "de halm", among=ALL).groups} == {
        "party",
        "invoice",
        "payment",
    }
    assert titles(session, "RF18") == ["RF18 5390"]


def test_slips_of_the_hand_are_forgiven_and_said(session: Session, made: Any):
    made.party("ООО «Ромашка»", country="RU")
    made.party("Molen De Adriaan")
    session.commit()
    found = find.search(session, "рамашка", among=ALL)
    assert ([hit.title for hit in found.hits], found.meant) == (["ООО «Ромашка»"], ("romashka",))
    assert titles(session, "adraian") == ["Molen De Adriaan"]
    assert titles(session, "xyzzyx") == []


def test_the_exact_stands_before_what_begins_so_before_the_rest_and_the_new_before_the_old(session: Session, made: Any):
    for name in ("Antarctic Tulp", "De Tulp", "Tulp & Co", "Tulp", "Stulpen"):
        made.party(name)
    made.party("Bloem", email="tulp@example.org")
    session.flush()
    ranked = [(hit.title, hit.rank) for hit in find.search(session, "tulp", among=ALL, each=9).hits]
    assert ranked == [
        ("Tulp", 0),
        ("Tulp & Co", 1),
        ("De Tulp", 2),
        ("Antarctic Tulp", 2),
        ("Bloem", 3),
        ("Stulpen", 4),
    ]


def test_there_are_five_of_a_kind_and_twenty_in_all(session: Session, made: Any):
    party = made.buyer("Halm")
    for _time in range(7):
        made.party("Halm")
        made.order(party=party)
    session.flush()
    found = find.search(session, "halm", among=ALL)
    assert {kind: len(hits) for kind, hits in found.groups} == {"party": 5, "order": 5}
    assert len(find.search(session, "halm", among=ALL, each=9, most=11).hits) == 11


# --- whose rows -------------------------------------------------------------------------------------------------------


def reader(made: Any, name: str, scope: Scope) -> access.Actor:
    user = made.user(name)
    team = user.profile.team_id
    return access.Actor(user.id, name, scope, team_id=team, team_ids=frozenset({team} if team else ()))


def test_each_scope_finds_its_own_rows_and_what_belongs_to_nobody(session: Session, made: Any):
    made.party("Halm Manager", owner="manager")
    made.party("Halm Foreign", owner="manager2")
    made.party("Halm Nobody")
    made.product("Halm bread")
    session.commit()
    seen = {
        "own": ["Halm Manager", "Halm bread"],
        "team": ["Halm Manager", "Halm bread"],
        "all": ["Halm Foreign", "Halm Manager", "Halm Nobody", "Halm bread"],
        "none": ["Halm bread"],
    }
    for scope, expected in seen.items():
        with access.acting(session, reader(made, "manager", Scope(scope))):
            assert sorted(titles(session, "halm")) == expected, scope
            assert sorted(titles(session, "hlam")) == expected, scope
    with access.acting(session, reader(made, "manager", Scope.own)):
        assert titles(session, "foreign") == []
        assert titles(session, "halm", frozenset({"product"})) == ["Halm bread"]


def test_without_an_actor_nothing_is_found(session: Session):
    session.info.pop("actor")
    with pytest.raises(Exception, match="actor"):
        find.search(session, "halm", among=ALL)


def test_a_handed_over_record_goes_with_its_owner(session: Session, made: Any):
    party = made.party("Halm", owner="manager")
    old, new = reader(made, "manager", Scope.own), reader(made, "manager2", Scope.own)
    with access.acting(session, old):
        assert titles(session, "halm") == ["Halm"]
    party.owner = made.user("manager2")
    session.flush()
    with access.acting(session, old):
        assert titles(session, "halm") == []
    with access.acting(session, new):
        assert titles(session, "halm") == ["Halm"]


# --- the rows are kept ------------------------------------------------------------------------------------------------


def test_a_change_a_rename_and_a_deletion_are_followed(session: Session, made: Any):
    party = made.buyer("Bakkerij De Halm")
    order = made.order(party=party)
    assert ("party", "Bakkerij De Halm", "") in entries(session)
    assert ("order", f"#{order.id}", "Bakkerij De Halm") in entries(session)
    party.name = "Molen De Adriaan"
    session.flush()
    assert {detail for entity, _title, detail in entries(session) if entity == "order"} == {"Molen De Adriaan"}
    assert ("party", "Molen De Adriaan", "") in entries(session)
    gone = made.party("Short lived")
    session.delete(gone)
    session.flush()
    assert titles(session, "short lived") == []


def test_what_is_rolled_back_is_not_found(session: Session, made: Any):
    session.commit()
    made.party("Bakkerij De Halm")
    session.rollback()
    assert titles(session, "halm") == []
    session.commit()
    assert session.scalars(select(SearchWord.search_text).where(SearchWord.search_text == "  bakerii")).all() == []


def test_a_rebuild_finds_what_was_written_in_bulk_and_forgets_what_is_gone(session: Session, made: Any):
    kept = made.party("Bakkerij De Halm", tax_number="NL854502130B01")
    bare = {"kind": "company", "language": "nl", "created_at": AT, "changed_at": AT, "version": 1, "name_key": ""}
    bare |= {"is_customer": True, "is_supplier": False, "is_partner": False}
    row = bare | {"name": "Molen De Adriaan", "search_text": "  molen  de  adriaan"}
    key = session.scalars(insert(Party).returning(Party.id), [row]).one()
    assert titles(session, "adriaan") == []
    find.index(session, Party, [key])
    assert titles(session, "adriaan") == ["Molen De Adriaan"]
    session.execute(delete(Party).where(Party.id == key))
    session.execute(update(SearchEntry).where(SearchEntry.record_id == kept.id).values(title="x", search_text="  x"))
    told: list[tuple[str, int]] = []
    done = find.rebuild(session, "party", progress=lambda stem, count: told.append((stem, count)))
    assert (done, told) == ({"party": 1}, [("party", 1)])
    assert [each for each in entries(session) if each[0] == "party"] == [
        ("party", "Bakkerij De Halm", "NL854502130B01")
    ]
    assert titles(session, "adriaan") == []
    assert titles(session, "854502130") == ["Bakkerij De Halm"]


def test_a_rebuild_is_due_after_a_migration_and_then_no_more(session: Session):
    session.execute(delete(Setting).where(Setting.name == DUE))
    assert find.is_due(session)
    find.rebuild(session)
    session.flush()
    assert not find.is_due(session)


def test_a_rebuild_writes_the_same_as_the_listener(session: Session, made: Any):
    party = made.buyer("ООО «Ромашка»", country="RU", owner="manager")
    party.channels.append(PartyChannel(value="@romashka"))
    records = [party, made.issued(party=party), made.payment(party=party)]
    session.flush()
    own = [tuple_(SearchEntry.entity, SearchEntry.record_id) == (each.__stem__, each.id) for each in records]
    columns = [column for column in SearchEntry.__table__.c if column.name != "id"]
    all_of = select(*columns).where(or_(*own)).order_by(SearchEntry.entity, SearchEntry.record_id)
    with access.everything(session, why="the test compares all rows"):
        kept = session.execute(all_of).all()
        find.rebuild(session)
        assert session.execute(all_of).all() == kept
    assert [row.entity for row in kept] == ["invoice", "party", "payment"]


# --- what one has opened ----------------------------------------------------------------------------------------------


def test_the_last_twenty_opened_records_are_kept_and_shown_as_far_as_they_are_seen(session: Session, made: Any):
    user = made.user("manager")
    parties = [made.party(f"Halm {at}", owner="manager") for at in range(22)]
    session.flush()
    for at, party in enumerate([*parties, parties[5]]):
        find.note_opened(session, user_id=user.id, entity="party", record_id=party.id, at=AT + timedelta(minutes=at))
    assert len(session.scalars(select(RecentRecord.id)).all()) == 20
    with access.acting(session, reader(made, "manager", Scope.own)):
        recent = find.recent(session, user_id=user.id, among=ALL, most=3)
        assert [hit.title for hit in recent] == ["Halm 5", "Halm 21", "Halm 20"]
        parties[21].owner = made.user("manager2")
        session.flush()
        recent = find.recent(session, user_id=user.id, among=ALL, most=3)
        assert [hit.title for hit in recent] == ["Halm 5", "Halm 20", "Halm 19"]
        assert find.recent(session, user_id=user.id, among={"product"}) == []
