"""Letters from a card: to whom, with names in their places, once, and standing in the history of the card."""

import io
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from app.errors import DomainError, Refusals
from app.models.activity import Activity, ActivityKind, ActivityState, Direction
from app.models.lead import Lead
from app.models.letter import Letter, LetterFile, LetterState, LetterTemplate
from app.models.party import PartyContact
from app.services import access, attachment, letter_card, letter_template
from app.services import letter_ledger as ledger
from tests.attack import attack
from tests.mail import office

NOON = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def mail_is_set_up():
    with office():
        yield


@pytest.fixture
def by(session, made):
    person = made.user("manager")
    return access.actor_of(session, user_id=person.id, name="manager", roles={role.name for role in person.roles})


@pytest.fixture
def party(session, made):
    made.organisation("Grachten Handel", email="office@grachten.example", legal_name="Grachten Handel B.V.")
    found = made.party("Bloem", owner="manager", email="info@bloem.example")
    found.contacts.append(PartyContact(name="Anna de Vries", email="anna@bloem.example"))
    session.flush()
    return found


def send(session, record, by, **about):
    given = {"to": "anna@bloem.example", "subject": "Tulips", "text": "Dear {contact}", "key": "one"} | about
    with access.acting(session, by):
        return letter_card.send(session, record, **given, by=by, at=NOON)


def test_a_letter_leaves_with_names_and_files_and_stands_in_the_history(session, party, by, app):
    files = [
        attachment.store(
            session,
            io.BytesIO(name.encode()),
            files=app.config["CRM_VAR"] / "files",
            name=name,
            media_type="application/octet-stream",
            entity="party",
            record_id=party.id,
            at=NOON,
            by_id=None,
        )
        for name in ("a.txt", "b.txt")
    ]
    letter = send(session, party, by, files=files, text="Dear {contact} of {party},\n{me}, {organisation}")
    assert (letter.to_address, letter.to_name, letter.subject) == ("anna@bloem.example", "Anna de Vries", "Tulips")
    assert letter.body == f"Dear Anna de Vries of Bloem,\n{by_name(session, by)}, Grachten Handel B.V."
    assert (letter.state, letter.entity, letter.record_id, letter.party_id) == (
        LetterState.pending,
        "party",
        party.id,
        party.id,
    )
    done = session.get_one(Activity, letter.activity_id)
    assert (done.kind, done.state, done.direction) == (ActivityKind.letter, ActivityState.done, Direction.outgoing)
    assert (done.subject, done.body, done.owner_id) == ("Tulips", letter.body, by.user_id)
    assert [one.contact_id for one in done.participants] == [party.contacts[0].id]
    claim = ledger.claim(session, letter.id, at=NOON)
    assert [file.name for file in claim.files] == ["a.txt", "b.txt"]
    assert session.scalar(select(func.count()).select_from(LetterFile)) == 2


def by_name(session, by):
    from flask_appbuilder.security.sqla.models import User

    return str(session.get(User, by.user_id))


def test_two_letters_to_one_address_leave_and_the_same_form_sends_one(session, party, by):
    send(session, party, by, key="one")
    send(session, party, by, key="two")
    with pytest.raises(DomainError) as refused:
        send(session, party, by, key="two")
    assert refused.value.field == "to"
    assert session.scalar(select(func.count()).select_from(Letter)) == 2


def test_a_place_without_a_name_is_refused_at_its_field_and_nothing_is_sent(session, party, by):
    with pytest.raises(Refusals) as refused:
        send(session, party, by, to="else@where.example", subject="{contact}")
    said = ["Nothing is known that could stand for {contact}: write it yourself"]
    assert refused.value.errors == {"subject": said, "text": said}
    assert session.scalar(select(func.count()).select_from(Letter)) == 0
    assert session.scalar(select(func.count()).select_from(Activity)) == 0


@attack(158, "a template that is a program, or a name that is a template")
def test_a_place_stands_for_a_name_and_nothing_is_worked_out(session):
    text = "{me.__class__} {0} {{7*7}} {me!r} {me} {contact}"
    filled, missing = letter_template.filled(text, {"me": "{organisation}", "contact": ""})
    assert (filled, missing) == ("{me.__class__} {0} {{7*7}} {me!r} {organisation} {contact}", ["contact"])
    template = LetterTemplate(name="X", subject="Hello {me.__class__}", text="{party} {nobody}")
    with pytest.raises(Refusals) as refused:
        letter_template.save(session, template)
    assert refused.value.errors == {
        "subject": ["“{me.__class__}” stands for nothing; these do: {party}, {contact}, {me}, {organisation}"],
        "text": ["“{nobody}” stands for nothing; these do: {party}, {contact}, {me}, {organisation}"],
    }
    letter_template.save(session, LetterTemplate(name=" Thanks ", language="nl", subject="{party}", text="{me}"))
    assert [(one.name, one.language) for one in letter_template.offered(session)] == [("Thanks", "nl")]


def test_a_lead_is_written_to_at_its_own_address(session, made, by, party):
    lead = Lead(name="Piet", email="piet@x.example", language="nl", received_at=NOON, owner_id=by.user_id)
    session.add(lead)
    session.flush()
    letter = send(session, lead, by, to="piet@x.example")
    assert (letter.body, letter.entity, letter.record_id, letter.party_id) == ("Dear Piet", "lead", lead.id, None)
    assert letter.language == "nl"


@pytest.mark.parametrize(
    ("given", "field"), [({"to": "x"}, "to"), ({"subject": ""}, "subject"), ({"text": " "}, "text")]
)
def test_what_is_wrong_is_said_at_its_field(session, party, by, given, field):
    with pytest.raises(Refusals) as refused:
        send(session, party, by, **({"text": "Good day"} | given))
    assert list(refused.value.errors) == [field]
