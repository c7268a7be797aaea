"""Mailings: templates with their versions, mailings, and a ledger row for each address.

Why: one message to many must reach each of them once, and what became of each must be known afterwards.
A downgrade loses templates, mailings and what is known of their recipients.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

BLOCKS = ("heading", "text", "image", "button", "columns", "product", "divider", "footer")
STATES = ("draft", "checking", "checked", "scheduled", "sending", "paused", "done", "cancelled")
PHASES = (
    *("queued", "claimed", "handed_over", "sent", "refused", "uncertain", "bounced", "skipped", "excluded"),
    "held_out",
)
REASONS = (
    *("no_address", "no_consent", "opted_out", "bounced", "suppressed", "capped", "quiet", "erased", "archived"),
    *("duplicate", "blocked"),
)
HELD = "lease_until IS NOT NULL"


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete=ondelete)


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def unique(table: str, *names: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*names, name=op.f(f"uq_{table}_{'_'.join(names)}"))


def entity() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def owned() -> list[sa.Column]:  # type: ignore[type-arg]
    return [sa.Column("owner_id", Key, nullable=True), sa.Column("team_id", Key, nullable=True)]


def index(table: str, *names: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(names)}", table, list(names), unique=False)


def templates() -> None:
    op.create_table(
        "mail_template",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("channel", choice("mailingchannel", "email", "sms"), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *entity(),
        check("mail_template", "name_filled", "length(trim(name)) > 0"),
        check("mail_template", "number_positive", "number >= 0"),
        key("mail_template"),
        unique("mail_template", "name"),
    )
    op.create_table(
        "mail_template_text",
        sa.Column("template_id", Key, nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=True),
        sa.Column("preheader", sa.String(length=250), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("id", Key, nullable=False),
        link("mail_template_text", "template_id", "mail_template", "CASCADE"),
        key("mail_template_text"),
        unique("mail_template_text", "template_id", "language"),
    )
    op.create_table(
        "mail_template_block",
        sa.Column("template_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("kind", choice("blockkind", *BLOCKS), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("address", sa.String(length=500), nullable=True),
        sa.Column("file", sa.String(length=250), nullable=True),
        sa.Column("product_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        link("mail_template_block", "template_id", "mail_template", "CASCADE"),
        link("mail_template_block", "product_id", "product", "SET NULL"),
        key("mail_template_block"),
        unique("mail_template_block", "template_id", "position"),
    )
    index("mail_template_block", "product_id")
    op.create_table(
        "mail_template_version",
        sa.Column("template_id", Key, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("mail_template_version", "template_id", "mail_template", "CASCADE"),
        key("mail_template_version"),
        unique("mail_template_version", "template_id", "number"),
    )


def mailings() -> None:
    op.create_table(
        "mailing",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("state", choice("mailingstate", *STATES), nullable=False),
        sa.Column("kind", choice("mailingkind", "marketing", "service"), nullable=False),
        sa.Column("channel", choice("mailingchannel", "email", "sms"), nullable=False),
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("template_id", Key, nullable=False),
        sa.Column("version_id", Key, nullable=True),
        sa.Column("tag_id", Key, nullable=True),
        sa.Column("segment_id", Key, nullable=True),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("per_hour", sa.Integer(), nullable=True),
        sa.Column("per_domain_hour", sa.Integer(), nullable=True),
        sa.Column("window_from", sa.Integer(), nullable=False),
        sa.Column("window_to", sa.Integer(), nullable=False),
        sa.Column("holdout_percent", sa.Integer(), nullable=False),
        sa.Column("attribution_days", sa.Integer(), nullable=False),
        sa.Column("tracks_opens", sa.Boolean(), nullable=False),
        sa.Column("tracks_clicks", sa.Boolean(), nullable=False),
        sa.Column("seed", sa.String(length=32), nullable=True),
        sa.Column("checked_at", Instant(), nullable=True),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        *entity(),
        *owned(),
        check("mailing", "name_filled", "length(trim(name)) > 0"),
        check("mailing", "holdout_possible", "holdout_percent BETWEEN 0 AND 50"),
        check("mailing", "attribution_possible", "attribution_days BETWEEN 1 AND 365"),
        check("mailing", "per_hour_positive", "per_hour > 0"),
        check("mailing", "per_domain_hour_positive", "per_domain_hour > 0"),
        check("mailing", "window_hours", "window_from BETWEEN 0 AND 23 AND window_to BETWEEN 1 AND 24"),
        check("mailing", "window_forward", "window_from < window_to"),
        check("mailing", "version_kept", "state IN ('draft', 'checking', 'cancelled') OR version_id IS NOT NULL"),
        check("mailing", "schedule_complete", "state <> 'scheduled' OR due_at IS NOT NULL"),
        link("mailing", "organisation_id", "organisation"),
        link("mailing", "template_id", "mail_template"),
        link("mailing", "version_id", "mail_template_version"),
        link("mailing", "tag_id", "tag", "SET NULL"),
        link("mailing", "segment_id", "segment", "SET NULL"),
        link("mailing", "owner_id", "ab_user", "SET NULL"),
        link("mailing", "team_id", "team", "SET NULL"),
        key("mailing"),
    )
    for name in ("organisation_id", "template_id", "version_id", "tag_id", "segment_id", "owner_id", "team_id"):
        index("mailing", name)
    index("mailing", "state", "due_at")
    op.create_table(
        "mailing_party",
        sa.Column("mailing_id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        link("mailing_party", "mailing_id", "mailing", "CASCADE"),
        link("mailing_party", "party_id", "party", "CASCADE"),
        key("mailing_party"),
        unique("mailing_party", "mailing_id", "party_id"),
    )
    index("mailing_party", "party_id")


def recipients() -> None:
    table = "mailing_recipient"
    op.create_table(
        table,
        sa.Column("mailing_id", Key, nullable=False),
        sa.Column("phase", choice("recipientphase", *PHASES), nullable=False),
        sa.Column("reason", choice("nocontact", *REASONS), nullable=True),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("domain", sa.String(length=254), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("name", sa.String(length=250), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("words", sa.JSON(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("handed_at", Instant(), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("opened_at", Instant(), nullable=True),
        sa.Column("clicked_at", Instant(), nullable=True),
        sa.Column("answered_at", Instant(), nullable=True),
        sa.Column("unsubscribed_at", Instant(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        *entity(),
        *owned(),
        check(
            table,
            "claim_complete",
            "(phase IN ('claimed', 'handed_over')) = (token IS NOT NULL AND lease_until IS NOT NULL)",
        ),
        check(table, "reason_given", "(phase = 'excluded') = (reason IS NOT NULL)"),
        check(table, "sent_complete", "phase <> 'sent' OR sent_at IS NOT NULL"),
        link(table, "mailing_id", "mailing", "CASCADE"),
        link(table, "party_id", "party", "SET NULL"),
        link(table, "owner_id", "ab_user", "SET NULL"),
        link(table, "team_id", "team", "SET NULL"),
        key(table),
        unique(table, "mailing_id", "address"),
    )
    op.create_index("ix_mailing_recipient_mailing_id_phase", table, ["mailing_id", "phase", "due_at", "id"])
    op.create_index("ix_mailing_recipient_mailing_id_handed_at", table, ["mailing_id", "handed_at"])
    op.create_index("ix_mailing_recipient_party_id", table, ["party_id", "id"])
    index(table, "owner_id")
    index(table, "team_id")
    op.create_index(
        "ix_mailing_recipient_held",
        table,
        ["lease_until"],
        sqlite_where=sa.text(HELD),
        postgresql_where=sa.text(HELD),
    )


def upgrade() -> None:
    templates()
    mailings()
    recipients()


def downgrade() -> None:
    for table in ("mailing_recipient", "mailing_party", "mailing"):
        op.drop_table(table)
    for table in ("mail_template_version", "mail_template_block", "mail_template_text", "mail_template"):
        op.drop_table(table)
