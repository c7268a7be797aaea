"""From a made document to its stored file, which is the same for ever."""

import hashlib
from datetime import UTC, datetime

import pypdfium2
import pytest
from sqlalchemy import select

from app.documents import engine
from app.errors import DomainError
from app.models.attachment import Attachment
from app.models.document_template import DocumentTemplate, PaperKind
from app.outbox import Errand, Outbox
from app.services import attachment as attachments
from app.services import document_make, made_document
from app.services import document_template as templates
from app.tasks import registry, running

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()
    yield
    engine._pool.close()


@pytest.fixture
def document(session, made):
    order = made.order(("3", "10.00"))
    order.number, order.ordered_on = "SO-2026-00001", NOON.date()
    body = '<p>Order <span data-field="number"></span>, <span data-field="gross.words"></span></p>'
    template = DocumentTemplate(name="O", kind=PaperKind.order, language="en", body=body)
    templates.save(session, template)
    session.flush()
    templates.publish(session, template, by=None, at=NOON)
    record = document_make.make(session, order, template, language="en", by=None, at=NOON)
    session.commit()
    return record


def job_of(session):
    session.expire_all()
    return session.scalars(select(Outbox).where(Outbox.topic == document_make.RENDER)).one()


def do(app, row_id):
    with app.app_context():
        return running.run_row(row_id, settings=app.config)


def test_the_worker_makes_the_file_once_and_it_can_be_issued_then(app, session, document):
    with pytest.raises(DomainError, match="not made yet"):
        made_document.issue(session, document, at=NOON)
    session.rollback()
    assert do(app, job_of(session).id) is True
    session.expire_all()
    file = document.file
    stored = attachments.path_of(file, files=app.config["CRM_VAR"] / "files").read_bytes()
    assert (file.name, file.purpose) == ("Order SO-2026-00001.pdf", "document")
    assert hashlib.sha256(stored).hexdigest() == file.sha256 == document.sha256
    opened = pypdfium2.PdfDocument(stored)
    said = opened[0].get_textpage().get_text_range()
    opened.close()
    assert said == "Order SO-2026-00001, Thirty-six euros and 30 cents"
    assert job_of(session).state == Errand.done
    made_document.issue(session, document, at=NOON)
    session.commit()
    assert len(session.scalars(select(Attachment)).all()) == 1
