"""One record is shared with a person or a team, until a day, and whoever gets it is told.

Why: a colleague is needed for one customer, not for all. A downgrade loses what was shared with whom, and the
notifications of it.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Key

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("notification", "notification_setting")
BEFORE = ("mention", "note", "change_of_state", "assigned", "job_failed")
AFTER = ("mention", "note", "change_of_state", "assigned", "shared", "job_failed")


def upgrade() -> None:
    op.create_table(
        "record_share",
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        sa.Column("may_change", sa.Boolean(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name=op.f("ck_record_share_with_one")),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_record_share_team_id_team"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["ab_user.id"], name=op.f("fk_record_share_user_id_ab_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_share")),
        sa.UniqueConstraint("team_id", "entity", "record_id", name=op.f("uq_record_share_team_id_entity_record_id")),
        sa.UniqueConstraint("user_id", "entity", "record_id", name=op.f("uq_record_share_user_id_entity_record_id")),
    )
    with op.batch_alter_table("record_share", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_share_record_id"), ["record_id"], unique=False)
    _kinds(AFTER)


def _kinds(known: tuple[str, ...]) -> None:
    """Let the two tables know these kinds of notifications."""
    listed = ", ".join(f"'{kind}'" for kind in known)
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(op.f(f"ck_{table}_notificationkind"), type_="check")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_check_constraint(op.f(f"ck_{table}_notificationkind"), f"kind IN ({listed})")


def downgrade() -> None:
    for table in TABLES:
        op.execute(sa.text(f"DELETE FROM {table} WHERE kind = 'shared'"))
    _kinds(BEFORE)
    op.drop_table("record_share")
