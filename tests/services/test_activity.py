"""Notes about records: who writes, edits, deletes and brings them back, and how mentions are kept."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Conflict, DomainError, NotAllowed
from app.models.activity import Activity, Mention
from app.models.attachment import Attachment
from app.models.history import FieldChange
from app.models.notification import Follower, Notification
from app.models.party import Party
from app.services import access
from app.services import activity as activities
from app.services.access import Actor
from tests.factories import Made

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)


def actor(session: Session, made: Made, name: str) -> Actor:
    person = made.user(name)
    return access.actor_of(session, user_id=person.id, name=name, roles={role.name for role in person.roles})


def write(session: Session, made: Made, party: Party, text: str, *, by: str = "office", at: datetime = AT) -> Activity:
    return activities.write(session, party, text=text, by=actor(session, made, by), at=at)


def test_a_note_is_kept_trimmed_with_its_author_and_his_interest(session: Session, made: Made):
    party = made.party()
    note = write(session, made, party, "  Called.\r\nWill call back  \n\n")
    assert (note.body, note.author_id, note.created_at) == ("Called.\nWill call back", made.user("office").id, AT)
    assert (note.entity, note.record_id, note.edited_at, note.version) == ("party", party.id, None, 1)
    [follower] = session.scalars(select(Follower))
    assert (follower.user_id, follower.is_following) == (made.user("office").id, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" \n\u200b ", "Write something first"),
        ("x" * 10_001, "At most 10000 characters are possible here; this has 10001"),
        ("bell\x07", "There are control characters in this text; retype it"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused_and_nothing_is_kept(
    session: Session, made: Made, text: str, said: str
):
    party = made.party()
    with pytest.raises(DomainError, match=said) as refusal:
        write(session, made, party, text)
    assert refusal.value.field == "text"
    assert session.scalars(select(Activity)).all() == []
    assert session.scalars(select(Follower)).all() == []


def test_ten_thousand_characters_are_kept(session: Session, made: Made):
    assert len(write(session, made, made.party(), "y" * 10_000).body) == 10_000


def test_a_mention_is_kept_by_id_and_typed_again_by_user_name(session: Session, made: Made):
    party = made.party()
    ada, max_ = made.user("accountant"), made.user("marketer")
    note = write(session, made, party, "@accountant, see @marketer. Mail ada@accountant.org, meet @home")
    assert note.body == f"@{{{ada.id}}}, see @{{{max_.id}}}. Mail ada@accountant.org, meet @home"
    assert {one.user_id for one in note.mentions} == {ada.id, max_.id}
    names = {ada.id: "accountant", max_.id: "marketer"}
    assert activities.retyped(note.body, names) == "@accountant, see @marketer. Mail ada@accountant.org, meet @home"


def test_who_may_not_see_the_record_cannot_be_mentioned(session: Session, made: Made):
    """Maria's rows are her own; Nora has no role at all: the writer learns it at the field."""
    party = made.party(owner="manager")
    for name, full in (("manager2", "Maria Manager"), ("nobody", "Nora Nobody")):
        with pytest.raises(DomainError, match=f"{full} may not see this record") as refusal:
            write(session, made, party, f"Ask @{name}")
        assert refusal.value.field == "text"
    assert session.scalars(select(Activity)).all() == []
    assert write(session, made, party, "Ask @manager and @head").body.count("@{") == 2


def test_only_the_author_edits_and_only_what_he_has_read(session: Session, made: Made):
    party = made.party()
    note = write(session, made, party, "First")
    author, other = actor(session, made, "office"), actor(session, made, "accountant")
    later = AT + timedelta(hours=1)
    with pytest.raises(NotAllowed):
        activities.edit(session, note, party, text="Mine now", version=1, by=other, at=later)
    with pytest.raises(Conflict):
        activities.edit(session, note, party, text="Second", version=7, by=author, at=later)
    assert (note.body, note.edited_at) == ("First", None)
    activities.edit(session, note, party, text="First", version=1, by=author, at=later)
    assert (note.version, note.edited_at) == (1, None), "nothing changed"
    activities.edit(session, note, party, text="Second @accountant", version=1, by=author, at=later)
    assert (note.body, note.edited_at, note.version) == (f"Second @{{{other.user_id}}}", later, 2)
    assert [one.user_id for one in note.mentions] == [other.user_id]
    activities.edit(session, note, party, text="Third", version=2, by=author, at=later)
    assert session.scalars(select(Mention)).all() == []


def test_a_deleted_note_comes_back_within_thirty_days_for_its_author_alone(session: Session, made: Made):
    party = made.party()
    note = write(session, made, party, "Oops")
    author, other = actor(session, made, "office"), actor(session, made, "accountant")
    with pytest.raises(NotAllowed):
        activities.remove(session, note, by=other, at=AT)
    activities.remove(session, note, by=author, at=AT)
    assert note.deleted_at == AT
    with pytest.raises(NotAllowed):
        activities.restore(session, note, by=other, at=AT)
    with pytest.raises(DomainError, match="for 30 days"):
        activities.restore(session, note, by=author, at=AT + timedelta(days=30))
    last = AT + timedelta(days=30, seconds=-1)
    seen = {
        name: session.scalars(select(Activity).where(activities.readable(by=by, at=last))).all()
        for name, by in (("author", author), ("other", other))
    }
    assert seen == {"author": [note], "other": []}
    activities.restore(session, note, by=author, at=last)
    assert note.deleted_at is None


def test_what_cannot_be_brought_back_is_forgotten(session: Session, made: Made):
    party = made.party()
    gone, fresh, kept = (write(session, made, party, text) for text in ("a", "b", "c"))
    author = actor(session, made, "office")
    activities.remove(session, gone, by=author, at=AT)
    activities.remove(session, fresh, by=author, at=AT + timedelta(days=1))
    assert activities.forget(session, at=AT + timedelta(days=30)) == 1
    assert list(session.scalars(select(Activity.body).order_by(Activity.id))) == ["b", "c"]
    assert kept.deleted_at is None


def test_a_note_is_another_records_by_no_address(session: Session, made: Made):
    one, two = made.party("One"), made.party("Two")
    note = write(session, made, one, "About one")
    assert activities.one(session, one, note.id) is note
    assert activities.one(session, two, note.id) is None
    assert activities.one(session, one, 2**70) is None


def test_a_deleted_record_takes_its_life_along(session: Session, made: Made):
    party, other = made.party("Goes"), made.party("Stays")
    for record in (party, other):
        write(session, made, record, "@accountant look")
        file = {"name": "a.txt", "media_type": "text/plain", "size": 1, "sha256": "a" * 64}
        session.add(Attachment(entity="party", record_id=record.id, **file))
    session.flush()
    session.delete(party)
    session.flush()
    for table in (Activity, Follower, Notification, Attachment):
        assert list(session.scalars(select(table.record_id))) == [other.id], table.__name__
    assert len(session.scalars(select(Mention)).all()) == 1


def test_notes_are_not_told_in_the_history_of_fields(session: Session, made: Made):
    party = made.party()
    session.flush()
    before = len(session.scalars(select(FieldChange)).all())
    note = write(session, made, party, "Not twice")
    activities.remove(session, note, by=actor(session, made, "office"), at=AT)
    assert len(session.scalars(select(FieldChange)).all()) == before


def test_an_excerpt_is_one_line_with_names(made: Made):
    assert activities.excerpt("Ask @{7}\nor @{8}", {7: "Ada Accountant"}) == "Ask @Ada Accountant or @{8}"
    cut = activities.excerpt("word " * 100, {})
    assert (len(cut), cut[-1]) == (140, "…")
