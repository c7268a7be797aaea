"""The daily anchor of the chains: noted outside the database by the worker, compared by the proof."""

import json
from datetime import time

import pytest
from sqlalchemy import select

from app import clock, outbox
from app.models.chain import ChainLink
from app.outbox import Errand, Outbox
from app.services import chain, verify
from app.tasks import registry, running

KEY = bytes(32)


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()


@pytest.fixture(autouse=True)
def chain_key():
    before = chain.use_key(lambda: KEY)
    yield
    chain.use_key(before)


@pytest.fixture
def place(app, tmp_path):
    """The installation's settings, with a folder of the test's own."""
    return dict(app.config) | {"CRM_VAR": tmp_path}


def anchored(app, session, place):
    """Do the daily work once and return the lines of the file."""
    row = outbox.enqueue(session, "verify.anchor", due_at=clock.now())
    session.commit()
    with app.app_context():
        assert running.run_row(row.id, settings=place) is True
    session.expire_all()
    assert session.get(Outbox, row.id).state is Errand.done
    path = verify.anchors_in(place["CRM_VAR"], place["SQLALCHEMY_DATABASE_URI"])
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_chains_are_anchored_every_day():
    assert ("verify.anchor", time(1, 30)) in registry.schedule()


def test_the_heads_are_noted_and_the_proof_compares_with_them(app, session, made, place, tmp_path):
    made.issued()
    last = made.issued()
    session.commit()
    audit, line = anchored(app, session, place)
    assert (audit["chain"], audit["series"], audit["position"] >= 1) == ("audit", 0, True)
    head = session.execute(select(ChainLink).where(ChainLink.invoice_id == last.id)).scalar_one()
    told = (line["chain"], line["series"], line["position"], line["number"], line["link"])
    assert told == ("document", head.series_id, 2, last.number, head.link)
    assert len(anchored(app, session, place)) == 4
    path = verify.anchors_in(tmp_path, place["SQLALCHEMY_DATABASE_URI"])
    assert verify.verify(session, key=KEY, files=tmp_path / "files", anchors=path).problems == []
    path.write_text(path.read_text().replace(head.link, "0" * 64))
    found = verify.verify(session, key=KEY, files=tmp_path / "files", anchors=path).problems
    assert [problem.kind for problem in found] == [verify.ProblemKind.another_chain] * 2


def test_a_line_that_a_power_cut_left_half_written_spoils_no_other(session, made, tmp_path):
    made.issued()
    path = tmp_path / "anchors.jsonl"
    path.write_text('{"at": "2026-03-')
    assert verify.anchor(session, path, at=clock.now()) == 1
    cut, whole = path.read_text().splitlines()
    assert (cut, json.loads(whole)["position"]) == ('{"at": "2026-03-', 1)


def test_each_database_of_an_installation_has_anchors_of_its_own(tmp_path):
    urls = ["sqlite:////var/demo.db", "sqlite:////var/crm.db", "postgresql+psycopg://u:p@host/books"]
    names = [verify.anchors_in(tmp_path, url).relative_to(tmp_path).as_posix() for url in urls]
    assert names == ["anchors/demo.jsonl", "anchors/crm.jsonl", "anchors/books.jsonl"]
