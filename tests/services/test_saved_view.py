"""Saved views: whose they are, who uses them, and which one a list begins with."""

import pytest
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed
from app.models.saved_view import SavedView
from app.roles import Scope
from app.services import saved_view as saved_views
from app.services.access import Actor
from tests.factories import Made


def reader(made: Made, name: str, *roles: str) -> Actor:
    return Actor(made.user(name).id, name, Scope.all, frozenset(roles))


def view(name: str = "Debtors", **about: object) -> SavedView:
    flags = {"is_shared": False, "is_default": False, "is_pinned": False}
    return SavedView(entity="party", name=name, query="flt.country.eq=NL", **(flags | about))


def keep(session: Session, made: SavedView, who: Actor, *, may: bool = False) -> SavedView:
    return saved_views.save(session, made, who, may_share=may, may_set_for_role=may)


def test_a_view_is_seen_by_its_owner_alone_until_it_is_shared(session: Session, made: Made):
    ada, bob = reader(made, "manager"), reader(made, "office")
    keep(session, view("  My   clients "), ada)
    keep(session, view("All debtors", is_shared=True), ada, may=True)
    keep(session, view("Bob's"), bob)
    keep(session, view("Elsewhere"), ada).entity = "invoice"
    session.flush()
    assert [each.name for each in saved_views.of(session, ada, "party")] == ["All debtors", "My clients"]
    assert [each.name for each in saved_views.of(session, bob, "party")] == ["Bob's", "All debtors"]


def test_a_role_begins_with_its_view_and_a_person_with_his_own(session: Session, made: Made):
    chief, clerk = reader(made, "admin", "Admin"), reader(made, "accountant", "Accountant")
    keep(session, view("For accountants", role="Accountant"), chief, may=True)
    assert str(saved_views.first_of(saved_views.of(session, clerk, "party"), clerk)) == "For accountants"
    assert saved_views.first_of(saved_views.of(session, chief, "party"), chief) is None
    keep(session, view("Mine", is_default=True), clerk)
    keep(session, view("Now this one", is_default=True), clerk)
    session.expire_all()
    assert str(saved_views.first_of(saved_views.of(session, clerk, "party"), clerk)) == "Now this one"
    assert [each.is_default for each in saved_views.of(session, clerk, "party")][:2] == [False, True]


def test_the_same_name_replaces_the_view_that_has_it(session: Session, made: Made):
    ada = reader(made, "manager")
    first = keep(session, view(), ada)
    again = keep(session, view(is_pinned=True), ada)
    assert again is first
    assert (first.is_pinned, len(saved_views.of(session, ada, "party"))) == (True, 1)


@pytest.mark.parametrize(
    ("about", "field", "text"),
    [
        ({"name": " "}, "name", "Give the view a name"),
        ({"name": "x" * 81}, "name", "At most 80"),
        ({"is_shared": True}, "is_shared", "needs the right"),
        ({"role": "Accountant"}, "role", "Only an administrator"),
    ],
)
def test_a_refused_view_names_its_field_and_changes_nothing(
    session: Session, made: Made, about: dict[str, object], field: str, text: str
):
    ada = reader(made, "manager")
    with pytest.raises(DomainError, match=text) as refusal:
        keep(session, view(**({"name": "Debtors"} | about)), ada)
    assert refusal.value.field == field
    assert saved_views.of(session, ada, "party") == []


def test_nobody_keeps_views_without_end(session: Session, made: Made, monkeypatch: pytest.MonkeyPatch):
    ada = reader(made, "manager")
    monkeypatch.setattr(saved_views, "MOST", 2)
    keep(session, view("1"), ada)
    keep(session, view("2"), ada)
    with pytest.raises(DomainError, match="2 views"):
        keep(session, view("3"), ada)


def test_views_are_deleted_by_their_owner_and_shared_ones_by_who_may_share(session: Session, made: Made):
    ada, bob = reader(made, "manager"), reader(made, "office")
    own, shared = keep(session, view("Own"), ada), keep(session, view("Shared", is_shared=True), ada, may=True)
    for each, may in ((own, True), (shared, False)):
        with pytest.raises(NotAllowed):
            saved_views.remove(session, each, bob, may_share=may)
    saved_views.remove(session, shared, bob, may_share=True)
    saved_views.remove(session, own, ada, may_share=False)
    assert saved_views.of(session, ada, "party") == []
