"""Payments settle invoices, and letters carry them to their readers.

Why: what is paid is derived from dated allocations; every e-mail has a ledger row. A downgrade loses all payments,
allocations and letters.
"""

import sqlalchemy as sa
from alembic import op

from app import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "letter",
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "claimed",
                "data",
                "sent",
                "uncertain",
                "failed",
                "cancelled",
                name="letterstate",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("organisation_id", columns.Key, nullable=False),
        sa.Column("party_id", columns.Key, nullable=True),
        sa.Column("entity", sa.String(length=40), nullable=True),
        sa.Column("record_id", columns.Key, nullable=True),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("from_address", sa.String(length=320), nullable=False),
        sa.Column("from_name", sa.String(length=250), nullable=True),
        sa.Column("to_address", sa.String(length=320), nullable=False),
        sa.Column("to_name", sa.String(length=250), nullable=True),
        sa.Column("reply_to", sa.String(length=320), nullable=True),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attachment_id", columns.Key, nullable=True),
        sa.Column("message_id", sa.String(length=250), nullable=False),
        sa.Column("due_at", columns.Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", columns.Instant(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("sent_at", columns.Instant(), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", columns.Key, nullable=True),
        sa.CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name=op.f("ck_letter_sent_complete")),
        sa.CheckConstraint(
            "purpose <> 'invoice' OR attachment_id IS NOT NULL OR state IN ('pending', 'failed', 'cancelled')",
            name=op.f("ck_letter_file_first"),
        ),
        sa.CheckConstraint(
            "(state IN ('claimed', 'data')) = (token IS NOT NULL AND lease_until IS NOT NULL)",
            name=op.f("ck_letter_claim_complete"),
        ),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"], name=op.f("fk_letter_attachment_id")),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_letter_organisation_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["ab_user.id"], name=op.f("fk_letter_owner_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_letter_party_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_letter_team_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter")),
        sa.UniqueConstraint("message_id", name=op.f("uq_letter_message_id")),
    )
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_letter_attachment_id"), ["attachment_id"], unique=False)
        batch_op.create_index("ix_letter_entity_record_id", ["entity", "record_id"], unique=False)
        batch_op.create_index(
            "ix_letter_open",
            ["entity", "record_id", "purpose", "to_address"],
            unique=True,
            sqlite_where=sa.text("state IN ('pending', 'claimed', 'data')"),
            postgresql_where=sa.text("state IN ('pending', 'claimed', 'data')"),
        )
        batch_op.create_index(batch_op.f("ix_letter_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_letter_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_letter_party_id"), ["party_id"], unique=False)
        batch_op.create_index("ix_letter_state_due_at", ["state", "due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_letter_team_id"), ["team_id"], unique=False)

    op.create_table(
        "payment",
        sa.Column(
            "kind",
            sa.Enum("receipt", "refund", name="paymentkind", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum("recorded", "cancelled", name="paymentstate", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("organisation_id", columns.Key, nullable=False),
        sa.Column("party_id", columns.Key, nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=False),
        sa.Column("amount", columns.Exact(18, 4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("exchange_rate", columns.Exact(18, 10), nullable=True),
        sa.Column("allocated", columns.Exact(18, 4), server_default="0", nullable=False),
        sa.Column(
            "method",
            sa.Enum(
                "bank_transfer",
                "card",
                "cash",
                "direct_debit",
                "other",
                name="paymentmethod",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("bank_account_id", columns.Key, nullable=True),
        sa.Column("reference", sa.String(length=140), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("cancelled_on", sa.Date(), nullable=True),
        sa.Column("cancelled_reason", sa.String(length=500), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", columns.Key, nullable=True),
        sa.CheckConstraint(
            "(state = 'cancelled') = (cancelled_on IS NOT NULL)", name=op.f("ck_payment_cancelled_complete")
        ),
        sa.CheckConstraint("state <> 'cancelled' OR allocated = 0", name=op.f("ck_payment_cancelled_unallocated")),
        sa.CheckConstraint("allocated >= 0 AND allocated <= amount", name=op.f("ck_payment_allocated_within")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_amount_positive")),
        sa.CheckConstraint("cancelled_on >= paid_on", name=op.f("ck_payment_cancelled_after")),
        sa.CheckConstraint("exchange_rate > 0", name=op.f("ck_payment_rate_positive")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_payment_currency_code")),
        sa.ForeignKeyConstraint(
            ["bank_account_id"],
            ["organisation_bank_account.id"],
            name=op.f("fk_payment_bank_account_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisation.id"], name=op.f("fk_payment_organisation_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["ab_user.id"], name=op.f("fk_payment_owner_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_payment_party_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_payment_team_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment")),
    )
    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_bank_account_id"), ["bank_account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_paid_on"), ["paid_on"], unique=False)
        batch_op.create_index("ix_payment_party_id_paid_on", ["party_id", "paid_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_payment_team_id"), ["team_id"], unique=False)

    op.create_table(
        "allocation",
        sa.Column("allocated_on", sa.Date(), nullable=False),
        sa.Column("amount", columns.Exact(18, 4), nullable=False),
        sa.Column("credit_amount", columns.Exact(18, 4), nullable=False),
        sa.Column("exchange_rate", columns.Exact(18, 10), nullable=True),
        sa.Column("payment_id", columns.Key, nullable=True),
        sa.Column("credit_note_id", columns.Key, nullable=True),
        sa.Column(
            "write_off",
            sa.Enum(
                "cash_discount",
                "bank_charge",
                "withholding",
                "bad_debt",
                "goodwill",
                "rounding",
                name="writeoff",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("invoice_id", columns.Key, nullable=True),
        sa.Column("refund_id", columns.Key, nullable=True),
        sa.Column("reverses_id", columns.Key, nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("id", columns.Key, nullable=False),
        sa.CheckConstraint(
            "(CASE WHEN payment_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN credit_note_id IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN write_off IS NULL THEN 0 ELSE 1 END) = 1",
            name=op.f("ck_allocation_one_credit"),
        ),
        sa.CheckConstraint(
            "(credit_amount > 0) = (amount > 0) AND credit_amount <> 0", name=op.f("ck_allocation_same_sign")
        ),
        sa.CheckConstraint("(invoice_id IS NULL) <> (refund_id IS NULL)", name=op.f("ck_allocation_one_debt")),
        sa.CheckConstraint("(reverses_id IS NULL) = (amount > 0) AND amount <> 0", name=op.f("ck_allocation_sign")),
        sa.CheckConstraint("exchange_rate > 0", name=op.f("ck_allocation_rate_positive")),
        sa.CheckConstraint(
            "exchange_rate IS NOT NULL OR amount = credit_amount", name=op.f("ck_allocation_same_currency")
        ),
        sa.CheckConstraint(
            "write_off IS NULL OR invoice_id IS NOT NULL", name=op.f("ck_allocation_write_off_of_invoice")
        ),
        sa.ForeignKeyConstraint(["by_id"], ["ab_user.id"], name=op.f("fk_allocation_by_id")),
        sa.ForeignKeyConstraint(["credit_note_id"], ["invoice.id"], name=op.f("fk_allocation_credit_note_id")),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoice.id"], name=op.f("fk_allocation_invoice_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_allocation_payment_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["payment.id"], name=op.f("fk_allocation_refund_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["allocation.id"], name=op.f("fk_allocation_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocation")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_allocation_reverses_id")),
    )
    with op.batch_alter_table("allocation", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_allocation_allocated_on"), ["allocated_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_allocation_credit_note_id"), ["credit_note_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_allocation_invoice_id"), ["invoice_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_allocation_payment_id"), ["payment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_allocation_refund_id"), ["refund_id"], unique=False)

    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("allocated", columns.Exact(18, 4), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column(
                "settlement",
                sa.Enum(
                    "open",
                    "partly_paid",
                    "paid",
                    name="settlement",
                    native_enum=False,
                    create_constraint=True,
                    length=24,
                ),
                sa.Computed(
                    "CASE WHEN state = 'draft' THEN NULL WHEN allocated = gross THEN 'paid'"
                    " WHEN allocated = 0 THEN 'open' ELSE 'partly_paid' END",
                    persisted=True,
                ),
                nullable=True,
            )
        )
        batch_op.create_index(batch_op.f("ix_invoice_settlement"), ["settlement"], unique=False)
        batch_op.create_check_constraint(op.f("ck_invoice_allocated_within"), "allocated >= 0 AND allocated <= gross")
        batch_op.create_check_constraint(op.f("ck_invoice_draft_unallocated"), "state <> 'draft' OR allocated = 0")
        batch_op.create_index(
            "ix_invoice_open",
            ["party_id", "due_on"],
            unique=False,
            sqlite_where=sa.text("state <> 'draft' AND allocated < gross"),
            postgresql_where=sa.text("state <> 'draft' AND allocated < gross"),
        )


def downgrade() -> None:
    with op.batch_alter_table("invoice", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_invoice_open",
            sqlite_where=sa.text("state <> 'draft' AND allocated < gross"),
            postgresql_where=sa.text("state <> 'draft' AND allocated < gross"),
        )
        batch_op.drop_constraint(op.f("ck_invoice_draft_unallocated"), type_="check")
        batch_op.drop_constraint(op.f("ck_invoice_allocated_within"), type_="check")
        batch_op.drop_index(batch_op.f("ix_invoice_settlement"))
        batch_op.drop_constraint(op.f("ck_invoice_settlement"), type_="check")
        batch_op.drop_column("settlement")
        batch_op.drop_column("allocated")

    with op.batch_alter_table("allocation", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_allocation_refund_id"))
        batch_op.drop_index(batch_op.f("ix_allocation_payment_id"))
        batch_op.drop_index(batch_op.f("ix_allocation_invoice_id"))
        batch_op.drop_index(batch_op.f("ix_allocation_credit_note_id"))
        batch_op.drop_index(batch_op.f("ix_allocation_allocated_on"))

    op.drop_table("allocation")
    with op.batch_alter_table("payment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_payment_team_id"))
        batch_op.drop_index("ix_payment_party_id_paid_on")
        batch_op.drop_index(batch_op.f("ix_payment_paid_on"))
        batch_op.drop_index(batch_op.f("ix_payment_owner_id"))
        batch_op.drop_index(batch_op.f("ix_payment_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_payment_bank_account_id"))

    op.drop_table("payment")
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_letter_team_id"))
        batch_op.drop_index("ix_letter_state_due_at")
        batch_op.drop_index(batch_op.f("ix_letter_party_id"))
        batch_op.drop_index(batch_op.f("ix_letter_owner_id"))
        batch_op.drop_index(batch_op.f("ix_letter_organisation_id"))
        batch_op.drop_index("ix_letter_open")
        batch_op.drop_index("ix_letter_entity_record_id")
        batch_op.drop_index(batch_op.f("ix_letter_attachment_id"))

    op.drop_table("letter")
