"""Quotes with versions and a customer's link, deliveries and returns; orders know how far they are.

Why: what is offered, delivered and invoiced of an order must be told apart. An order that was "done" is "fulfilled";
what lies between its confirmation and its end follows from deliveries and invoices from now on. A down payment is an
invoice of its own, and a later one takes it off.
A downgrade loses quotes, deliveries, where a shop's orders came from and which invoices were down payments; orders in
progress are confirmed again, fulfilled and closed ones are done.
"""

import sqlalchemy as sa
from alembic import op

from app import columns
from app.columns import Instant, Key

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

AMOUNT, QUANTITY = columns.Exact(18, 4), columns.Exact(18, 6)
OLD = ("draft", "confirmed", "done", "cancelled")
NEW = ("draft", "confirmed", "in_progress", "fulfilled", "closed", "cancelled")
KINDS = ("sale_order", "invoice", "credit_note")
FILE_FIRST = "attachment_id IS NOT NULL OR state IN ('pending', 'failed', 'cancelled')"


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def recheck(table: str, name: str, rule: str, *before: str) -> None:
    """Replace a rule of a table; `before` is what its rows need to obey the new one."""
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
    for statement in before:
        op.execute(statement)
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_check_constraint(op.f(f"ck_{table}_{name}"), rule)


def one_of(column: str, values: tuple[str, ...]) -> str:
    told = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({told})"


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def entity() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
    ]


def owned(table: str) -> list[sa.ForeignKeyConstraint]:
    return [link(table, "owner_id", "ab_user", "SET NULL"), link(table, "team_id", "team", "SET NULL")]


def index(table: str, *names: str, unique: bool = False) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_index(f"ix_{table}_{'_'.join(names)}", list(names), unique=unique)


