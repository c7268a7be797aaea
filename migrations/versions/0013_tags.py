"""People put tags on records of any kind and find them by these.

Why: what belongs together seldom follows from columns. A downgrade loses the tags and what they were put on.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLOURS = ("grey", "red", "orange", "yellow", "green", "teal", "blue", "violet", "pink")


def upgrade() -> None:
    op.create_table(
        "tag",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column(
            "colour",
            sa.Enum(*COLOURS, name="tagcolour", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_tag_name_filled")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("name_key", name=op.f("uq_tag_name_key")),
    )
    op.create_table(
        "tagging",
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("tag_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name=op.f("fk_tagging_tag_id_tag"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tagging")),
        sa.UniqueConstraint("entity", "record_id", "tag_id", name=op.f("uq_tagging_entity_record_id_tag_id")),
    )
    with op.batch_alter_table("tagging", schema=None) as batch_op:
        batch_op.create_index("ix_tagging_tag_id_entity_record_id", ["tag_id", "entity", "record_id"], unique=False)


def downgrade() -> None:
    op.drop_table("tagging")
    op.drop_table("tag")
