"""Sales plans by month: of a person, a team or the company, for a metric, and for a category of products if wished.

Why: whoever is to reach something must see how much of it, and how far he is. The facts are read from documents,
payments and activities; only what is planned is stored.
A downgrade loses the plans.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Amount, Instant, Key

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

METRICS = ("turnover", "payments", "margin", "new_clients", "calls")
SLOT = (
    "CASE subject WHEN 'person' THEN 'person ' || CAST(owner_id AS VARCHAR(20))"
    " WHEN 'team' THEN 'team ' || CAST(team_id AS VARCHAR(20)) ELSE 'company' END"
    " || ' ' || CAST(coalesce(category_id, 0) AS VARCHAR(20)) || ' ' || coalesce(currency, '')"
)


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_sales_plan_{name}"))


def link(column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_sales_plan_{column}"), ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "sales_plan",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("subject", choice("plansubject", "person", "team", "company"), nullable=False),
        sa.Column("metric", choice("planmetric", *METRICS), nullable=False),
        sa.Column("category_id", Key, nullable=True),
        sa.Column("target_amount", Amount(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("target_count", sa.Integer(), nullable=True),
        sa.Column("slot", sa.String(length=60), sa.Computed(SLOT, persisted=True), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", Key, nullable=True),
        sa.Column("team_id", Key, nullable=True),
        check("month_begins", "CAST(month AS VARCHAR(10)) LIKE '%-01'"),
        check("person_owns", "(subject = 'person') = (owner_id IS NOT NULL)"),
        check("team_known", "subject <> 'team' OR team_id IS NOT NULL"),
        check("company_without_team", "subject <> 'company' OR team_id IS NULL"),
        check("currency_code", "length(currency) = 3"),
        check("amount_has_currency", "(target_amount IS NULL) = (currency IS NULL)"),
        check("money_in_amount", "(metric IN ('turnover', 'payments', 'margin')) = (target_amount IS NOT NULL)"),
        check("one_target", "(target_amount IS NULL) = (target_count IS NOT NULL)"),
        check("amount_positive", "target_amount > 0"),
        check("count_positive", "target_count > 0"),
        check("category_of_lines", "category_id IS NULL OR metric IN ('turnover', 'margin')"),
        link("category_id", "product_category"),
        link("owner_id", "ab_user", "SET NULL"),
        link("team_id", "team", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_plan")),
        sa.UniqueConstraint("month", "metric", "slot", name=op.f("uq_sales_plan_month_metric_slot")),
    )
    with op.batch_alter_table("sales_plan", schema=None) as batch_op:
        for name in ("category_id", "owner_id", "team_id"):
            batch_op.create_index(batch_op.f(f"ix_sales_plan_{name}"), [name], unique=False)


def downgrade() -> None:
    op.drop_table("sales_plan")
