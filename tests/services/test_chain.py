"""The chain over documents: its key, its links, the one way to write a content."""

import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.models.chain import ChainLink
from app.services import chain
from app.services import invoice as invoices

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path):
    folder = tmp_path / "keys"
    key = chain.key_in(folder)
    assert len(key) == 32
    assert chain.key_in(folder) == key
    assert [path.name for path in folder.iterdir()] == ["chain_key"]
    assert (folder / "chain_key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert chain.key_in(tmp_path / "other") != key


def test_equal_contents_are_written_alike():
    assert chain.canonical({"b": "Ё", "a": [None, True, "1.00"]}) == '{"a":[null,true,"1.00"],"b":"Ё"}'.encode()
    assert chain.sha256({"b": 1, "a": 2}) == chain.sha256({"a": 2, "b": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        chain.canonical({"a": float("nan")})


# The link is recomputed here by the definition in the module's text, without the module.
def test_a_link_is_the_hmac_of_content_and_predecessor(session, made, chain_key):
    first, second = made.issued(), made.issued()
    links = session.scalars(select(ChainLink).order_by(ChainLink.position)).all()
    for link, invoice, previous in zip(links, (first, second), ("", links[0].link), strict=True):
        content = json.dumps(invoice.snapshot.content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        digest = hashlib.sha256(content.encode()).hexdigest()
        said = (
            f'{{"of":"document","position":{link.position},"previous":"{previous}",'
            f'"series":{invoice.series_id},"sha256":"{digest}"}}'
        )
        assert link.link == hmac.new(chain_key, said.encode(), hashlib.sha256).hexdigest()


def test_a_content_survives_the_database(session, made, chain_key):
    invoice = made.issued(note="Ёлка 🎄 \u200f «№ 1»\nsecond line", buyer_reference='quote " and \\')
    session.commit()
    session.expire_all()
    assert chain.sha256(invoice.snapshot.content) == invoice.content_sha256


def test_series_have_chains_of_their_own(session, made, chain_key):
    invoice = made.issued()
    note = invoices.credit(session, invoice, reason="Returned")
    invoices.issue(session, note, at=NOON)
    assert (invoice.chain_position, note.chain_position) == (1, 1)


def test_without_a_key_nothing_is_issued(session, made):
    before = chain.use_key(None)
    try:
        with pytest.raises(RuntimeError, match="key of the chain"):
            made.issued()
    finally:
        chain.use_key(before)
