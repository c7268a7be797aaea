"""Mailings over Redis: two workers under the supervisor, killed, and their broker killed too; nobody lost, none twice.

`CRM_MAILING_RECIPIENTS`, `CRM_MAILING_KILLS`, `CRM_MAILING_RESTARTS` and `CRM_MAILING_SEED` make it larger: the drill
sends to 10,000 over 20 kills of the workers and 5 of the broker.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from app import migrating
from app.db import db
from app.services import chain, letter_office, password, sealing
from tests.fire.mailing import Moods, burn
from tests.mail import mail_server
from tests.servers import create_database, redis

RECIPIENTS = int(os.environ.get("CRM_MAILING_RECIPIENTS", "160"))
KILLS = int(os.environ.get("CRM_MAILING_KILLS", "1"))
RESTARTS = int(os.environ.get("CRM_MAILING_RESTARTS", "1"))
SEED = int(os.environ.get("CRM_MAILING_SEED", "11"))
AT_ONCE = 4  # mailings, so that both workers send
WAIT = 120 + RECIPIENTS / 10 + 15 * (KILLS + RESTARTS)  # seconds until it must be done


@contextmanager
def as_another_installation() -> Iterator[None]:
    """Let an application be made that takes the place of ours while the block lasts: its keys, its mail server."""
    doors = (chain.use_key, sealing.use_key, letter_office.use, password.use)
    kept = [door(None) for door in doors]
    try:
        yield
    finally:
        for door, before in zip(doors, kept, strict=True):
            door(before)


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.timeout(WAIT + 60)
def test_workers_and_their_broker_die_and_everybody_is_written_to_once_at_most(tmp_path):
    import config
    from app.tasks import registry
    from app.tasks.celery import lean_app

    url = create_database(os.environ["CRM_TEST_DATABASE_URL"], "crm_mailing_fire")
    migrating.upgrade(url)
    with mail_server() as server, redis() as broker:
        server.will = Moods(SEED)
        env = {
            "CRM_VAR": str(tmp_path),
            "CRM_DATABASE_URL": url,
            "CRM_DEMO": "0",
            "CRM_BROKER_URL": broker.url,
            "CRM_SMTP_URL": server.url,
            "CRM_MAIL_FROM": "office@grachten.example",
        }
        registry.load()
        with as_another_installation():
            app = lean_app(config.load(env) | {"TESTING": True})
            found = burn(
                app, env, server.taken, broker, folder=tmp_path, mailings_at_once=AT_ONCE, each=RECIPIENTS // AT_ONCE,
                kills=KILLS, restarts=RESTARTS, dice=Random(SEED), seconds=WAIT,
            )  # fmt: skip
            with app.app_context():
                db.engine.dispose()
    print(found)  # noqa: T201 -- the drill reads it
    assert found.holds, found
    assert found.sent > found.recipients / 2
