"""Notes become one kind of activity: tasks, calls, meetings are planned and done; the program knows when people work.

Why: everybody should know the next step with a client, and due times must count in working time. Standing notes stay
what they are. A downgrade loses everything but notes, and schedules, holidays, absences and addresses of calendars.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

NOTICES = ("mention", "note", "change_of_state", "assigned", "shared", "job_failed", "export_alarm", "key_ends")
NOTICE_TABLES = ("notification", "notification_setting")
PLANNED = "state = 'planned'"
INDEXES = {
    "ix_activity_next": (["entity", "record_id", "due_at"], PLANNED),
    "ix_activity_owner_id_due_at": (["owner_id", "due_at"], PLANNED),
    "ix_activity_team_id_due_at": (["team_id", "due_at"], PLANNED),
    "ix_activity_due_at": (["due_at"], PLANNED),
    "ix_activity_remind_at": (["remind_at"], f"{PLANNED} AND reminded_at IS NULL"),
    "ix_activity_owner_id_done_at": (["owner_id", "done_at"], None),
    "ix_activity_owner_id": (["owner_id"], None),
    "ix_activity_team_id": (["team_id"], None),
    "ix_activity_previous_id": (["previous_id"], None),
}
CHECKS = {
    "activitykind": "kind IN ('note', 'task', 'call', 'meeting', 'letter', 'message')",
    "activitystate": "state IN ('planned', 'done', 'cancelled')",
    "direction": "direction IN ('incoming', 'outgoing')",
    "priority": "priority IN ('low', 'normal', 'high')",
    "record_whole": "(entity IS NULL) = (record_id IS NULL)",
    "note_filled": "kind <> 'note' OR (entity IS NOT NULL AND state = 'done' AND body IS NOT NULL "
    "AND length(trim(body)) > 0)",
    "subject_filled": "kind = 'note' OR (subject IS NOT NULL AND length(trim(subject)) > 0)",
    "done_complete": "kind = 'note' OR (state = 'done') = (done_at IS NOT NULL)",
    "day_known": "NOT is_all_day OR due_at IS NOT NULL",
    "duration_positive": "duration_minutes >= 0",
    "reminded_of_something": "reminded_at IS NULL OR remind_at IS NOT NULL",
}
COLUMNS = (
    *("state", "direction", "subject", "due_at", "is_all_day", "duration_minutes", "priority", "remind_at"),
    *("reminded_at", "recurrence", "previous_id", "result", "done_at", "search_text", "owner_id", "team_id"),
)


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, *, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"), ondelete=ondelete)


def entity() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    )


def notices(*known: str) -> None:
    """Let the tables of notifications know these kinds."""
    named = ", ".join(f"'{kind}'" for kind in known)
    for table in NOTICE_TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(op.f(f"ck_{table}_notificationkind"), type_="check")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_check_constraint(op.f(f"ck_{table}_notificationkind"), f"kind IN ({named})")


def upgrade() -> None:
    _activities()
    _parts()
    _working_time()
    op.create_table(
        "calendar_feed",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("read_at", Instant(), nullable=True),
        sa.Column("id", Key, nullable=False),
        link("calendar_feed", "user_id", "ab_user", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_feed")),
        sa.UniqueConstraint("user_id", name=op.f("uq_calendar_feed_user_id")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_calendar_feed_token_sha256")),
    )
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.add_column(sa.Column("work_schedule_id", Key, nullable=True))
        batch_op.add_column(sa.Column("reminders_by_mail", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.create_foreign_key(
            op.f("fk_user_profile_work_schedule_id_work_schedule"),
            "work_schedule",
            ["work_schedule_id"],
            ["id"],
            ondelete="SET NULL",
        )
        batch_op.create_index("ix_user_profile_work_schedule_id", ["work_schedule_id"], unique=False)
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.alter_column("reminders_by_mail", existing_type=sa.Boolean(), server_default=None)
    notices(*NOTICES, "reminder")


def _activities() -> None:
    with op.batch_alter_table("activity", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_activity_activitykind"), type_="check")
        batch_op.drop_constraint(op.f("ck_activity_body_filled"), type_="check")
    with op.batch_alter_table("activity", schema=None) as batch_op:
        batch_op.alter_column("entity", existing_type=sa.String(length=40), nullable=True)
        batch_op.alter_column("record_id", existing_type=Key, nullable=True)
        batch_op.alter_column("body", existing_type=sa.Text(), nullable=True)
        batch_op.add_column(sa.Column("state", sa.String(length=24), server_default="done", nullable=False))
        batch_op.add_column(sa.Column("direction", sa.String(length=24), nullable=True))
        batch_op.add_column(sa.Column("subject", sa.String(length=250), nullable=True))
        batch_op.add_column(sa.Column("due_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("is_all_day", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("duration_minutes", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("priority", sa.String(length=24), server_default="normal", nullable=False))
        batch_op.add_column(sa.Column("remind_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("reminded_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("recurrence", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("previous_id", Key, nullable=True))
        batch_op.add_column(sa.Column("result", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("done_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("search_text", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("owner_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("team_id", Key, nullable=True))
        for column, to in (("previous_id", "activity"), ("owner_id", "ab_user"), ("team_id", "team")):
            batch_op.create_foreign_key(op.f(f"fk_activity_{column}_{to}"), to, [column], ["id"], ondelete="SET NULL")
    with op.batch_alter_table("activity", schema=None) as batch_op:
        for name, told in CHECKS.items():
            batch_op.create_check_constraint(op.f(f"ck_activity_{name}"), told)
        for column, kind in (
            ("state", sa.String(length=24)),
            ("is_all_day", sa.Boolean()),
            ("priority", sa.String(length=24)),
            ("search_text", sa.Text()),
        ):
            batch_op.alter_column(column, existing_type=kind, server_default=None)
    for name, (columns, told) in INDEXES.items():
        where = sa.text(told) if told else None
        op.create_index(name, "activity", columns, unique=False, sqlite_where=where, postgresql_where=where)


def _parts() -> None:
    op.create_table(
        "participant",
        sa.Column("activity_id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("(user_id IS NULL) <> (contact_id IS NULL)", name=op.f("ck_participant_one_person")),
        link("participant", "activity_id", "activity", ondelete="CASCADE"),
        link("participant", "user_id", "ab_user", ondelete="CASCADE"),
        link("participant", "contact_id", "party_contact", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("activity_id", "user_id", name=op.f("uq_participant_activity_id_user_id")),
        sa.UniqueConstraint("activity_id", "contact_id", name=op.f("uq_participant_activity_id_contact_id")),
    )
    op.create_index("ix_participant_user_id", "participant", ["user_id"], unique=False)
    op.create_index("ix_participant_contact_id", "participant", ["contact_id"], unique=False)
    op.create_table(
        "activity_link",
        sa.Column("activity_id", Key, nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        link("activity_link", "activity_id", "activity", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity_link")),
        sa.UniqueConstraint(
            "activity_id", "entity", "record_id", name=op.f("uq_activity_link_activity_id_entity_record_id")
        ),
    )
    op.create_index("ix_activity_link_entity_record_id", "activity_link", ["entity", "record_id"], unique=False)


def _working_time() -> None:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    op.create_table(
        "work_schedule",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("region", sa.String(length=10), nullable=True),
        *(sa.Column(day, sa.String(length=60), nullable=True) for day in days),
        *entity(),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_work_schedule_name_filled")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_schedule")),
        sa.UniqueConstraint("name", name=op.f("uq_work_schedule_name")),
    )
    alone = sa.text("is_default")
    op.create_index(
        "ix_work_schedule_default",
        "work_schedule",
        ["is_default"],
        unique=True,
        sqlite_where=alone,
        postgresql_where=alone,
    )
    op.create_table(
        "company_holiday",
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("is_working", sa.Boolean(), nullable=False),
        *entity(),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_company_holiday_name_filled")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company_holiday")),
    )
    op.create_index("ix_company_holiday_held_on", "company_holiday", ["held_on"], unique=False)
    op.create_table(
        "absence",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", choice("absencekind", "leave", "illness", "trip", "training", "other"), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("substitute_id", sa.Integer(), nullable=True),
        sa.Column("substitution_id", Key, nullable=True),
        sa.Column("note", sa.String(length=250), nullable=True),
        *entity(),
        sa.CheckConstraint("begins_on <= ends_on", name=op.f("ck_absence_days_in_order")),
        sa.CheckConstraint("substitute_id IS NULL OR user_id <> substitute_id", name=op.f("ck_absence_two_people")),
        link("absence", "user_id", "ab_user", ondelete="CASCADE"),
        link("absence", "substitute_id", "ab_user", ondelete="SET NULL"),
        link("absence", "substitution_id", "substitution", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
    )
    op.create_index("ix_absence_user_id_ends_on", "absence", ["user_id", "ends_on"], unique=False)
    op.create_index("ix_absence_ends_on", "absence", ["ends_on"], unique=False)
    op.create_index("ix_absence_substitute_id", "absence", ["substitute_id"], unique=False)
    op.create_index("ix_absence_substitution_id", "absence", ["substitution_id"], unique=False)


def downgrade() -> None:
    for table in NOTICE_TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind = 'reminder'")
    op.execute("DELETE FROM notification WHERE activity_id IN (SELECT id FROM activity WHERE kind <> 'note')")
    op.execute("DELETE FROM mention WHERE activity_id IN (SELECT id FROM activity WHERE kind <> 'note')")
    op.execute("UPDATE activity SET previous_id = NULL")
    op.execute("DELETE FROM search_entry WHERE entity = 'activity'")
    notices(*NOTICES)
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.drop_index("ix_user_profile_work_schedule_id")
        batch_op.drop_constraint("fk_user_profile_work_schedule_id_work_schedule", type_="foreignkey")
        batch_op.drop_column("reminders_by_mail")
        batch_op.drop_column("work_schedule_id")
    for table in ("calendar_feed", "absence", "company_holiday", "work_schedule", "activity_link", "participant"):
        op.drop_table(table)
    op.execute("DELETE FROM activity WHERE kind <> 'note'")
    for name in INDEXES:
        op.drop_index(name, table_name="activity")
    with op.batch_alter_table("activity", schema=None) as batch_op:
        for name in CHECKS:
            batch_op.drop_constraint(op.f(f"ck_activity_{name}"), type_="check")
        for column, to in (("previous_id", "activity"), ("owner_id", "ab_user"), ("team_id", "team")):
            batch_op.drop_constraint(op.f(f"fk_activity_{column}_{to}"), type_="foreignkey")
    with op.batch_alter_table("activity", schema=None) as batch_op:
        for name in COLUMNS:
            batch_op.drop_column(name)
        batch_op.alter_column("entity", existing_type=sa.String(length=40), nullable=False)
        batch_op.alter_column("record_id", existing_type=Key, nullable=False)
        batch_op.alter_column("body", existing_type=sa.Text(), nullable=False)
        batch_op.create_check_constraint(op.f("ck_activity_activitykind"), "kind IN ('note')")
        batch_op.create_check_constraint(op.f("ck_activity_body_filled"), "length(trim(body)) > 0")
