"""Automatic letters are the mail of their template, and what came of them is told; mailings know where it is night.

Why: a letter of a rule looks like that of a mailing, links in it are followed and counted, and some occasions are held
out, so that one knows what the letters do. A mailing waits for the morning of each recipient.
Providers of text messages tell what arrived.
A downgrade loses where recipients live, what was opened and followed, and which occasions were held out: these are
left out as if they were over; the letters stay. Complaints become automatic answers.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

RULE, OCCURRENCE, RECIPIENT = "contact_rule", "rule_occurrence", "mailing_recipient"
REPORTS = ("delivered", "undelivered")
MAILS = (
    *("lead", "party", "reply", "automatic", "bounce", "own"),
    *("double", "too_many", "too_large", "failed"),
)
STATES = ("planned", "written", "left_out")
MOMENTS = ("opened_at", "clicked_at", "answered_at", "unsubscribed_at")
CHECKS = {
    "holdout_possible": "holdout_percent BETWEEN 0 AND 50",
    "attribution_possible": "attribution_days BETWEEN 1 AND 365",
}


def choices(table: str, name: str, column: str, values: tuple[str, ...]) -> None:
    """Let a column have these values and no others."""
    told = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_check_constraint(op.f(f"ck_{table}_{name}"), f"{column} IN ({told})")


def rules() -> None:
    with op.batch_alter_table(RULE, schema=None) as batch_op:
        for name, value in (("tracks_opens", sa.false()), ("tracks_clicks", sa.true())):
            batch_op.add_column(sa.Column(name, sa.Boolean(), nullable=False, server_default=value))
        for name, number in (("holdout_percent", "0"), ("attribution_days", "14")):
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=False, server_default=number))
        batch_op.add_column(sa.Column("seed", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("held_out_since", Instant(), nullable=True))
        for name, condition in CHECKS.items():
            batch_op.create_check_constraint(op.f(f"ck_{RULE}_{name}"), condition)


def occurrences() -> None:
    with op.batch_alter_table(OCCURRENCE, schema=None) as batch_op:
        batch_op.add_column(sa.Column("version_id", Key, nullable=True))
        batch_op.add_column(sa.Column("words", sa.JSON(), nullable=True))
        for name in ("counts_from", "counts_until"):
            batch_op.add_column(sa.Column(name, sa.Date(), nullable=True))
        for name in MOMENTS:
            batch_op.add_column(sa.Column(name, Instant(), nullable=True))
        name = op.f(f"fk_{OCCURRENCE}_version_id")
        batch_op.create_foreign_key(name, "mail_template_version", ["version_id"], ["id"], ondelete="SET NULL")
        batch_op.create_index(f"ix_{OCCURRENCE}_version_id", ["version_id"], unique=False)
    choices(OCCURRENCE, "occurrencestate", "state", (*STATES, "held_out"))


def recipients() -> None:
    with op.batch_alter_table(RECIPIENT, schema=None) as batch_op:
        batch_op.add_column(sa.Column("zones", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("quiet_until", Instant(), nullable=True))


def texts() -> None:
    with op.batch_alter_table("text_message", schema=None) as batch_op:
        told = sa.Enum(*REPORTS, name="textreport", native_enum=False, create_constraint=False, length=24)
        batch_op.add_column(sa.Column("report", told, nullable=True))
        batch_op.add_column(sa.Column("reported_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("report_reason", sa.String(length=120), nullable=True))
        values = ", ".join(f"'{value}'" for value in REPORTS)
        batch_op.create_check_constraint(op.f("ck_text_message_textreport"), f"report IN ({values})")
    op.create_table(
        "text_arrival",
        sa.Column("id", Key, nullable=False),
        sa.Column("provider_id", Key, nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["sms_provider.id"], name=op.f("fk_text_arrival_provider_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_arrival")),
        sa.UniqueConstraint("provider_id", "number", name=op.f("uq_text_arrival_provider_id_number")),
    )


def upgrade() -> None:
    choices("received_mail", "mailkind", "kind", (*MAILS, "complaint"))
    rules()
    occurrences()
    recipients()
    texts()


def downgrade() -> None:
    op.drop_table("text_arrival")
    with op.batch_alter_table("text_message", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_text_message_textreport"), type_="check")
        for name in ("report", "reported_at", "report_reason"):
            batch_op.drop_column(name)
    op.execute("UPDATE received_mail SET kind = 'automatic' WHERE kind = 'complaint'")
    choices("received_mail", "mailkind", "kind", MAILS)
    with op.batch_alter_table(RECIPIENT, schema=None) as batch_op:
        for name in ("zones", "quiet_until"):
            batch_op.drop_column(name)
    op.execute(f"UPDATE {OCCURRENCE} SET state = 'left_out', reason = 'late' WHERE state = 'held_out'")
    choices(OCCURRENCE, "occurrencestate", "state", STATES)
    with op.batch_alter_table(OCCURRENCE, schema=None) as batch_op:
        batch_op.drop_index(f"ix_{OCCURRENCE}_version_id")
        batch_op.drop_constraint(op.f(f"fk_{OCCURRENCE}_version_id"), type_="foreignkey")
        for name in ("version_id", "words", "counts_from", "counts_until", *MOMENTS):
            batch_op.drop_column(name)
    with op.batch_alter_table(RULE, schema=None) as batch_op:
        for name in CHECKS:
            batch_op.drop_constraint(op.f(f"ck_{RULE}_{name}"), type_="check")
        for name in ("tracks_opens", "tracks_clicks", "holdout_percent", "attribution_days", "seed", "held_out_since"):
            batch_op.drop_column(name)
