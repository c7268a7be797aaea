"""What may be done to a record, and what not at present and why; and its states in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import sqlalchemy as sa

from app.i18n import label_of
from app.web.crm_form import CrmForm
from app.web.verbs import Verb

MOST_SHOWN = 2  # buttons beside the menu of all that may be done


@dataclass(frozen=True)
class Offer:
    """A verb that the reader has the right to: possible now unless there is a reason `why` not."""

    verb: Verb
    why: str | None = None
    form: CrmForm | None = None
    is_tried: bool = False

    @property
    def is_possible(self) -> bool:
        """Say whether nothing is known against the act."""
        return self.why is None


@dataclass(frozen=True)
class Acts:
    """The buttons of a card's head: the first ones, what the menu holds, and what is not possible now."""

    shown: list[Offer] = field(default_factory=list)
    more: list[Offer] = field(default_factory=list)
    refused: list[Offer] = field(default_factory=list)

    @classmethod
    def of(cls, offers: Sequence[Offer]) -> "Acts":
        """Return the offers by their place."""
        possible = [one for one in offers if one.is_possible]
        first = [one for one in possible if one.verb.primary][:MOST_SHOWN]
        rest = [one for one in possible if one not in first]
        return cls(first, rest, [one for one in offers if not one.is_possible])

    @property
    def has_room(self) -> bool:
        """Say whether one more button may stand beside the menu."""
        return len(self.shown) < MOST_SHOWN


@dataclass(frozen=True)
class Step:
    """One state of a record's life; `offer` is what leads there from now, or does not and says why."""

    value: str
    label: str
    is_now: bool
    is_past: bool
    offer: Offer | None = None


def steps(record: Any, stages: Sequence[Enum], offers: Sequence[Offer]) -> list[Step]:
    """Return the states of a record in their order, those beside the way only when it is there; none without states."""
    column = record.__table__.c.get("state")
    now = getattr(record, "state", None)
    if column is None or not isinstance(column.type, sa.Enum) or now is None or column.type.enum_class is None:
        return []
    way = list(stages or column.type.enum_class)
    if now not in way:
        way.append(now)
    at = way.index(now)
    is_beside = bool(stages) and now not in stages
    return [
        Step(
            each.value,
            label_of(each),
            is_now=each is now,
            is_past=not is_beside and place < at,
            offer=_leading(each, offers, place == at + 1),
        )
        for place, each in enumerate(way)
    ]


def _leading(state: Enum, offers: Sequence[Offer], is_next: bool) -> Offer | None:  # noqa: FBT001 -- a place in the way
    """Return what leads to a state; a refused act is told of at the next step alone."""
    found = [one for one in offers if one.verb.to is not None and one.verb.to == state]
    possible = [one for one in found if one.is_possible]
    return next(iter(possible), next(iter(found), None) if is_next else None)


def offered(
    verbs: Sequence[Verb], record: Any, forms: Mapping[str, CrmForm], reasons: Mapping[str, str | None], tried: str
) -> list[Offer]:
    """Return the offers of verbs with their dialogs and reasons."""
    return [
        Offer(verb, reasons[verb.name], forms.get(verb.name), verb.name == tried) for verb in verbs if verb.fits(record)
    ]
