"""The preview beside the form of a template, and as a page of its own where there are no scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.documents import engine
from app.models.document_template import DocumentTemplate
from app.models.history import Act, FieldChange
from app.models.sale_order import SaleOrder
from app.outbox import Outbox
from app.services import document_preview as previews
from app.services import sale_order as orders_service
from app.tasks import registry, running
from tests.conftest import Browser
from tests.factories import Made
from tests.tasks.test_document_preview import TYPED

As = Callable[[str], Browser]
PART = {"X-Part": "preview"}


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()
    yield
    engine._pool.close()


@pytest.fixture
def orders(session: Session, made: Made) -> list[SaleOrder]:
    found = []
    for number in ("SO-2026-00001", "SO-2026-00002"):
        record = made.order(("3", "10.00"))
        record.number, record.ordered_on = number, record.created_at.date()
        orders_service.save(session, record)  # it is found by its number from now on
        found.append(record)
    session.commit()
    return found


def job(session: Session) -> Outbox:
    session.expire_all()
    return session.scalars(select(Outbox).where(Outbox.topic == previews.TOPIC)).one()


def do(app: Flask, key: int) -> None:
    with app.app_context():
        assert running.run_row(key, settings=app.config) is True


def test_the_part_beside_the_form_waits_and_then_shows_the_pages(
    app: Flask, as_user: As, session: Session, orders: list[SaleOrder]
):
    office = as_user("office")
    form = office.get("/document_template/add").get_data(as_text=True)
    assert 'formaction="/document_preview/"' in form
    assert form.index('<button type="submit" hidden>') < form.index("data-preview-ask")  # Enter saves
    answer = office.post("/document_preview/", TYPED | {"preview_of": "SO-2026-00001"}, headers=PART)
    asked = job(session)
    part = answer.get_data(as_text=True)
    assert (answer.status_code, f'data-next="/document_preview/{asked.id}"' in part, "<html" in part) == (
        200,
        True,
        False,
    )
    assert asked.payload["of"] == orders[0].id
    address = f"/document_preview/{asked.id}"
    assert f'data-next="{address}"' in office.get(address, headers=PART).get_data(as_text=True)
    assert office.get(f"{address}/1").status_code == 404
    do(app, asked.id)
    part = office.get(address, headers=PART).get_data(as_text=True)
    assert (f'src="{address}/1"' in part, "data-next" in part) == (True, False)
    picture = office.get(f"{address}/1")
    assert (picture.status_code, picture.mimetype, picture.headers["Cache-Control"]) == (200, "image/png", "no-store")
    assert picture.data[:4] == b"\x89PNG"
    assert [office.get(f"{address}/{page}").status_code for page in (0, 2)] == [404, 404]
    other = as_user("admin")
    assert [other.get(path).status_code for path in (address, f"{address}/1")] == [404, 404]  # one's own alone
    looked = session.scalars(select(FieldChange.record_id).where(FieldChange.act == Act.view)).all()
    assert looked == [orders[0].party_id]  # once, as on the card of the party
    session.delete(orders[0])
    session.commit()
    assert [office.get(path).status_code for path in (address, f"{address}/1")] == [404, 404]


def test_without_scripts_it_is_a_page_that_asks_again(
    app: Flask, as_user: As, session: Session, orders: list[SaleOrder]
):
    orders[1].number = None
    session.commit()
    office = as_user("office")
    answer = office.post("/document_preview/", TYPED)
    asked = job(session)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/document_preview/{asked.id}")
    assert asked.payload["of"] == orders[1].id  # the newest
    page = office.get(f"/document_preview/{asked.id}")
    assert (page.headers["Refresh"], "The pages are being made" in page.get_data(as_text=True)) == ("2", True)
    do(app, asked.id)
    page = office.get(f"/document_preview/{asked.id}")
    text = page.get_data(as_text=True)
    assert ("Refresh" in page.headers, "<html" in text) == (False, True)
    assert f'<a href="/order/edit/{orders[1].id}" target="_blank" rel="noopener">Number</a>' in text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"body": "<p>a</p>\n<script>x</script>"}, "Text: Line 2: &lt;script&gt; is not possible here"),
        ({"preview_of": "no such order"}, "Show it with: There is no such record that you see"),
        ({"kind": "no such kind"}, "This is needed"),
    ],
)
def test_what_is_wrong_is_said_with_its_field_and_nothing_is_made(
    as_user: As, session: Session, orders: list[SaleOrder], given: dict[str, Any], told: str
):
    office = as_user("office")
    for headers, status in ((PART, 200), ({}, 422)):
        answer = office.post("/document_preview/", TYPED | given, headers=headers)
        assert (answer.status_code, told in answer.get_data(as_text=True)) == (status, True)
    assert session.scalars(select(Outbox.id).where(Outbox.topic == previews.TOPIC)).all() == []
    assert session.scalars(select(DocumentTemplate.id).where(DocumentTemplate.supplied.is_(None))).all() == []


def test_who_may_not_change_templates_gets_no_preview(as_user: As, session: Session, orders: list[SaleOrder]):
    assert as_user("manager").post("/document_preview/", TYPED).status_code == 403
    assert session.scalars(select(Outbox.id).where(Outbox.topic == previews.TOPIC)).all() == []
