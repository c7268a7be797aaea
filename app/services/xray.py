"""May this person do this to that record, and which rule says so: the answer of the very functions that decide.

Shape: an `Answer` is a verdict and the steps that led to it, each with its own verdict; the first that says no decides.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flask_appbuilder.security.sqla.models import User
from sqlalchemy.orm import Session

from app.i18n import gettext as _
from app.i18n import label, label_of
from app.i18n import lazy_gettext as _l
from app.models.base import Owned, entity_of
from app.models.role import shown_name
from app.models.team import Team
from app.roles import SEE, Reach, Scope, action_of
from app.services import access, policy
from app.services import role_change as changes_of_roles


class Rule(StrEnum):
    """What a step is about."""

    account = "account"  # the account can sign in
    role = "role"  # a role gives the right, or does not
    record = "record"  # there is such a record
    rows = "rows"  # the record is within his rows


class Because(StrEnum):
    """Why a step ends as it does."""

    active = "active"
    inactive = "inactive"
    no_role = "no_role"
    administrator = "administrator"
    preset = "preset"
    added = "added"
    taken_away = "taken_away"
    not_in_preset = "not_in_preset"
    found = "found"
    not_found = "not_found"
    all_rows = "all_rows"
    own = "own"
    stands_in = "stands_in"
    own_team = "own_team"
    team_below = "team_below"
    nobodys = "nobodys"
    shared = "shared"
    elsewhere = "elsewhere"


label(
    Because,
    active=_l("The account is active"),
    inactive=_l("The account is locked"),
    no_role=_l("The account has no role"),
    administrator=_l("has every right"),
    preset=_l("granted"),
    added=_l("granted, changed here"),
    taken_away=_l("not granted, changed here"),
    not_in_preset=_l("not granted"),
    found=_l("The record exists"),
    not_found=_l("There is no such record"),
    all_rows=_l("all rows are reached"),
    own=_l("it is the person's own"),
    stands_in=_l("it belongs to somebody for whom the person stands in"),
    own_team=_l("it belongs to the person's team"),
    team_below=_l("it belongs to a team below the person's"),
    nobodys=_l("it belongs to nobody, and such rows are reached"),
    shared=_l("it is shared with the person"),
    elsewhere=_l("it belongs to others, who are not reached"),
)


@dataclass(frozen=True)
class Step:
    """One thing that was asked: `name` is the role that was asked, `action` and `reach` say which rows."""

    rule: Rule
    says: bool
    because: Because
    name: str = ""
    action: str = ""
    reach: Reach | None = None

    @property
    def text(self) -> str:
        """Return the step in words, without the action that rows are cut for."""
        if self.rule is Rule.role and self.name:
            return _("Role “%(name)s”: %(why)s", name=shown_name(self.name), why=label_of(self.because))
        if self.reach is not None:
            return _("rows: %(scope)s; %(why)s", scope=label_of(self.reach.scope), why=label_of(self.because))
        return label_of(self.because)


@dataclass(frozen=True)
class Answer:
    """Whether he may, why, and the record that it is about."""

    allowed: bool
    steps: list[Step]
    record: Any = None


def explain(session: Session, user: User, area: str, verb: str, record_id: int | None = None) -> Answer:
    """Return whether a person may do something in an area, or to one record of it, with every rule that was asked."""
    steps = [Step(Rule.account, bool(user.active), Because.active if user.active else Because.inactive)]
    roles = {role.name: role for role in [*user.roles, *(role for group in user.groups for role in group.roles)]}
    policies = policy.of_roles(session, roles)
    steps += [_of_role(session, roles[name], found, area, verb) for name, found in sorted(policies.items())]
    if not policies:
        steps.append(Step(Rule.role, says=False, because=Because.no_role))
    allowed = bool(user.active) and any(step.says for step in steps if step.rule is Rule.role)
    if record_id is None:
        return Answer(allowed, steps)
    entity = entity_of(area)
    with access.acting(session, access.SYSTEM):
        record = access.get(session, entity, record_id) if entity is not None else None
    steps.append(Step(Rule.record, record is not None, Because.found if record is not None else Because.not_found))
    if record is None:
        return Answer(allowed=False, steps=steps)
    actor = access.actor_of(session, user_id=user.id, name=user.username, roles=roles)
    about = [_of_rows(session, actor, record, action) for action in dict.fromkeys((SEE, action_of(verb)))]
    return Answer(allowed and all(step.says for step in about), [*steps, *about], record)


def _of_role(session: Session, role: Any, found: policy.Policy, area: str, verb: str) -> Step:  # noqa: ANN401
    says = found.may(area, verb)
    if found.has_all:
        because = Because.administrator
    elif changes_of_roles.usual(session, role).may(area, verb) == says:
        because = Because.preset if says else Because.not_in_preset
    else:
        because = Because.added if says else Because.taken_away
    return Step(Rule.role, says, because, name=role.name)


def _of_rows(session: Session, actor: access.Actor, record: Any, action: str) -> Step:  # noqa: ANN401 -- any entity
    reach = actor.reach(access.area_of(record), action)
    with access.acting(session, actor):
        says = access.allowed(session, record, action)
    if not isinstance(record, Owned):
        return Step(Rule.rows, says, Because.nobodys, action=action)
    return Step(Rule.rows, says, _why(actor, record, reach) if says else Because.elsewhere, action=action, reach=reach)


def _why(actor: access.Actor, record: Owned, reach: Reach) -> Because:
    if reach.scope is Scope.all:
        return Because.all_rows
    has_own = reach.scope is not Scope.none
    if has_own and record.owner_id is not None and record.owner_id == actor.user_id:
        return Because.own
    if has_own and record.owner_id in actor.stands_for:
        return Because.stands_in
    if record.team_id in actor.team_ids and reach.scope in {Scope.team, Scope.subtree}:
        return Because.own_team
    if record.team_id in actor.below_ids and reach.scope is Scope.subtree:
        return Because.team_below
    return Because.nobodys if reach.unassigned and record.owner_id is record.team_id is None else Because.shared


def owner_of(record: object) -> tuple[User | None, Team | None]:
    """Return whose a record is."""
    return (record.owner, record.team) if isinstance(record, Owned) else (None, None)