def make_quotes() -> None:
    states = ("draft", "sent", "accepted", "rejected", "expired", "replaced")
    op.create_table(
        "quote",
        sa.Column("state", choice("quotestate", *states), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("series_id", Key, nullable=True),
        sa.Column("replaces_id", Key, nullable=True),
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("deal_id", Key, nullable=True),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("delivery_on", sa.Date(), nullable=True),
        sa.Column("payment_term_id", Key, nullable=True),
        sa.Column("buyer_reference", sa.String(length=120), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("returns", sa.Boolean(), nullable=False),
        sa.Column("discount", AMOUNT, nullable=False),
        sa.Column("charge", AMOUNT, nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("net", AMOUNT, nullable=False),
        sa.Column("tax", AMOUNT, nullable=False),
        sa.Column("gross", AMOUNT, nullable=False),
        sa.Column("file_id", Key, nullable=True),
        sa.Column("link_nonce", sa.String(length=32), nullable=True),
        sa.Column("link_sha256", sa.String(length=64), nullable=True),
        sa.Column("link_ended_at", Instant(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("answered_name", sa.String(length=120), nullable=True),
        sa.Column("answered_address", sa.String(length=45), nullable=True),
        sa.Column("answered_agent", sa.String(length=250), nullable=True),
        sa.Column("answered_by_id", sa.Integer(), nullable=True),
        sa.Column("rejected_reason", sa.String(length=500), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        *entity(),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_quote_currency_code")),
        sa.CheckConstraint("gross >= 0", name=op.f("ck_quote_gross_positive")),
        sa.CheckConstraint("net + tax = gross", name=op.f("ck_quote_totals_add_up")),
        sa.CheckConstraint("edition >= 1", name=op.f("ck_quote_edition_positive")),
        sa.CheckConstraint(
            "state = 'draft' OR (number IS NOT NULL AND sent_on IS NOT NULL AND valid_until IS NOT NULL)",
            name=op.f("ck_quote_sent_complete"),
        ),
        sa.CheckConstraint("valid_until >= sent_on", name=op.f("ck_quote_valid_in_order")),
        sa.CheckConstraint(
            "state NOT IN ('accepted', 'rejected') OR (answered_at IS NOT NULL AND answered_name IS NOT NULL)",
            name=op.f("ck_quote_answer_complete"),
        ),
        sa.CheckConstraint(
            "link_ended_at IS NOT NULL OR link_sha256 IS NULL OR state = 'sent'", name=op.f("ck_quote_link_while_sent")
        ),
        link("quote", "series_id", "number_series"),
        link("quote", "replaces_id", "quote"),
        link("quote", "organisation_id", "organisation"),
        link("quote", "party_id", "party"),
        link("quote", "deal_id", "deal"),
        link("quote", "payment_term_id", "payment_term"),
        link("quote", "file_id", "attachment"),
        link("quote", "answered_by_id", "ab_user", "SET NULL"),
        *owned("quote"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quote")),
        sa.UniqueConstraint("series_id", "number", "edition", name=op.f("uq_quote_series_id_number_edition")),
        sa.UniqueConstraint("replaces_id", name=op.f("uq_quote_replaces_id")),
        sa.UniqueConstraint("link_sha256", name=op.f("uq_quote_link_sha256")),
    )
    for name in (
        "organisation_id",
        "party_id",
        "deal_id",
        "sent_on",
        "file_id",
        "answered_by_id",
        "owner_id",
        "team_id",
    ):
        index("quote", name)
    index("quote", "state", "id")
    index("quote", "state", "valid_until")
    op.create_table("quote_line", *lines("quote_line", "quote_id", "quote"))
    for name in ("product_id", "tax_id"):
        index("quote_line", name)
    index("quote_line", "quote_id", "position")


def lines(table: str, column: str, parent: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column(column, Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", Key, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("quantity", QUANTITY, nullable=False),
        sa.Column("unit_id", Key, nullable=True),
        sa.Column("unit_price", QUANTITY, nullable=False),
        sa.Column("discount_percent", QUANTITY, nullable=False),
        sa.Column("tax_id", Key, nullable=False),
        sa.Column("net", AMOUNT, nullable=False),
        sa.Column("tax_amount", AMOUNT, nullable=False),
        sa.Column("gross", AMOUNT, nullable=False),
        sa.Column("price_steps", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("parameters", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("unit_cost", QUANTITY, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("quantity <> 0", name=op.f(f"ck_{table}_quantity_not_zero")),
        sa.CheckConstraint("unit_price >= 0", name=op.f(f"ck_{table}_price_positive")),
        sa.CheckConstraint("discount_percent >= 0", name=op.f(f"ck_{table}_discount_positive")),
        link(table, column, parent, "CASCADE"),
        link(table, "product_id", "product"),
        link(table, "unit_id", "unit"),
        link(table, "tax_id", "tax"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def make_deliveries() -> None:
    states = ("planned", "shipped", "delivered", "cancelled")
    op.create_table(
        "delivery",
        sa.Column("kind", choice("deliverykind", "out", "back"), nullable=False),
        sa.Column("state", choice("deliverystate", *states), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("series_id", Key, nullable=True),
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("order_id", Key, nullable=False),
        sa.Column("returns_id", Key, nullable=True),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=True),
        sa.Column("shipped_at", Instant(), nullable=True),
        sa.Column("delivered_at", Instant(), nullable=True),
        sa.Column("carrier", sa.String(length=120), nullable=True),
        sa.Column("tracking_number", sa.String(length=80), nullable=True),
        sa.Column("street", sa.String(length=250), nullable=True),
        sa.Column("postal_code", sa.String(length=20), nullable=True),
        sa.Column("city", sa.String(length=120), nullable=True),
        sa.Column("region", sa.String(length=120), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("file_id", Key, nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        *entity(),
        sa.CheckConstraint("(kind = 'back') = (returns_id IS NOT NULL)", name=op.f("ck_delivery_return_returns")),
        sa.CheckConstraint(
            "state NOT IN ('shipped', 'delivered') OR number IS NOT NULL", name=op.f("ck_delivery_numbered")
        ),
        sa.CheckConstraint(
            "(state = 'delivered') = (delivered_at IS NOT NULL)", name=op.f("ck_delivery_delivered_complete")
        ),
        sa.CheckConstraint("state <> 'shipped' OR shipped_at IS NOT NULL", name=op.f("ck_delivery_shipped_complete")),
        sa.CheckConstraint("country IS NULL OR length(country) = 2", name=op.f("ck_delivery_country_code")),
        link("delivery", "series_id", "number_series"),
        link("delivery", "organisation_id", "organisation"),
        link("delivery", "order_id", "sale_order"),
        link("delivery", "returns_id", "delivery"),
        link("delivery", "party_id", "party"),
        link("delivery", "file_id", "attachment"),
        *owned("delivery"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("series_id", "number", name=op.f("uq_delivery_series_id_number")),
    )
    for name in ("organisation_id", "returns_id", "party_id", "planned_on", "file_id", "owner_id", "team_id"):
        index("delivery", name)
    index("delivery", "state", "planned_on")
    index("delivery", "order_id", "state")
    op.create_table(
        "delivery_line",
        sa.Column("delivery_id", Key, nullable=False),
        sa.Column("order_line_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("quantity", QUANTITY, nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_delivery_line_quantity_positive")),
        link("delivery_line", "delivery_id", "delivery", "CASCADE"),
        link("delivery_line", "order_line_id", "sale_order_line"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_line")),
        sa.UniqueConstraint("delivery_id", "order_line_id", name=op.f("uq_delivery_line_delivery_id_order_line_id")),
    )
    index("delivery_line", "order_line_id")


def upgrade() -> None:
    make_quotes()
    with op.batch_alter_table("sale_order", schema=None) as batch_op:
        batch_op.add_column(sa.Column("quote_id", Key, nullable=True))
        batch_op.add_column(sa.Column("external_source", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("external_id", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("external_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("cancelled_reason", sa.String(length=500), nullable=True))
        batch_op.add_column(sa.Column("closed_reason", sa.String(length=500), nullable=True))
        batch_op.create_foreign_key("fk_sale_order_quote_id", "quote", ["quote_id"], ["id"])
        batch_op.create_index("ix_sale_order_quote_id", ["quote_id"], unique=False)
        batch_op.create_check_constraint(
            op.f("ck_sale_order_external_complete"), "(external_id IS NULL) = (external_source IS NULL)"
        )
    external = "external_id IS NOT NULL"
    with op.batch_alter_table("sale_order", schema=None) as batch_op:
        batch_op.create_index(
            "uq_sale_order_external",
            ["external_source", "external_id"],
            unique=True,
            sqlite_where=sa.text(external),
            postgresql_where=sa.text(external),
        )
    recheck(
        "sale_order",
        "orderstate",
        one_of("state", NEW),
        "UPDATE sale_order SET state = 'fulfilled' WHERE state = 'done'",
    )
    rename("done", "fulfilled")
    make_deliveries()
    recheck("number_series", "serieskind", one_of("kind", (*KINDS, "quote", "delivery")))
    recheck("letter", "file_first", f"purpose NOT IN ('invoice', 'quote') OR {FILE_FIRST}")
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("over_percent", QUANTITY, server_default="0", nullable=False))
        batch_op.create_check_constraint(op.f("ck_organisation_over_percent_positive"), "over_percent >= 0")
    # in place: a table with a generated column cannot be rebuilt
    op.add_column("invoice", sa.Column("is_advance", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.batch_alter_table("invoice_line", schema=None) as batch_op:
        batch_op.add_column(sa.Column("advance_line_id", Key, nullable=True))
        batch_op.create_foreign_key("fk_invoice_line_advance_line_id", "invoice_line", ["advance_line_id"], ["id"])
        batch_op.create_index("ix_invoice_line_advance_line_id", ["advance_line_id"], unique=False)


def rename(old: str, new: str) -> None:
    """Name a state of orders anew wherever it is told or looked for; the sealed audit keeps its words."""
    for column in ("before", "after"):
        op.execute(f"UPDATE state_change SET {column} = '{new}' WHERE entity = 'order' AND {column} = '{old}'")
    op.execute(f"UPDATE notification SET said = '{new}' WHERE entity = 'order' AND said = '{old}'")
    for operator in ("eq", "neq"):
        before, after = f"state.{operator}={old}", f"state.{operator}={new}"
        op.execute(f"UPDATE saved_view SET query = replace(query, '{before}', '{after}') WHERE entity = 'order'")


def downgrade() -> None:
    with op.batch_alter_table("invoice_line", schema=None) as batch_op:
        batch_op.drop_index("ix_invoice_line_advance_line_id")
        batch_op.drop_constraint("fk_invoice_line_advance_line_id", type_="foreignkey")
        batch_op.drop_column("advance_line_id")
    op.drop_column("invoice", "is_advance")
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_organisation_over_percent_positive"), type_="check")
        batch_op.drop_column("over_percent")
    op.drop_table("delivery_line")
    op.drop_table("delivery")
    op.execute("DELETE FROM letter WHERE purpose = 'quote'")
    recheck("letter", "file_first", f"purpose <> 'invoice' OR {FILE_FIRST}")
    rename("fulfilled", "done")
    recheck(
        "sale_order",
        "orderstate",
        one_of("state", OLD),
        "UPDATE sale_order SET state = 'confirmed' WHERE state = 'in_progress'",
        "UPDATE sale_order SET state = 'done' WHERE state IN ('fulfilled', 'closed')",
    )
    with op.batch_alter_table("sale_order", schema=None) as batch_op:
        batch_op.drop_index("uq_sale_order_external")
        batch_op.drop_index("ix_sale_order_quote_id")
        batch_op.drop_constraint(op.f("ck_sale_order_external_complete"), type_="check")
        batch_op.drop_constraint("fk_sale_order_quote_id", type_="foreignkey")
        for name in ("quote_id", "external_source", "external_id", "external_sha256"):
            batch_op.drop_column(name)
        for name in ("cancelled_reason", "closed_reason"):
            batch_op.drop_column(name)
    op.drop_table("quote_line")
    op.drop_table("quote")
    gone = "kind IN ('quote', 'delivery')"
    op.execute(f"DELETE FROM number_counter WHERE series_id IN (SELECT id FROM number_series WHERE {gone})")
    recheck(
        "number_series",
        "serieskind",
        one_of("kind", KINDS),
        f"DELETE FROM number_series WHERE {gone}",
    )
