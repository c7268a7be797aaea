"""From the issue of an invoice to its stored file."""

import hashlib
import io

import pypdfium2
import pytest
from sqlalchemy import select

from app import clock
from app.documents import engine
from app.models.attachment import Attachment
from app.models.chain import FileLink
from app.models.invoice import Invoice
from app.outbox import Errand, Outbox
from app.services import attachment as attachments
from app.services import chain
from app.tasks import registry, running


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()
    yield
    engine._pool.close()


@pytest.fixture(autouse=True)
def chain_key():
    before = chain.use_key(lambda: bytes(32))
    yield
    chain.use_key(before)


def do(app, row_id):
    with app.app_context():
        return running.run_row(row_id, settings=app.config)


def job_of(session, topic="invoice.render"):
    session.expire_all()
    return session.execute(select(Outbox).where(Outbox.topic == topic)).scalar_one()


def test_an_issued_invoice_gets_its_file_once(app, session, made):
    invoice = made.issued(("3", "10.00"), ("1", "0.05"))
    session.commit()
    job = job_of(session)
    assert do(app, job.id) is True
    assert do(app, job.id) is False
    session.expire_all()
    assert job_of(session).state is Errand.done
    stored = session.get(Invoice, invoice.id).file
    assert (stored.entity, stored.record_id, stored.media_type) == ("invoice", invoice.id, "application/pdf")
    assert stored.name == f"{invoice.number}.pdf"
    content = attachments.path_of(stored, files=app.config["CRM_VAR"] / "files").read_bytes()
    assert hashlib.sha256(content).hexdigest() == stored.sha256
    document = pypdfium2.PdfDocument(io.BytesIO(content))
    text = document[0].get_textpage().get_text_range()
    document.close()
    assert invoice.number in text
    assert "36,36" in text
    link = session.execute(select(FileLink)).scalar_one()
    assert (link.invoice_id, link.sha256, link.position) == (invoice.id, stored.sha256, 1)


def test_a_file_that_is_made_is_not_made_again(app, session, made):
    invoice = made.issued()
    session.commit()
    first = job_of(session)
    do(app, first.id)
    session.expire_all()
    kept = session.get(Invoice, invoice.id).file_id
    again = job_of(session)
    again.state, again.done_at = Errand.pending, None
    session.commit()
    assert do(app, first.id) is True
    session.expire_all()
    assert session.get(Invoice, invoice.id).file_id == kept
    assert len(session.execute(select(Attachment)).all()) == 1


def test_a_result_that_comes_too_late_is_thrown_away(app, session, made, monkeypatch):
    """While the file is being made the lease runs out and another worker takes the row: nothing of ours is kept."""
    invoice = made.issued()
    session.commit()
    job = job_of(session)
    from app.tasks import invoice as tasks

    genuine = tasks.documents.pdf

    def slow(content, **_pictures):
        session.expire_all()
        row = session.get(Outbox, job.id)
        row.token = "somebody else's"
        session.commit()
        return genuine(content)

    monkeypatch.setattr(tasks.documents, "pdf", slow)
    assert do(app, job.id) is False
    session.expire_all()
    assert session.get(Invoice, invoice.id).file_id is None
    assert session.execute(select(Attachment)).all() == []
    assert session.execute(select(FileLink)).all() == []
    assert job_of(session).state is Errand.claimed


def test_a_draft_has_no_file_and_its_job_says_so(app, session, made):
    from app import outbox

    draft = made.invoice()
    row = outbox.enqueue(session, "invoice.render", draft.id, due_at=clock.now())
    session.commit()
    assert do(app, row.id) is False
    session.expire_all()
    job = job_of(session)
    assert (job.state, job.error) == (Errand.failed, "Only an issued document has a file")


@pytest.mark.parametrize(("may_pass", "state"), [(True, Errand.pending), (False, Errand.failed)])
def test_a_busy_machine_is_tried_again_and_a_broken_template_is_not(app, session, made, monkeypatch, may_pass, state):
    made.issued()
    session.commit()
    from app.tasks import invoice as tasks

    def pdf(content, **_pictures):
        raise engine.DocumentError("The document cannot be made", reason="too slow", may_pass=may_pass)

    monkeypatch.setattr(tasks.documents, "pdf", pdf)
    job = job_of(session)
    assert do(app, job.id) is False
    job = job_of(session)
    assert (job.state, job.tries) == (state, 1)
    assert job.error.startswith("TimeoutError: too slow" if may_pass else "The document cannot be made")
