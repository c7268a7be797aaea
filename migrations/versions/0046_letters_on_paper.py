"""Mailings on paper: a template of documents instead of one of mails, and bundles of letters and labels.

Why: some people are written to on paper only; what is printed is known letter by letter, and what was posted too.
A downgrade loses mailings on paper with their ledgers, and bundles of letters and of labels.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Key

revision = "0046"
down_revision = "0044"
branch_labels = None
depends_on = None

CHANNELS = ("email", "sms")
FORMS = ("zip", "pdf")
CHANNELLED = ("mailing", "mail_template", "contact_rule")
LINKS = {"letter_id": "document_template", "letter_version_id": "document_template_version"}


def listed(table: str, name: str, column: str, values: tuple[str, ...]) -> None:
    """Let a column know these values."""
    told = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_check_constraint(op.f(f"ck_{table}_{name}"), f"{column} IN ({told})")


def kept(condition: str) -> None:
    """Say which version of a template a mailing that was checked must have."""
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_mailing_version_kept"), type_="check")
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.create_check_constraint(
            op.f("ck_mailing_version_kept"), f"state IN ('draft', 'checking', 'cancelled') OR {condition}"
        )


def upgrade() -> None:
    for table in CHANNELLED:
        listed(table, "mailingchannel", "channel", (*CHANNELS, "paper"))
    listed("document_bundle", "bundleform", "form", (*FORMS, "labels", "letters"))
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.alter_column("template_id", existing_type=Key, nullable=True)
        for column, to in LINKS.items():
            batch_op.add_column(sa.Column(column, Key, nullable=True))
            batch_op.create_foreign_key(op.f(f"fk_mailing_{column}_{to}"), to, [column], ["id"])
            batch_op.create_index(op.f(f"ix_mailing_{column}"), [column], unique=False)
    kept("version_id IS NOT NULL OR letter_version_id IS NOT NULL")
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.create_check_constraint(
            op.f("ck_mailing_template_fits"),
            "(channel = 'paper' AND letter_id IS NOT NULL) OR (channel <> 'paper' AND template_id IS NOT NULL)",
        )
    with op.batch_alter_table("mailing_recipient", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=True))
        batch_op.create_check_constraint(op.f("ck_mailing_recipient_number_positive"), "number > 0")
    with op.batch_alter_table("document_bundle", schema=None) as batch_op:
        batch_op.add_column(sa.Column("mailing_id", Key, nullable=True))
        batch_op.add_column(sa.Column("settings", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.create_foreign_key(
            op.f("fk_document_bundle_mailing_id_mailing"), "mailing", ["mailing_id"], ["id"], ondelete="SET NULL"
        )
        batch_op.create_index(op.f("ix_document_bundle_mailing_id"), ["mailing_id"], unique=False)
    with op.batch_alter_table("document_bundle", schema=None) as batch_op:
        batch_op.alter_column("settings", existing_type=sa.JSON(), server_default=None)


def downgrade() -> None:
    op.execute("DELETE FROM document_bundle WHERE form IN ('labels', 'letters')")
    with op.batch_alter_table("document_bundle", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("fk_document_bundle_mailing_id_mailing"), type_="foreignkey")
        batch_op.drop_index(op.f("ix_document_bundle_mailing_id"))
        batch_op.drop_column("mailing_id")
        batch_op.drop_column("settings")
    on_paper = "SELECT id FROM mailing WHERE channel = 'paper'"
    for table in ("mailing_recipient", "mailing_party"):
        op.execute(f"DELETE FROM {table} WHERE mailing_id IN ({on_paper})")
    op.execute("DELETE FROM mailing WHERE channel = 'paper'")
    with op.batch_alter_table("mailing_recipient", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_mailing_recipient_number_positive"), type_="check")
        batch_op.drop_column("number")
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_mailing_template_fits"), type_="check")
    kept("version_id IS NOT NULL")
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        for column, to in LINKS.items():
            batch_op.drop_constraint(op.f(f"fk_mailing_{column}_{to}"), type_="foreignkey")
            batch_op.drop_index(op.f(f"ix_mailing_{column}"))
            batch_op.drop_column(column)
        batch_op.alter_column("template_id", existing_type=Key, nullable=False)
    listed("document_bundle", "bundleform", "form", FORMS)
    for table in CHANNELLED:
        listed(table, "mailingchannel", "channel", CHANNELS)
