"""Exports are logged, capped by role, and told to a head when they are unusual.

Why: a company wants to know who has taken its clients away, how many and why. A downgrade loses the log, the caps and
the rules, and the notifications of unusual exports.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

BEFORE = ("mention", "note", "change_of_state", "assigned", "shared", "job_failed")
NOTIFIED = ("notification", "notification_setting")


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def kinds(values: tuple[str, ...]) -> None:
    told = ", ".join(f"'{value}'" for value in values)
    for table in NOTIFIED:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(op.f(f"ck_{table}_notificationkind"), type_="check")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_check_constraint(op.f(f"ck_{table}_notificationkind"), f"kind IN ({told})")


def upgrade() -> None:
    op.create_table(
        "export_run",
        sa.Column("kind", choice("exportkind", ("list", "chart", "report", "rest")), nullable=False),
        sa.Column("area", sa.String(length=60), nullable=False),
        sa.Column("entity", sa.String(length=60), nullable=False),
        sa.Column("state", choice("exportstate", ("begun", "done", "broken", "failed")), nullable=False),
        sa.Column("format", choice("exportformat", ("xlsx", "csv", "json")), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("heads", sa.JSON(), nullable=False),
        sa.Column("expected_rows", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(length=250), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("request_id", sa.String(length=36), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("read_on", sa.Date(), nullable=True),
        sa.Column("alarmed_at", Instant(), nullable=True),
        sa.Column("usual_rows", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        sa.CheckConstraint("(read_on IS NULL) = (kind <> 'rest')", name=op.f("ck_export_run_day_of_rest")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["ab_user.id"], name=op.f("fk_export_run_owner_id_ab_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_export_run_team_id_team"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_run")),
        sa.UniqueConstraint("owner_id", "entity", "read_on", name=op.f("uq_export_run_owner_id_entity_read_on")),
    )
    with op.batch_alter_table("export_run", schema=None) as batch_op:
        batch_op.create_index("ix_export_run_created_at", ["created_at"], unique=False)
        batch_op.create_index("ix_export_run_owner_id", ["owner_id"], unique=False)
        batch_op.create_index("ix_export_run_owner_id_created_at", ["owner_id", "created_at"], unique=False)
        batch_op.create_index("ix_export_run_sha256", ["sha256"], unique=False)
        batch_op.create_index("ix_export_run_team_id", ["team_id"], unique=False)
    op.create_table(
        "export_cap",
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("most_rows", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("most_rows > 0", name=op.f("ck_export_cap_some_rows")),
        sa.ForeignKeyConstraint(
            ["role_id"], ["ab_role.id"], name=op.f("fk_export_cap_role_id_ab_role"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_cap")),
        sa.UniqueConstraint("role_id", name=op.f("uq_export_cap_role_id")),
    )
    op.create_table(
        "export_rule",
        sa.Column("reason_from", sa.Integer(), nullable=False),
        sa.Column("reason_areas", sa.JSON(), nullable=False),
        sa.Column("alarm_times", sa.Integer(), nullable=False),
        sa.Column("alarm_least", sa.Integer(), nullable=False),
        sa.Column("alarm_new", sa.Integer(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("reason_from > 0", name=op.f("ck_export_rule_reason_from")),
        sa.CheckConstraint("alarm_times > 0 AND alarm_least > 0 AND alarm_new > 0", name=op.f("ck_export_rule_alarm")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_rule")),
    )
    kinds((*BEFORE, "export_alarm"))


def downgrade() -> None:
    for table in NOTIFIED:
        op.execute(f"DELETE FROM {table} WHERE kind = 'export_alarm'")
    kinds(BEFORE)
    op.drop_table("export_rule")
    op.drop_table("export_cap")
    op.drop_table("export_run")
