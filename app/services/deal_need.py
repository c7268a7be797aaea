"""What a stage may ask of a deal: fields that must be filled before it enters or leaves."""

from collections.abc import Iterable
from typing import Any

from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.deal import Deal
from app.models.pipeline import Stage, StageType
from app.services.collected import Collected

NEEDS: dict[str, Any] = {
    "amount": _l("Amount"),
    "expected_on": _l("Expected close"),
    "contacts": _l("Contact persons"),
    "lines": _l("Lines"),
    "source": _l("Source"),
    "note": _l("Note"),
    "owner": _l("Owner"),
}


def is_filled(deal: Deal, name: str) -> bool:
    """Say whether a field that a stage may ask for is filled; an amount of nothing is none."""
    value = getattr(deal, name)
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def missing(deal: Deal, names: Iterable[str]) -> list[str]:
    """Return which of the fields are empty."""
    return [name for name in names if name in NEEDS and not is_filled(deal, name)]


def open_checks(deal: Deal, stage: Stage) -> list[str]:
    """Return what of a stage's checklist has not been done for a deal."""
    done = {each.check_id for each in deal.checked}
    return [each.text for each in stage.checks if each.id not in done]


def goes_on(deal: Deal, stage: Stage) -> bool:
    """Say whether a step leads forward: only then must what a stage asks for at its end be there."""
    return stage.type is not StageType.lost and stage.position > deal.stage.position


def refuse(deal: Deal, stage: Stage, found: Collected) -> None:
    """Note at each field that a step needs and that is empty, and at "checks" what has not been done yet."""
    asked = dict.fromkeys(stage.needs_on_entry or [], stage.name)
    if goes_on(deal, stage):
        asked |= {name: deal.stage.name for name in deal.stage.needs_on_exit or [] if name not in asked}
        for text in open_checks(deal, deal.stage):
            found.refuse("checks", _("Not done yet: %(what)s", what=text))
    for name in missing(deal, asked):
        found.refuse(name, _("“%(stage)s” needs this: %(what)s", stage=asked[name], what=str(NEEDS[name])))
    if stage.owner_role and not has_role(deal, stage.owner_role):
        text = _("The owner of a deal in “%(stage)s” has the role %(role)s", stage=stage.name, role=stage.owner_role)
        found.refuse("owner", text)


def has_role(deal: Deal, role: str) -> bool:
    """Say whether the owner of a deal has a role, himself or by a group."""
    owner = deal.owner
    if owner is None:
        return False
    groups = [each for group in owner.groups for each in group.roles]
    return any(each.name == role for each in (*owner.roles, *groups))
