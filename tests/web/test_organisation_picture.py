"""Logo, signature and stamp: put at the organisation, printed on documents, pinned to those that are made."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pypdfium2
import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.documents import engine
from app.models.attachment import Attachment
from app.models.document_template import DocumentTemplate, PaperKind
from app.models.history import FieldChange
from app.models.organisation import Organisation
from app.outbox import Outbox
from app.services import access, chain, document_make, organisation_picture
from app.services import attachment as attachments
from app.services import delivery as deliveries
from app.services import document_template as templates
from app.services import invoice as invoices
from app.services import quote as quotes
from app.services import sale_order as orders
from app.services.organisation_picture import Picture
from app.tasks import registry, running
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(autouse=True)
def place(app: Flask, tmp_path: Any) -> Iterator[Any]:
    registry.load()
    app.config["CRM_VAR"], before = tmp_path, app.config["CRM_VAR"]
    yield tmp_path / "files"
    app.config["CRM_VAR"] = before
    engine._pool.close()


@pytest.fixture
def chain_key() -> Iterator[None]:
    before = chain.use_key(lambda: bytes(32))
    yield
    chain.use_key(before)


@pytest.fixture
def ours(session: Session, made: Made) -> Organisation:
    found = made.organisation()
    session.commit()
    return found


def png(colour: tuple[int, int, int], size: tuple[int, int] = (60, 30)) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, format="PNG")
    return target.getvalue()


def send(browser: Browser, ours: Organisation, **given: Any) -> Any:
    files = {name: (io.BytesIO(each), f"{name}.png") for name, each in given.items() if isinstance(each, bytes)}
    rest = {name: each for name, each in given.items() if not isinstance(each, bytes)}
    return browser.post(f"/organisation/pictures/{ours.id}", rest | files)


def pictures(session: Session, ours: Organisation) -> dict[Picture, Attachment]:
    session.expire_all()
    return organisation_picture.of(session, ours)


def test_pictures_are_put_shown_replaced_and_taken_away(as_user: As, session: Session, ours: Organisation):
    admin = as_user("admin")
    assert send(admin, ours, logo=png(RED), stamp=png(BLUE)).status_code == 302
    kept = pictures(session, ours)
    assert set(kept) == {Picture.logo, Picture.stamp}
    first = kept[Picture.logo].sha256
    assert f"/organisation/{ours.id}/picture/logo" in admin.get(f"/organisation/show/{ours.id}").text
    seen = admin.get(f"/organisation/{ours.id}/picture/logo")
    assert (seen.status_code, seen.mimetype) == (200, "image/png")
    assert Image.open(io.BytesIO(seen.data)).getpixel((5, 5)) == RED
    seen.close()
    assert admin.get(f"/organisation/{ours.id}/picture/signature").status_code == 404
    assert admin.get(f"/organisation/{ours.id}/picture/former").status_code == 404
    assert send(admin, ours, logo=png(BLUE), remove_stamp="1").status_code == 302
    kept = pictures(session, ours)
    assert set(kept) == {Picture.logo}
    assert kept[Picture.logo].sha256 != first
    told = session.scalars(select(FieldChange).where(FieldChange.entity == "organisation").order_by(FieldChange.id))
    changes = [each.changes for each in told if set(each.changes) & {"logo", "stamp"}]
    assert changes[0] == {"logo": [None, first[:12]]}
    assert changes[2] == {"logo": [first[:12], kept[Picture.logo].sha256[:12]]}
    assert changes[3]["stamp"][1] is None
    assert len(changes) == 4


def test_one_wrong_picture_refuses_all_at_its_field(as_user: As, session: Session, ours: Organisation):
    refused = send(as_user("admin"), ours, logo=png(RED), stamp=b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert refused.status_code == 422
    assert 'id="stamp-error"' in refused.text
    assert 'id="logo-error"' not in refused.text
    assert "Choose a picture as PNG or JPEG" in refused.text
    assert pictures(session, ours) == {}
    assert send(as_user("manager"), ours, logo=png(RED)).status_code == 403
    assert pictures(session, ours) == {}


def put(session: Session, ours: Organisation, place: Any, colour: tuple[int, int, int], *wanted: Picture) -> None:
    for each in wanted:
        organisation_picture.put(session, ours, each, png(colour), files=place, by=access.SYSTEM, at=NOON)
    session.commit()


def asked(session: Session, made: Made, ours: Organisation) -> Any:
    order = made.order(("3", "10.00"), organisation=ours)
    order.number, order.ordered_on = "SO-1", NOON.date()
    body = '<div data-block="letterhead"></div><p>Text</p><div data-block="signatures"></div>'
    template = DocumentTemplate(name=f"T{order.id}", kind=PaperKind.order, language="en", body=body)
    templates.save(session, template)
    session.flush()
    templates.publish(session, template, by=None, at=NOON)
    record = document_make.make(session, order, template, language="en", by=None, at=NOON)
    session.commit()
    return record


def rendered(app: Flask, session: Session, record: Any, place: Any, topic: str = document_make.RENDER) -> bytes:
    job = select(Outbox.id).where(Outbox.topic == topic, Outbox.record_id == record.id)
    with app.app_context():
        assert running.run_row(session.scalars(job).one(), settings=app.config) is True
    session.expire_all()
    return attachments.path_of(record.file, files=place).read_bytes()


def colours(pdf: bytes) -> dict[tuple[int, int, int], int]:
    page = pypdfium2.PdfDocument(pdf)[0].render(scale=1).to_pil().convert("RGB")
    return {colour: count for count, colour in page.getcolors(1 << 20) if colour in {RED, BLUE}}


def test_a_document_shows_the_pictures_that_it_was_made_with_even_when_they_are_replaced_before_it_is_rendered(
    app: Flask, session: Session, made: Made, ours: Organisation, place: Any
):
    put(session, ours, place, RED, *Picture)
    first, second = asked(session, made, ours), asked(session, made, ours)
    assert set(first.data["pictures"]) == {"logo", "signature", "stamp"}
    put(session, ours, place, BLUE, *Picture)
    third = asked(session, made, ours)
    for each in Picture:
        organisation_picture.remove(session, ours, each)
    session.commit()
    bare = asked(session, made, ours)
    assert "pictures" not in bare.data
    seen = [colours(rendered(app, session, each, place)) for each in (first, third, bare)]
    assert [set(each) for each in seen] == [{RED}, {BLUE}, set()]
    assert seen[0][RED] > 3 * 500  # points of three pictures
    again = rendered(app, session, second, place)
    assert colours(again) == seen[0]


def test_a_picture_that_is_lost_fails_with_its_reason_and_makes_no_file(
    app: Flask, session: Session, made: Made, ours: Organisation, place: Any
):
    put(session, ours, place, RED, Picture.logo)
    record = asked(session, made, ours)
    attachments.place_of(record.data["pictures"]["logo"], files=place).unlink()
    job = select(Outbox).where(Outbox.topic == document_make.RENDER, Outbox.record_id == record.id)
    with app.app_context():
        assert running.run_row(session.scalars(job).one().id, settings=app.config) is False
    session.expire_all()
    assert record.file_id is None
    assert "A picture of this document is not in the store any more" in session.scalars(job).one().error


def test_an_issued_invoice_shows_the_pictures_of_its_issue_and_a_quote_those_of_the_day(
    app: Flask, session: Session, made: Made, ours: Organisation, place: Any, chain_key: None
):
    put(session, ours, place, RED, *Picture)
    invoice, quote = made.invoice(("3", "10.00")), made.quote(("1", "5.00"))
    invoices.issue(session, invoice, at=NOON)
    quotes.release(session, quote, at=NOON)
    session.commit()
    put(session, ours, place, BLUE, *Picture)
    assert set(invoice.snapshot.content["pictures"]) == {"logo", "signature", "stamp"}
    first = colours(rendered(app, session, invoice, place, "invoice.render"))
    assert (set(first), first[RED] > 3 * 500) == ({RED}, True)
    assert set(colours(rendered(app, session, quote, place, quotes.FILE))) == {BLUE}
    bare = made.invoice(("3", "10.00"))
    for each in Picture:
        organisation_picture.remove(session, ours, each)
    invoices.issue(session, bare, at=NOON)
    session.commit()
    assert "pictures" not in bare.snapshot.content
    assert colours(rendered(app, session, bare, place, "invoice.render")) == {}


def test_a_delivery_note_shows_the_logo_alone(app: Flask, session: Session, made: Made, ours: Organisation, place: Any):
    put(session, ours, place, RED, Picture.logo)
    put(session, ours, place, BLUE, Picture.signature, Picture.stamp)
    order = made.order(("3", "10.00"))
    orders.confirm(session, order, at=NOON)
    note = deliveries.plan(session, order, at=NOON)
    deliveries.ship(session, note, at=NOON)
    session.commit()
    assert set(colours(rendered(app, session, note, place, deliveries.FILE))) == {RED}
