"""Products, units, taxes and payment terms; orders and invoices; number series and the chains over documents.

Why: the main job, from an order to an invoice with a legal number. The triggers that protect issued documents are
made by app.models.triggers after every migration. A downgrade loses all of that, the legal documents included: make a
backup first.
"""

import sqlalchemy as sa
from alembic import op

from app import columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payment_term",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("discount_percent", columns.Exact(18, 6), nullable=True),
        sa.Column("discount_days", sa.Integer(), nullable=True),
        sa.Column(
            "discount_tax",
            sa.Enum(
                "always", "early", "never", name="cashdiscounttax", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(discount_percent IS NULL) = (discount_days IS NULL)", name=op.f("ck_payment_term_discount_complete")
        ),
        sa.CheckConstraint("discount_days >= 0", name=op.f("ck_payment_term_discount_days_positive")),
        sa.CheckConstraint("discount_percent >= 0", name=op.f("ck_payment_term_discount_positive")),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_payment_term_name_filled")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_term")),
        sa.UniqueConstraint("name", name=op.f("uq_payment_term_name")),
    )
    op.create_table(
        "tax",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("code", sa.String(length=30), nullable=False),
        sa.Column(
            "category",
            sa.Enum("S", "Z", "E", "AE", "K", "G", "O", name="taxcategory", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("rate", columns.Exact(18, 10), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("exemption_text", sa.Text(), nullable=True),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(category = 'S') = (rate > 0)", name=op.f("ck_tax_rate_fits_category")),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_tax_name_filled")),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_from IS NULL OR valid_until >= valid_from", name=op.f("ck_tax_days_in_order")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax")),
    )
    with op.batch_alter_table("tax", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tax_country"), ["country"], unique=False)

    op.create_table(
        "unit",
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=True),
        sa.Column("sign", sa.String(length=20), nullable=True),
        sa.Column("decimals", sa.Integer(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("decimals BETWEEN 0 AND 6", name=op.f("ck_unit_decimals_range")),
        sa.CheckConstraint("length(trim(code)) > 0", name=op.f("ck_unit_code_filled")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        sa.UniqueConstraint("code", name=op.f("uq_unit_code")),
    )
    op.create_table(
        "payment_term_text",
        sa.Column("payment_term_id", columns.Key, nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_term_id"],
            ["payment_term.id"],
            name=op.f("fk_payment_term_text_payment_term_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_term_text")),
        sa.UniqueConstraint("payment_term_id", "language", name=op.f("uq_payment_term_text_payment_term_id_language")),
    )
    op.create_table(
        "product",
        sa.Column(
            "kind",
            sa.Enum("goods", "service", name="productkind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("sku", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("category", sa.String(length=120), nullable=True),
        sa.Column("unit_id", columns.Key, nullable=True),
        sa.Column("price", columns.Exact(18, 6), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("tax_id", columns.Key, nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("name_key", sa.String(length=250), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_product_currency_code")),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_product_name_filled")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_product_price_positive")),
        sa.ForeignKeyConstraint(["tax_id"], ["tax.id"], name=op.f("fk_product_tax_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_product_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product")),
        sa.UniqueConstraint("sku", name=op.f("uq_product_sku")),
    )
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_product_category"), ["category"], unique=False)
        batch_op.create_index("ix_product_name_id", ["name", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_product_name_key"), ["name_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_product_tax_id"), ["tax_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_product_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "number_series",
        sa.Column("organisation_id", columns.Key, nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "sale_order",
                "invoice",
                "credit_note",
                name="serieskind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("prefix", sa.String(length=20), nullable=False),
        sa.Column("pattern", sa.String(length=60), nullable=False),
        sa.Column(
            "restart",
            sa.Enum("yearly", "monthly", "never", name="restart", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_number_series_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_series")),
        sa.UniqueConstraint(
            "organisation_id", "kind", "prefix", name=op.f("uq_number_series_organisation_id_kind_prefix")
        ),
    )
    with op.batch_alter_table("number_series", schema=None) as batch_op:
        batch_op.create_index(
            "uq_number_series_default",
            ["organisation_id", "kind"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.create_table(
        "number_counter",
        sa.Column("series_id", columns.Key, nullable=False),
        sa.Column("period", sa.String(length=7), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("last_on", sa.Date(), nullable=False),
        sa.CheckConstraint("first >= 1 AND last >= first - 1", name=op.f("ck_number_counter_counts_on")),
        sa.ForeignKeyConstraint(["series_id"], ["number_series.id"], name=op.f("fk_number_counter_series_id")),
        sa.PrimaryKeyConstraint("series_id", "period", name=op.f("pk_number_counter")),
    )
    op.create_table(
        "sale_order",
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "confirmed",
                "done",
                "cancelled",
                name="orderstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("series_id", columns.Key, nullable=True),
        sa.Column("organisation_id", columns.Key, nullable=False),
        sa.Column("party_id", columns.Key, nullable=False),
        sa.Column("ordered_on", sa.Date(), nullable=True),
        sa.Column("delivery_on", sa.Date(), nullable=True),
        sa.Column("payment_term_id", columns.Key, nullable=True),
        sa.Column("buyer_reference", sa.String(length=120), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("returns", sa.Boolean(), nullable=False),
        sa.Column("discount", columns.Exact(18, 4), nullable=False),
        sa.Column("charge", columns.Exact(18, 4), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("net", columns.Exact(18, 4), nullable=False),
        sa.Column("tax", columns.Exact(18, 4), nullable=False),
        sa.Column("gross", columns.Exact(18, 4), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", columns.Key, nullable=True),
        sa.CheckConstraint("gross >= 0", name=op.f("ck_sale_order_gross_positive")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_sale_order_currency_code")),
        sa.CheckConstraint("net + tax = gross", name=op.f("ck_sale_order_totals_add_up")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_sale_order_organisation_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["ab_user.id"], name=op.f("fk_sale_order_owner_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_sale_order_party_id")),
        sa.ForeignKeyConstraint(["payment_term_id"], ["payment_term.id"], name=op.f("fk_sale_order_payment_term_id")),
        sa.ForeignKeyConstraint(["series_id"], ["number_series.id"], name=op.f("fk_sale_order_series_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_sale_order_team_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sale_order")),
        sa.UniqueConstraint("series_id", "number", name=op.f("uq_sale_order_series_id_number")),
    )
    with op.batch_alter_table("sale_order", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sale_order_ordered_on"), ["ordered_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_sale_order_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sale_order_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sale_order_party_id"), ["party_id"], unique=False)
        batch_op.create_index("ix_sale_order_state_id", ["state", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sale_order_team_id"), ["team_id"], unique=False)

    op.create_table(
        "invoice",
        sa.Column(
            "kind",
            sa.Enum("invoice", "credit_note", name="invoicekind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "draft", "issued", "closed", name="invoicestate", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("series_id", columns.Key, nullable=True),
        sa.Column("number_period", sa.String(length=7), nullable=True),
        sa.Column("number_n", sa.Integer(), nullable=True),
        sa.Column("organisation_id", columns.Key, nullable=False),
        sa.Column("party_id", columns.Key, nullable=False),
        sa.Column("order_id", columns.Key, nullable=True),
        sa.Column("credits_id", columns.Key, nullable=True),
        sa.Column("credit_reason", sa.String(length=500), nullable=True),
        sa.Column("issued_on", sa.Date(), nullable=True),
        sa.Column("delivery_on", sa.Date(), nullable=True),
        sa.Column("delivery_until", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("payment_term_id", columns.Key, nullable=True),
        sa.Column("buyer_reference", sa.String(length=120), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exchange_rate", columns.Exact(18, 10), nullable=True),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("returns", sa.Boolean(), nullable=False),
        sa.Column("discount", columns.Exact(18, 4), nullable=False),
        sa.Column("charge", columns.Exact(18, 4), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("net", columns.Exact(18, 4), nullable=False),
        sa.Column("tax", columns.Exact(18, 4), nullable=False),
        sa.Column("gross", columns.Exact(18, 4), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=True),
        sa.Column("chain_position", sa.Integer(), nullable=True),
        sa.Column("chain_link", sa.String(length=64), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("closed_reason", sa.String(length=500), nullable=True),
        sa.Column("file_id", columns.Key, nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", columns.Key, nullable=True),
        sa.CheckConstraint(
            "(kind = 'credit_note') = (credits_id IS NOT NULL)", name=op.f("ck_invoice_credit_note_credits")
        ),
        sa.CheckConstraint("state <> 'draft' OR number IS NULL", name=op.f("ck_invoice_draft_without_number")),
        sa.CheckConstraint(
            "state = 'draft' OR (number IS NOT NULL AND series_id IS NOT NULL AND issued_on IS NOT NULL"
            " AND due_on IS NOT NULL AND delivery_on IS NOT NULL AND content_sha256 IS NOT NULL)",
            name=op.f("ck_invoice_issued_complete"),
        ),
        sa.CheckConstraint("delivery_until >= delivery_on", name=op.f("ck_invoice_delivery_in_order")),
        sa.CheckConstraint("exchange_rate > 0", name=op.f("ck_invoice_rate_positive")),
        sa.CheckConstraint("gross >= 0", name=op.f("ck_invoice_gross_positive")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_invoice_currency_code")),
        sa.CheckConstraint("net + tax = gross", name=op.f("ck_invoice_totals_add_up")),
        sa.ForeignKeyConstraint(["credits_id"], ["invoice.id"], name=op.f("fk_invoice_credits_id")),
        sa.ForeignKeyConstraint(["file_id"], ["attachment.id"], name=op.f("fk_invoice_file_id")),
        sa.ForeignKeyConstraint(["order_id"], ["sale_order.id"], name=op.f("fk_invoice_order_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_invoice_organisation_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["ab_user.id"], name=op.f("fk_invoice_owner_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_invoice_party_id")),
        sa.ForeignKeyConstraint(["payment_term_id"], ["payment_term.id"], name=op.f("fk_invoice_payment_term_id")),
        sa.ForeignKeyConstraint(["series_id"], ["number_series.id"], name=op.f("fk_invoice_series_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_invoice_team_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice")),
        sa.UniqueConstraint("series_id", "number", name=op.f("uq_invoice_series_id_number")),
    )
    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoice_credits_id"), ["credits_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_due_on"), ["due_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_issued_on"), ["issued_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_order_id"), ["order_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_party_id"), ["party_id"], unique=False)
        batch_op.create_index(
            "ix_invoice_series_id_number_period_number_n", ["series_id", "number_period", "number_n"], unique=False
        )
        batch_op.create_index("ix_invoice_state_id", ["state", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_team_id"), ["team_id"], unique=False)

    op.create_table(
        "sale_order_line",
        sa.Column("order_id", columns.Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", columns.Key, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("quantity", columns.Exact(18, 6), nullable=False),
        sa.Column("unit_id", columns.Key, nullable=True),
        sa.Column("unit_price", columns.Exact(18, 6), nullable=False),
        sa.Column("discount_percent", columns.Exact(18, 6), nullable=False),
        sa.Column("tax_id", columns.Key, nullable=False),
        sa.Column("net", columns.Exact(18, 4), nullable=False),
        sa.Column("tax_amount", columns.Exact(18, 4), nullable=False),
        sa.Column("gross", columns.Exact(18, 4), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.CheckConstraint("discount_percent >= 0", name=op.f("ck_sale_order_line_discount_positive")),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_sale_order_line_quantity_not_zero")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_sale_order_line_price_positive")),
        sa.ForeignKeyConstraint(
            ["order_id"], ["sale_order.id"], name=op.f("fk_sale_order_line_order_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_sale_order_line_product_id")),
        sa.ForeignKeyConstraint(["tax_id"], ["tax.id"], name=op.f("fk_sale_order_line_tax_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_sale_order_line_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sale_order_line")),
    )
    with op.batch_alter_table("sale_order_line", schema=None) as batch_op:
        batch_op.create_index("ix_sale_order_line_order_id_position", ["order_id", "position"], unique=False)
        batch_op.create_index(batch_op.f("ix_sale_order_line_product_id"), ["product_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_sale_order_line_tax_id"), ["tax_id"], unique=False)

    op.create_table(
        "chain_link",
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("series_id", columns.Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("invoice_id", columns.Key, nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_chain_link_position_positive")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_chain_link_invoice_id")),
        sa.ForeignKeyConstraint(["series_id"], ["number_series.id"], name=op.f("fk_chain_link_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_link")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_chain_link_invoice_id")),
        sa.UniqueConstraint("series_id", "position", name=op.f("uq_chain_link_series_id_position")),
    )
    op.create_table(
        "file_link",
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("series_id", columns.Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("invoice_id", columns.Key, nullable=False),
        sa.Column("attachment_id", columns.Key, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_file_link_position_positive")),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"], name=op.f("fk_file_link_attachment_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_file_link_invoice_id")),
        sa.ForeignKeyConstraint(["series_id"], ["number_series.id"], name=op.f("fk_file_link_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_link")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_file_link_invoice_id")),
        sa.UniqueConstraint("series_id", "position", name=op.f("uq_file_link_series_id_position")),
    )
    with op.batch_alter_table("file_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_file_link_attachment_id"), ["attachment_id"], unique=False)

    op.create_table(
        "invoice_line",
        sa.Column("invoice_id", columns.Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", columns.Key, nullable=True),
        sa.Column("order_line_id", columns.Key, nullable=True),
        sa.Column("credits_line_id", columns.Key, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("quantity", columns.Exact(18, 6), nullable=False),
        sa.Column("unit_id", columns.Key, nullable=True),
        sa.Column("unit_price", columns.Exact(18, 6), nullable=False),
        sa.Column("discount_percent", columns.Exact(18, 6), nullable=False),
        sa.Column("tax_id", columns.Key, nullable=False),
        sa.Column("net", columns.Exact(18, 4), nullable=False),
        sa.Column("tax_amount", columns.Exact(18, 4), nullable=False),
        sa.Column("gross", columns.Exact(18, 4), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.CheckConstraint("discount_percent >= 0", name=op.f("ck_invoice_line_discount_positive")),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_invoice_line_quantity_not_zero")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_invoice_line_price_positive")),
        sa.ForeignKeyConstraint(["credits_line_id"], ["invoice_line.id"], name=op.f("fk_invoice_line_credits_line_id")),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_line_invoice_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["order_line_id"], ["sale_order_line.id"], name=op.f("fk_invoice_line_order_line_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_invoice_line_product_id")),
        sa.ForeignKeyConstraint(["tax_id"], ["tax.id"], name=op.f("fk_invoice_line_tax_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_invoice_line_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_line")),
    )
    with op.batch_alter_table("invoice_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invoice_line_credits_line_id"), ["credits_line_id"], unique=False)
        batch_op.create_index("ix_invoice_line_invoice_id_position", ["invoice_id", "position"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_line_order_line_id"), ["order_line_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_line_product_id"), ["product_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_invoice_line_tax_id"), ["tax_id"], unique=False)

    op.create_table(
        "invoice_snapshot",
        sa.Column("invoice_id", columns.Key, nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("made_at", columns.Instant(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_snapshot_invoice_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_snapshot")),
        sa.UniqueConstraint("invoice_id", name=op.f("uq_invoice_snapshot_invoice_id")),
    )
    op.create_table(
        "invoice_tax",
        sa.Column("invoice_id", columns.Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column(
            "category",
            sa.Enum("S", "Z", "E", "AE", "K", "G", "O", name="taxcategory", native_enum=False, create_constraint=True),
            nullable=False,
        ),
        sa.Column("rate", columns.Exact(18, 10), nullable=False),
        sa.Column("base", columns.Exact(18, 4), nullable=False),
        sa.Column("tax", columns.Exact(18, 4), nullable=False),
        sa.Column("tax_home", columns.Exact(18, 4), nullable=True),
        sa.Column("id", columns.Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"], ["invoice.id"], name=op.f("fk_invoice_tax_invoice_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_tax")),
        sa.UniqueConstraint("invoice_id", "category", "rate", name=op.f("uq_invoice_tax_invoice_id_category_rate")),
    )

    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "tax_rounding",
                sa.Enum(
                    "per_group", "per_line", name="taxrounding", native_enum=False, create_constraint=True, length=24
                ),
                nullable=False,
                server_default="per_group",
            )
        )
        batch_op.add_column(sa.Column("prices_include_tax", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("payment_term_id", columns.Key, nullable=True))
        batch_op.add_column(sa.Column("lock_date", sa.Date(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_organisation_payment_term_id"), "payment_term", ["payment_term_id"], ["id"]
        )


def downgrade() -> None:
    with op.batch_alter_table("organisation", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_organisation_payment_term_id"), type_="foreignkey")
        batch_op.drop_column("lock_date")
        batch_op.drop_column("payment_term_id")
        batch_op.drop_column("prices_include_tax")
        batch_op.drop_column("tax_rounding")

    op.drop_table("invoice_tax")
    op.drop_table("invoice_snapshot")
    with op.batch_alter_table("invoice_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoice_line_tax_id"))
        batch_op.drop_index(batch_op.f("ix_invoice_line_product_id"))
        batch_op.drop_index(batch_op.f("ix_invoice_line_order_line_id"))
        batch_op.drop_index("ix_invoice_line_invoice_id_position")
        batch_op.drop_index(batch_op.f("ix_invoice_line_credits_line_id"))

    op.drop_table("invoice_line")
    with op.batch_alter_table("file_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_file_link_attachment_id"))

    op.drop_table("file_link")
    op.drop_table("chain_link")
    with op.batch_alter_table("sale_order_line", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sale_order_line_tax_id"))
        batch_op.drop_index(batch_op.f("ix_sale_order_line_product_id"))
        batch_op.drop_index("ix_sale_order_line_order_id_position")

    op.drop_table("sale_order_line")
    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invoice_team_id"))
        batch_op.drop_index("ix_invoice_state_id")
        batch_op.drop_index("ix_invoice_series_id_number_period_number_n")
        batch_op.drop_index(batch_op.f("ix_invoice_party_id"))
        batch_op.drop_index(batch_op.f("ix_invoice_owner_id"))
        batch_op.drop_index(batch_op.f("ix_invoice_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_invoice_order_id"))
        batch_op.drop_index(batch_op.f("ix_invoice_issued_on"))
        batch_op.drop_index(batch_op.f("ix_invoice_due_on"))
        batch_op.drop_index(batch_op.f("ix_invoice_credits_id"))

    op.drop_table("invoice")
    with op.batch_alter_table("sale_order", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sale_order_team_id"))
        batch_op.drop_index("ix_sale_order_state_id")
        batch_op.drop_index(batch_op.f("ix_sale_order_party_id"))
        batch_op.drop_index(batch_op.f("ix_sale_order_owner_id"))
        batch_op.drop_index(batch_op.f("ix_sale_order_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_sale_order_ordered_on"))

    op.drop_table("sale_order")
    op.drop_table("number_counter")

    with op.batch_alter_table("number_series", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_number_series_default", sqlite_where=sa.text("is_default"), postgresql_where=sa.text("is_default")
        )

    op.drop_table("number_series")
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_product_unit_id"))
        batch_op.drop_index(batch_op.f("ix_product_tax_id"))
        batch_op.drop_index(batch_op.f("ix_product_name_key"))
        batch_op.drop_index("ix_product_name_id")
        batch_op.drop_index(batch_op.f("ix_product_category"))

    op.drop_table("product")
    op.drop_table("payment_term_text")
    op.drop_table("unit")
    with op.batch_alter_table("tax", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tax_country"))

    op.drop_table("tax")
    op.drop_table("payment_term")
