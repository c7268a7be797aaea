"""The log of exports: caps, reasons, what is usual for somebody, and who is told when it is much more."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask_appbuilder.security.sqla.models import Role, User
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.models.export_run import ExportCap, ExportFormat, ExportKind, ExportRule, ExportRun, ExportState
from app.models.notification import Notification, NotificationKind, NotificationSetting
from app.models.team import Team
from app.services import access, export_alarm, export_rule, role_file, roles
from app.services import export_run as exports
from app.services.access import Actor
from app.services.export_alarm import limit_of, usual_of
from tests.factories import Made

AT = datetime(2026, 3, 31, 12, tzinfo=UTC)


def actor(session: Session, made: Made, name: str) -> Actor:
    person = made.user(name)
    names = {role.name for role in person.roles}
    return access.actor_of(session, user_id=person.id, name=name, roles=names, profile=person.profile)


def role(session: Session, name: str) -> Role:
    return session.execute(select(Role).where(Role.name == name)).unique().scalar_one()


def begun(session: Session, made: Made, name: str, rows: int, *, at: datetime = AT, **values: Any) -> ExportRun:
    given = {"kind": ExportKind.list, "area": "party", "entity": "party", "format": ExportFormat.csv} | values
    run = ExportRun(expected_rows=rows, **{"reason": "The fair"} | given)
    by = actor(session, made, name)
    with access.acting(session, by):
        return exports.begin(session, run, verb="export", by=by, at=at, whom_to_ask="Ann Admin")


def refused(session: Session, made: Made, name: str, rows: int, **values: Any) -> tuple[str | None, str]:
    with pytest.raises(DomainError) as refusal:
        begun(session, made, name, rows, **values)
    session.expunge_all()
    assert session.scalars(select(ExportRun)).all() == []
    return refusal.value.field, str(refusal.value)


def told(session: Session) -> list[tuple[str, str | None]]:
    read = select(User.username, Notification.said).join(Notification, Notification.user_id == User.id)
    rows = session.execute(read.where(Notification.kind == NotificationKind.export_alarm).order_by(Notification.id))
    return [(row[0], row[1]) for row in rows]


# --- caps and reasons -------------------------------------------------------------------------------------------------


def test_a_file_of_more_rows_than_the_role_takes_is_refused_whole(session: Session, made: Made):
    field, text = refused(session, made, "office", 10_001)
    assert field == "rows"
    assert "at most 10,000 rows in one file, and these are 10,001" in text
    assert text.endswith("Ann Admin.")
    run = begun(session, made, "office", 10_000)
    assert (run.expected_rows, run.state, run.owner_id) == (10_000, ExportState.begun, made.user("office").id)


def test_an_administrator_has_no_cap_and_a_role_has_its_own(session: Session, made: Made):
    admin, office = actor(session, made, "admin"), actor(session, made, "office")
    with access.acting(session, admin):
        assert export_rule.cap(session, "party", "export") is None
    for most in (50, None):
        export_rule.set_cap(session, role(session, "Back office"), most)
        with access.acting(session, office):
            assert export_rule.cap(session, "party", "export") == most


def test_of_several_roles_the_widest_counts_if_it_has_the_right(session: Session, made: Made):
    person = made.user("office")
    person.roles = [*person.roles, role(session, "Warehouse")]
    export_rule.set_cap(session, role(session, "Warehouse"), None)
    export_rule.set_cap(session, role(session, "Back office"), 50)
    with access.acting(session, actor(session, made, "office")):
        assert export_rule.cap(session, "party", "export") == 50  # a warehouse exports nothing
        assert export_rule.cap(session, "bulk_run", "see") is None  # and sees what everybody sees
    person.roles = [role(session, "Back office"), role(session, "Marketer")]
    with access.acting(session, actor(session, made, "office")):
        assert export_rule.cap(session, "party", "export") == 10_000


def test_nobody_gives_a_cap_wider_than_his_own(session: Session, made: Made):
    target = role(session, "Marketer")
    with access.acting(session, actor(session, made, "marketer")):
        for most in (10_001, None):
            with pytest.raises(DomainError, match="You may take at most 10000 rows"):
                export_rule.set_cap(session, target, most)
        export_rule.set_cap(session, target, 9_000)
    assert [(cap.role_id, cap.most_rows) for cap in session.scalars(select(ExportCap))] == [(target.id, 9_000)]
    for wrong in (0, -1, 10_000_001):
        with pytest.raises(DomainError, match="whole number"):
            export_rule.set_cap(session, target, wrong)
    with pytest.raises(DomainError, match="cannot be changed"):
        export_rule.set_cap(session, role(session, "Admin"), 5)
    assert export_rule.cap_of(session, target) == 9_000


def test_a_copy_and_a_file_of_a_role_carry_its_cap(session: Session):
    source = role(session, "Marketer")
    export_rule.set_cap(session, source, 70)
    made = roles.copy(session, source, "Fair staff")
    assert export_rule.cap_of(session, made) == 70
    told_role = role_file.of(session, made) | {"name": "From afar", "export_rows": 30}
    again, _left_out = role_file.take_in(session, told_role, offered=set())
    assert (role_file.of(session, made)["export_rows"], export_rule.cap_of(session, again)) == (70, 30)


@pytest.mark.parametrize(
    ("entity", "rows", "is_needed"),
    [("party", 1, True), ("letter", 1, True), ("invoice", 499, False), ("invoice", 500, True)],
)
def test_a_reason_is_needed_of_people_and_of_many_rows(
    session: Session, made: Made, entity: str, rows: int, is_needed: bool
):
    about = {"area": entity, "entity": entity, "reason": " \n"}
    if is_needed:
        assert refused(session, made, "accountant", rows, **about) == ("reason", "Say what you need these rows for")
    else:
        assert begun(session, made, "accountant", rows, **about).reason is None
    assert refused_long(session, made, entity) == "reason"


def refused_long(session: Session, made: Made, entity: str) -> str | None:
    with pytest.raises(DomainError, match="At most 250") as refusal:
        begun(session, made, "accountant", 1, area=entity, entity=entity, reason="x" * 251)
    return refusal.value.field


def test_the_rules_are_set_and_their_changes_have_a_history(session: Session, made: Made):
    rule = export_rule.rule(session)
    assert (rule.id, rule.reason_from, rule.reason_areas) == (None, 500, ["letter", "party", "user"])
    given = {"reason_from": 10, "reason_areas": {"invoice"}, "alarm_times": 2, "alarm_least": 7, "alarm_new": 9}
    for name in export_rule.NUMBERS:
        with pytest.raises(DomainError) as refusal:
            export_rule.save(session, export_rule.rule(session), given=given | {name: 0})
        assert refusal.value.field == name
    assert session.scalars(select(ExportRule)).all() == []
    export_rule.save(session, rule, given=given)
    kept = export_rule.rule(session)
    assert (kept.reason_from, kept.reason_areas, kept.alarm_new) == (10, ["invoice"], 9)
    assert begun(session, made, "office", 9, reason="").reason is None  # parties need none now


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_end_is_written_once_whatever_its_subject_may_see(session: Session, made: Made):
    run = begun(session, made, "office", 3)
    with access.acting(session, actor(session, made, "nobody")):
        exports.end(session, run.id, state=ExportState.broken, rows=2, size=90, sha256=None, at=AT)
        exports.end(session, run.id, state=ExportState.done, rows=3, size=99, sha256="a" * 64, at=AT)
    session.refresh(run)
    assert (run.state, run.rows, run.size, run.sha256, run.ended_at) == (ExportState.broken, 2, 90, None, AT)


# --- the alarm --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "usual"),
    [([10, 20, 30, 40], None), ([10, 20, 30, 40, 5_000], 30), ([10, 20, 30, 40, 50, 60], 35), ([0, 1, 1, 1, 1], None)],
)
def test_the_usual_day_is_the_median_of_the_days_with_exports(days: list[int], usual: int | None):
    assert usual_of(days) == usual


@pytest.mark.parametrize(("usual", "limit"), [(None, 5_000), (3, 1_000), (200, 1_000), (201, 1_005)])
def test_the_limit_has_a_floor_and_one_for_new_people(session: Session, usual: int | None, limit: int):
    assert limit_of(export_rule.rule(session), usual) == limit


def test_a_head_is_told_once_a_day_of_unusually_many_rows(session: Session, made: Made):
    for back in range(2, 8):
        made.export_run("manager", rows=300, at=AT - timedelta(days=back))
    assert begun(session, made, "manager", 1_500).alarmed_at is None
    assert told(session) == []
    run = begun(session, made, "manager", 1, at=AT + timedelta(minutes=1))
    assert (run.alarmed_at, run.usual_rows) == (AT + timedelta(minutes=1), 300)
    assert told(session) == [("head", "1501 300")]
    assert begun(session, made, "manager", 5_000, at=AT + timedelta(hours=2)).alarmed_at is None
    assert len(told(session)) == 1
    begun(session, made, "manager", 5_000, at=AT + timedelta(days=1))
    assert [username for username, _said in told(session)] == ["head", "head"]


def test_what_was_announced_counts_until_it_is_known_how_much_was_sent(session: Session, made: Made):
    run = begun(session, made, "manager", 4_000)
    exports.end(session, run.id, state=ExportState.broken, rows=100, size=1, sha256=None, at=AT)
    assert begun(session, made, "manager", 4_900).alarmed_at is None  # 5,000 in all: not more than the limit
    assert told(session) == []
    begun(session, made, "manager", 1)
    assert told(session) == [("head", "5001 -")]


def test_rows_of_more_than_a_day_ago_do_not_count(session: Session, made: Made):
    made.export_run("manager", rows=4_000, at=AT - timedelta(hours=24))
    assert begun(session, made, "manager", 5_000).alarmed_at is None
    made.export_run("manager2", rows=4_000, at=AT - timedelta(hours=23, minutes=59))
    assert begun(session, made, "manager2", 1_001).alarmed_at == AT


def test_without_a_head_administrators_are_told_and_the_head_of_the_head_for_a_head(session: Session, made: Made):
    begun(session, made, "office", 6_000)
    assert told(session) == [("admin", "6000 -")]
    begun(session, made, "head", 6_000)  # he heads his own team, and nobody is above
    assert told(session)[1:] == [("admin", "6000 -")]
    above = Team(name="company", head=made.user("auditor"))
    session.add(above)
    session.execute(select(Team).where(Team.name == "sales")).scalar_one().parent = above
    session.flush()
    begun(session, made, "head", 6_000, at=AT + timedelta(days=1))
    assert told(session)[2:] == [("auditor", "6000 -")]


def test_the_alarm_cannot_be_switched_off(session: Session, made: Made):
    head = made.user("head")
    session.add(NotificationSetting(user_id=head.id, kind=NotificationKind.export_alarm, is_wanted=False))
    begun(session, made, "manager", 6_000)
    assert told(session) == [("head", "6000 -")]


def test_the_alarm_costs_one_statement(session: Session, made: Made, statements: list[str]):
    by = actor(session, made, "manager")
    rule = export_rule.rule(session)
    run = begun(session, made, "manager", 10)
    statements.clear()
    assert export_alarm.look(session, run, rule, by=by, at=AT) == []
    assert len(statements) == 1


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rows_over_rest_add_up_by_day_and_entity_and_raise_the_same_alarm(session: Session, made: Made):
    by = actor(session, made, "manager")
    for rows in (3_000, 2_000):
        exports.note_read(session, {"party": rows, "invoice": 10}, by=by, at=AT - timedelta(days=1))
    exports.note_read(session, {"party": 4_000}, by=by, at=AT)
    rows = session.execute(select(ExportRun.entity, ExportRun.read_on, ExportRun.rows).order_by(ExportRun.id)).all()
    assert [tuple(row) for row in rows] == [
        ("invoice", date(2026, 3, 30), 20),
        ("party", date(2026, 3, 30), 5_000),
        ("party", date(2026, 3, 31), 4_000),
    ]
    assert told(session) == [("head", "5020 -")]
    begun(session, made, "manager", 1_001)
    assert told(session)[1:] == [("head", "5001 -")]


# --- the report -------------------------------------------------------------------------------------------------------
