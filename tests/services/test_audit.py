"""The audit: what is written, how it is sealed, what the proof finds, what is erased and what is cut off."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import clock
from app.errors import NotFound
from app.models.history import Act, AuditSeal, Channel, FieldChange
from app.models.import_run import ImportRun, ImportState
from app.models.party import Party, PartyContact
from app.services import access, anchor, audit, audit_seal, audit_verify, history, verify
from app.services import party as parties
from app.services.audit_digest import key_of, named, spans
from app.services.verify import Report
from tests.attack import attack
from tests.factories import Made
from tests.tampering import without_triggers

Proof = Callable[[], list[tuple[str, str]]]
MINUTE = timedelta(minutes=1)
SLIPPED = "(entity, act, changes, at, salt, seal_no, sha256) VALUES ('party', 'add', '{}', '2026-01-01', 'aa', 1, 'x')"


@pytest.fixture
def begun(session: Session) -> datetime:
    """A database whose standing entries are gone, and the moment of the test."""
    with without_triggers(session.connection()):
        session.execute(delete(FieldChange))
        session.execute(delete(AuditSeal))
    session.commit()
    return clock.now()


@pytest.fixture
def proof(session: Session, chain_key: bytes) -> Proof:
    """Verify and return (kind, about) of every problem."""

    def problems() -> list[tuple[str, str]]:
        session.expire_all()
        report = audit_verify.verify(session, key=chain_key, at=clock.now(), report=Report())
        return [(one.kind.value, one.about) for one in report.problems]

    return problems


@pytest.fixture
def seal(session: Session, chain_key: bytes) -> Callable[..., int]:
    def act(at: datetime | None = None) -> int:
        count = audit_seal.seal(session, key=chain_key, at=at or clock.now())
        session.commit()
        return count

    return act


@pytest.fixture
def three(session: Session, made: Made, begun: datetime, seal: Callable[..., int]) -> Party:
    """A party with seven entries under three seals: 3 of two additions, 2 and 2."""
    party = made.party("Anna Ivanova", phone="+31201234567")
    session.add(PartyContact(party=party, name="Boris", email="boris@example.com"))
    session.commit()
    assert seal() == 2
    for note in ("one", "two"):
        party.note, party.credit_limit = note, Decimal(3)
        session.commit()
        party.credit_limit = None
        session.commit()
        assert seal() == 2
    return party


def entries(session: Session, **where: Any) -> list[FieldChange]:
    found = select(FieldChange).filter_by(**where).order_by(FieldChange.id).execution_options(populate_existing=True)
    return list(session.scalars(found))


def forge(session: Session, *statements: Any) -> None:
    with without_triggers(session.connection()):
        for statement in statements:
            done: Any = session.execute(text(statement) if isinstance(statement, str) else statement)
            assert done.rowcount >= 1, statement
    session.commit()


# --- what is written --------------------------------------------------------------------------------------------------


def test_rows_of_a_record_are_told_under_it(session: Session, three: Party):
    card, contact = entries(session, act=Act.add)
    assert (card.entity, card.record_id, card.part, card.name) == ("party", three.id, None, "Anna Ivanova")
    assert (contact.entity, contact.record_id, contact.part, contact.name) == (
        "party", three.id, "party_contact", "Boris",
    )  # fmt: skip
    assert contact.changes == {"name": [None, "Boris"], "email": [None, "boris@example.com"]}
    session.delete(three.contacts[0])
    session.commit()
    gone = entries(session, act=Act.delete)[0]
    assert (gone.entity, gone.record_id, gone.part_id) == ("party", three.id, contact.part_id)
    assert gone.changes == {"name": ["Boris", None], "email": ["boris@example.com", None]}


def test_an_entry_says_who_by_which_way_and_from_where(session: Session, made: Made, begun: datetime):
    session.info |= {"channel": Channel.api, "address": "192.0.2.7", "sign_in": "key 3", "request_id": "r"}
    with access.acting(session, access.Actor(made.user("office").id, "office", access.SYSTEM.scope)):
        made.party("Told")
        session.commit()
    row = entries(session, entity="party")[0]
    assert (row.actor_name, row.actor_id) == ("office", made.user("office").id)
    assert (row.channel, row.address, row.sign_in, row.request_id) == (Channel.api, "192.0.2.7", "key 3", "r")
    with history.by_way(session, Channel.rule):
        made.party("By a rule")
        session.commit()
    assert [row.channel for row in entries(session, entity="party")] == [Channel.api, Channel.rule]


def test_a_move_of_state_is_a_move(session: Session, begun: datetime):
    run = ImportRun(entity="party", file_name="parties.csv")
    session.add(run)
    session.commit()
    run.state = ImportState.queued
    session.commit()
    run.file_name = "others.csv"
    session.commit()
    found = [(row.act, row.name) for row in entries(session, entity="import_run")]
    assert found == [(Act.add, "parties.csv"), (Act.move, "parties.csv"), (Act.change, "others.csv")]


def test_roles_of_an_account_are_told_by_name(session: Session, made: Made, begun: datetime):
    user = made.user("office")
    user.roles = list(made.user("manager").roles)
    session.commit()
    (row,) = entries(session, entity="user")
    assert row.changes == {"roles": [["Back office"], ["Sales manager"]]}


@attack(140, "changing or deleting entries of the audit")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE field_change SET actor_name = 'x'",
        "UPDATE field_change SET seal_no = 9",
        "UPDATE field_change SET changes = '{}', salt = NULL, erasure = '{}'",
        """UPDATE field_change SET changes = '{"name": [null, "x"]}', salt = NULL, erasure = '{}'""",
        "DELETE FROM field_change",
        "UPDATE audit_seal SET count = 7",
        "DELETE FROM audit_seal",
        f"INSERT INTO field_change {SLIPPED}",
    ],
)
def test_the_database_refuses_everything_but_adding(session: Session, three: Party, statement: str):
    with pytest.raises(DBAPIError, match="only ever added"), session.begin_nested():
        session.execute(text(statement))


# --- seals and the proof ----------------------------------------------------------------------------------------------


def test_all_is_well(session: Session, three: Party, proof: Proof, chain_key: bytes):
    report = audit_verify.verify(session, key=chain_key, at=clock.now(), report=Report())
    assert (report.entries, report.erased, report.problems) == (6, 0, [])
    assert [row.seal_no for row in entries(session)] == [1, 1, 2, 2, 3, 3]


def test_what_commits_late_with_lower_ids_comes_into_a_later_seal(
    session: Session,
    begun: datetime,
    seal: Callable[..., int],
    proof: Proof,
):
    first = audit.note(session, Act.export, entity="party")
    late, last = first + 5, first + 9
    audit.note(session, Act.export, entity="party", id=last)
    assert seal() == 2
    audit.note(session, Act.export, entity="party", id=late)
    assert seal() == 1
    seals = session.execute(select(AuditSeal.no, AuditSeal.rows).order_by(AuditSeal.no)).all()
    assert [tuple(row) for row in seals] == [(1, f"{first} {last}"), (2, str(late))]
    assert proof() == []


def test_a_seal_waits_a_minute_and_nothing_is_sealed_twice(session: Session, begun: datetime, seal: Callable[..., int]):
    audit.note(session, Act.export, entity="party", at=begun)
    assert not audit_seal.is_due(session, at=begun + MINUTE / 2)
    assert audit_seal.is_due(session, at=begun + MINUTE)
    assert (seal(), seal()) == (1, 0)
    assert not audit_seal.is_due(session, at=begun + 9 * MINUTE)


SECOND = "(SELECT min(id) FROM field_change WHERE seal_no = 2)"


@pytest.mark.parametrize(
    ("statement", "kinds"),
    [
        (f'UPDATE field_change SET changes = \'{{"note": [null, "x"]}}\' WHERE id = {SECOND}', ["changed_row"]),
        (f"UPDATE field_change SET actor_name = 'x' WHERE id = {SECOND}", ["changed_row"]),
        (f"UPDATE field_change SET actor_id = 77 WHERE id = {SECOND}", ["changed_row"]),
        (f"UPDATE field_change SET name = 'x' WHERE id = {SECOND}", ["changed_row"]),
        (f"UPDATE field_change SET address = 'x' WHERE id = {SECOND}", ["changed_row"]),
        (f"UPDATE field_change SET act = 'view' WHERE id = {SECOND}", ["changed_row"]),
        (f"UPDATE field_change SET sha256 = 'x' WHERE id = {SECOND}", ["changed_row"]),
        (f"DELETE FROM field_change WHERE id = {SECOND}", ["missing_row"]),
        ("DELETE FROM field_change WHERE seal_no = 2", ["missing_row"]),
        (f"UPDATE field_change SET seal_no = 1 WHERE id = {SECOND}", ["inserted_row", "missing_row"]),
        (f"UPDATE field_change SET seal_no = NULL, sha256 = NULL WHERE id = {SECOND}", ["missing_row"]),
        ("UPDATE audit_seal SET count = 1 WHERE no = 2", ["broken_chain"]),
        ("UPDATE audit_seal SET previous = 'x' WHERE no = 2", ["broken_chain", "broken_chain"]),
        ("UPDATE audit_seal SET link = 'x' WHERE no = 2", ["broken_chain", "broken_chain"]),
        ("DELETE FROM audit_seal WHERE no = 2", ["broken_chain", "cut_tail"]),
        ("DELETE FROM audit_seal WHERE no = 3", ["cut_tail"]),
        ("UPDATE audit_seal SET cut_at = made_at WHERE no = 1", ["missing_row"]),
        ("UPDATE audit_seal SET cut_at = '2099-01-01 00:00:00' WHERE no = 2", ["missing_row"]),
        ("UPDATE audit_seal SET cut_at = '2099-01-01 00:00:00' WHERE no = 1", ["missing_row"]),
    ],
)
def test_what_is_changed_with_sql_is_found(
    session: Session,
    three: Party,
    proof: Proof,
    statement: str,
    kinds: list[str],
):
    forge(session, statement)
    assert [kind for kind, _about in proof()] == kinds


def test_a_row_that_is_slipped_into_a_seal_is_found(session: Session, three: Party, proof: Proof):
    slipped = "(entity, act, changes, at, salt, seal_no, sha256) SELECT entity, act, changes, at, salt, 1, sha256"
    forge(session, f"INSERT INTO field_change {slipped} FROM field_change WHERE id = {SECOND}")
    found = proof()
    assert found[0] == ("inserted_row", "Seal 1")
    assert [kind for kind, _about in found] == ["inserted_row", "changed_row"]


def test_swapped_seals_are_found(session: Session, three: Party, proof: Proof):
    forge(
        session,
        "UPDATE audit_seal SET no = -1 WHERE no = 2",
        "UPDATE audit_seal SET no = 2 WHERE no = 3",
        "UPDATE audit_seal SET no = 3 WHERE no = -1",
    )
    found = {kind for kind, _about in proof()}
    assert found == {"broken_chain", "missing_row", "inserted_row"}


def test_whoever_makes_a_changed_row_fit_lacks_the_key(session: Session, three: Party, proof: Proof):
    """The hashes of row and seal are made anew; the link cannot be."""
    forge(session, f"UPDATE field_change SET actor_name = 'somebody' WHERE id = {SECOND}")
    rows = session.execute(select(*audit_seal.READ).where(FieldChange.seal_no == 2).order_by(FieldChange.id)).all()
    digests = [audit_seal.digest(row) for row in rows]
    changed = update(FieldChange).where(FieldChange.id == rows[0].id).values(sha256=digests[0])
    seal = update(AuditSeal).where(AuditSeal.no == 2).values(rows_sha256=audit_seal.rows_digest(digests))
    forge(session, changed, seal)
    assert proof() == [("broken_chain", "Seal 2")]


def test_a_truncated_tail_is_found_by_the_anchor(session: Session, three: Party, proof: Proof, chain_key, tmp_path):
    anchors = tmp_path / "anchors.jsonl"
    anchor.anchor(session, anchors, at=clock.now())
    told = [json.loads(line) for line in anchors.read_text().splitlines()]
    assert [(one["chain"], one["position"]) for one in told if one["chain"] == "audit"] == [("audit", 3)]
    forge(session, "DELETE FROM field_change WHERE seal_no = 3", "DELETE FROM audit_seal WHERE no = 3")
    assert proof() == []
    report = verify.verify(session, key=chain_key, files=tmp_path, anchors=anchors)
    assert [(one.kind.value, one.about) for one in report.problems] == [("cut_tail", "Audit")]


def test_a_chain_made_anew_is_found_by_the_anchor(session: Session, three: Party, chain_key, tmp_path, seal):
    anchors = tmp_path / "anchors.jsonl"
    anchor.anchor(session, anchors, at=clock.now())
    forge(session, "UPDATE field_change SET seal_no = NULL, sha256 = NULL, actor_name = 'x'", "DELETE FROM audit_seal")
    assert seal() == 6
    assert seal() == 0
    audit.note(session, Act.export, entity="party")
    seal()
    audit.note(session, Act.export, entity="party")
    seal()
    report = verify.verify(session, key=chain_key, files=tmp_path, anchors=anchors)
    assert [(one.kind.value, one.about) for one in report.problems] == [("another_chain", "Audit")]


def test_rows_that_nobody_seals_and_rows_that_are_dated_back_are_found(
    session: Session,
    three: Party,
    proof: Proof,
    seal: Callable[..., int],
):
    key = audit.note(session, Act.export, entity="party", at=clock.now() - timedelta(days=40))
    session.commit()
    assert proof() == [("not_sealed", f"Entry {key}")]
    seal()
    assert proof() == [("inserted_row", f"Entry {key}")]


# --- erasing ----------------------------------------------------------------------------------------------------------


def test_erased_values_are_gone_and_the_rest_is_proved(
    session: Session, three: Party, proof: Proof, chain_key: bytes, seal: Callable[..., int]
):
    at = clock.now()
    count = audit.erase(session, "party", three.id, at=at, reason="Asked to")
    session.commit()
    assert count == 6
    card, contact, change, other = entries(session, entity="party")[:4]
    assert card.changes["name"] == [None, None]
    assert card.changes["phone"] == [None, None]
    assert card.changes["kind"] == [None, "company"]
    assert contact.changes == {"name": [None, None], "email": [None, None]}
    assert change.changes == {"note": [None, None], "credit_limit": [None, "3"]}
    assert other.changes == {"credit_limit": ["3.0000", None]}
    assert [row.salt for row in (card, contact, change)] == [None] * 3
    said = entries(session, act=Act.erase)[0]
    assert said.changes == {"entries": [None, 6], "reason": [None, "Asked to"]}
    seal()
    report = audit_verify.verify(session, key=chain_key, at=at, report=Report())
    assert (report.entries, report.erased, report.problems) == (7, 6, [])
    raw = session.execute(text("SELECT * FROM field_change")).all()
    for word in ("Anna", "Ivanova", "31201234567", "Boris", "boris@", '"one"', '"two"'):
        assert word not in str(raw), word
    assert audit.erase(session, "party", three.id, at=at) == 0
    assert proof() == []


def test_more_fields_can_be_erased_later_and_rows_before_their_seal(
    session: Session, three: Party, proof: Proof, seal: Callable[..., int]
):
    three.source, three.note = "Fair", "Three"
    session.commit()
    audit.erase(session, "party", three.id, at=clock.now())
    seal()
    assert proof() == []
    assert entries(session, entity="party")[6].changes == {"source": [None, "Fair"], "note": [None, None]}
    assert audit.erase(session, "party", three.id, at=clock.now(), fields=["source"]) == 1
    session.commit()
    row = entries(session, entity="party")[6]
    assert row.changes == {"source": [None, None], "note": [None, None]}
    assert sorted(row.erasure["gone"]) == ["", "note", "source"]
    assert proof() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE field_change SET changes = replace(CAST(changes AS TEXT), '[null, null]', '[null, \"x\"]')",
        "UPDATE field_change SET name = 'x'",
        "UPDATE field_change SET changes = replace(CAST(changes AS TEXT), 'company', 'person')",
        'UPDATE field_change SET erasure = replace(CAST(erasure AS TEXT), \'"kept": {\', \'"kept": {"x": "00", \')',
    ],
)
def test_an_erased_row_that_is_changed_is_found(session: Session, three: Party, proof: Proof, statement: str):
    audit.erase(session, "party", three.id, at=clock.now())
    session.commit()
    if session.get_bind().dialect.name == "postgresql":
        statement = statement.replace("replace(", "CAST(replace(").replace("')", "') AS JSON)")
    where = " WHERE id = (SELECT min(id) FROM field_change)"
    forge(session, statement + where)
    found = proof()
    expected = [] if "kept" in statement else ["changed_row"]  # a key of no field proves nothing and hides nothing
    assert [kind for kind, _about in found] == expected


def test_values_that_were_taken_out_without_an_entry_are_found(session: Session, three: Party, proof: Proof):
    """Blanking is what the triggers allow; the proof still sees that no entry says so."""
    audit.erase(session, "party", three.id, at=clock.now())
    session.commit()
    row = entries(session, entity="party")[0]
    forge(session, update(FieldChange).where(FieldChange.id == row.id).values(erasure=row.erasure | {"note": []}))
    assert proof() == [("changed_row", f"Entry {row.id}")]


def test_what_is_erased_cannot_be_tried_out(session: Session, three: Party):
    """The keys that stay say nothing about the key of a value that is gone."""
    (card,) = entries(session, act=Act.add, part=None)
    before = key_of(card.salt or "", "phone")
    audit.erase(session, "party", three.id, at=clock.now())
    session.commit()
    (card,) = entries(session, act=Act.add, part=None)
    assert card.erasure is not None
    assert before not in str(card.erasure)
    assert "phone" not in card.erasure["kept"]


def test_only_what_is_known_can_be_erased(session: Session, three: Party):
    before = len(entries(session))
    with pytest.raises(NotFound):
        audit.erase(session, "nothing", 1, at=clock.now())
    assert len(entries(session)) == before


def test_whose_opening_is_noted_follows_from_the_columns():
    from flask_appbuilder.security.sqla.models import User

    from app.models.invoice import Invoice
    from app.models.letter import Letter
    from app.models.product import Product

    assert [audit.holds_personal_data(each) for each in (Party, Letter, User, Product, Invoice)] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert audit.personal(PartyContact) == {"name", "role", "phone", "email", "note"}


# --- retention --------------------------------------------------------------------------------------------------------


def test_old_seals_are_cut_off_whole_from_the_oldest_end(
    session: Session, begun: datetime, seal: Callable[..., int], chain_key: bytes
):
    ages = [timedelta(days=days) for days in (5000, 4000, 3600, 10)]
    for age in ages:
        audit.note(session, Act.export, entity="party", at=begun - age)
        seal(begun - age)
    assert audit_seal.cut(session, at=begun, years=10) == 2
    session.commit()
    assert [row.seal_no for row in entries(session, act=Act.export)] == [3, 4]
    assert entries(session, act=Act.cut)[0].changes == {"seals": [None, "1-2"], "rows": [None, 2]}
    assert session.scalar(select(func.count()).select_from(AuditSeal)) == 4
    seal()
    report = audit_verify.verify(session, key=chain_key, at=begun, report=Report())
    assert (report.entries, report.problems) == (3, [])
    assert audit_seal.cut(session, at=begun, years=10) == 0


def test_a_seal_with_one_young_row_stays(session: Session, begun: datetime, seal: Callable[..., int]):
    for age in (5000, 10):
        audit.note(session, Act.export, entity="party", at=begun - timedelta(days=age))
    seal(begun)
    assert audit_seal.cut(session, at=begun, years=10) == 0
    assert len(entries(session)) == 2


@pytest.mark.parametrize(("ids", "told"), [([], ""), ([4], "4"), ([1, 2, 3, 7, 9, 10], "1-3 7 9-10")])
def test_spans_name_ids(ids: list[int], told: str):
    assert (spans(ids), named(told)) == (told, ids)


def test_saving_a_party_again_writes_only_what_changed(session: Session, three: Party):
    before = len(entries(session))
    parties.save(session, three)
    session.commit()
    assert len(entries(session)) == before
    assert three.id == entries(session)[0].record_id
