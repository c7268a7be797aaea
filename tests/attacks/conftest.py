"""What attackers have: a company with records of several people."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from tests.attacks.world import build
from tests.factories import Made
from tests.mail import office as mail_office


@pytest.fixture
def world(app: Flask, as_user: Any, made: Made, session: Session) -> Any:
    """One of everything, with hostile texts; its records belong to the manager."""
    with mail_office():
        yield build(session, made, app, as_user("admin"))
