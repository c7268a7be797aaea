"""Text messages: the provider of each of our companies with its sealed password, and a ledger row for each message.

Why: a text message leaves by a provider's door over HTTP, once, and what became of it must be known afterwards.
A downgrade loses the providers, their passwords and what is known of single messages.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

KINDS = ("marketing", "service", "transactional", "personal", "legal")
PHASES = ("queued", "claimed", "handed_over", "sent", "refused", "uncertain", "withheld", "cancelled")
HELD = "lease_until IS NOT NULL"


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete=ondelete)


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def entity() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def providers() -> None:
    op.create_table(
        "sms_provider",
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("kind", choice("smsproviderkind", "smsc", "twilio"), nullable=False),
        sa.Column("login", sa.String(length=120), nullable=False),
        sa.Column("sender", sa.String(length=40), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *entity(),
        check("sms_provider", "login_filled", "length(trim(login)) > 0"),
        link("sms_provider", "organisation_id", "organisation", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_provider")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_sms_provider_organisation_id")),
    )
    op.create_table(
        "sms_provider_key",
        sa.Column("provider_id", Key, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        link("sms_provider_key", "provider_id", "sms_provider", "CASCADE"),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_sms_provider_key")),
    )


def messages() -> None:
    table = "text_message"
    op.create_table(
        table,
        sa.Column("phase", choice("textphase", *PHASES), nullable=False),
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("purpose", sa.String(length=40), nullable=False),
        sa.Column("kind", choice("contactkind", *KINDS), nullable=False),
        sa.Column("to_address", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=True),
        sa.Column("lease_until", Instant(), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        *entity(),
        sa.Column("owner_id", Key, nullable=True),
        sa.Column("team_id", Key, nullable=True),
        check(table, "text_filled", "length(trim(text)) > 0"),
        check(table, "parts_positive", "parts > 0"),
        check(table, "sent_complete", "(phase = 'sent') = (sent_at IS NOT NULL)"),
        check(
            table,
            "claim_complete",
            "(phase IN ('claimed', 'handed_over')) = (token IS NOT NULL AND lease_until IS NOT NULL)",
        ),
        link(table, "organisation_id", "organisation"),
        link(table, "party_id", "party"),
        link(table, "owner_id", "ab_user", "SET NULL"),
        link(table, "team_id", "team", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_text_message")),
    )
    for names in (("organisation_id",), ("party_id",), ("owner_id",), ("team_id",), ("phase", "due_at")):
        op.create_index(f"ix_{table}_{'_'.join(names)}", table, list(names))
    some = {"sqlite_where": sa.text(HELD), "postgresql_where": sa.text(HELD)}
    op.create_index("ix_text_message_held", table, ["lease_until"], **some)  # type: ignore[arg-type]


def upgrade() -> None:
    providers()
    messages()


def downgrade() -> None:
    for table in ("text_message", "sms_provider_key", "sms_provider"):
        op.drop_table(table)
