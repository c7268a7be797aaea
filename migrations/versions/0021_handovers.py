"""What somebody owned is handed over to others at once, with a report that can be undone.

Why: when a person leaves or falls ill, nothing of his may be left that nobody works on, and a mistake must have a way
back. A downgrade loses the reports and with them the way back; the records stay with whom they were given to.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

STATES = ("queued", "running", "done", "undone", "failed")
STRATEGIES = ("one", "load", "territory")
OUTCOMES = ("given", "back", "left")


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def person(table: str, column: str, *, deletes: str = "SET NULL") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["ab_user.id"], name=f"fk_{table}_{column}_ab_user", ondelete=deletes)


def team(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["team.id"], name=f"fk_{table}_{column}_team", ondelete="SET NULL")


def upgrade() -> None:
    op.create_table(
        "handover",
        sa.Column("leaver_id", sa.Integer(), nullable=False),
        sa.Column("state", choice("handoverstate", STATES), nullable=False),
        sa.Column("strategy", choice("strategy", STRATEGIES), nullable=False),
        sa.Column("reason", sa.String(length=250), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("beside", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("total_rows", sa.Integer(), nullable=False),
        sa.Column("done_rows", sa.Integer(), nullable=False),
        sa.Column("left_rows", sa.Integer(), nullable=False),
        sa.Column("undone_at", Instant(), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        person("handover", "leaver_id", deletes="CASCADE"),
        person("handover", "undone_by_id"),
        person("handover", "owner_id"),
        team("handover", "team_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
    )
    with op.batch_alter_table("handover", schema=None) as batch_op:
        batch_op.create_index("ix_handover_leaver_id", ["leaver_id"], unique=False)
        batch_op.create_index("ix_handover_owner_id", ["owner_id"], unique=False)
        batch_op.create_index("ix_handover_owner_id_state", ["owner_id", "state"], unique=False)
        batch_op.create_index("ix_handover_team_id", ["team_id"], unique=False)
    op.create_table(
        "handover_line",
        sa.Column("handover_id", Key, nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("from_owner_id", sa.Integer(), nullable=True),
        sa.Column("from_team_id", Key, nullable=True),
        sa.Column("to_owner_id", sa.Integer(), nullable=True),
        sa.Column("to_team_id", Key, nullable=True),
        sa.Column("outcome", choice("lineoutcome", OUTCOMES), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["handover_id"], ["handover.id"], name=op.f("fk_handover_line_handover_id_handover"), ondelete="CASCADE"
        ),
        person("handover_line", "from_owner_id"),
        team("handover_line", "from_team_id"),
        person("handover_line", "to_owner_id"),
        team("handover_line", "to_team_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover_line")),
        sa.UniqueConstraint(
            "handover_id", "entity", "record_id", name=op.f("uq_handover_line_handover_id_entity_record_id")
        ),
    )
    with op.batch_alter_table("handover_line", schema=None) as batch_op:
        batch_op.create_index(
            "ix_handover_line_handover_id_to_owner_id",
            ["handover_id", "to_owner_id", "entity", "id"],
            unique=False,
        )


def downgrade() -> None:
    op.drop_table("handover_line")
    op.drop_table("handover")
