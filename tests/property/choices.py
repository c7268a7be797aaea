"""What a rule may be told, once for Hypothesis, which shrinks it, and once for a busy day, which throws dice.

Hypothesis repeats and simplifies what it draws, and leaves whole rules out of a story; that finds the corners. A busy
day does several acts of every kind at random; that finds what only happens where much has happened.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule


class Choice(NamedTuple):
    """A strategy and the same choice by dice."""

    strategy: st.SearchStrategy[Any]
    throw: Callable[[Random], Any]


def among(*options: Any) -> Choice:
    """Choose one of some values."""
    return Choice(st.sampled_from(options), lambda dice: dice.choice(options))


def several(*choices: Choice, most: int) -> Choice:
    """Choose one to `most` tuples."""
    strategy = st.lists(st.tuples(*(each.strategy for each in choices)), min_size=1, max_size=most)
    return Choice(strategy, lambda d: [tuple(each.throw(d) for each in choices) for _ in range(d.randint(1, most))])


PICK = Choice(st.integers(0, 999), lambda dice: dice.randrange(1000))
# Days before today; None leaves the day to the service, -1 is tomorrow.
BACK = among(*[None] * 6, 0, 0, 1, 2, 3, 5, 12, 30, -1)
HOW = among(*["all"] * 4, *["part"] * 4, "exact", "less", "less", "over", "much", "nothing", "below", "off the grid")

ACTS: list[tuple[str, dict[str, Choice], Callable[[Any], Any]]] = []


def verb(weight: int = 1, *, needs: Callable[[Any], Any] = lambda _clerk: True, **told: Choice) -> Callable[..., Any]:
    """Make a rule of a method and, as many times as it weighs, an act of a busy day."""

    def declare(method: Callable[..., None]) -> Any:
        ACTS.extend([(method.__name__, told, needs)] * weight)
        return precondition(needs)(rule(**{name: each.strategy for name, each in told.items()})(method))

    return declare


def busy(clerk: Any, dice: Random, acts: int) -> None:
    """Do some acts at random."""
    for _ in range(acts):
        name, told, needs = dice.choice(ACTS)
        if needs(clerk):
            getattr(clerk, name)(**{each: choice.throw(dice) for each, choice in told.items()})
