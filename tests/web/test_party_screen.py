"""The party's screens, as the declaration gives them."""

import re

import pytest
from sqlalchemy import select

from app.models.party import Party


def test_a_party_is_added_found_by_part_of_its_name_and_shown(as_user, session):
    office = as_user("office")
    form = {"name": "ООО «Ромашка»", "kind": "company", "country": "RU", "language": "ru", "tax_number": "7707083893"}
    answer = office.post("/party/add", form | {"phone": "8 (495) 123-45-67"})
    assert answer.status_code == 302
    party = session.execute(select(Party)).scalar_one()
    assert (party.phone, party.owner.username) == ("+74951234567", "office")
    for query in ("ромаш", "Р", "ро", "1234567", "7707"):
        assert "Ромашка" in office.get(f"/party/list/?q={query}").text, query
    assert "Ромашка" not in office.get("/party/list/?q=василёк").text
    assert "Ромашка" in office.get(answer.headers["Location"]).text


def test_a_refused_form_keeps_what_was_typed_and_marks_the_field(as_user, session):
    form = {
        "name": "Ромашка",
        "kind": "company",
        "country": "RU",
        "language": "ru",
        "tax_number": "7707083894",
        "note": "keep me",
    }
    answer = as_user("office").post("/party/add", form)
    assert answer.status_code == 422
    assert 'id="tax_number-error"' in answer.text
    assert 'value="7707083894"' in answer.text
    assert "keep me" in answer.text
    assert session.execute(select(Party)).all() == []


def test_two_editors_conflict_and_the_second_sees_both_versions(as_user, made, session):
    party = made.party("Before")
    session.commit()
    office, accountant = as_user("office"), as_user("accountant")
    form = {"name": "Mine", "kind": "company", "country": "NL", "language": "nl", "record_version": str(party.version)}
    assert accountant.post(f"/party/edit/{party.id}", form | {"name": "Theirs"}).status_code == 302
    answer = office.post(f"/party/edit/{party.id}", form)
    assert answer.status_code == 409
    assert 'value="Mine"' in answer.text
    assert "Theirs" in answer.text
    session.expire_all()
    assert session.get(Party, party.id).name == "Theirs"


def test_the_list_asks_at_most_twelve_statements(as_user, made, session, statements):
    for number in range(30):
        made.party(f"Party {number}", owner="manager")
    session.commit()
    office = as_user("office")
    statements.clear()
    assert office.get("/party/list/").status_code == 200
    assert len(statements) <= 12, statements


def test_a_telephone_number_is_shown_in_groups_and_called_as_it_is(as_user, made, session):
    party = made.party("Grachten", phone="020 794 1234")
    made.party("Ромашка", country="RU", phone="+7 495 123-45-67")
    session.commit()
    office = as_user("office")
    page = office.get("/party/list/").text
    assert '<a href="tel:+31207941234">+31 20 794 1234</a>' in page
    assert '<a href="tel:+74951234567">+7 495 123-45-67</a>' in page
    assert "+31 20 794 1234</a>" in office.get(f"/party/show/{party.id}").text
    assert 'value="+31207941234"' in office.get(f"/party/edit/{party.id}").text


IMPORT = re.compile(r'<a class="btn" href="/party/import/"><svg.*?</svg>Import</a>')


@pytest.mark.parametrize(("name", "may"), [("office", True), ("head", True), ("manager", False), ("auditor", False)])
def test_who_may_import_finds_the_way_on_the_list(as_user, name, may):
    assert bool(IMPORT.search(as_user(name).get("/party/list/").text)) is may


def marked(page):
    """The entries of the sidebar that say "you are here"."""
    return re.findall(r'<li><a href="([^"]+)" aria-current="page">', page)


def test_the_sidebar_marks_the_import_while_one_imports(as_user, made, session):
    party = made.party("Grachten")
    session.commit()
    office = as_user("office")
    assert marked(office.get("/party/import/").text) == ["/import_run/list/"]
    assert marked(office.get("/import_run/list/").text) == ["/import_run/list/"]
    assert marked(office.get("/party/list/").text) == ["/party/list/"]
    assert marked(office.get(f"/party/show/{party.id}").text) == ["/party/list/"]
    assert marked(office.get("/home/").text) == ["/home/"]
