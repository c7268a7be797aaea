"""A template as DOCX: put there when every name is known, published, and documents made of it by the worker."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import docx as word
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.documents import docx
from app.models.attachment import Attachment
from app.models.document_template import DocumentTemplate, DocumentTemplateVersion, PaperKind
from app.outbox import Outbox
from app.services import attachment as attachments
from app.services import document_docx, document_make
from app.services import document_template as templates
from app.tasks import registry, running
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def place(app: Flask, tmp_path: Any) -> Iterator[Any]:
    registry.load()
    app.config["CRM_VAR"], before = tmp_path, app.config["CRM_VAR"]
    yield tmp_path / "files"
    app.config["CRM_VAR"] = before


def paper(*paragraphs: str) -> bytes:
    made, target = word.Document(), io.BytesIO()
    for text in paragraphs:
        made.add_paragraph(text)
    made.save(target)
    return target.getvalue()


def template(session: Session, kind: PaperKind = PaperKind.order) -> DocumentTemplate:
    made = DocumentTemplate(name=f"D {kind}", kind=kind, language="en", body="<p>Words</p>")
    templates.save(session, made)
    session.commit()
    return made


def send(browser: Browser, to: DocumentTemplate, content: bytes) -> Any:
    return browser.post(f"/document_template/docx/{to.id}", {"file": (io.BytesIO(content), "Order.docx")})


def test_documents_are_made_as_docx_once_the_file_is_published_and_keep_it(
    app: Flask, as_user: As, session: Session, made: Made, place: Any
):
    office, one = as_user("admin"), template(session)
    assert "{{ seller_name }}" in office.get(f"/document_template/docx/{one.id}").text
    assert send(office, one, paper("Order {{ number }}")).status_code == 302
    shown = office.get(f"/document_template/{one.id}/docx")
    assert (shown.mimetype, shown.data[:2]) == (docx.MEDIA_TYPE, b"PK")
    shown.close()
    session.refresh(one)
    first = templates.publish(session, one, by=None, at=NOON)
    order = made.order(("3", "10.00"))
    order.number, order.ordered_on = "SO-7", NOON.date()
    record = document_make.make(session, order, one, language="en", by=None, at=NOON)
    session.commit()
    assert send(office, one, paper("Changed {{ number }}")).status_code == 302
    job = select(Outbox.id).where(Outbox.topic == document_make.RENDER)
    with app.app_context():
        assert running.run_row(session.scalars(job).one(), settings=app.config) is True
    session.expire_all()
    assert (record.file.name, record.file.media_type) == ("Order SO-7.docx", docx.MEDIA_TYPE)
    text = word.Document(io.BytesIO(attachments.place_of(record.sha256, files=place).read_bytes()))
    assert [each.text for each in text.paragraphs] == ["Order SO-7"]
    assert ">DOCX</a>" in office.get(f"/made_document/show/{record.id}").text
    assert one.docx_sha256 != first.docx_sha256
    templates.restore(session, one, number=1)
    assert one.docx_sha256 == first.docx_sha256


def test_unknown_names_are_listed_and_nothing_changes(as_user: As, session: Session):
    one = template(session)
    refused = send(as_user("admin"), one, paper("{{ numbr }} {{ number }} {{ seler_name }}"))
    assert refused.status_code == 422
    assert "{{ numbr }}, {{ seler_name }}" in refused.text
    assert send(as_user("admin"), one, b"%PDF-1.7").status_code == 422
    assert as_user("admin").post(f"/document_template/docx/{one.id}", {}).status_code == 422
    assert send(as_user("manager"), one, paper("{{ number }}")).status_code == 403
    session.expire_all()
    assert one.docx_sha256 is None
    assert session.scalars(select(Attachment).where(Attachment.entity == document_docx.HOLDER)).all() == []
    assert as_user("admin").get(f"/document_template/{one.id}/docx").status_code == 404


def test_it_is_taken_away_again_and_contracts_have_none(as_user: As, session: Session):
    admin, one, contract = as_user("admin"), template(session), template(session, PaperKind.contract)
    assert send(admin, one, paper("{{ number }}")).status_code == 302
    assert admin.post(f"/document_template/docx/{one.id}", {"remove": "1"}).status_code == 302
    session.expire_all()
    assert one.docx_sha256 is None
    refused = send(admin, contract, paper("Text"))
    assert refused.status_code == 422
    assert "Documents of this kind cannot be DOCX" in refused.text
    assert session.scalars(select(DocumentTemplateVersion).where(DocumentTemplateVersion.template == one)).all() == []


def test_a_template_that_is_docx_alone_may_be_published(session: Session, as_user: As):
    one = DocumentTemplate(name="Bare", kind=PaperKind.letter, language="en", body="")
    templates.save(session, one)
    session.commit()
    assert send(as_user("admin"), one, paper("Dear {{ buyer_name }}")).status_code == 302
    session.refresh(one)
    assert templates.publish(session, one, by=None, at=NOON).docx_sha256 == one.docx_sha256
