"""Two ways to tell stories of the clerk: Hypothesis looks for corners, dice make full days."""

from collections.abc import Iterable
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.property.choices import busy
from tests.property.machine import Clerk
from tests.property.stage import Stage


def by_hypothesis(stage: Stage, *, stories: int, acts: int, shrink: bool = True, with_seed: int | None = None) -> None:
    """Let Hypothesis tell stories; the same ones every time unless a seed is given."""

    def clerk() -> Clerk:
        return Clerk(stage)

    asked: dict[str, Any] = {
        "derandomize": with_seed is None,
        "database": None,
        "deadline": None,
        "max_examples": stories,
        "stateful_step_count": acts,
        "suppress_health_check": list(HealthCheck),
        "report_multiple_bugs": False,
        "phases": (Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
    }
    factory = clerk if with_seed is None else seed(with_seed)(clerk)
    run_state_machine_as_test(factory, settings=settings(**asked))


def by_dice(stage: Stage, numbers: Iterable[int], *, acts: int) -> None:
    """Tell stories by dice; the number of a story is its seed."""
    for number in numbers:
        clerk = Clerk(stage)
        dice = Random(number)
        try:
            for _ in range(acts):
                busy(clerk, dice, 1)
        except BaseException as broken:
            broken.add_note("\n".join([f"story {number} by dice:", *clerk.story]))
            raise
        finally:
            clerk.teardown()
