"""Filters that ask more than a column says: operators of their own at a column, each a condition of a service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from app import clock
from app.i18n import lazy_gettext as _l
from app.models.contract import UNSIGNED, Contract
from app.models.deal import Deal
from app.services import contract_obligation, contract_term, deal_rot, planned
from app.web.locale import choose_time_zone


@dataclass(frozen=True)
class Special:
    """One such filter: its condition, and what it is called with the value "1" and with "0"."""

    condition: Callable[[Session], ColumnElement[bool]]
    yes: Any
    no: Any


# (table, column) → operator → filter
SPECIAL: Mapping[tuple[str, str], Mapping[str, Special]] = {
    ("deal", "stage_id"): {
        "alone": Special(
            lambda _session: planned.without_next(Deal), _l("Without a next step"), _l("With a next step")
        ),
        "late": Special(
            lambda _session: planned.with_overdue(Deal, clock.now()),
            _l("The next step is overdue"),
            _l("No step is overdue"),
        ),
        "rots": Special(
            lambda session: deal_rot.rotting(session, now=clock.now()),
            _l("Untouched for too long"),
            _l("Touched within the norm"),
        ),
    },
    ("contract", "state"): {
        "late": Special(
            lambda _session: contract_obligation.with_late(clock.today(choose_time_zone())),
            _l("Something is overdue"),
            _l("Nothing is overdue"),
        ),
        "ends": Special(
            lambda _session: contract_term.ending(clock.today(choose_time_zone())),
            _l("Ends within 60 days"),
            _l("Does not end within 60 days"),
        ),
        "open": Special(lambda _session: Contract.state.in_(UNSIGNED), _l("Not signed by both"), _l("Signed by both")),
    },
}


def special_of(column: Any) -> Mapping[str, Special]:
    """Return the special filters at a column, by operator."""
    bare = column.property.columns[0] if hasattr(column, "property") else column
    table = getattr(getattr(bare, "table", None), "name", "")
    return SPECIAL.get((table, str(getattr(bare, "key", ""))), {})
