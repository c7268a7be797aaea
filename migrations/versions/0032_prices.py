"""Prices: categories as a tree, price lists, discount rules, formulas; lines say why, documents what is left.

Why: one price for a product says neither for whom nor from which quantity; a discount that somebody types is explained
to nobody. The categories that products had as words become records, one for each word.
A downgrade loses lists, rules, formulas, steps, costs of lines and margins; categories become words again, with those
above them.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Amount, Instant, Key, Quantity

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

LINES = ("sale_order_line", "invoice_line")


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def entity() -> list[sa.Column]:
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def days(table: str) -> sa.CheckConstraint:
    return sa.CheckConstraint("valid_until >= valid_from", name=op.f(f"ck_{table}_days_in_order"))


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def category() -> None:
    op.create_table(
        "product_category",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("parent_id", Key, nullable=True),
        sa.Column("path", sa.String(length=800), nullable=False),
        *entity(),
        check("product_category", "name_filled", "length(trim(name)) > 0"),
        check("product_category", "not_its_own_part", "parent_id <> id"),
        link("product_category", "parent_id", "product_category"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_category")),
        sa.UniqueConstraint("path", name=op.f("uq_product_category_path")),
    )
    with op.batch_alter_table("product_category", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_product_category_parent_id"), ["parent_id"], unique=False)


def price_list() -> None:
    op.create_table(
        "price_list",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("prices_include_tax", sa.Boolean(), nullable=False),
        sa.Column("audience", choice("audience", ("everybody", "kind", "tag", "chosen")), nullable=False),
        sa.Column("party_kind", choice("partykind", ("company", "person")), nullable=True),
        sa.Column("tag_id", Key, nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *entity(),
        check("price_list", "name_filled", "length(trim(name)) > 0"),
        check("price_list", "currency_code", "length(currency) = 3"),
        check("price_list", "kind_where_asked", "(audience = 'kind') = (party_kind IS NOT NULL)"),
        check("price_list", "tag_where_asked", "(audience = 'tag') = (tag_id IS NOT NULL)"),
        days("price_list"),
        link("price_list", "tag_id", "tag"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_list")),
        sa.UniqueConstraint("name", name=op.f("uq_price_list_name")),
    )
    with op.batch_alter_table("price_list", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_price_list_tag_id"), ["tag_id"], unique=False)
    op.create_table(
        "price_item",
        sa.Column("price_list_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("product_id", Key, nullable=False),
        sa.Column("from_quantity", Quantity(), nullable=False),
        sa.Column("price", Quantity(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("id", Key, nullable=False),
        check("price_item", "price_positive", "price >= 0"),
        check("price_item", "from_quantity_positive", "from_quantity >= 0"),
        days("price_item"),
        link("price_item", "price_list_id", "price_list", "CASCADE"),
        link("price_item", "product_id", "product"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_item")),
    )
    with op.batch_alter_table("price_item", schema=None) as batch_op:
        names = ["product_id", "price_list_id"]
        batch_op.create_index("ix_price_item_product_id_price_list_id", names, unique=False)
        batch_op.create_index("ix_price_item_price_list_id_position", ["price_list_id", "position"], unique=False)


def discount_rule() -> None:
    table = "discount_rule"
    op.create_table(
        table,
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("percent", Quantity(), nullable=True),
        sa.Column("amount", Quantity(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("product_id", Key, nullable=True),
        sa.Column("category_id", Key, nullable=True),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("tag_id", Key, nullable=True),
        sa.Column("from_quantity", Quantity(), nullable=True),
        sa.Column("from_amount", Amount(), nullable=True),
        sa.Column("past", choice("past", ("turnover", "orders")), nullable=True),
        sa.Column("past_months", sa.Integer(), nullable=True),
        sa.Column("past_least", Quantity(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("stacks", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *entity(),
        check(table, "name_filled", "length(trim(name)) > 0"),
        check(table, "percent_or_amount", "(percent IS NULL) <> (amount IS NULL)"),
        check(table, "percent_positive", "percent > 0"),
        check(table, "amount_positive", "amount > 0"),
        check(table, "currency_code", "length(currency) = 3"),
        check(table, "product_or_category", "product_id IS NULL OR category_id IS NULL"),
        check(table, "party_or_tag", "party_id IS NULL OR tag_id IS NULL"),
        check(table, "from_quantity_positive", "from_quantity > 0"),
        check(table, "from_amount_positive", "from_amount > 0"),
        check(
            table,
            "past_complete",
            "(past IS NULL) = (past_months IS NULL) AND (past IS NULL) = (past_least IS NULL)",
        ),
        check(table, "past_positive", "past_months > 0 AND past_least > 0"),
        check(
            table,
            "money_has_currency",
            "currency IS NOT NULL OR (amount IS NULL AND from_amount IS NULL AND (past IS NULL OR past = 'orders'))",
        ),
        days(table),
        link(table, "product_id", "product"),
        link(table, "category_id", "product_category"),
        link(table, "party_id", "party"),
        link(table, "tag_id", "tag"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discount_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_discount_rule_name")),
    )
    with op.batch_alter_table(table, schema=None) as batch_op:
        for column in ("product_id", "category_id", "party_id", "tag_id"):
            batch_op.create_index(batch_op.f(f"ix_discount_rule_{column}"), [column], unique=False)


def product() -> None:
    op.create_table(
        "product_parameter",
        sa.Column("product_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=30), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=True),
        sa.Column("sign", sa.String(length=20), nullable=True),
        sa.Column("least", Quantity(), nullable=True),
        sa.Column("most", Quantity(), nullable=True),
        sa.Column("usual", Quantity(), nullable=True),
        sa.Column("id", Key, nullable=False),
        check("product_parameter", "bounds_in_order", "most >= least"),
        link("product_parameter", "product_id", "product", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_product_parameter")),
        sa.UniqueConstraint("product_id", "name", name=op.f("uq_product_parameter_product_id_name")),
    )
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("category_id", Key, nullable=True))
        batch_op.add_column(sa.Column("formula", sa.Text(), nullable=True))
    op.execute(
        "INSERT INTO product_category (name, path, created_at, changed_at, version) "
        "SELECT found.name, found.name, found.at, found.at, 1 FROM "
        "(SELECT trim(category) AS name, max(changed_at) AS at FROM product "
        "WHERE length(trim(category)) > 0 GROUP BY trim(category)) AS found ORDER BY found.name"
    )
    op.execute(
        "UPDATE product SET category_id = "
        "(SELECT id FROM product_category WHERE product_category.path = trim(product.category)) "
        "WHERE category IS NOT NULL"
    )
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_product_category"))
        batch_op.drop_column("category")
        batch_op.create_index(batch_op.f("ix_product_category_id"), ["category_id"], unique=False)
        batch_op.create_foreign_key(op.f("fk_product_category_id"), "product_category", ["category_id"], ["id"])


def upgrade() -> None:
    category()
    price_list()
    discount_rule()
    product()
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.add_column(sa.Column("price_list_id", Key, nullable=True))
        batch_op.create_index(batch_op.f("ix_party_price_list_id"), ["price_list_id"], unique=False)
        batch_op.create_foreign_key(op.f("fk_party_price_list_id"), "price_list", ["price_list_id"], ["id"])
    for table in LINES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("price_steps", sa.JSON(), nullable=True))
            batch_op.add_column(sa.Column("parameters", sa.JSON(), nullable=True))
            batch_op.add_column(sa.Column("unit_cost", Quantity(), nullable=True))
    for table in ("sale_order", "invoice"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("margin", Amount(), nullable=True))


def downgrade() -> None:
    for table in ("invoice", "sale_order"):  # no new table on SQLite: one with a generated column is not copied
        op.execute(f"ALTER TABLE {table} DROP COLUMN margin")
    for table in reversed(LINES):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for column in ("unit_cost", "parameters", "price_steps"):
                batch_op.drop_column(column)
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_party_price_list_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_party_price_list_id"))
        batch_op.drop_column("price_list_id")
    op.drop_table("discount_rule")
    op.drop_table("price_item")
    op.drop_table("price_list")
    op.drop_table("product_parameter")
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("category", sa.String(length=120), nullable=True))
    op.execute(
        "UPDATE product SET category = "
        "(SELECT substr(path, 1, 120) FROM product_category WHERE product_category.id = product.category_id)"
    )
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_product_category_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_product_category_id"))
        batch_op.drop_column("category_id")
        batch_op.drop_column("formula")
        batch_op.create_index(batch_op.f("ix_product_category"), ["category"], unique=False)
    op.drop_table("product_category")
