"""Statements of banks: their lines, what is known of bookings, how tables are read; how an account is matched.

Why: what the bank has booked is compared with what is owed, and becomes payments without being typed.
A downgrade loses statements with what each line became, rules and profiles; payments and the files of statements stay.
"""

import sqlalchemy as sa
from alembic import op

from app import columns

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

CHECK = "ck_organisation_bank_account_fee_tolerance_positive"


def upgrade() -> None:
    op.create_table(
        "bank_profile",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("columns_sha256", sa.String(length=64), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("delimiter", sa.String(length=4), nullable=False),
        sa.Column("encoding", sa.String(length=20), nullable=False),
        sa.Column("date_format", sa.String(length=20), nullable=False),
        sa.Column("decimal_mark", sa.String(length=1), nullable=False),
        sa.Column("skip_rows", sa.Integer(), nullable=False),
        sa.Column("debit_words", sa.String(length=200), nullable=True),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_bank_profile_name_filled")),
        sa.CheckConstraint("skip_rows BETWEEN 0 AND 30", name=op.f("ck_bank_profile_skip_possible")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_profile")),
        sa.UniqueConstraint("columns_sha256", name=op.f("uq_bank_profile_columns_sha256")),
    )
    op.create_table(
        "bank_rule",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=True),
        sa.Column("account", sa.String(length=34), nullable=True),
        sa.Column("reason", sa.String(length=250), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("text IS NOT NULL OR account IS NOT NULL", name=op.f("ck_bank_rule_says_something")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_bank_rule_name")),
    )
    op.create_table(
        "bank_statement",
        sa.Column("organisation_id", columns.Key, nullable=False),
        sa.Column("account_id", columns.Key, nullable=False),
        sa.Column(
            "format",
            sa.Enum(
                "camt",
                "mt940",
                "onec",
                "csv",
                name="statementformat",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum("draft", "loaded", name="statementstate", native_enum=False, create_constraint=True, length=24),
            nullable=False,
        ),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opening", columns.Exact(18, 4), nullable=True),
        sa.Column("closing", columns.Exact(18, 4), nullable=True),
        sa.Column("from_on", sa.Date(), nullable=True),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("gap", columns.Exact(18, 4), nullable=True),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("open_count", sa.Integer(), nullable=False),
        sa.Column("known_count", sa.Integer(), nullable=False),
        sa.Column("file_id", columns.Key, nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("profile_id", columns.Key, nullable=True),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("state = 'loaded' OR line_count = 0", name=op.f("ck_bank_statement_draft_without_lines")),
        sa.CheckConstraint("open_count BETWEEN 0 AND line_count", name=op.f("ck_bank_statement_open_within")),
        sa.CheckConstraint("until_on >= from_on", name=op.f("ck_bank_statement_days_in_order")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["organisation_bank_account.id"], name=op.f("fk_bank_statement_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["attachment.id"], name=op.f("fk_bank_statement_file_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_bank_statement_organisation_id")
        ),
        sa.ForeignKeyConstraint(
            ["profile_id"], ["bank_profile.id"], name=op.f("fk_bank_statement_profile_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_statement")),
    )
    with op.batch_alter_table("bank_statement", schema=None) as batch_op:
        batch_op.create_index("ix_bank_statement_account_id_until_on", ["account_id", "until_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_bank_statement_file_id"), ["file_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_bank_statement_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index("ix_bank_statement_sha256", ["sha256"], unique=False)

    op.create_table(
        "bank_line",
        sa.Column("statement_id", columns.Key, nullable=False),
        sa.Column("account_id", columns.Key, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=True),
        sa.Column("amount", columns.Exact(18, 4), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("payer", sa.String(length=250), nullable=True),
        sa.Column("payer_account", sa.String(length=34), nullable=True),
        sa.Column("payer_bank", sa.String(length=120), nullable=True),
        sa.Column("payer_tax_number", sa.String(length=32), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("end_to_end", sa.String(length=64), nullable=True),
        sa.Column("bank_reference", sa.String(length=64), nullable=True),
        sa.Column("structured", sa.String(length=64), nullable=True),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "open", "matched", "ignored", name="linestate", native_enum=False, create_constraint=True, length=24
            ),
            nullable=False,
        ),
        sa.Column("payment_id", columns.Key, nullable=True),
        sa.Column("made_payment", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("party_id", columns.Key, nullable=True),
        sa.Column("reason", sa.String(length=250), nullable=True),
        sa.Column("settled_at", columns.Instant(), nullable=True),
        sa.Column("settled_by_id", sa.Integer(), nullable=True),
        sa.Column("id", columns.Key, nullable=False),
        sa.Column("created_at", columns.Instant(), nullable=False),
        sa.Column("changed_at", columns.Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("(state = 'ignored') = (reason IS NOT NULL)", name=op.f("ck_bank_line_ignored_complete")),
        sa.CheckConstraint(
            "(state = 'matched') = (payment_id IS NOT NULL)", name=op.f("ck_bank_line_matched_complete")
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_bank_line_amount_given")),
        sa.ForeignKeyConstraint(["account_id"], ["organisation_bank_account.id"], name=op.f("fk_bank_line_account_id")),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_bank_line_party_id")),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name=op.f("fk_bank_line_payment_id")),
        sa.ForeignKeyConstraint(
            ["settled_by_id"], ["ab_user.id"], name=op.f("fk_bank_line_settled_by_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["statement_id"], ["bank_statement.id"], name=op.f("fk_bank_line_statement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_line")),
        sa.UniqueConstraint("account_id", "key", name=op.f("uq_bank_line_account_id_key")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_bank_line_payment_id")),
    )
    with op.batch_alter_table("bank_line", schema=None) as batch_op:
        batch_op.create_index("ix_bank_line_account_id_booked_on", ["account_id", "booked_on"], unique=False)
        batch_op.create_index(
            "ix_bank_line_open",
            ["statement_id"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )
        batch_op.create_index(batch_op.f("ix_bank_line_party_id"), ["party_id"], unique=False)
        batch_op.create_index("ix_bank_line_statement_id_position", ["statement_id", "position"], unique=False)

    with op.batch_alter_table("organisation_bank_account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("match_sure", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("fee_tolerance", columns.Exact(18, 4), server_default="0", nullable=False))
    with op.batch_alter_table("organisation_bank_account", schema=None) as batch_op:
        batch_op.create_check_constraint(op.f(CHECK), "fee_tolerance >= 0")


def downgrade() -> None:
    with op.batch_alter_table("organisation_bank_account", schema=None) as batch_op:
        batch_op.drop_constraint(op.f(CHECK), type_="check")
    with op.batch_alter_table("organisation_bank_account", schema=None) as batch_op:
        batch_op.drop_column("fee_tolerance")
        batch_op.drop_column("match_sure")

    with op.batch_alter_table("bank_line", schema=None) as batch_op:
        batch_op.drop_index("ix_bank_line_statement_id_position")
        batch_op.drop_index(batch_op.f("ix_bank_line_party_id"))
        batch_op.drop_index(
            "ix_bank_line_open", sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'")
        )
        batch_op.drop_index("ix_bank_line_account_id_booked_on")

    op.drop_table("bank_line")
    with op.batch_alter_table("bank_statement", schema=None) as batch_op:
        batch_op.drop_index("ix_bank_statement_sha256")
        batch_op.drop_index(batch_op.f("ix_bank_statement_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_bank_statement_file_id"))
        batch_op.drop_index("ix_bank_statement_account_id_until_on")

    op.drop_table("bank_statement")
    op.drop_table("bank_rule")
    op.drop_table("bank_profile")
