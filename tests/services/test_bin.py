"""The bin: what is deleted comes back as it was, row for row, or is refused with a reason."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import metadata
from app.errors import DomainError
from app.models.activity import Activity
from app.models.attachment import Attachment
from app.models.deleted_record import DeletedFile, DeletedRecord
from app.models.history import FieldChange
from app.models.notification import Notification
from app.models.party import ChannelKind, Party, PartyBankAccount, PartyChannel, PartyContact, PartyIdentifier
from app.models.product import Product
from app.models.search_entry import SearchEntry
from app.models.team import Team
from app.outbox import Outbox
from app.services import access, activity, attachment, find
from app.services import bin as bins
from app.services import notification as notifications
from tests.factories import user

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)
# what the bin, the history and the figures of parties write
OWN = {"deleted_record", "deleted_file", "field_change", "outbox", "party_mark"}


def dump(session: Session, *but: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, by key."""
    session.flush()
    found = {}
    for table in metadata.sorted_tables:
        if table.name not in OWN | set(but):
            rows = session.execute(select(table).order_by(*table.primary_key.columns)).mappings()
            found[table.name] = [dict(row) for row in rows]
    return found


def actor(session: Session, name: str = "admin") -> access.Actor:
    person = user(session, name)
    roles = [role.name for role in person.roles]
    return access.actor_of(session, user_id=person.id, name=name, roles=roles)


def acts(session: Session, entity: str, key: int) -> list[str]:
    found = select(FieldChange.act).where(FieldChange.entity == entity, FieldChange.record_id == key)
    return list(session.scalars(found.order_by(FieldChange.id)))


@pytest.fixture
def full(session: Session, made: Any, tmp_path: Path) -> Party:
    """A party with all that can hang on one."""
    party: Party = made.buyer("Ромашка", owner="manager", credit_limit="10.50", tax_number="7707083893", country="RU")
    party.contacts.append(PartyContact(name="Анна", role="бухгалтер"))
    party.channels.append(PartyChannel(kind=ChannelKind.phone, value="+74951234567", opted_out_at=AT))
    party.bank_accounts.append(PartyBankAccount(iban="NL91ABNA0417164300", currency="EUR"))
    party.identifiers.append(PartyIdentifier(scheme="okpo", value="12345678"))
    session.flush()
    by = actor(session, "manager")
    activity.write(session, party, text="Called @admin about tulips", by=by, at=AT)
    notifications.follow(session, party, user_id=user(session, "head").id)
    attachment.store(
        session, io.BytesIO(b"an offer"), files=tmp_path, name="offer.pdf", media_type="application/pdf",
        entity="party", record_id=party.id, at=AT, by_id=by.user_id,
    )  # fmt: skip
    find.note_opened(session, user_id=by.user_id, entity="party", record_id=party.id, at=AT)
    session.flush()
    return party


def test_a_party_comes_back_row_for_row_with_all_that_hung_on_it(session: Session, full: Party):
    before, key = dump(session), full.id
    assert {name: len(before[name]) for name in ("party_contact", "mention", "follower", "attachment")} == {
        "party_contact": 1, "mention": 1, "follower": 2, "attachment": 1,
    }  # fmt: skip
    deleted = bins.discard(session, full, actor=actor(session), at=AT)
    gone = dump(session)
    for name in ("party", "party_contact", "party_address", "activity", "mention", "follower", "attachment"):
        assert [row for row in gone[name] if row in before[name]] == gone[name]
        assert len(gone[name]) < len(before[name]), name
    assert session.scalars(select(SearchEntry).where(SearchEntry.entity == "party")).all() == []
    back = bins.restore(session, deleted, at=AT)
    assert (back.id, back.name, back.version) == (key, "Ромашка", full.version)
    assert dump(session) == before
    assert acts(session, "party", key)[-2:] == ["delete", "restore"]
    assert session.scalars(select(DeletedRecord)).all() == []
    assert session.scalars(select(DeletedFile)).all() == []


def test_what_the_bin_says_of_a_record(session: Session, full: Party):
    key, owner, team = full.id, full.owner_id, full.team_id
    deleted = bins.discard(session, full, actor=actor(session, "manager"), at=AT, batch="b" * 32)
    said = (deleted.entity, deleted.record_id, deleted.name, deleted.is_nobodys, deleted.batch, deleted.deleted_at)
    assert said == ("party", key, "Ромашка", False, "b" * 32, AT)
    assert (deleted.owner_id, deleted.team_id, deleted.deleted_by_id) == (owner, team, user(session, "manager").id)


