"""What is planned, over HTTP: list, board, calendar, card, my day, team day, REST, the composer of a card, the feed."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.activity import Activity, ActivityKind, ActivityState
from app.models.calendar_feed import CalendarFeed
from app.models.work_schedule import Absence, CompanyHoliday
from app.services import access, planned
from app.web import overdue
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made

AsUser = Callable[[str], Browser]
AT = datetime(2026, 11, 24, 10, tzinfo=UTC)  # a Tuesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def today(time_machine: Any) -> None:
    time_machine.move_to(AT, tick=True)


@pytest.fixture
def party(made: Made, session: Session) -> Any:
    found = made.party("Tulpen & Zonen B.V.", owner="manager", phone="+31205550123")
    session.commit()
    return found


def plan(session: Session, made: Made, record: Any = None, *, who: str = "manager", **about: Any) -> Activity:
    person = made.user(who)
    by = access.actor_of(session, user_id=person.id, name=who, roles={role.name for role in person.roles})
    given: dict[str, Any] = {"kind": ActivityKind.call, "subject": "Call back", "due_at": AT + HOUR, "by": by}
    found = planned.plan(session, record, owner_id=person.id, at=AT, **given | about)
    session.commit()
    return found


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def one(session: Session, **by: Any) -> Activity:
    session.expire_all()
    return session.scalars(select(Activity).filter_by(**by)).one()


# --- list, card, board, calendar --------------------------------------------------------------------------------------


def test_the_list_shows_ones_own_with_what_it_is_about_and_how_late_it_is(
    as_user: AsUser, made: Made, party: Any, session: Session
):
    plan(session, made, party, subject="Late one", due_at=AT - 2 * DAY - HOUR)
    plan(session, made, None, subject="Of a colleague", who="manager2")
    as_user("manager").post(f"/party/{party.id}/note", {"text": "A note is no row"})
    page = as_user("manager").get("/activity/list/").text
    assert "Late one" in page
    assert f'<a href="/party/show/{party.id}">Tulpen &amp; Zonen B.V.</a>' in page
    assert '<span class="late">2 days overdue</span>' in page
    assert "Of a colleague" not in page
    assert "A note is no row" not in page
    head = as_user("head").get("/activity/list/?order=subject").text
    assert ("Late one" in head, "Of a colleague" in head) == (True, True)


def test_something_is_planned_by_the_form_and_judged_at_its_fields(
    as_user: AsUser, made: Made, party: Any, session: Session
):
    manager = as_user("manager")
    form = {"kind": "meeting", "subject": "", "due_at": "2026-11-25 14:30", "owner": made.user("manager").id}
    refused = manager.post("/activity/add", form | {"about_party": party.id, "recurrence": "every monday"})
    assert refused.status_code == 422
    assert "Say in a few words" in refused.text
    assert session.scalars(select(Activity)).all() == []
    refused = manager.post("/activity/add", form | {"subject": "Visit", "recurrence": "every monday"})
    assert (refused.status_code, "Nobody can read this repetition" in refused.text) == (422, True)
    kept = manager.post("/activity/add", form | {"subject": "Visit", "about_party": party.id, "duration_minutes": "60"})
    made_one = one(session)
    assert kept.headers["Location"] == f"/activity/show/{made_one.id}"
    assert (made_one.kind, made_one.entity, made_one.record_id, made_one.state) == (
        *("meeting", "party", party.id, ActivityState.planned),
    )
    assert (made_one.due_at, made_one.duration_minutes) == (datetime(2026, 11, 25, 14, 30, tzinfo=UTC), 60)
    page = manager.get(f"/activity/add?about=party:{party.id}").text
    assert f'About: <a href="/party/show/{party.id}">Tulpen &amp; Zonen B.V.</a>' in page


def test_finishing_by_the_dialog_plans_the_next_one(as_user: AsUser, made: Made, party: Any, session: Session):
    call = plan(session, made, party)
    manager = as_user("manager")
    refused = manager.post(f"/activity/{call.id}/finish", {"next_due_at": "2026-12-01 09:00"})
    assert (refused.status_code, "Say in a few words" in refused.text) == (422, True)
    assert one(session, id=call.id).state is ActivityState.planned
    given = {"result": "He agrees", "next_kind": "letter", "next_subject": "Send it", "next_due_at": "2026-12-01 09:00"}
    assert manager.post(f"/activity/{call.id}/finish", given).status_code == 302
    done, following = one(session, id=call.id), one(session, state=ActivityState.planned)
    assert (done.state, done.result) == (ActivityState.done, "He agrees")
    assert (following.kind, following.subject, following.record_id, following.previous_id) == (
        *("letter", "Send it", party.id, call.id),
    )
    assert following.due_at == datetime(2026, 12, 1, 9, tzinfo=UTC)
    manager.post(f"/activity/{following.id}/postpone", {"due_at": "2026-12-02 09:00"})
    assert one(session, id=following.id).due_at == datetime(2026, 12, 2, 9, tzinfo=UTC)
    manager.post(f"/activity/{following.id}/cancel", {"reason": "Not needed"})
    assert one(session, id=following.id).state is ActivityState.cancelled
    manager.post(f"/activity/{call.id}/reopen")
    assert one(session, id=call.id).state is ActivityState.planned


def test_the_board_and_the_calendar_show_them_with_holidays_and_who_is_away(
    as_user: AsUser, made: Made, party: Any, session: Session
):
    plan(session, made, party, subject="On the board")
    session.add(CompanyHoliday(held_on=date(2026, 11, 26), name="Outing"))
    session.add(Absence(user_id=made.user("manager2").id, begins_on=date(2026, 11, 25), ends_on=date(2026, 11, 25)))
    session.commit()
    manager = as_user("manager")
    assert "On the board" in manager.get("/activity/board").text
    month = manager.get("/activity/calendar").text
    assert "On the board" in month
    assert '<p class="cal-mark is-holiday" title="Outing">Outing</p>' in month
    assert "Maria Manager" not in month  # she is of another team
    head = as_user("head").get("/activity/calendar?span=week").text
    assert '<p class="cal-mark" title="Maria Manager: Leave">Maria Manager: Leave</p>' in head


# --- my day -----------------------------------------------------------------------------------------------------------


def test_my_day_tells_what_is_late_today_and_ahead_and_whom_to_call(
    as_user: AsUser, made: Made, party: Any, session: Session
):
    late = plan(session, made, party, subject="Late", due_at=AT - 3 * HOUR)
    plan(session, made, party, subject="Now", due_at=AT + HOUR)
    plan(session, made, None, subject="Ahead", due_at=AT + 3 * DAY, kind=ActivityKind.task, is_all_day=True)
    plan(session, made, None, subject="Some day", due_at=None, kind=ActivityKind.task)
    plan(session, made, None, subject="Far away", due_at=AT + 30 * DAY)
    plan(session, made, None, subject="Invited", who="head", participants=[made.user("manager").id])
    manager = as_user("manager")
    page = manager.get("/day/").text
    sections = re.findall(r'<section class="panel day-part day-(\w+)".*?</section>', page, re.DOTALL)
    assert sections == ["late", "today", "ahead", "undated"]
    parts = {
        name: re.findall(r"data-day-link>([^<]+)</a>", body)
        for name, body in re.findall(r'day-part day-(\w+)"(.*?)</section>', page, re.DOTALL)
    }
    assert parts == {"late": ["Late"], "today": ["Now", "Invited"], "ahead": ["Ahead"], "undated": ["Some day"]}
    assert '<span class="late">3 hours overdue</span>' in page
    assert page.count('href="tel:+31205550123"') == 2
    assert manager.post(f"/activity/{late.id}/finish", {"back": "/day/"}).headers["Location"] == "/day/"
    after = manager.get("/day/").text
    assert "1 done today" in text_of(after)
    assert ("day-part day-late" in after, "day-part day-today" in after) == (False, True)


def test_my_day_asks_few_questions_however_much_there_is(
    as_user: AsUser, made: Made, party: Any, session: Session, statements: list[str]
):
    for at in range(40):
        plan(session, made, party, subject=f"Call {at}", due_at=AT + (at - 10) * HOUR)
    manager = as_user("manager")
    manager.get("/day/")
    statements.clear()
    manager.get("/day/")
    assert len(statements) <= 12, "\n".join(statements)


def test_the_day_of_a_team_shows_its_people_and_nobody_else(as_user: AsUser, made: Made, session: Session):
    plan(session, made, None, due_at=AT - DAY)
    plan(session, made, None, due_at=AT + HOUR)
    plan(session, made, None, who="accountant", due_at=AT - DAY)
    session.add(Absence(user_id=made.user("manager2").id, begins_on=AT.date(), ends_on=AT.date()))
    session.commit()
    page = as_user("head").get("/day/team").text
    rows = [text_of(row) for row in re.findall(r"<tr><th scope=\"row\".*?</tr>", page, re.DOTALL)]
    assert rows == ["Helena Head 0 0 0 0 0", "Maria Manager Away 0 0 0 0 0", "Mark Manager 1 1 0 2 0"]
    assert "You lead nobody here" in as_user("manager").get("/day/team").text


# --- cards ------------------------------------------------------------------------------------------------------------


def test_a_card_plans_and_logs_and_shows_both(as_user: AsUser, made: Made, party: Any, session: Session):
    manager = as_user("manager")
    refused = manager.post(f"/party/{party.id}/plan", {"kind": "call", "subject": "x" * 251})
    assert (refused.status_code, session.scalars(select(Activity)).all()) == (422, [])
    assert 'class="planner" open' in refused.text
    form = {"kind": "call", "subject": "Ask for the drawing", "due_at": "2026-11-24 15:00"}
    assert manager.post(f"/party/{party.id}/plan", form).headers["Location"] == f"/party/show/{party.id}#history"
    done = {"kind": "meeting", "subject": "Met at the fair", "body": "Wants ten", "is_done": "y"}
    manager.post(f"/party/{party.id}/plan", done)
    page = manager.get(f"/party/show/{party.id}").text
    coming = text_of(re.findall(r'<section class="coming".*?</section>', page, re.DOTALL)[0])
    assert coming.startswith("Planned Call Ask for the drawing Today, 15:00 · Mark Manager")
    [happened] = re.findall(r'<li class="happened-activity".*?</li>', page, re.DOTALL)
    assert re.sub(r" · \d.*M ", " ", text_of(happened)).startswith("Mark Manager · Meeting Done")
    assert "Met at the fair Wants ten" in text_of(happened)
    only = manager.get(f"/party/{party.id}/timeline?only=activities").text
    assert ("Met at the fair" in only, "Created" in only) == (True, False)


def test_who_sees_a_record_sees_what_is_planned_about_it_and_acts_on_his_own_alone(
    as_user: AsUser, made: Made, party: Any, session: Session
):
    call = plan(session, made, party, subject="By the manager")
    support = as_user("support")
    page = support.get(f"/party/show/{party.id}").text
    assert "By the manager" in page
    assert f"/activity/{call.id}/finish" not in page
    assert f'href="/activity/show/{call.id}"' not in page
    assert support.get(f"/activity/show/{call.id}").status_code == 404
    assert support.post(f"/activity/{call.id}/finish").status_code == 404
    assert one(session, id=call.id).state is ActivityState.planned


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rest_plans_finishes_and_knows_no_notes(as_user: AsUser, made: Made, party: Any, session: Session):
    manager = as_user("manager")
    manager.post(f"/party/{party.id}/note", {"text": "A note"})
    note = one(session, kind=ActivityKind.note)
    given = {
        "entity": "party",
        "record_id": party.id,
        "kind": "call",
        "subject": "Ask",
        "due_at": "2026-11-24T15:00:00Z",
    }
    answer = manager.api("POST", "/api/v1/activity/", json=given)
    assert answer.status_code == 201, answer.text
    key = answer.json["id"]
    assert manager.api("GET", f"/api/v1/activity/{note.id}").status_code == 404
    rows = manager.api("GET", "/api/v1/activity/").json["result"]
    assert [(row["id"], row["subject"], row["state"]) for row in rows] == [(key, "Ask", "planned")]
    for wrong in ({"kind": "note"}, {"record_id": 999_999}, {"entity": "no_such"}, {"subject": " "}):
        refused = manager.api("POST", "/api/v1/activity/", json=given | wrong)
        assert (refused.status_code, list(refused.json["message"])) == (
            422,
            [next(iter(wrong)) if "entity" not in wrong else "record_id"],
        )
    done = manager.api("POST", f"/api/v1/activity/{key}/finish", json={"result": "Yes"})
    assert (done.status_code, one(session, id=key).result) == (200, "Yes")


# --- the feed ---------------------------------------------------------------------------------------------------------


def address(page: str) -> str:
    return re.findall(r'value="[^"]*(/calendar/feed/[^"]+)"', page)[0]


def test_a_calendar_program_reads_what_its_owner_does(
    as_user: AsUser, app: Flask, made: Made, party: Any, session: Session
):
    plan(session, made, party, subject="Visit", kind=ActivityKind.meeting, duration_minutes=60)
    plan(session, made, None, subject="All day", kind=ActivityKind.task, is_all_day=True, recurrence="FREQ=WEEKLY")
    plan(session, made, party, subject="Of a colleague", who="manager2")
    manager = as_user("manager")
    way = address(manager.post("/profile/calendar/make").text)
    answer = app.test_client().get(way)
    assert (answer.status_code, answer.mimetype) == (200, "text/calendar")
    events = Calendar.from_ical(answer.get_data()).walk("VEVENT")
    found = {str(each["SUMMARY"]): each for each in events}
    assert sorted(found) == ["Meeting: Visit · Tulpen & Zonen B.V.", "Task: All day"]
    visit = found["Meeting: Visit · Tulpen & Zonen B.V."]
    assert (visit.decoded("DTSTART"), visit.decoded("DTEND")) == (AT + HOUR, AT + 2 * HOUR)
    assert (found["Task: All day"].decoded("DTSTART"), found["Task: All day"]["RRULE"]["FREQ"]) == (
        AT.date(),
        ["WEEKLY"],
    )
    session.expire_all()
    assert session.scalars(select(CalendarFeed)).one().read_at == pytest.approx(AT, abs=timedelta(minutes=1))


@attack(143, "the secret address of somebody's calendar")
def test_an_address_that_is_void_guessed_or_of_a_locked_account_is_not_there(
    as_user: AsUser, app: Flask, made: Made, session: Session
):
    manager = as_user("manager")
    first = address(manager.post("/profile/calendar/make").text)
    second = address(manager.post("/profile/calendar/make").text)
    kept = session.scalars(select(CalendarFeed)).one()
    secret = second.rpartition("/")[2].removesuffix(".ics")
    assert (len(kept.token_sha256), secret in kept.token_sha256, len(secret)) == (64, False, 43)
    assert secret not in manager.get("/profile/calendar/").text  # it was shown once
    stranger = app.test_client()
    wrong = [
        first,
        f"/calendar/feed/{kept.token_sha256}.ics",
        "/calendar/feed/%D0%B0.ics",
        f"/calendar/feed/{'a' * 500}.ics",
    ]
    assert [stranger.get(each).status_code for each in wrong] == [404] * 4
    assert stranger.get(second).status_code == 200
    made.user("manager").active = False
    session.commit()
    assert stranger.get(second).status_code == 404
    made.user("manager").active = True
    session.commit()
    as_user("manager").post("/profile/calendar/revoke")
    assert stranger.get(second).status_code == 404


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (timedelta(seconds=-1), ""),
        (timedelta(seconds=5), "1 minute overdue"),
        (timedelta(minutes=59), "59 minutes overdue"),
        (timedelta(minutes=61), "1 hour overdue"),
        (timedelta(hours=23, minutes=59), "23 hours overdue"),
        (timedelta(days=1), "1 day overdue"),
        (timedelta(days=2, hours=5), "2 days overdue"),
    ],
)
def test_lateness_is_told_in_words(app: Flask, late: timedelta, said: str):
    with app.test_request_context():
        assert overdue.overdue(late) == said


def test_what_was_due_on_a_day_is_late_since_the_day_has_ended(app: Flask):
    evening = AT.replace(hour=23, minute=59)
    with app.test_request_context():
        assert overdue.overdue_at(evening, at=AT, is_all_day=True) == ""
        assert overdue.overdue_at(evening, at=evening + 2 * HOUR, is_all_day=True) == "1 day overdue"
        assert overdue.overdue_at(None, at=AT) == ""
        assert [overdue.due(AT + each * DAY, at=AT) for each in (0, 1, -1, 2)] == [
            *("Today, 10:00", "Tomorrow, 10:00", "Yesterday, 10:00", "Thursday, 10:00"),
        ]
        assert overdue.due(evening, at=AT, is_all_day=True) == "Today"
