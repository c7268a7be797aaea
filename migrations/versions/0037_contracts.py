"""Contracts with amendments, signatures of both sides and obligations; quotes, orders and invoices may name theirs.

Why: what was agreed, until when it holds, who has signed it and what is owed under it must not be looked for in
folders. A downgrade loses all of that, and which contract quotes, orders and invoices belong to.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Exact, Instant, Key

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

KINDS = ("sale", "service", "framework", "lease", "agency", "confidentiality", "other")
STATES = ("draft", "approval", "approved", "sent", "signed", "active", "expired", "terminated", "cancelled")
SERIES = ("sale_order", "invoice", "credit_note", "quote", "delivery")
NOTICES = (
    *("mention", "note", "change_of_state", "assigned", "shared", "job_failed", "export_alarm", "key_ends"),
    *("reminder", "lead_waits", "lead_late", "letter_came"),
)  # fmt: skip
SIDES = ("ours", "theirs")
PARTIAL = (
    ("contract", "remind_on", "state = 'active' AND reminded_on IS NULL"),
    ("contract", "terminated_on", "state IN ('signed', 'active')"),
    ("contract_obligation", "due_on", "done_on IS NULL AND told_on IS NULL"),
)
NAMING = ("quote", "sale_order")  # and invoice, which cannot be rebuilt


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def index(table: str, *names: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_index(f"ix_{table}_{'_'.join(names)}", list(names), unique=False)


def rule(table: str, name: str, text: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))


def one_of(table: str, name: str, column: str, values: tuple[str, ...]) -> None:
    """Let a column hold these values."""
    told = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_check_constraint(op.f(f"ck_{table}_{name}"), f"{column} IN ({told})")


def notices(*kinds: str) -> None:
    for table in ("notification", "notification_setting"):
        one_of(table, "notificationkind", "kind", kinds)


def contracts() -> None:
    op.create_table(
        "contract",
        sa.Column("state", choice("contractstate", *STATES), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("amendment", sa.Integer(), nullable=False),
        sa.Column("series_id", Key, nullable=True),
        sa.Column("parent_id", Key, nullable=True),
        sa.Column("kind", choice("contractkind", *KINDS), nullable=False),
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("deal_id", Key, nullable=True),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("terms", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("amount", Exact(18, 4), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("tax_note", sa.String(length=250), nullable=True),
        sa.Column("place", sa.String(length=120), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("renewal", choice("renewal", "none", "automatic", "by_agreement"), nullable=False),
        sa.Column("renew_months", sa.Integer(), nullable=True),
        sa.Column("notice_days", sa.Integer(), nullable=False),
        sa.Column("reminder_days", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("approved_at", Instant(), nullable=True),
        sa.Column("approved_by_id", sa.Integer(), nullable=True),
        sa.Column("sent_on", sa.Date(), nullable=True),
        sa.Column("link_until", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("remind_on", sa.Date(), nullable=True),
        sa.Column("reminded_on", sa.Date(), nullable=True),
        sa.Column("terminated_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("file_id", Key, nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("link_nonce", sa.String(length=32), nullable=True),
        sa.Column("link_sha256", sa.String(length=64), nullable=True),
        sa.Column("link_ended_at", Instant(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        rule("contract", "subject_filled", "length(trim(subject)) > 0"),
        rule("contract", "currency_code", "length(currency) = 3"),
        rule("contract", "amount_positive", "amount >= 0"),
        rule("contract", "amendment_amends", "(parent_id IS NULL) = (amendment = 0)"),
        rule("contract", "valid_in_order", "valid_until >= valid_from"),
        rule("contract", "renewal_complete", "(renewal = 'automatic') = (renew_months IS NOT NULL)"),
        rule("contract", "renewal_possible", "renew_months BETWEEN 1 AND 120"),
        rule("contract", "renewal_of_something", "renewal <> 'automatic' OR valid_until IS NOT NULL"),
        rule("contract", "notice_possible", "notice_days BETWEEN 0 AND 3650"),
        rule("contract", "reminder_possible", "reminder_days BETWEEN 0 AND 3650"),
        rule("contract", "renewals_positive", "renewals >= 0"),
        rule("contract", "numbered", "state IN ('draft', 'approval', 'cancelled') OR number IS NOT NULL"),
        rule("contract", "signed_complete", "state NOT IN ('signed', 'active', 'expired') OR valid_from IS NOT NULL"),
        rule("contract", "expired_complete", "state <> 'expired' OR ends_on IS NOT NULL"),
        rule(
            "contract",
            "termination_told",
            "state <> 'terminated' OR (terminated_on IS NOT NULL AND length(trim(coalesce(reason, ''))) > 0)",
        ),
        rule("contract", "sent_complete", "state <> 'sent' OR sent_on IS NOT NULL"),
        rule("contract", "link_while_sent", "link_ended_at IS NOT NULL OR link_sha256 IS NULL OR state = 'sent'"),
        link("contract", "series_id", "number_series"),
        link("contract", "parent_id", "contract"),
        link("contract", "organisation_id", "organisation"),
        link("contract", "party_id", "party"),
        link("contract", "deal_id", "deal"),
        link("contract", "approved_by_id", "ab_user", "SET NULL"),
        link("contract", "file_id", "attachment"),
        link("contract", "owner_id", "ab_user", "SET NULL"),
        link("contract", "team_id", "team", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
        sa.UniqueConstraint("series_id", "number", name=op.f("uq_contract_series_id_number")),
        sa.UniqueConstraint("parent_id", "amendment", name=op.f("uq_contract_parent_id_amendment")),
        sa.UniqueConstraint("link_sha256", name=op.f("uq_contract_link_sha256")),
    )
    for name in ("organisation_id", "party_id", "deal_id", "approved_by_id", "file_id", "owner_id", "team_id"):
        index("contract", name)
    for names in (("state", "id"), ("state", "valid_from"), ("state", "ends_on")):
        index("contract", *names)


def parts() -> None:
    op.create_table(
        "contract_signature",
        sa.Column("contract_id", Key, nullable=False),
        sa.Column("side", choice("side", *SIDES), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("position", sa.String(length=120), nullable=True),
        sa.Column("is_electronic", sa.Boolean(), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("agent", sa.String(length=250), nullable=True),
        sa.Column("noted_at", Instant(), nullable=False),
        sa.Column("noted_by_id", sa.Integer(), nullable=True),
        sa.Column("file_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        rule("contract_signature", "name_filled", "length(trim(name)) > 0"),
        link("contract_signature", "contract_id", "contract", "CASCADE"),
        link("contract_signature", "noted_by_id", "ab_user", "SET NULL"),
        link("contract_signature", "file_id", "attachment"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_signature")),
        sa.UniqueConstraint("contract_id", "side", name=op.f("uq_contract_signature_contract_id_side")),
    )
    for name in ("noted_by_id", "file_id"):
        index("contract_signature", name)
    op.create_table(
        "contract_obligation",
        sa.Column("contract_id", Key, nullable=False),
        sa.Column("side", choice("side", *SIDES), nullable=False),
        sa.Column("text", sa.String(length=250), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("every_months", sa.Integer(), nullable=True),
        sa.Column("done_on", sa.Date(), nullable=True),
        sa.Column("done_by_id", sa.Integer(), nullable=True),
        sa.Column("told_on", sa.Date(), nullable=True),
        sa.Column("id", Key, nullable=False),
        rule("contract_obligation", "text_filled", "length(trim(text)) > 0"),
        rule("contract_obligation", "repeats_possibly", "every_months BETWEEN 1 AND 120"),
        link("contract_obligation", "contract_id", "contract", "CASCADE"),
        link("contract_obligation", "done_by_id", "ab_user", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract_obligation")),
    )
    index("contract_obligation", "contract_id", "due_on")
    index("contract_obligation", "done_by_id")
    for table, column, where in PARTIAL:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(
                f"ix_{table}_{column}",
                [column],
                unique=False,
                sqlite_where=sa.text(where),
                postgresql_where=sa.text(where),
            )


def upgrade() -> None:
    contracts()
    parts()
    for table in NAMING:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("contract_id", Key, nullable=True))
            batch_op.create_foreign_key(f"fk_{table}_contract_id", "contract", ["contract_id"], ["id"])
            batch_op.create_index(f"ix_{table}_contract_id", ["contract_id"], unique=False)
    # in place: a table with a generated column cannot be rebuilt
    key = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    rule_of = "CONSTRAINT fk_invoice_contract_id REFERENCES contract (id)"
    op.execute(f"ALTER TABLE invoice ADD COLUMN contract_id {key} {rule_of}")
    op.create_index("ix_invoice_contract_id", "invoice", ["contract_id"], unique=False)
    one_of("number_series", "serieskind", "kind", (*SERIES, "contract"))
    notices(*NOTICES, "contract_ends", "obligation_late")


def downgrade() -> None:
    for table in ("notification", "notification_setting"):
        op.execute(f"DELETE FROM {table} WHERE kind IN ('contract_ends', 'obligation_late')")
    notices(*NOTICES)
    op.drop_index("ix_invoice_contract_id", "invoice")
    op.execute("ALTER TABLE invoice DROP COLUMN contract_id")
    for table in NAMING:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_index(f"ix_{table}_contract_id")
            batch_op.drop_constraint(f"fk_{table}_contract_id", type_="foreignkey")
            batch_op.drop_column("contract_id")
    for table in ("contract_obligation", "contract_signature", "contract"):
        op.drop_table(table)
    gone = "kind = 'contract'"
    op.execute(f"DELETE FROM number_counter WHERE series_id IN (SELECT id FROM number_series WHERE {gone})")
    op.execute(f"DELETE FROM number_series WHERE {gone}")
    one_of("number_series", "serieskind", "kind", SERIES)
