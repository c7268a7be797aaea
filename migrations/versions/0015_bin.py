"""Deleted records wait in a bin and can be brought back.

Why: whoever deletes by mistake gets back what he had, without a restored backup. A downgrade loses what is in the bin;
the files of such records stay on the disk.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INDEXED = ("batch", "deleted_at", "deleted_by_id", "owner_id", "team_id")


def upgrade() -> None:
    op.create_table(
        "deleted_record",
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("is_nobodys", sa.Boolean(), nullable=False),
        sa.Column("deleted_by_id", sa.Integer(), nullable=True),
        sa.Column("deleted_at", Instant(), nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [name], ["ab_user.id"], name=op.f(f"fk_deleted_record_{name}_ab_user"), ondelete="SET NULL"
            )
            for name in ("deleted_by_id", "owner_id")
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_deleted_record_team_id_team"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deleted_record")),
    )
    with op.batch_alter_table("deleted_record", schema=None) as batch_op:
        batch_op.create_index("ix_deleted_record_entity_record_id", ["entity", "record_id"], unique=False)
        for name in INDEXED:
            batch_op.create_index(batch_op.f(f"ix_deleted_record_{name}"), [name], unique=False)
    op.create_table(
        "deleted_file",
        sa.Column("deleted_record_id", Key, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["deleted_record_id"],
            ["deleted_record.id"],
            name=op.f("fk_deleted_file_deleted_record_id_deleted_record"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deleted_file")),
    )
    with op.batch_alter_table("deleted_file", schema=None) as batch_op:
        for name in ("deleted_record_id", "sha256"):
            batch_op.create_index(batch_op.f(f"ix_deleted_file_{name}"), [name], unique=False)


def downgrade() -> None:
    op.drop_table("deleted_file")
    op.drop_table("deleted_record")
