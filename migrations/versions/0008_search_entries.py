"""Everything is found from everywhere: one search index over records of all kinds, and what each person opened last.

Why: nobody should have to know the list in which a record stands. The rows are derived from the records: the program
writes them when it next makes itself ready (`crm init`, `crm run`), `crm reindex` does so at any time. A downgrade
loses what people opened last; no record is touched.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_entry",
        sa.Column("id", Key, nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("title", sa.String(length=250), nullable=False),
        sa.Column("detail", sa.String(length=250), nullable=False),
        sa.Column(
            "key",
            sa.String(length=120).with_variant(sa.String(length=120, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["ab_user.id"], name=op.f("fk_search_entry_owner_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_search_entry_team_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_entry")),
        sa.UniqueConstraint("entity", "record_id", name=op.f("uq_search_entry_entity_record_id")),
    )
    with op.batch_alter_table("search_entry", schema=None) as batch_op:
        batch_op.create_index("ix_search_entry_entity_changed_at", ["entity", "changed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_search_entry_key"), ["key"], unique=False)
        batch_op.create_index(batch_op.f("ix_search_entry_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_search_entry_team_id"), ["team_id"], unique=False)
    op.create_table(
        "search_word",
        sa.Column("id", Key, nullable=False),
        sa.Column("search_text", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_word")),
        sa.UniqueConstraint("search_text", name=op.f("uq_search_word_search_text")),
    )
    op.create_table(
        "recent_record",
        sa.Column("id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["ab_user.id"], name=op.f("fk_recent_record_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recent_record")),
        sa.UniqueConstraint("user_id", "entity", "record_id", name=op.f("uq_recent_record_user_id_entity_record_id")),
    )


def downgrade() -> None:
    op.drop_table("recent_record")
    op.drop_table("search_word")
    op.drop_table("search_entry")
    op.execute(sa.text("DELETE FROM setting WHERE name = 'search_index'"))
