"""Eight processes that issue and settle at once and are killed: no gap, no duplicate, nothing acknowledged is lost."""

from pathlib import Path
from random import Random

import pytest

from tests.fire.fire import burn


@pytest.mark.slow
def test_what_killed_processes_had_acknowledged_is_there(database_url: str, worker_name: str, tmp_path: Path):
    if database_url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path}/fire.db"
    else:
        from tests.servers import create_database

        url = create_database(database_url, f"crm_fire_{worker_name}")
    outcome = burn(url, tmp_path, processes=8, each=12, kills=8, dice=Random(8))
    assert outcome.problems == []
    assert (outcome.documents, outcome.acknowledged) == (96, 192)
    assert outcome.hidden >= 1, "no kill fell between a commit and its acknowledgement"
    assert outcome.kills >= 6  # one that ends by itself at that moment cannot be killed
