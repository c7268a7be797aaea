"""Spans of time in words."""

import pytest
from flask import Flask
from flask_babel import force_locale

from app.web import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 sec"), (59, "59 sec"), (3_600, "1 hr"), (88_200, "1 day"), (90_061, "1 day 1 hr"), (-5, "0 sec")],
)
def test_the_two_largest_units_are_told(seconds: int, text: str):
    assert duration.told(seconds) == text


def test_the_language_is_the_reader_s():
    app = Flask(__name__)
    from flask_babel import Babel

    Babel(app)
    with app.test_request_context(), force_locale("nl"):
        assert duration.told(180_000) == "2 dagen 2 uur"
