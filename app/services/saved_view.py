"""Saved views of lists: whose they are, who sees them, and which one a list begins with."""

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from app.errors import DomainError, NotAllowed
from app.i18n import gettext as _
from app.models.saved_view import SavedView
from app.services.access import Actor

LONGEST_QUERY = 4_000
MOST = 60  # per person and list


def visible(reader: Actor, entity: str | None = None) -> Select[SavedView]:
    """Return the views, of one list or of all, that a reader may use: his own, shared ones, those of his roles."""
    rule = or_(
        SavedView.user_id == reader.user_id, SavedView.is_shared.is_(True), SavedView.role.in_(sorted(reader.roles))
    )
    found = select(SavedView).where(rule).order_by(SavedView.entity, SavedView.name, SavedView.id)
    return found if entity is None else found.where(SavedView.entity == entity)


def of(session: Session, reader: Actor, entity: str) -> list[SavedView]:
    """Return a reader's views of a list, his own first."""
    found = list(session.execute(visible(reader, entity)).scalars())
    return sorted(found, key=lambda view: view.user_id != reader.user_id)


def of_all(session: Session, reader: Actor) -> list[SavedView]:
    """Return a reader's views of all lists, list by list."""
    return list(session.execute(visible(reader)).scalars())


def first_of(views: list[SavedView], reader: Actor) -> SavedView | None:
    """Return the view that the reader's list begins with: his own default, else that of one of his roles."""
    own = next((view for view in views if view.is_default and view.user_id == reader.user_id), None)
    return own or next((view for view in views if view.role in reader.roles), None)


def save(session: Session, view: SavedView, reader: Actor, *, may_share: bool, may_set_for_role: bool) -> SavedView:
    """Store a view of the reader's own; the name of one that he has replaces it.

    Raises DomainError at the field that is refused, NotAllowed for somebody else's view.
    """
    if reader.user_id is None or view.user_id not in {None, reader.user_id}:
        raise NotAllowed("saved_view")
    _judge(view, may_share=may_share, may_set_for_role=may_set_for_role)
    standing = _named(session, reader, view)
    if standing is None:
        _refuse_too_many(session, reader, view.entity)
        view.user_id = reader.user_id
        session.add(view)
        standing = view
    elif standing is not view:
        for name in ("query", "is_shared", "is_default", "is_pinned", "role"):
            setattr(standing, name, getattr(view, name))
    session.flush()
    if standing.is_default:
        _only_default(session, standing)
    return standing


def _judge(view: SavedView, *, may_share: bool, may_set_for_role: bool) -> None:
    view.name = " ".join(view.name.split())
    if not view.name:
        raise DomainError(_("Give the view a name"), field="name")
    if len(view.name) > SavedView.name.type.length:
        raise DomainError(_("At most %(most)s characters", most=SavedView.name.type.length), field="name")
    if len(view.query) > LONGEST_QUERY:
        raise DomainError(_("This view has too many conditions"), field="name")
    if view.is_shared and not may_share:
        raise DomainError(_("You may keep views for yourself; sharing them needs the right to"), field="is_shared")
    if view.role and not may_set_for_role:
        raise DomainError(_("Only an administrator says what a role begins with"), field="role")


def remove(session: Session, view: SavedView, reader: Actor, *, may_share: bool) -> None:
    """Delete a view: one's own, or a shared one for those who may share."""
    if view.user_id != reader.user_id and not (may_share and (view.is_shared or view.role)):
        raise NotAllowed("saved_view")
    session.delete(view)
    session.flush()


def _named(session: Session, reader: Actor, view: SavedView) -> SavedView | None:
    same = select(SavedView).where(
        SavedView.user_id == reader.user_id, SavedView.entity == view.entity, SavedView.name == view.name
    )
    with session.no_autoflush:
        return session.execute(same).scalar_one_or_none()


def _refuse_too_many(session: Session, reader: Actor, entity: str) -> None:
    own = select(SavedView.id).where(SavedView.user_id == reader.user_id, SavedView.entity == entity).limit(MOST)
    with session.no_autoflush:
        if len(session.execute(own).all()) >= MOST:
            raise DomainError(_("There are %(most)s views of this list already", most=MOST), field="name")


def _only_default(session: Session, view: SavedView) -> None:
    """Let a list begin with one view alone."""
    others = update(SavedView).where(
        SavedView.user_id == view.user_id, SavedView.entity == view.entity, SavedView.id != view.id
    )
    session.execute(others.values(is_default=False, version=SavedView.version + 1))
