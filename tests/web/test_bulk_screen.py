"""Acts on many records: by ticks or by what matches, seen before they are done, done by a run, undone."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.bulk_run import BulkOutcome, BulkRow, BulkRun, BulkState
from app.models.party import Party
from app.outbox import Outbox
from app.services import bulk
from app.web import bulk as web_bulk
from tests.attack import attack
from tests.factories import Made, user

EDIT = "/party/many/edit"
As = Callable[[str], Any]


def parties(made: Made, count: int, **about: Any) -> list[Party]:
    found = [made.party(f"Many {place}", **({"country": "NL"} | about)) for place in range(count)]
    made.session.commit()
    return found


def runs(session: Session) -> list[BulkRun]:
    session.commit()
    session.expire_all()
    return list(session.scalars(select(BulkRun).order_by(BulkRun.id)))


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def ids(found: list[Party]) -> list[str]:
    return [str(each.id) for each in found]


def test_the_bar_offers_editing_and_everything_that_matches(as_user: As, made: Made) -> None:
    parties(made, 3)
    page = as_user("office").get("/party/list/?q=many&size=2").get_data(as_text=True)
    assert 'formaction="/party/many/edit?q=many&amp;size=2"' in page
    assert "Select all 3 that match" in page
    assert "that match" not in as_user("office").get("/party/list/?q=many").get_data(as_text=True)
    assert "/many/edit" not in as_user("auditor").get("/party/list/?q=many").get_data(as_text=True)


def test_ticked_records_are_previewed_changed_and_put_back(as_user: As, made: Made, session: Session) -> None:
    one, same, other = parties(made, 3)
    same.country = "AM"
    session.commit()
    office, ticked = as_user("office"), ids([one, same])
    fields = office.post(EDIT, {"rowid": ticked})
    assert (fields.status_code, 'name="how.country"' in fields.get_data(as_text=True)) == (200, True)

    asked = {"rowid": ticked, "how.country": "set", "country": "AM", "how.source": "clear"}
    preview = text_of(office.post(EDIT, asked | {"step": "preview"}))
    assert "Will change 1" in preview
    assert "Have it already 1" in preview
    assert "Netherlands" in preview
    session.expire_all()
    assert (one.country, runs(session)) == ("NL", [])

    answer = office.post(EDIT, asked | {"step": "do", "back": "/party/list/?q=many"})
    assert (answer.status_code, answer.location) == (302, "/party/list/?q=many")
    (run,) = runs(session)
    assert (run.state, run.changed_rows, run.same_rows) == (BulkState.done, 1, 1)
    assert run.given == {"country": "AM", "source": None}
    assert [each.country for each in (one, same, other)] == ["AM", "AM", "NL"]
    page = office.get("/party/list/?q=many").get_data(as_text=True)
    assert "Changed: 1" in page
    assert f'action="/bulk_run/undo/{run.id}"' in page

    card = text_of(office.get(f"/bulk_run/show/{run.id}?outcome=changed"))
    assert "Netherlands" in card or "NL" in card
    office.post(f"/bulk_run/undo/{run.id}")
    assert [each.changed_rows for each in runs(session)] == [1, 1]
    assert [each.country for each in (one, same)] == ["NL", "AM"]
    office.post(f"/bulk_run/undo/{run.id}")
    assert len(runs(session)) == 2


def test_the_same_form_sent_twice_makes_one_run(as_user: As, made: Made, session: Session) -> None:
    asked = {"rowid": ids(parties(made, 2)), "how.is_partner": "yes", "step": "do", "form_key": "abc"}
    office = as_user("office")
    for _time in (1, 2):
        office.post(EDIT, asked)
    (run,) = runs(session)
    assert run.given == {"is_partner": True}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "Choose at least one field"),
        ({"how.country": "set", "country": ""}, "Give a value, or choose"),
        ({"how.name": "set", "name": " "}, "This field is required"),
        ({"how.name": "clear"}, "Choose at least one field"),
        ({"how.credit_limit": "set", "credit_limit": "much"}, "not a"),
        ({"how.owner": "set", "owner": "999999"}, "Not a valid choice"),
        ({"how.search_text": "set", "search_text": "x"}, "Choose at least one field"),
    ],
)
def test_what_cannot_be_done_comes_back_with_the_reason(
    as_user: As, made: Made, session: Session, given: dict[str, str], text: str
) -> None:
    answer = as_user("office").post(EDIT, {"rowid": ids(parties(made, 1)), "step": "do"} | given)
    assert answer.status_code == 422
    assert text in text_of(answer)
    assert runs(session) == []


def test_everything_that_matches_goes_to_the_worker_and_is_shown_in_the_top_bar(
    as_user: As, made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_bulk, "AT_ONCE", 2)
    found, other = parties(made, 4), made.party("Somebody else")
    session.commit()
    office = as_user("office")
    assert 'id="jobs"' not in office.get("/party/list/").get_data(as_text=True)
    asked = {"all": "1", "how.source": "set", "source": "Web"}
    preview = text_of(office.post(f"{EDIT}?q=many", asked | {"step": "preview"}))
    assert "Will change 4" in preview
    office.post(f"{EDIT}?q=many", asked | {"step": "do"})
    (run,) = runs(session)
    assert (run.state, run.total_rows, run.query) == (BulkState.queued, 4, "q=many&size=25")
    assert session.scalars(select(Outbox.record_id).where(Outbox.topic == bulk.TOPIC)).all() == [run.id]
    assert 'id="jobs"' in office.get("/party/list/").get_data(as_text=True)
    (job,) = office.get("/bulk_run/running").json["jobs"]
    assert (job["title"], job["text"], job["percent"]) == ("Edit: Source", "0 of 4", 0)
    assert office.get(f"/bulk_run/progress/{run.id}").json == {"percent": 0, "text": "0 of 4", "over": False}

    with office.client.application.app_context():
        bulk.go(lambda: session, run.id)
    session.commit()
    (job,) = office.get("/bulk_run/running").json["jobs"]
    assert job["over"]["text"] == "Edit: Source. Changed: 4"
    assert job["over"]["undo"] == {"label": "Undo", "url": f"/bulk_run/undo/{run.id}"}
    assert office.get("/bulk_run/running").json == {"jobs": []}
    assert 'id="jobs"' not in office.get("/party/list/").get_data(as_text=True)
    session.expire_all()
    assert ([each.source for each in found], other.source) == (["Web"] * 4, None)


def test_a_verb_on_everything_asks_first_and_reports_each_refusal(
    as_user: As, made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_bulk, "AT_ONCE", 1)
    one, gone = parties(made, 2)
    gone.archived_at = one.created_at
    session.commit()
    office = as_user("office")
    assert "Archive (2)" in text_of(office.post("/party/many/archive?q=many", {"all": "1"}))
    assert runs(session) == []
    office.post("/party/many/archive?q=many", {"all": "1", "sure": "1"})
    (run,) = runs(session)
    with office.client.application.app_context():
        bulk.go(lambda: session, run.id)
    session.commit()
    card = text_of(office.get(f"/bulk_run/show/{run.id}"))
    assert "is in the archive already" in card
    report = office.export(f"/bulk_run/report/{run.id}").get_data(as_text=True).splitlines()
    assert report[0] == "\ufeffNumber,Record,Outcome,Reason"
    assert report[1] == f"{one.id},Many 0,Changed,"
    assert report[2].startswith(f"{gone.id},Many 1,Refused,")


def test_a_run_is_stopped(as_user: As, made: Made, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_bulk, "AT_ONCE", 1)
    office = as_user("office")
    office.post(EDIT, {"rowid": ids(parties(made, 2)), "how.source": "set", "source": "Web", "step": "do"})
    (run,) = runs(session)
    office.post(f"/bulk_run/cancel/{run.id}")
    assert runs(session)[0].state is BulkState.cancelled
    assert "over already" in text_of(office.post(f"/bulk_run/cancel/{run.id}", follow_redirects=True))


@attack(13, "bulk runs and reports of another")
def test_rows_and_runs_of_others_are_out_of_reach(
    as_user: As, made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_bulk, "AT_ONCE", 0)
    own, foreign = parties(made, 2, owner="manager")
    foreign.owner = user(session, "manager2")
    session.commit()
    manager, asked = as_user("manager"), {"how.source": "set", "source": "Web", "step": "do"}
    assert manager.post(EDIT, asked | {"rowid": ids([own, foreign])}).status_code == 404
    manager.post(f"{EDIT}?q=many", asked | {"all": "1"})
    (run,) = runs(session)
    rows = session.execute(select(BulkRow.record_id, BulkRow.outcome).where(BulkRow.run_id == run.id)).all()
    assert [tuple(row) for row in rows] == [(own.id, BulkOutcome.waiting)]
    other = as_user("manager2")
    for path in (f"/bulk_run/show/{run.id}", f"/bulk_run/report/{run.id}", f"/bulk_run/progress/{run.id}"):
        assert other.get(path).status_code == 404, path
    assert other.post(f"/bulk_run/cancel/{run.id}").status_code == 404
    assert as_user("auditor").post(EDIT, asked | {"rowid": ids([own])}).status_code in {302, 403}
    assert len(runs(session)) == 1


def test_ticked_records_are_deleted_and_one_undo_brings_all_back(as_user: As, made: Made, session: Session) -> None:
    one, other, third = parties(made, 3)
    keys, admin = [one.id, other.id], as_user("admin")
    assert "/party/many/delete" in admin.get("/party/list/?q=many").text
    admin.post("/party/many/delete", {"rowid": ids([one, other])})
    (run,) = runs(session)
    left = select(Party.id).where(Party.id.in_([*keys, third.id])).order_by(Party.id)
    assert session.scalars(left).all() == [third.id]
    page = admin.get("/party/list/?q=many").text
    assert "Deleted: 2" in page
    assert f"/bulk_run/undo/{run.id}" in page
    report = admin.get(f"/bulk_run/show/{run.id}").text
    assert "Many 0" in report  # by the name in the bin
    admin.post(f"/bulk_run/undo/{run.id}", {})
    session.expire_all()
    assert session.scalars(left).all() == [*keys, third.id]
    assert "Restored: 2" in admin.get("/party/list/?q=many").text
    assert "Undo: Delete" in admin.get("/bulk_run/list/").text


def test_everything_that_matches_is_deleted_after_a_question(as_user: As, made: Made, session: Session) -> None:
    keys, admin = [each.id for each in parties(made, 3)], as_user("admin")
    asked = admin.post("/party/many/delete?q=many", {"all": "1"})
    assert (asked.status_code, runs(session)) == (200, [])
    assert "3 records" in text_of(asked)
    admin.post("/party/many/delete?q=many", {"all": "1", "sure": "1"})
    assert [(run.act, run.changed_rows) for run in runs(session)] == [("delete", 3)]
    assert session.scalars(select(Party.id).where(Party.id.in_(keys))).all() == []


@pytest.mark.parametrize("user", ["auditor", "marketer"])
def test_who_may_not_delete_is_offered_nothing_and_refused(
    as_user: As, made: Made, session: Session, user: str
) -> None:
    found = parties(made, 1)
    browser = as_user(user)
    assert "/party/many/delete" not in browser.get("/party/list/").text
    assert browser.post("/party/many/delete", {"rowid": ids(found)}).status_code in {403, 404}
    assert runs(session) == []


@pytest.mark.parametrize("act", ["edit", "delete", "archive"])
def test_without_a_tick_the_list_comes_back_and_says_so(as_user: As, made: Made, session: Session, act: str) -> None:
    parties(made, 1)
    admin = as_user("admin")
    answer = admin.post(f"/party/many/{act}", {"back": "/party/list/?q=many"})
    assert (answer.status_code, answer.location.endswith("/party/list/?q=many")) == (302, True)
    assert "Tick the records first" in text_of(admin.get("/party/list/?q=many"))
    assert not runs(session)
