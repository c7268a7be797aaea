"""The screen of background work: for administrators only, to look at and to try again."""

from datetime import UTC, datetime

from app import outbox
from app.outbox import Errand, Outbox
from app.tasks import registry
from app.views.job import TOPICS

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def failed(session):
    row = outbox.enqueue(session, "invoice.render", 7, due_at=NOON)
    row.state, row.tries, row.error = Errand.failed, 5, "TypeError: <no> luck"
    session.commit()
    return row


def test_failed_work_is_seen_with_its_reason_and_tried_again_by_a_button(as_user, session):
    row = failed(session)
    admin = as_user("admin")
    page = admin.get("/job/list/").text
    assert "Making the file of a document" in page
    assert "TypeError: &lt;no&gt; luck" in page
    assert 'href="/invoice/show/7"' in page
    card = admin.get(f"/job/show/{row.id}").text
    assert f'action="/job/{row.id}/retry"' in card
    assert admin.post(f"/job/{row.id}/retry").status_code == 302
    session.expire_all()
    row = session.get(Outbox, row.id)
    assert (row.state, row.tries, row.error) == (Errand.pending, 0, None)
    assert f'action="/job/{row.id}/retry"' not in admin.get(f"/job/show/{row.id}").text


def test_rest_has_the_same_verb_and_refuses_it_for_what_has_not_failed(as_user, session):
    row = failed(session)
    admin = as_user("admin")
    assert admin.api("POST", f"/api/v1/job/{row.id}/retry").status_code == 200
    answer = admin.api("POST", f"/api/v1/job/{row.id}/retry")
    assert (answer.status_code, list(answer.json["message"])) == (422, ["state"])
    shown = admin.api("GET", f"/api/v1/job/{row.id}").json["result"]
    assert (shown["topic"], shown["record_id"], shown["state"]) == ("invoice.render", 7, "pending")


def test_nobody_else_sees_it_and_nobody_writes_it(as_user, session):
    row = failed(session)
    for name in ("head", "accountant", "office", "auditor"):
        person = as_user(name)
        assert person.get("/job/list/").status_code in {302, 403}
        assert person.api("GET", f"/api/v1/job/{row.id}").status_code == 403
        assert person.post(f"/job/{row.id}/retry").status_code in {302, 403}
    admin = as_user("admin")
    for path in ("/job/add", f"/job/edit/{row.id}"):
        assert admin.get(path).status_code == 404
    session.expire_all()
    assert session.get(Outbox, row.id).state is Errand.failed


def test_every_work_has_a_name_in_words():
    registry.load()
    ours = {topic for topic in registry.topics() if not topic.startswith("test.")}
    assert ours == set(TOPICS)
