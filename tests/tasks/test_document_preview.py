"""The preview of a template: asked for, made with the rights of whoever asked, one for each person, gone in an hour."""

import struct
from datetime import timedelta

import pypdfium2
import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app import clock
from app.documents import engine
from app.documents.pages import pages_of
from app.errors import DomainError, Refusals
from app.models.attachment import Attachment
from app.models.document_template import DocumentTemplate
from app.models.made_document import MadeDocument
from app.models.notification import Notification
from app.outbox import Errand, Outbox
from app.services import attachment as attachments
from app.services import bulk_user, role_change
from app.services import document_preview as previews
from app.tasks import registry, running
from tests.attack import attack

TYPED = {
    "name": "Our order",
    "kind": "order",
    "language": "nl",
    "body": '<p>Order <span data-field="number"></span>: <span data-field="gross"></span></p>',
    "header": "",
    "footer": "",
    "style": "",
    "page_size": "a4",
    "margin_top": "20",
    "margin_right": "16",
    "margin_bottom": "20",
    "margin_left": "18",
}


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()
    yield
    engine._pool.close()


@pytest.fixture
def order(session, made):
    record = made.order(("3", "10.00"))
    record.number, record.ordered_on = "SO-2026-00001", record.created_at.date()
    owner = made.user("manager")
    record.owner, record.team_id = owner, owner.profile.team_id
    session.commit()
    return record


def ask(session, record, name="office", **given):
    """Ask for a preview as somebody does, and return its key."""
    by = bulk_user.starter(session, user_id(session, name)).actor
    key = previews.ask(session, record, TYPED | given, by=by, at=clock.now()).id
    session.commit()
    return key


def user_id(session, name):
    from tests.factories import user

    return user(session, name).id


def do(app, row_id):
    with app.app_context():
        return running.run_row(row_id, settings=app.config)


def jobs(session, topic=previews.TOPIC):
    session.expire_all()
    return list(session.scalars(select(Outbox).where(Outbox.topic == topic).order_by(Outbox.id)))


def kept(session):
    session.expire_all()
    return list(session.scalars(select(Attachment).where(Attachment.entity == previews.HOLDER)))


def made_by(app, session, key, *pages):
    [file] = kept(session)
    assert file.name == f"preview-{key}.zip"
    return previews.read(file, files=app.config["CRM_VAR"] / "files", pages=pages)


def test_the_pages_of_what_is_typed_are_made_with_a_real_record_and_nothing_else(app, session, order):
    key = ask(session, order)
    assert do(app, key) is True
    shown = made_by(app, session, key, 0)
    assert (shown.stem, shown.record_id, shown.kind, shown.name) == ("order", order.id, "order", str(order))
    assert (shown.count, len(shown.pictures), shown.problem, shown.missing) == (1, 1, "", ())
    picture = shown.pictures[0]
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack("!II", picture[16:24]) == (1000, 1414)  # A4
    assert session.scalars(select(MadeDocument.id)).all() == []
    assert session.scalars(select(DocumentTemplate.id).where(DocumentTemplate.supplied.is_(None))).all() == []


def test_a_later_one_takes_the_place_of_the_former_whether_made_or_not(app, session, order):
    ask(session, order)
    second = ask(session, order, body="<p>Two</p>")
    assert [job.id for job in jobs(session)] == [second]
    assert jobs(session)[0].payload["template"]["body"] == "<p>Two</p>"
    assert do(app, second) is True
    assert [file.name for file in kept(session)] == [f"preview-{second}.zip"]
    third = ask(session, order, body="<p>Three</p>")
    assert kept(session) == []  # not even when the database gives the same key again
    office = bulk_user.starter(session, user_id(session, "office")).actor
    standing = previews.standing(session, third, by=office)
    assert (standing.is_waiting, standing.file) == (True, None)
    assert do(app, third) is True
    assert [file.name for file in kept(session)] == [f"preview-{third}.zip"]
    head = bulk_user.starter(session, user_id(session, "head")).actor
    assert previews.standing(session, third, by=head) is None  # one's own alone


def test_what_is_missing_is_named_and_the_rest_is_shown(app, session, order):
    order.number = None
    session.commit()
    key = ask(session, order)
    do(app, key)
    shown = made_by(app, session, key)
    assert (shown.missing, shown.count, shown.problem) == (("number",), 1, "")


