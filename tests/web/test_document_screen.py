"""Templates and documents on the screen and over REST: written, published, made of an order, approved, issued."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.document_template import DocumentTemplate
from app.models.made_document import MadeDocument, MadeState
from app.models.sale_order import SaleOrder
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
OURS = select(DocumentTemplate).where(DocumentTemplate.supplied.is_(None))
FORM = {
    "name": "Our order",
    "kind": "order",
    "language": "en",
    "is_active": "y",
    "body": '<p>Order <span data-field="number"></span></p>',
    "page_size": "a4",
    "margin_top": "20",
    "margin_right": "16",
    "margin_bottom": "20",
    "margin_left": "18",
}


@pytest.fixture
def order(session: Session, made: Made) -> SaleOrder:
    record = made.order(("3", "10.00"))
    owner = made.user("manager")
    record.number, record.owner, record.party.owner = "SO-2026-00001", owner, owner
    record.ordered_on = record.created_at.date()
    session.commit()
    return record


@pytest.fixture
def published(as_user: As, session: Session) -> DocumentTemplate:
    office = as_user("office")
    assert office.post("/document_template/add", FORM).status_code == 302
    template = session.scalars(OURS).one()
    assert office.post(f"/document_template/{template.id}/publish").status_code == 302
    return template


def made_of(session: Session) -> list[MadeDocument]:
    session.expire_all()
    return list(session.scalars(select(MadeDocument).order_by(MadeDocument.id)))


def test_a_template_is_written_refused_with_its_line_and_published(as_user: As, session: Session):
    office = as_user("office")
    answer = office.post("/document_template/add", FORM | {"body": "<p>kept</p>\n<script>x</script>"})
    text = answer.get_data(as_text=True)
    assert (answer.status_code, "Line 2: &lt;script&gt; is not possible here" in text) == (422, True)
    assert "&lt;p&gt;kept&lt;/p&gt;" in text  # what was typed stays
    assert session.scalars(OURS).all() == []
    assert office.post("/document_template/add", FORM).status_code == 302
    template = session.scalars(OURS).one()
    card = office.get(f"/document_template/show/{template.id}").get_data(as_text=True)
    assert "not published yet" in card
    assert "gross.words" in card
    assert "&lt;p data-if=&#34;note&#34;&gt;" in card  # the example is text
    office.post(f"/document_template/{template.id}/publish")
    session.expire_all()
    assert [each.number for each in template.versions] == [1]
    assert "not published yet" not in office.get(f"/document_template/show/{template.id}").get_data(as_text=True)


def test_an_older_version_is_taken_again_by_its_number(as_user: As, session: Session, published: DocumentTemplate):
    office, key = as_user("office"), published.id
    changed = FORM | {"body": "<p>Other words</p>", "record_version": str(published.version)}
    assert office.post(f"/document_template/edit/{key}", changed).status_code == 302
    for typed in ("", "0", "first"):
        refused = office.post(f"/document_template/{key}/restore_version", {"number": typed})
        assert (refused.status_code, 'id="restore_version-number"' in refused.text) == (422, True)
    missing = office.post(f"/document_template/{key}/restore_version", {"number": "9"})
    session.expire_all()
    assert (missing.status_code, session.scalars(OURS).one().body) == (422, "<p>Other words</p>")
    assert office.post(f"/document_template/{key}/restore_version", {"number": "1"}).status_code == 302
    session.expire_all()
    assert session.scalars(OURS).one().body == FORM["body"]


def test_a_document_is_made_from_the_card_of_an_order(
    as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate
):
    manager = as_user("manager")
    link = f"/document_making/order/{order.id}"
    assert link in manager.get(f"/order/show/{order.id}").get_data(as_text=True)
    assert "Order: Our order" in manager.get(link).get_data(as_text=True)
    answer = manager.post(link, {"template": str(published.id), "language": "en"})
    [document] = made_of(session)
    assert answer.headers["Location"].endswith(f"/made_document/show/{document.id}")
    assert (document.title, document.state, document.owner.username) == (
        "Order SO-2026-00001",
        MadeState.draft,
        "manager",
    )
    card = manager.get(f"/made_document/show/{document.id}").get_data(as_text=True)
    assert "PDF is being made" in card
    answer = manager.post(f"/made_document/{document.id}/issue")
    assert made_of(session)[0].state == MadeState.draft  # no file, no issue


def test_what_is_missing_is_listed_with_links_and_nothing_is_made(
    as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate
):
    order.number = None
    session.commit()
    answer = as_user("manager").post(
        f"/document_making/order/{order.id}", {"template": str(published.id), "language": "en"}
    )
    text = answer.get_data(as_text=True)
    assert (answer.status_code, f'<a href="/order/edit/{order.id}">Number</a>' in text) == (422, True)
    assert made_of(session) == []


@attack(165, "a document of a record that one does not see, or by a right that one has not")
@pytest.mark.parametrize(("who", "status"), [("manager2", 404), ("support", 403), ("marketer", 403)])
def test_nobody_makes_documents_of_what_he_does_not_reach(
    as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate, who: str, status: int
):
    given: dict[str, Any] = {"template": str(published.id), "language": "en"}
    assert as_user(who).post(f"/document_making/order/{order.id}", given).status_code == status
    assert made_of(session) == []


def test_rest_reads_the_register_and_publishes(
    as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate
):
    manager = as_user("manager")
    manager.post(f"/document_making/order/{order.id}", {"template": str(published.id), "language": "en"})
    [document] = made_of(session)
    answer = manager.api("GET", f"/api/v1/made_document/{document.id}")
    assert (answer.status_code, answer.json["result"]["title"]) == (200, "Order SO-2026-00001")
    assert manager.api("GET", f"/api/v1/made_document/{document.id}/pdf").status_code == 409
    assert as_user("manager2").api("GET", f"/api/v1/made_document/{document.id}").status_code == 404
    refused = as_user("office").api("POST", f"/api/v1/document_template/{published.id}/publish")
    assert refused.status_code == 422
    assert manager.api("POST", f"/api/v1/document_template/{published.id}/publish").status_code == 403


def asked_over_rest(order: SaleOrder, template: DocumentTemplate, **more: Any) -> dict[str, Any]:
    return {"entity": "order", "record_id": order.id, "template": template.id} | more


def test_rest_makes_a_document_once(as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate):
    manager, body = as_user("manager"), asked_over_rest(order, published, language="nl", is_archival=True)
    answers = [
        manager.api("POST", "/api/v1/made_document/", json=body, headers={"Idempotency-Key": "one"}) for _again in "12"
    ]
    [document] = made_of(session)
    assert [(each.status_code, each.json["id"]) for each in answers] == [(201, document.id)] * 2
    result = answers[0].json["result"]
    assert (result["title"], result["state"], result["language"]) == (document.title, "draft", "nl")
    assert (document.is_archival, document.owner.username, document.entity) == (True, "manager", "order")
    assert (document.record_id, document.template_version.template_id) == (order.id, published.id)
    answer = manager.api("POST", "/api/v1/made_document/", json=asked_over_rest(order, published))
    assert (answer.status_code, answer.json["result"]["language"]) == (201, "en")  # the template's own


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"entity": "user"}, "entity"),
        ({"record_id": 999_999}, "record_id"),
        ({"record_id": "1"}, "record_id"),
        ({"template": 999_999}, "template"),
        ({"language": "xx"}, "language"),
        ({"state": "issued"}, "state"),
        ({"data": {}}, "data"),
    ],
)
def test_rest_refuses_at_the_field_and_makes_nothing(
    as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate, given: dict[str, Any], field: str
):
    answer = as_user("manager").api("POST", "/api/v1/made_document/", json=asked_over_rest(order, published) | given)
    assert (answer.status_code, list(answer.json["message"])) == (422, [field])
    assert made_of(session) == []


def test_rest_names_the_data_that_are_missing(
    as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate
):
    order.number = None
    session.commit()
    answer = as_user("manager").api("POST", "/api/v1/made_document/", json=asked_over_rest(order, published))
    assert (answer.status_code, answer.json["message"]) == (422, {"number": ["“Number” is needed"]})
    assert made_of(session) == []


@attack(193, "a document made over REST of a record that one does not see, or by a right that one has not")
@pytest.mark.parametrize(("who", "status"), [("manager2", 422), ("support", 403), ("marketer", 403)])
def test_over_rest_nobody_makes_documents_of_what_he_does_not_reach(
    as_user: As, session: Session, order: SaleOrder, published: DocumentTemplate, who: str, status: int
):
    answer = as_user(who).api("POST", "/api/v1/made_document/", json=asked_over_rest(order, published))
    assert answer.status_code == status
    assert status != 422 or answer.json["message"] == {"record_id": ["There is no such record that you see"]}
    assert made_of(session) == []
