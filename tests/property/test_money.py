"""Money under a clerk who does anything: no act ever breaks the books, and every planted bug is found."""

from contextlib import nullcontext

import pytest

from tests.property.bugs import BUGS, plant, without_checks
from tests.property.choices import ACTS
from tests.property.stories import by_dice, by_hypothesis

STORIES, ACTS_EACH = 16, 50
MORE_STORIES = 60  # for a planted bug that its story does not show any more, since something else has changed
SELDOM_REFUSED = {"copy", "look"}
DONE = {
    *("allocate shares", "allocate to the oldest", "cancel", "change", "close", "close a period", "copy", "credit"),
    *("draft", "issue", "issue a credit note", "look", "pay", "receive", "refund", "remove", "reverse"),
    *("same request", "settle", "write off"),
}


def test_no_act_breaks_the_books(stage):
    by_dice(stage, range(STORIES), acts=ACTS_EACH)
    assert {what for what, times in stage.done.items() if times} == DONE
    assert {what for what, times in stage.refused.items() if times} >= DONE - SELDOM_REFUSED


def test_no_act_that_hypothesis_thinks_of_breaks_the_books(stage):
    by_hypothesis(stage, stories=25, acts=15)
    assert stage.stories >= 25
    assert len(stage.done) > len({name for name, _told, _needs in ACTS}) / 2


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_a_planted_bug_is_found(stage, monkeypatch, bug):
    assert bug.story < STORIES
    plant(monkeypatch, stage, bug)
    stories = sorted(range(MORE_STORIES), key=lambda number: number != bug.story)
    with without_checks(stage) if bug.unchecked else nullcontext(), pytest.raises(AssertionError, match=bug.shows):
        by_dice(stage, stories, acts=ACTS_EACH)
