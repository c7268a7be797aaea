"""The stage of the property tests, on the connection that every test goes back on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from app.services import chain
from tests.property.stage import KEY, Stage


@pytest.fixture
def stage(rolled_back: Connection, tmp_path: Path) -> Iterator[Stage]:
    before = chain.use_key(lambda: KEY)
    yield Stage(rolled_back, tmp_path)
    chain.use_key(before)
