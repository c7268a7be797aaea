"""Roles are a preset and what an administrator changed about it; roles are copied.

Why: the rights of the presets stand in the program and grow with it; what a company decided for itself must outlive
that.
A downgrade loses the differences and which role was copied from which; the roles themselves stay.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Key

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SCOPES = ("none", "own", "team", "subtree", "all")


def upgrade() -> None:
    op.create_table(
        "role_base",
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("base", sa.String(length=64), nullable=True),
        sa.Column("note", sa.String(length=250), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["role_id"], ["ab_role.id"], name=op.f("fk_role_base_role_id_ab_role"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_base")),
        sa.UniqueConstraint("role_id", name=op.f("uq_role_base_role_id")),
    )
    op.create_table(
        "role_change",
        sa.Column("role_id", sa.Integer(), nullable=False),
        sa.Column("area", sa.String(length=60), nullable=False),
        sa.Column("verb", sa.String(length=60), nullable=False),
        sa.Column("is_granted", sa.Boolean(), nullable=True),
        sa.Column(
            "scope",
            sa.Enum(*SCOPES, name="scope", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("unassigned", sa.Boolean(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint(
            "is_granted IS NOT NULL OR scope IS NOT NULL OR unassigned IS NOT NULL",
            name=op.f("ck_role_change_says_something"),
        ),
        sa.ForeignKeyConstraint(
            ["role_id"], ["ab_role.id"], name=op.f("fk_role_change_role_id_ab_role"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_change")),
        sa.UniqueConstraint("role_id", "area", "verb", name=op.f("uq_role_change_role_id_area_verb")),
    )


def downgrade() -> None:
    op.drop_table("role_change")
    op.drop_table("role_base")
