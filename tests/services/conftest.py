"""What tests of services share."""

from collections.abc import Iterator

import pytest

from app.services import chain


@pytest.fixture
def chain_key() -> Iterator[bytes]:
    """A key of the chain that tests know."""
    key = bytes(range(32))
    before = chain.use_key(lambda: key)
    yield key
    chain.use_key(before)
