"""Reminders of overdue invoices: levels with their texts, which invoice was reminded of which, and invoices left alone.

Why: who does not pay is reminded step by step, of each step once, and never while somebody has said that he is not.
A downgrade loses the levels, what was reminded of (the letters stay) and which invoices are left alone.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Amount, Instant, Key, Quantity

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

REFUSALS = (
    *("no_address", "no_consent", "opted_out", "bounced", "suppressed", "capped", "quiet"),
    *("erased", "archived", "duplicate", "blocked"),
)  # fmt: skip


def link(table: str, column: str, to: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def unique(table: str, *names: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*names, name=op.f(f"uq_{table}_{'_'.join(names)}"))


def upgrade() -> None:
    level = "reminder_level"
    op.create_table(
        level,
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("gap_days", sa.Integer(), nullable=False),
        sa.Column("fee", Amount(), nullable=True),
        sa.Column("interest_percent", Quantity(), nullable=True),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        check(level, "position_possible", "position BETWEEN 1 AND 9"),
        check(level, "days_possible", "days BETWEEN -60 AND 730"),
        check(level, "gap_possible", "gap_days BETWEEN 0 AND 365"),
        check(level, "fee_positive", "fee >= 0"),
        check(level, "interest_positive", "interest_percent >= 0"),
        link(level, "organisation_id", "organisation", "CASCADE"),
        key(level),
        unique(level, "organisation_id", "position"),
    )
    op.create_table(
        "reminder_text",
        sa.Column("level_id", Key, nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("reminder_text", "level_id", level, "CASCADE"),
        key("reminder_text"),
        unique("reminder_text", "level_id", "language"),
    )
    made = "invoice_reminder"
    op.create_table(
        made,
        sa.Column("invoice_id", Key, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("letter_id", Key, nullable=True),
        sa.Column(
            "refused",
            sa.Enum(*REFUSALS, name="nocontact", native_enum=False, create_constraint=True, length=24),
            nullable=True,
        ),
        sa.Column("id", Key, nullable=False),
        check(made, "level_possible", "level BETWEEN 1 AND 9"),
        check(made, "letter_or_reason", "letter_id IS NULL OR refused IS NULL"),
        link(made, "invoice_id", "invoice", "CASCADE"),
        link(made, "letter_id", "letter", "SET NULL"),
        key(made),
        unique(made, "invoice_id", "level"),
    )
    op.create_index("ix_invoice_reminder_letter_id", made, ["letter_id"], unique=False)
    # in place: a table with a generated column cannot be rebuilt
    op.add_column("invoice", sa.Column("reminder_block_until", sa.Date(), nullable=True))
    op.add_column("invoice", sa.Column("reminder_block_why", sa.String(length=500), nullable=True))


def downgrade() -> None:
    for column in ("reminder_block_why", "reminder_block_until"):
        op.execute(f"ALTER TABLE invoice DROP COLUMN {column}")
    for table in ("invoice_reminder", "reminder_text", "reminder_level"):
        op.drop_table(table)
