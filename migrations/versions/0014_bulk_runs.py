"""Many records are changed or acted upon at once, as a job with a report that can be undone.

Why: what a run does to a hundred thousand records outlives a request, and must go on where a killed one stopped. A
downgrade loses the reports and with them the way back; the records keep what was changed.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATES = ("queued", "running", "done", "cancelled", "failed")
OUTCOMES = ("waiting", "changed", "same", "refused")


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def upgrade() -> None:
    op.create_table(
        "bulk_run",
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("state", choice("bulkstate", STATES), nullable=False),
        sa.Column("given", sa.JSON(), nullable=False),
        sa.Column("query", sa.Text(), nullable=True),
        sa.Column("undoes_id", Key, nullable=True),
        sa.Column("total_rows", sa.Integer(), nullable=False),
        sa.Column("done_rows", sa.Integer(), nullable=False),
        sa.Column("changed_rows", sa.Integer(), nullable=False),
        sa.Column("same_rows", sa.Integer(), nullable=False),
        sa.Column("refused_rows", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["bulk_run.id"], name=op.f("fk_bulk_run_undoes_id_bulk_run"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["ab_user.id"], name=op.f("fk_bulk_run_owner_id_ab_user"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_bulk_run_team_id_team"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_run")),
    )
    with op.batch_alter_table("bulk_run", schema=None) as batch_op:
        batch_op.create_index("ix_bulk_run_owner_id", ["owner_id"], unique=False)
        batch_op.create_index("ix_bulk_run_owner_id_state", ["owner_id", "state"], unique=False)
        batch_op.create_index("ix_bulk_run_team_id", ["team_id"], unique=False)
        batch_op.create_index("ix_bulk_run_undoes_id", ["undoes_id"], unique=False)
    op.create_table(
        "bulk_row",
        sa.Column("run_id", Key, nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("outcome", choice("bulkoutcome", OUTCOMES), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["bulk_run.id"], name=op.f("fk_bulk_row_run_id_bulk_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_row")),
        sa.UniqueConstraint("run_id", "record_id", name=op.f("uq_bulk_row_run_id_record_id")),
    )
    with op.batch_alter_table("bulk_row", schema=None) as batch_op:
        batch_op.create_index("ix_bulk_row_run_id_outcome_id", ["run_id", "outcome", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("bulk_row")
    op.drop_table("bulk_run")
