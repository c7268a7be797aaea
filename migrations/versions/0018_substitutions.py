"""People stand in for each other during illness and leave.

Why: what belongs to somebody who is away must be worked on, for that time only. A downgrade loses who stood in for
whom.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "substitution",
        sa.Column("absent_id", sa.Integer(), nullable=False),
        sa.Column("substitute_id", sa.Integer(), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("note", sa.String(length=250), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("begins_on <= ends_on", name=op.f("ck_substitution_days_in_order")),
        sa.CheckConstraint("absent_id <> substitute_id", name=op.f("ck_substitution_two_people")),
        sa.ForeignKeyConstraint(
            ["absent_id"], ["ab_user.id"], name=op.f("fk_substitution_absent_id_ab_user"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["substitute_id"], ["ab_user.id"], name=op.f("fk_substitution_substitute_id_ab_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_substitution")),
    )
    with op.batch_alter_table("substitution", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_substitution_absent_id"), ["absent_id"], unique=False)
        batch_op.create_index("ix_substitution_substitute_id_ends_on", ["substitute_id", "ends_on"], unique=False)


def downgrade() -> None:
    op.drop_table("substitution")