def test_of_many_pages_the_first_are_made(app, session, order):
    key = ask(session, order, body='<p style="page-break-after: always">x</p>' * 12 + "<p>end</p>")
    do(app, key)
    shown = made_by(app, session, key)
    assert (shown.count, len(shown.pictures)) == (13, previews.MOST_PAGES)


@pytest.mark.parametrize(
    ("given", "field", "told"),
    [
        ({"body": "<p>a</p>\n<script>x</script>"}, "body", "Line 2: <script> is not possible here"),
        ({"footer": '<span data-field="secret"></span>'}, "footer", "Line 1: There is no field “secret” here"),
        ({"style": "p { position: fixed }"}, "style", "Line 1: position"),
        ({"margin_top": "2000"}, "margin_top", "Between 0 and 80 millimetres"),
        ({"margin_top": "-1"}, "margin_top", "Between 0 and 80 millimetres"),
        ({"margin_top": "81"}, "margin_top", "Between 0 and 80 millimetres"),
        ({"page_size": "a0"}, "page_size", "This is needed"),
        ({"kind": ""}, "kind", "This is needed"),
    ],
)
def test_what_no_template_can_say_is_refused_at_its_field_and_nothing_is_asked(session, order, given, field, told):
    with pytest.raises(Refusals) as caught:
        ask(session, order, **given)
    assert list(caught.value.errors) == [field]
    assert caught.value.errors[field][0].startswith(told)
    session.rollback()
    assert jobs(session) == []


def test_a_template_for_something_else_is_refused(session, order):
    with pytest.raises(DomainError, match="for something else"):
        ask(session, order, kind="invoice", body="<p>x</p>")
    session.rollback()
    assert jobs(session) == []


@attack(192, "a preview made with the data of a record that one does not see, or after the right was taken away")
@pytest.mark.parametrize(
    ("rights", "told"),
    [
        ({("document_template", "change"): True}, "There is no such record that you see"),
        ({}, "You may not see what stands in this document"),
    ],
)
def test_the_worker_asks_again_what_the_person_may(app, session, order, rights, told):
    role = session.execute(select(Role).where(Role.name == "Sales manager")).unique().scalar_one()
    role_change.put(session, role, rights=rights, reaches={})
    session.commit()
    key = ask(session, order, "manager2")  # as if the door had let him in
    assert do(app, key) is True
    shown = made_by(app, session, key)
    assert (shown.problem, shown.name, shown.pictures, shown.count) == (told, "", (), 0)


def test_what_cannot_be_made_is_told_to_whoever_asked_and_is_no_failed_job(app, session, order):
    order_id = order.id
    key = ask(session, order)
    session.delete(order)
    session.commit()
    assert order_id
    assert do(app, key) is True
    assert made_by(app, session, key).problem == "There is no such record that you see"
    assert [job.state for job in jobs(session)] == [Errand.done]
    assert session.scalars(select(Notification.id)).all() == []


def test_a_preview_is_thrown_away_after_an_hour_with_its_bytes(app, session, order):
    before = clock.now()
    key = ask(session, order)
    do(app, key)
    [file], files = kept(session), app.config["CRM_VAR"] / "files"
    digest = file.sha256
    assert attachments.path_of(file, files=files).is_file()
    [job] = jobs(session, previews.FORGET)
    assert before + timedelta(hours=1) <= job.due_at <= clock.now() + timedelta(hours=1)
    job.due_at = before
    session.commit()
    assert do(app, job.id) is True
    assert kept(session) == []
    [sweep] = [each for each in jobs(session, "bin.sweep") if each.payload["digests"] == [digest]]
    assert sweep.payload["soon"] is True


def test_pages_have_the_width_that_is_asked_for():
    pdf = pypdfium2.PdfDocument.new()
    for _page in range(3):
        pdf.new_page(200, 100)
    from io import BytesIO

    target = BytesIO()
    pdf.save(target)
    pdf.close()
    made = pages_of(target.getvalue(), most=2, width=400)
    assert (made.count, [struct.unpack("!II", each[16:24]) for each in made.pictures]) == (3, [(400, 200)] * 2)
