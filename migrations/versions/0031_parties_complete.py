"""Counterparties get keys for near misses, a parent, interests, figures, pairs that may be one, and merges.

Why: the same client twice costs a salesman his face; what belongs together must be seen together. Keys, completeness
and figures of standing counterparties are worked out by a job soon after: None means that this is still to come.
A downgrade loses all of it: merged counterparties stay archived, their documents stay with the winner.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Amount, Instant, Key

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

REACHED = ("phone", "email", "messenger", "post", "visit")
FIGURES = (
    *("orders_count", "first_order_on", "last_order_on", "orders_per_year"),
    *("turnover", "average_check", "open_balance", "payment_lag_days", "last_touch_on"),
)
COMPARED = sa.String(length=120).with_variant(sa.String(length=120, collation="C"), "postgresql")


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["ab_user.id"], name=f"fk_{table}_{column}_ab_user", ondelete="SET NULL")


def party(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["party.id"], name=op.f(f"fk_{table}_{column}_party"), ondelete="CASCADE")


def upgrade() -> None:
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent_id", Key, nullable=True))
        batch_op.add_column(sa.Column("preferred_channel", choice("reached", REACHED), nullable=True))
        batch_op.add_column(sa.Column("call_time", sa.String(length=60), nullable=True))
        batch_op.add_column(sa.Column("merged_into_id", Key, nullable=True))
        batch_op.add_column(sa.Column("latin_key", COMPARED, server_default="", nullable=False))
        batch_op.add_column(sa.Column("sound_key", COMPARED, server_default="", nullable=False))
        batch_op.add_column(sa.Column("completeness", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            op.f("fk_party_parent_id_party"), "party", ["parent_id"], ["id"], ondelete="SET NULL"
        )
        batch_op.create_foreign_key(op.f("fk_party_merged_into_id_party"), "party", ["merged_into_id"], ["id"])
        batch_op.create_check_constraint(op.f("ck_party_completeness_percent"), "completeness BETWEEN 0 AND 100")
        batch_op.create_check_constraint(op.f("ck_party_not_its_own_parent"), "parent_id <> id")
        batch_op.create_check_constraint(op.f("ck_party_not_merged_into_itself"), "merged_into_id <> id")
        for name in ("parent_id", "latin_key", "sound_key", "completeness"):
            batch_op.create_index(op.f(f"ix_party_{name}"), [name], unique=False)
        merged = sa.text("merged_into_id IS NOT NULL")
        batch_op.create_index(
            "ix_party_merged_into_id",
            ["merged_into_id"],
            unique=False,
            sqlite_where=merged,
            postgresql_where=merged,
        )
    op.create_table(
        "party_interest",
        sa.Column("party_id", Key, nullable=False),
        sa.Column("topic", sa.String(length=120), nullable=False),
        sa.Column("product_id", Key, nullable=True),
        sa.Column("strength", choice("strength", ("weak", "clear", "strong")), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("source", sa.String(length=60), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("length(trim(topic)) > 0", name=op.f("ck_party_interest_topic_filled")),
        party("party_interest", "party_id"),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_party_interest_product_id_product"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_interest")),
    )
    with op.batch_alter_table("party_interest", schema=None) as batch_op:
        for name in ("party_id", "topic", "product_id"):
            batch_op.create_index(op.f(f"ix_party_interest_{name}"), [name], unique=False)
    op.create_table(
        "party_metric",
        sa.Column("party_id", Key, autoincrement=False, nullable=False),
        sa.Column("orders_count", sa.Integer(), nullable=False),
        sa.Column("first_order_on", sa.Date(), nullable=True),
        sa.Column("last_order_on", sa.Date(), nullable=True),
        sa.Column("orders_per_year", Amount(), nullable=False),
        sa.Column("turnover", Amount(), nullable=False),
        sa.Column("average_check", Amount(), nullable=True),
        sa.Column("open_balance", Amount(), nullable=False),
        sa.Column("payment_lag_days", sa.Integer(), nullable=True),
        sa.Column("last_touch_on", sa.Date(), nullable=True),
        sa.Column("counted_at", Instant(), nullable=False),
        sa.CheckConstraint("orders_count >= 0", name=op.f("ck_party_metric_orders_count_positive")),
        party("party_metric", "party_id"),
        sa.PrimaryKeyConstraint("party_id", name=op.f("pk_party_metric")),
    )
    with op.batch_alter_table("party_metric", schema=None) as batch_op:
        for name in FIGURES:
            batch_op.create_index(f"ix_party_metric_{name}", [name, "party_id"], unique=False)
    op.create_table(
        "party_mark",
        sa.Column("id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_mark")),
    )
    op.create_table(
        "party_pair",
        sa.Column("id", Key, nullable=False),
        sa.Column("one_id", Key, nullable=False),
        sa.Column("other_id", Key, nullable=False),
        sa.Column("state", choice("pairstate", ("open", "dismissed")), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.String(length=120), nullable=False),
        sa.Column("found_at", Instant(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("one_id < other_id", name=op.f("ck_party_pair_in_order")),
        party("party_pair", "one_id"),
        party("party_pair", "other_id"),
        person("party_pair", "by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_pair")),
        sa.UniqueConstraint("one_id", "other_id", name=op.f("uq_party_pair_one_id_other_id")),
    )
    with op.batch_alter_table("party_pair", schema=None) as batch_op:
        batch_op.create_index("ix_party_pair_state_score", ["state", "score", "id"], unique=False)
        batch_op.create_index("ix_party_pair_other_id", ["other_id"], unique=False)
        batch_op.create_index(op.f("ix_party_pair_by_id"), ["by_id"], unique=False)
    op.create_table(
        "party_merge",
        sa.Column("id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("loser_id", Key, nullable=False),
        sa.Column("state", choice("mergestate", ("done", "undone", "settled")), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("loser_before", sa.JSON(), nullable=False),
        sa.Column("conflicts", sa.JSON(), nullable=False),
        sa.Column("merged_at", Instant(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("undone_at", Instant(), nullable=True),
        sa.Column("undone_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("party_id <> loser_id", name=op.f("ck_party_merge_two_parties")),
        party("party_merge", "party_id"),
        party("party_merge", "loser_id"),
        person("party_merge", "by_id"),
        person("party_merge", "undone_by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_merge")),
    )
    with op.batch_alter_table("party_merge", schema=None) as batch_op:
        for name in ("party_id", "loser_id", "merged_at", "by_id", "undone_by_id"):
            batch_op.create_index(op.f(f"ix_party_merge_{name}"), [name], unique=False)
    op.create_table(
        "party_merge_row",
        sa.Column("id", Key, nullable=False),
        sa.Column("merge_id", Key, nullable=False),
        sa.Column("table_name", sa.String(length=63), nullable=False),
        sa.Column("column_name", sa.String(length=63), nullable=False),
        sa.Column("row_id", Key, nullable=False),
        sa.Column("fate", choice("rowfate", ("moved", "made")), nullable=False),
        sa.ForeignKeyConstraint(
            ["merge_id"], ["party_merge.id"], name=op.f("fk_party_merge_row_merge_id_party_merge"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_party_merge_row")),
    )
    with op.batch_alter_table("party_merge_row", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_party_merge_row_merge_id"), ["merge_id"], unique=False)


def downgrade() -> None:
    for table in ("party_merge_row", "party_merge", "party_pair", "party_mark", "party_metric", "party_interest"):
        op.drop_table(table)
    with op.batch_alter_table("party", schema=None) as batch_op:
        for name in ("completeness", "sound_key", "latin_key", "merged_into_id", "parent_id"):
            batch_op.drop_index(op.f(f"ix_party_{name}"))
        for name in ("completeness_percent", "not_its_own_parent", "not_merged_into_itself"):
            batch_op.drop_constraint(op.f(f"ck_party_{name}"), type_="check")
        batch_op.drop_constraint(op.f("ck_party_reached"), type_="check")
        for name in ("parent_id", "merged_into_id"):
            batch_op.drop_constraint(op.f(f"fk_party_{name}_party"), type_="foreignkey")
        for name in ("completeness", "sound_key", "latin_key", "merged_into_id", "call_time", "preferred_channel"):
            batch_op.drop_column(name)
        batch_op.drop_column("parent_id")
