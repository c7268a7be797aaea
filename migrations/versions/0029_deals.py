"""Deals go through the stages of pipelines, and every step is logged; an order knows the deal that it came from.

Why: who sells must see where each chance stands and what is next. Stages are data with constraints: a deal's stage is
one of its pipeline, what is lost has its reason, and the log of stages is only ever added to, by triggers.
A downgrade loses pipelines, deals, their log and the links of orders to them.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Amount, Instant, Key, Quantity

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TYPES = ("open", "won", "lost")
COLOURS = ("grey", "red", "orange", "yellow", "green", "teal", "blue", "violet", "pink")
ROLES = ("decides", "influences", "user", "pays", "supports", "blocks")
TABLES = ("stage_log", "deal_check", "deal_contact", "deal_line", "deal", "lost_reason")
STAGES = ("stage_move", "stage_check", "stage", "pipeline")
TRIGGERS = {
    "deal": ("deal_state_insert", "deal_state_update"),
    "stage": ("stage_type_update",),
    "stage_log": ("stage_log_keep_update", "stage_log_keep_delete", "stage_log_keep_truncate"),
}


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def entity() -> list[sa.Column]:
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def link(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def to_stage(table: str, column: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """Return the link to a stage of the same pipeline."""
    name = op.f(f"fk_{table}_pipeline_id_{column}")
    return sa.ForeignKeyConstraint(
        ["pipeline_id", column], ["stage.pipeline_id", "stage.id"], name=name, ondelete=ondelete
    )


def check(table: str, name: str, text: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))


def indexes(table: str, *columns: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        for column in columns:
            batch_op.create_index(f"ix_{table}_{column}", [column], unique=False)


def unique_where(name: str, table: str, columns: list[str], where: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_index(name, columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def pipelines() -> None:
    op.create_table(
        "pipeline",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("archived_at", Instant(), nullable=True),
        *entity(),
        check("pipeline", "name_filled", "length(trim(name)) > 0"),
        check("pipeline", "currency_code", "length(currency) = 3"),
        check("pipeline", "default_in_use", "archived_at IS NULL OR NOT is_default"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline")),
        sa.UniqueConstraint("name", name=op.f("uq_pipeline_name")),
    )
    unique_where("uq_pipeline_default", "pipeline", ["is_default"], "is_default")
    op.create_table(
        "stage",
        sa.Column("pipeline_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("type", choice("stagetype", TYPES), nullable=False),
        sa.Column("probability", sa.Integer(), nullable=False),
        sa.Column("colour", choice("tagcolour", COLOURS), nullable=False),
        sa.Column("owner_role", sa.String(length=64), nullable=True),
        sa.Column("norm_minutes", sa.Integer(), nullable=True),
        sa.Column("needs_on_entry", sa.JSON(), nullable=False),
        sa.Column("needs_on_exit", sa.JSON(), nullable=False),
        *entity(),
        link("stage", "pipeline_id", "pipeline", "CASCADE"),
        check("stage", "name_filled", "length(trim(name)) > 0"),
        check("stage", "probability_in_percent", "probability BETWEEN 0 AND 100"),
        check(
            "stage",
            "ends_are_certain",
            "type = 'open' OR (type = 'won' AND probability = 100) OR (type = 'lost' AND probability = 0)",
        ),
        check("stage", "norm_positive", "norm_minutes > 0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage")),
        sa.UniqueConstraint("pipeline_id", "id", name=op.f("uq_stage_pipeline_id_id")),
        sa.UniqueConstraint("pipeline_id", "name", name=op.f("uq_stage_pipeline_id_name")),
    )
    unique_where("uq_stage_end", "stage", ["pipeline_id", "type"], "type <> 'open'")
    op.create_table(
        "stage_check",
        sa.Column("stage_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=250), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("stage_check", "stage_id", "stage", "CASCADE"),
        check("stage_check", "text_filled", "length(trim(text)) > 0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_check")),
    )
    indexes("stage_check", "stage_id")
    op.create_table(
        "stage_move",
        sa.Column("pipeline_id", Key, nullable=False),
        sa.Column("stage_id", Key, nullable=False),
        sa.Column("to_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        to_stage("stage_move", "stage_id", "CASCADE"),
        to_stage("stage_move", "to_id", "CASCADE"),
        check("stage_move", "two_stages", "stage_id <> to_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_move")),
        sa.UniqueConstraint("stage_id", "to_id", name=op.f("uq_stage_move_stage_id_to_id")),
    )
    indexes("stage_move", "to_id")
    with op.batch_alter_table("stage_move", schema=None) as batch_op:
        batch_op.create_index("ix_stage_move_pipeline_id_stage_id", ["pipeline_id", "stage_id"], unique=False)
    op.create_table(
        "lost_reason",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *entity(),
        check("lost_reason", "name_filled", "length(trim(name)) > 0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lost_reason")),
        sa.UniqueConstraint("name", name=op.f("uq_lost_reason_name")),
    )


def deals() -> None:
    op.create_table(
        "deal",
        sa.Column("title", sa.String(length=250), nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("pipeline_id", Key, nullable=False),
        sa.Column("stage_id", Key, nullable=False),
        sa.Column("state", choice("stagetype", TYPES), nullable=False),
        sa.Column("amount", Amount(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("source", sa.String(length=60), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("lost_reason_id", Key, nullable=True),
        sa.Column("lost_note", sa.Text(), nullable=True),
        sa.Column("lost_from_id", Key, nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.Column("entered_at", Instant(), nullable=False),
        sa.Column("last_touch_at", Instant(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        *entity(),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        link("deal", "party_id", "party"),
        link("deal", "pipeline_id", "pipeline"),
        link("deal", "lost_reason_id", "lost_reason"),
        link("deal", "owner_id", "ab_user", "SET NULL"),
        link("deal", "team_id", "team", "SET NULL"),
        to_stage("deal", "stage_id"),
        to_stage("deal", "lost_from_id"),
        check("deal", "title_filled", "length(trim(title)) > 0"),
        check("deal", "currency_code", "length(currency) = 3"),
        check("deal", "amount_positive", "amount >= 0"),
        check("deal", "closed_at_end", "(state = 'open') = (closed_at IS NULL)"),
        check(
            "deal",
            "loss_told",
            "state <> 'lost' OR (lost_reason_id IS NOT NULL AND lost_from_id IS NOT NULL "
            "AND lost_note IS NOT NULL AND length(trim(lost_note)) > 0)",
        ),
        check(
            "deal",
            "loss_of_lost",
            "state = 'lost' OR (lost_reason_id IS NULL AND lost_from_id IS NULL AND lost_note IS NULL)",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal")),
    )
    indexes("deal", "party_id", "lost_reason_id", "owner_id", "team_id", "closed_at", "changed_at")
    with op.batch_alter_table("deal", schema=None) as batch_op:
        batch_op.create_index("ix_deal_pipeline_id_stage_id", ["pipeline_id", "stage_id", "id"], unique=False)
        batch_op.create_index("ix_deal_state_expected_on", ["state", "expected_on", "id"], unique=False)
        batch_op.create_index("ix_deal_state_last_touch_at", ["state", "last_touch_at"], unique=False)
        batch_op.create_index("ix_deal_owner_id_state", ["owner_id", "state"], unique=False)


def rows_of_deals() -> None:
    op.create_table(
        "deal_line",
        sa.Column("deal_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", Key, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("quantity", Quantity(), nullable=False),
        sa.Column("unit_id", Key, nullable=True),
        sa.Column("unit_price", Quantity(), nullable=False),
        sa.Column("discount_percent", Quantity(), nullable=False),
        sa.Column("tax_id", Key, nullable=True),
        sa.Column("net", Amount(), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("deal_line", "deal_id", "deal", "CASCADE"),
        link("deal_line", "product_id", "product"),
        link("deal_line", "unit_id", "unit"),
        link("deal_line", "tax_id", "tax"),
        check("deal_line", "quantity_positive", "quantity > 0"),
        check("deal_line", "price_positive", "unit_price >= 0"),
        check("deal_line", "discount_positive", "discount_percent >= 0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal_line")),
    )
    indexes("deal_line", "product_id", "tax_id")
    with op.batch_alter_table("deal_line", schema=None) as batch_op:
        batch_op.create_index("ix_deal_line_deal_id_position", ["deal_id", "position"], unique=False)
    op.create_table(
        "deal_contact",
        sa.Column("deal_id", Key, nullable=False),
        sa.Column("contact_id", Key, nullable=False),
        sa.Column("role", choice("decisionrole", ROLES), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("deal_contact", "deal_id", "deal", "CASCADE"),
        link("deal_contact", "contact_id", "party_contact", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal_contact")),
        sa.UniqueConstraint("deal_id", "contact_id", name=op.f("uq_deal_contact_deal_id_contact_id")),
    )
    indexes("deal_contact", "contact_id")
    op.create_table(
        "deal_check",
        sa.Column("deal_id", Key, nullable=False),
        sa.Column("check_id", Key, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        link("deal_check", "deal_id", "deal", "CASCADE"),
        link("deal_check", "check_id", "stage_check", "CASCADE"),
        link("deal_check", "by_id", "ab_user", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal_check")),
        sa.UniqueConstraint("deal_id", "check_id", name=op.f("uq_deal_check_deal_id_check_id")),
    )
    indexes("deal_check", "check_id")
    op.create_table(
        "stage_log",
        sa.Column("deal_id", Key, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("from_id", Key, nullable=True),
        sa.Column("from_name", sa.String(length=120), nullable=True),
        sa.Column("to_id", Key, nullable=False),
        sa.Column("to_name", sa.String(length=120), nullable=False),
        sa.Column("state", choice("stagetype", TYPES), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("working_minutes", sa.Integer(), nullable=True),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        link("stage_log", "deal_id", "deal", "CASCADE"),
        link("stage_log", "by_id", "ab_user", "SET NULL"),
        check("stage_log", "seconds_positive", "seconds >= 0"),
        check("stage_log", "minutes_positive", "working_minutes >= 0"),
        check(
            "stage_log",
            "durations_of_former",
            "(from_name IS NULL) = (seconds IS NULL) AND (from_name IS NULL) = (working_minutes IS NULL)",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_log")),
    )
    indexes("stage_log", "by_id")
    with op.batch_alter_table("stage_log", schema=None) as batch_op:
        batch_op.create_index("ix_stage_log_deal_id", ["deal_id", "id"], unique=False)
        batch_op.create_index("ix_stage_log_to_id_at", ["to_id", "at"], unique=False)


def upgrade() -> None:
    pipelines()
    deals()
    rows_of_deals()
    with op.batch_alter_table("sale_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deal_id", Key, nullable=True))
        batch_op.create_index(batch_op.f("ix_sale_order_deal_id"), ["deal_id"], unique=False)
        batch_op.create_foreign_key(batch_op.f("fk_sale_order_deal_id"), "deal", ["deal_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("sale_order", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_sale_order_deal_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_sale_order_deal_id"))
        batch_op.drop_column("deal_id")
    if op.get_bind().dialect.name == "postgresql":
        for table, names in TRIGGERS.items():
            for name in names:
                op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    for table in (*TABLES, *STAGES):
        op.drop_table(table)
