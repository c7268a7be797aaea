"""Unpaid and overdue invoices are counted within an index.

Why: the start page counts them every time, and read all invoices for it. A downgrade loses nothing but the speed.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_invoice_kind_settlement_due_on", "invoice", ["kind", "settlement", "due_on"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_invoice_kind_settlement_due_on", table_name="invoice")
