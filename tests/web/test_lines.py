"""Rows edited in the record's own form."""

from sqlalchemy import select

from app.models.party import Party, PartyContact

FORM = {"name": "Tulpen", "kind": "company", "country": "NL", "language": "nl"}


def rows(session):
    return session.execute(select(PartyContact.name, PartyContact.email).order_by(PartyContact.id)).all()


def test_rows_are_added_changed_removed_and_blank_ones_dropped(as_user, session):
    office = as_user("office")
    typed = FORM | {"contacts-0-name": "Anna", "contacts-0-email": "anna@example.org", "contacts-3-name": "Bob"}
    answer = office.post("/party/add", typed | {"contacts-7-name": " ", "contacts-7-role": ""})
    assert answer.status_code == 302, answer.text
    assert rows(session) == [("Anna", "anna@example.org"), ("Bob", None)]
    party = session.execute(select(Party)).scalar_one()
    keep = party.contacts[1].id
    session.commit()
    change = FORM | {"record_version": str(party.version), "contacts-0-id": str(keep), "contacts-0-name": "Robert"}
    assert office.post(f"/party/edit/{party.id}", change).status_code == 302
    session.expire_all()
    assert [(row.id, row.name) for row in session.get(Party, party.id).contacts] == [(keep, "Robert")]


def test_a_forged_row_id_of_another_record_changes_nothing_there(as_user, made, session):
    theirs, mine = made.party("Theirs"), made.party("Mine")
    theirs.contacts.append(PartyContact(name="Untouched"))
    session.commit()
    forged = theirs.contacts[0].id
    form = FORM | {"record_version": str(mine.version), "contacts-0-id": str(forged), "contacts-0-name": "Stolen"}
    assert as_user("office").post(f"/party/edit/{mine.id}", form).status_code == 302
    session.expire_all()
    assert session.get(PartyContact, forged).name == "Untouched"
    assert [row.name for row in session.get(Party, mine.id).contacts] == ["Stolen"]


def test_a_refused_row_keeps_what_was_typed_and_marks_its_field(as_user, session):
    typed = FORM | {"bank_accounts-0-iban": "NL91ABNA041716430", "contacts-0-name": "Anna"}
    answer = as_user("office").post("/party/add", typed)
    assert answer.status_code == 422
    assert 'id="bank_accounts-0-iban-error"' in answer.text
    assert 'value="NL91ABNA041716430"' in answer.text
    assert 'value="Anna"' in answer.text
    assert session.execute(select(Party)).all() == []
