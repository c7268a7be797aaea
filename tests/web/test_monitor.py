"""Figures for a monitor: with the token only, of the work that waits and of the requests that were answered."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

import config
from app import clock, outbox
from app.models.setting import Setting
from app.services.vital import HEARTBEAT
from tests.conftest import Browser

TOKEN = "a token of thirty-two characters"


@pytest.fixture
def token(app: Flask) -> Iterator[None]:
    before = app.config["CRM_METRICS_TOKEN"]
    app.config["CRM_METRICS_TOKEN"] = TOKEN
    yield
    app.config["CRM_METRICS_TOKEN"] = before


def asked(visitor: Browser, given: str = f"Bearer {TOKEN}") -> Any:
    return visitor.client.get("/metrics", headers={"Authorization": given} if given else {})


def figures(text: str) -> dict[tuple[str, ...], float]:
    """The value of each line, by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for line in family.samples:
            found[line.name, *(line.labels[name] for name in sorted(line.labels, reverse=True))] = line.value
    return found


def test_without_the_right_token_there_is_no_such_page(visitor: Browser, app: Flask, token: None):
    for given in ("", "Bearer", "Bearer wrong", TOKEN[:-1], f"Basic {TOKEN}", "Bearer ж"):
        assert asked(visitor, given).status_code == 404
    app.config["CRM_METRICS_TOKEN"] = ""
    for given in ("", "Bearer ", f"Bearer {TOKEN}"):
        assert asked(visitor, given).status_code == 404


def test_work_letters_and_the_worker_are_told(visitor: Browser, session: Session, token: None, statements: list[str]):
    at = clock.now()
    session.query(outbox.Outbox).delete()
    outbox.enqueue(session, "test.late", due_at=at - timedelta(seconds=90))
    outbox.enqueue(session, "test.later", due_at=at + timedelta(hours=1))
    outbox.enqueue(session, "test.failed", due_at=at)
    session.flush()
    failed = session.query(outbox.Outbox).filter_by(topic="test.failed").one()
    failed.state = outbox.Errand.failed
    session.merge(Setting(name=HEARTBEAT, value=(at - timedelta(seconds=7)).isoformat()))
    session.commit()
    statements.clear()
    answer = asked(visitor)
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert len(statements) <= 5
    found = figures(answer.text)
    states = {name[1]: value for name, value in found.items() if name[0] == "crm_jobs"}
    assert states == {"pending": 2, "claimed": 0, "failed": 1}
    assert {name[1] for name in found if name[0] == "crm_letters"} == {
        "pending",
        "claimed",
        "data",
        "uncertain",
        "failed",
    }
    assert 90 <= found["crm_jobs_delay_seconds",] < 120
    assert 7 <= found["crm_worker_heartbeat_seconds",] < 37


def test_requests_are_counted_by_screen_and_kind_of_answer(
    visitor: Browser, as_user: Callable[[str], Browser], token: None
):
    def count(screen: str, answer: str) -> float:
        return figures(asked(visitor).text).get(("crm_request_seconds_count", screen, answer), 0)

    office = as_user("office")
    before = {pair: count(*pair) for pair in (("PartyView", "2xx"), ("PartyView", "4xx"), ("none", "4xx"))}
    for path in ("/party/list/", "/party/list/", "/party/show/7654321", "/nonsense"):
        office.get(path).close()
    assert {pair: count(*pair) - value for pair, value in before.items()} == {
        ("PartyView", "2xx"): 2,
        ("PartyView", "4xx"): 1,
        ("none", "4xx"): 1,
    }
    assert "show/" not in asked(visitor).text


def test_several_web_processes_of_a_machine_count_together(tmp_path: Path):
    told = """
from datetime import timedelta
from app.services.vital import Vitals
from app.web import monitor
monitor._seconds.labels("PartyView", "2xx").observe(0.02)
print(monitor.text(Vitals({}, {}, timedelta(0), None)).decode())
"""
    for answers in (1, 2):
        done = subprocess.run(
            [sys.executable, "-c", told],
            env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert figures(done.stdout)["crm_request_seconds_count", "PartyView", "2xx"] == answers


def test_a_token_that_can_be_guessed_refuses_to_start():
    env = {"CRM_VAR": "var", "CRM_SECRET_KEY": "x1y2z3" * 8 + "qwertzuiop"}
    for weak in ("short", "a" * 40):
        with pytest.raises(config.UnsafeSettingError, match="CRM_METRICS_TOKEN is too weak"):
            config.load(env | {"CRM_METRICS_TOKEN": weak})
    assert config.load(env | {"CRM_METRICS_TOKEN": TOKEN})["CRM_METRICS_TOKEN"] == TOKEN