@pytest.mark.parametrize("kind", ["order", "invoice"])
def test_a_draft_comes_back_with_its_lines(session: Session, made: Any, kind: str):
    record = getattr(made, kind)(("3", "10.00"), ("1.5", "7.25"))
    before = dump(session)
    deleted = bins.discard(session, record, actor=actor(session), at=AT)
    assert dump(session) != before
    bins.restore(session, deleted, at=AT)
    assert dump(session) == before


def test_links_that_the_deletion_emptied_are_there_again(session: Session, made: Any):
    north = Team(name="east")
    session.add(north)
    session.flush()
    one, other = made.party("One", team_id=north.id), made.party("Other", team_id=north.id)
    before = dump(session)
    deleted = bins.discard(session, north, actor=actor(session), at=AT)
    session.expire_all()
    assert (one.team_id, other.team_id) == (None, None)
    bins.restore(session, deleted, at=AT)
    assert dump(session) == before


def test_a_link_that_leads_elsewhere_meanwhile_stays(session: Session, made: Any):
    north, south = Team(name="east"), Team(name="west")
    session.add_all([north, south])
    session.flush()
    party = made.party("One", team_id=north.id)
    deleted = bins.discard(session, north, actor=actor(session), at=AT)
    session.expire_all()
    party.team_id = south.id
    session.flush()
    bins.restore(session, deleted, at=AT)
    session.expire_all()
    assert party.team_id == south.id


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_what_others_depend_on_is_not_deleted(session: Session, made: Any):
    order = made.order()
    session.commit()
    with pytest.raises(IntegrityError), session.begin_nested():
        bins.discard(session, order.party, actor=actor(session), at=AT)
    assert session.scalars(select(DeletedRecord)).all() == []


def test_a_unique_value_that_is_taken_meanwhile_is_named(session: Session, made: Any):
    spade = made.product("Spade", sku="S-1")
    deleted = bins.discard(session, spade, actor=actor(session), at=AT)
    other = made.product("Shovel", sku="S-1")
    before = dump(session)
    with pytest.raises(DomainError, match="“S-1” is in use by another record now") as refused:
        bins.restore(session, deleted, at=AT)
    assert refused.value.field == "sku"
    assert dump(session) == before
    assert session.scalars(select(DeletedRecord)).all() == [deleted]
    other.sku = "S-2"
    session.flush()
    bins.restore(session, deleted, at=AT)
    assert sorted(session.scalars(select(Product.sku))) == ["S-1", "S-2"]


def test_a_parent_in_the_bin_is_named_and_once_restored_suffices(session: Session, made: Any):
    order = made.order(party=made.buyer("Parent"))
    party, before = order.party, dump(session)
    child = bins.discard(session, order, actor=actor(session), at=AT)
    parent = bins.discard(session, party, actor=actor(session), at=AT)
    with pytest.raises(DomainError, match="It belongs to “Parent”, which is in the bin"):
        bins.restore(session, child, at=AT)
    bins.restore(session, parent, at=AT)
    bins.restore(session, child, at=AT)
    assert dump(session) == before


def test_a_parent_that_is_gone_for_good_is_told(session: Session, made: Any):
    order = made.order(party=made.buyer("Parent"))
    party = order.party
    child = bins.discard(session, order, actor=actor(session), at=AT)
    bins.erase(session, bins.discard(session, party, actor=actor(session), at=AT))
    with pytest.raises(DomainError, match="It belongs to a record that is gone"):
        bins.restore(session, child, at=AT)
    assert session.scalars(select(DeletedRecord)).all() == [child]


def test_of_a_person_who_is_gone_only_what_needs_him_stays_away(session: Session, made: Any):
    """Whoever followed or was mentioned is gone: his rows too; the note that he wrote has no author any more."""
    guest = make_guest(session)
    party = made.party("Kept")
    by = access.Actor(guest.id, "guest", access.Scope.all)
    note = activity.write(session, party, text="Mine", by=by, at=AT)
    note_id, party.owner = note.id, guest
    deleted = bins.discard(session, party, actor=actor(session), at=AT)
    session.delete(guest)
    session.flush()
    session.expire_all()
    back = bins.restore(session, deleted, at=AT)
    assert back.owner_id is None
    assert session.execute(select(Activity.id, Activity.author_id)).all() == [(note_id, None)]
    assert notifications.followers(session, back) == set()


def make_guest(session: Session) -> Any:
    from flask_appbuilder.security.sqla.models import User

    guest = User(first_name="G", last_name="G", username="guest", email="g@example.org", password="-", active=True)
    session.add(guest)
    session.flush()
    return guest


# --- keys -------------------------------------------------------------------------------------------------------------


def test_no_new_record_takes_the_key_of_one_in_the_bin(session: Session, made: Any):
    last = made.party("Last")
    key = last.id
    deleted = bins.discard(session, last, actor=actor(session), at=AT)
    one, two = Party(name="One", country="NL"), Party(name="Two", country="NL")
    session.add_all([one, two])
    session.flush()
    assert sorted([one.id, two.id]) == [key + 1, key + 2]
    assert bins.restore(session, deleted, at=AT).id == key


