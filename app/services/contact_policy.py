"""The policy of writing to people: what each of our companies may set."""

import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Refusals
from app.i18n import gettext as _
from app.models.suppression import ContactPolicy

_TIME = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)", re.ASCII)
_MOST = {"cap_count": (0, 1000), "cap_days": (1, 366), "soft_count": (1, 100), "soft_days": (1, 366)}
_WEEK = "1234567"


def save(session: Session, rules: ContactPolicy) -> None:
    """Bring a policy into its normal form and add it. Raises Refusals by field."""
    errors: dict[str, list[str]] = {}
    usual = {"cap_count": 2, "cap_days": 7, "soft_count": 5, "soft_days": 30}
    with session.no_autoflush:
        for name, (least, most) in _MOST.items():
            if getattr(rules, name) is None:
                setattr(rules, name, usual[name])
            if not least <= getattr(rules, name) <= most:
                errors[name] = [_("A number from %(least)s to %(most)s is expected", least=least, most=most)]
        for name, default in (("quiet_from", "21:00"), ("quiet_until", "09:00")):
            found = _TIME.fullmatch((getattr(rules, name) or default).strip())
            if found is None:
                errors[name] = [_("A time such as 21:00 is expected")]
            else:
                setattr(rules, name, f"{int(found[1]):02}:{found[2]}")
        days = "".join(sorted(set(re.sub(r"[\s,;]", "", rules.quiet_days or ""))))
        if days.strip(_WEEK):
            errors["quiet_days"] = [_("Write the days as numbers: 1 is Monday, 7 is Sunday")]
        elif days == _WEEK:
            errors["quiet_days"] = [_("On one day at least something must leave")]
        rules.quiet_days = days[:7]
        if rules.organisation is not None and _has_other(session, rules):
            errors["organisation"] = [_("This company has a policy already")]
        if errors:
            raise Refusals(errors)
        session.add(rules)


def _has_other(session: Session, rules: ContactPolicy) -> bool:
    same = select(ContactPolicy.id).where(ContactPolicy.organisation_id == rules.organisation.id)
    if rules.id is not None:
        same = same.where(ContactPolicy.id != rules.id)
    return session.scalar(same.limit(1)) is not None
