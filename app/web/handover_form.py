"""What the page of a hand-over was sent: read as it was typed, to be shown again and made into a wish."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import MultiDict

from app.models.handover import Strategy
from app.services.handover_plan import Place, Wish

LEAST_PLACES, MOST_PLACES, MORE_PLACES = 3, 60, 3
MOST_PEOPLE = 300
LONGEST_PLACE = 120
TICKS = ("with_closed", "together", "moves_team")  # ticked unless the reader has taken the tick away


@dataclass
class Typed:
    """The fields of the page with what stands in them, and what is wrong with them by name."""

    strategy: str = Strategy.one.value
    to: dict[str, list[str]] = field(default_factory=dict)  # strategy → chosen people
    places: list[tuple[str, str, str]] = field(default_factory=list)  # country, region or postal code, person
    areas: set[str] = field(default_factory=set)
    ticks: set[str] = field(default_factory=lambda: set(TICKS))
    head: str = ""
    reason: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """Return the places with a few empty ones behind them."""
        return [*self.places, *([("", "", "")] * max(LEAST_PLACES - len(self.places), 1))]

    def has(self, name: str) -> bool:
        """Say whether a box is ticked."""
        return name in self.ticks

    def wish(self, leaver_id: int) -> Wish:
        """Return what is asked for; an unknown person is one whom nobody reaches."""
        strategy = Strategy(self.strategy)
        chosen = tuple(dict.fromkeys(_key(each) for each in self.to.get(self.strategy, []) if each))
        is_territory = strategy is Strategy.territory
        named = tuple(Place(country, text, _key(person)) for country, text, person in self.places)
        return Wish(
            leaver_id=leaver_id,
            strategy=strategy,
            to=chosen[:MOST_PEOPLE],
            places=named if is_territory else (),
            areas=frozenset(self.areas),
            head_id=_key(self.head) if self.head else None,
            ends_substitutions=self.has("ends"),
            locks=self.has("locks"),
            leaves_behind=self.has("behind"),
            **{name: self.has(name) for name in TICKS},
        )


def read(form: "MultiDict[str, str]") -> Typed:
    """Read what was sent."""
    strategy = form.get("strategy", "")
    return Typed(
        strategy=strategy if strategy in {*Strategy} else Strategy.one.value,
        to={each.value: form.getlist(f"to_{each.value}") for each in Strategy},
        places=list(_places(form)),
        areas=set(form.getlist("area")),
        ticks=set(form.getlist("tick")),
        head=form.get("head", ""),
        reason=form.get("reason", ""),
    )


def _places(form: "MultiDict[str, Any]") -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the table of territories in which something stands."""
    columns = [form.getlist(name)[:MOST_PLACES] for name in ("country", "place", "person")]
    for country, text, person in zip(*columns, strict=False):
        if country or text.strip() or person:
            yield country[:2], text.strip()[:LONGEST_PLACE], person


def _key(text: str) -> int:
    """Return a key that was sent, 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(2**31)) else 0
