"""Segments: sets of counterparties by conditions, the members of those that are kept, and how many each reader saw.

Why: whom one writes to is said once, in conditions that everybody can read, and not gathered by hand each time.
A downgrade loses the segments.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def link(table: str, column: str, to: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def upgrade() -> None:
    kinds = sa.Enum("live", "static", name="segmentkind", native_enum=False, create_constraint=True, length=24)
    op.create_table(
        "segment",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", kinds, nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("frozen_at", Instant(), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", Key, nullable=True),
        sa.Column("team_id", Key, nullable=True),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_segment_name_filled")),
        link("segment", "owner_id", "ab_user", "SET NULL"),
        link("segment", "team_id", "team", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
    )
    with op.batch_alter_table("segment", schema=None) as batch_op:
        batch_op.create_index("ix_segment_name_id", ["name", "id"], unique=False)
        for name in ("owner_id", "team_id"):
            batch_op.create_index(batch_op.f(f"ix_segment_{name}"), [name], unique=False)
    op.create_table(
        "segment_member",
        sa.Column("segment_id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("segment_member", "segment_id", "segment", "CASCADE"),
        link("segment_member", "party_id", "party", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment_member")),
        sa.UniqueConstraint("segment_id", "party_id", name=op.f("uq_segment_member_segment_id_party_id")),
    )
    with op.batch_alter_table("segment_member", schema=None) as batch_op:
        batch_op.create_index("ix_segment_member_party_id", ["party_id"], unique=False)
    op.create_table(
        "segment_count",
        sa.Column("segment_id", Key, autoincrement=False, nullable=False),
        sa.Column("user_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        link("segment_count", "segment_id", "segment", "CASCADE"),
        link("segment_count", "user_id", "ab_user", "CASCADE"),
        sa.PrimaryKeyConstraint("segment_id", "user_id", name=op.f("pk_segment_count")),
    )
    with op.batch_alter_table("segment_count", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_segment_count_user_id"), ["user_id"], unique=False)


def downgrade() -> None:
    op.drop_table("segment_count")
    op.drop_table("segment_member")
    op.drop_table("segment")