def test_keys_of_lines_that_were_given_away_are_replaced(session: Session, made: Any):
    """SQLite gives the highest key of lines and notes again; whoever has it keeps it."""
    party, other = made.party("Last"), made.party("Other")
    party.contacts.append(PartyContact(name="Anna"))
    activity.write(session, party, text="Tell @admin", by=actor(session, "manager"), at=AT)
    keys = bins.discard(session, party, actor=actor(session), at=AT).id, other.id
    session.expunge_all()  # another request: it holds nothing of what is gone
    deleted, other = session.get_one(DeletedRecord, keys[0]), session.get_one(Party, keys[1])
    other.contacts.append(PartyContact(name="Boris"))
    theirs = activity.write(session, other, text="Another one", by=actor(session, "manager"), at=AT)
    back = bins.restore(session, deleted, at=AT)
    session.expire_all()
    assert [contact.name for contact in back.contacts] == ["Anna"]
    assert [contact.name for contact in other.contacts] == ["Boris"]
    [note] = session.scalars(select(Activity).where(Activity.record_id == back.id)).all()
    assert note.id != theirs.id
    assert [mention.user_id for mention in note.mentions] == [user(session, "admin").id]
    told = session.scalars(select(Notification).where(Notification.record_id == back.id)).all()
    assert [row.activity_id for row in told] == [note.id]


# --- for good ---------------------------------------------------------------------------------------------------------


def sweeps(session: Session) -> list[Any]:
    return [row.payload["digests"] for row in session.scalars(select(Outbox).where(Outbox.topic == bins.SWEEP))]


def test_after_its_days_a_record_is_forgotten_with_its_files(session: Session, made: Any, full: Party):
    digest = session.scalars(select(Attachment.sha256)).one()
    bins.discard(session, full, actor=actor(session), at=AT)
    bins.discard(session, made.party("Younger"), actor=actor(session), at=AT + timedelta(seconds=1))
    assert bins.unused(session, [digest]) == []
    assert bins.purge(session, at=AT + timedelta(days=30, seconds=-1), days=30) == 0
    assert bins.purge(session, at=AT + timedelta(days=30), days=30) == 1
    assert session.scalars(select(DeletedRecord.name)).all() == ["Younger"]
    assert sweeps(session) == [[digest]]
    assert bins.unused(session, [digest]) == [digest]


def test_a_file_that_another_record_has_is_still_needed(session: Session, made: Any, full: Party, tmp_path: Path):
    attachment.store(
        session, io.BytesIO(b"an offer"), files=tmp_path, name="copy.pdf", media_type="application/pdf",
        entity="party", record_id=made.party("Other").id, at=AT, by_id=None,
    )  # fmt: skip
    deleted = bins.discard(session, full, actor=actor(session), at=AT)
    bins.erase(session, deleted)
    [[digest]] = sweeps(session)
    assert bins.unused(session, [digest]) == []


def test_one_record_is_forgotten_at_once(session: Session, made: Any):
    party = made.party("Forgotten")
    key = party.id
    bins.discard(session, party, actor=actor(session), at=AT)
    bins.discard(session, made.party("Kept"), actor=actor(session), at=AT)
    assert bins.forget(session, "product", key) == 0
    assert bins.forget(session, "party", key) == 1
    assert session.scalars(select(DeletedRecord.name)).all() == ["Kept"]


def test_bytes_are_dropped_but_not_those_that_were_stored_again(tmp_path: Path):
    digest, _size = attachment.keep(io.BytesIO(b"x"), files=tmp_path)
    place = attachment.place_of(digest, files=tmp_path)
    stored = datetime.fromtimestamp(int(place.stat().st_mtime), tz=UTC)
    assert attachment.drop(digest, files=tmp_path, before=stored) is False
    assert place.read_bytes() == b"x"
    assert attachment.drop(digest, files=tmp_path, before=stored + timedelta(seconds=2)) is True
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert attachment.drop(digest, files=tmp_path, before=stored + timedelta(days=9)) is False


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "seen"), [("admin", {"His", "Nobody's"}), ("manager", {"His", "Nobody's"}), ("manager2", {"Nobody's"})]
)
def test_the_row_rule_holds_in_the_bin(session: Session, made: Any, name: str, seen: set[str]):
    for record in (made.party("His", owner="manager"), made.product("Nobody's")):
        bins.discard(session, record, actor=actor(session), at=AT)
    with access.acting(session, actor(session, name)):
        assert set(session.scalars(select(DeletedRecord.name))) == seen
