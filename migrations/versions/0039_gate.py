"""Who may be written to: a list of addresses that are left alone, failures, a policy, and what the gate refused.

Each of our companies may have a mail server of its own, and signs its letters.

Why: every letter asks one gate before it is written and again before it leaves, so that nobody is written to who does
not wish it, cannot be reached or was erased. A letter says of which kind it is; one that the sandbox held back says so.
A downgrade loses the list, the policy and what was counted; letters that were held back are cancelled.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

CHANNELS = ("email", "sms", "message", "paper", "call")
KINDS = ("marketing", "service", "transactional", "personal", "legal")
REASONS = ("unsubscribed", "bounced", "complained", "blocked", "wrong", "law", "erased")
REFUSALS = (
    *("no_address", "no_consent", "opted_out", "bounced", "suppressed", "capped", "quiet"),
    *("erased", "archived", "duplicate", "blocked"),
)  # fmt: skip
STATES = ("pending", "claimed", "data", "sent", "uncertain", "failed", "cancelled")


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}_{to}", ondelete=ondelete)


def entity() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def index(name: str, table: str, *columns: str, where: str | None = None, unique: bool = False) -> None:
    some = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)} if where else {}
    op.create_index(name, table, list(columns), unique=unique, **some)  # type: ignore[arg-type]


def states(*values: str) -> None:
    told = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_letter_letterstate"), type_="check")
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.create_check_constraint(op.f("ck_letter_letterstate"), f"state IN ({told})")


def suppressions() -> None:
    op.create_table(
        "suppression",
        sa.Column("channel", choice("contactchannel", *CHANNELS), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reason", choice("suppressionreason", *REASONS), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("lifted_at", Instant(), nullable=True),
        sa.Column("lifted_reason", sa.String(length=500), nullable=True),
        *entity(),
        sa.CheckConstraint(
            "(lifted_at IS NULL) = (lifted_reason IS NULL)", name=op.f("ck_suppression_lifted_complete")
        ),
        link("suppression", "by_id", "ab_user", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
    )
    standing = "lifted_at IS NULL"
    index("ix_suppression_standing", "suppression", "channel", "digest", "reason", where=standing, unique=True)
    index("ix_suppression_address", "suppression", "address", "channel", where=standing)
    index("ix_suppression_since", "suppression", "since", "id")
    index("ix_suppression_by_id", "suppression", "by_id")
    op.create_table(
        "address_failure",
        sa.Column("channel", choice("contactchannel", *CHANNELS), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("is_hard", sa.Boolean(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_failure")),
    )
    index("ix_address_failure_digest_at", "address_failure", "digest", "at")


def counted() -> None:
    op.create_table(
        "contact_made",
        sa.Column("party_id", Key, nullable=False),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("channel", choice("contactchannel", *CHANNELS), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("contact_made", "party_id", "party", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_made")),
    )
    index("ix_contact_made_party_id_at", "contact_made", "party_id", "at")
    op.create_table(
        "contact_refusal",
        sa.Column("refused_at", Instant(), nullable=False),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("channel", choice("contactchannel", *CHANNELS), nullable=False),
        sa.Column("kind", choice("contactkind", *KINDS), nullable=False),
        sa.Column("reason", choice("nocontact", *REFUSALS), nullable=False),
        sa.Column("sender", sa.String(length=40), nullable=False),
        *entity(),
        link("contact_refusal", "party_id", "party", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_refusal")),
    )
    index("ix_contact_refusal_refused_at", "contact_refusal", "refused_at", "id")
    index("ix_contact_refusal_party_id", "contact_refusal", "party_id")


def policy() -> None:
    op.create_table(
        "contact_policy",
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("cap_count", sa.Integer(), nullable=False),
        sa.Column("cap_days", sa.Integer(), nullable=False),
        sa.Column("quiet_from", sa.String(length=5), nullable=False),
        sa.Column("quiet_until", sa.String(length=5), nullable=False),
        sa.Column("quiet_days", sa.String(length=7), nullable=False),
        sa.Column("soft_count", sa.Integer(), nullable=False),
        sa.Column("soft_days", sa.Integer(), nullable=False),
        *entity(),
        sa.CheckConstraint("cap_count BETWEEN 0 AND 1000", name=op.f("ck_contact_policy_cap_count_possible")),
        sa.CheckConstraint("cap_days BETWEEN 1 AND 366", name=op.f("ck_contact_policy_cap_days_possible")),
        sa.CheckConstraint("soft_count BETWEEN 1 AND 100", name=op.f("ck_contact_policy_soft_count_possible")),
        sa.CheckConstraint("soft_days BETWEEN 1 AND 366", name=op.f("ck_contact_policy_soft_days_possible")),
        link("contact_policy", "organisation_id", "organisation", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_policy")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_contact_policy_organisation_id")),
    )


def servers() -> None:
    op.create_table(
        "mail_server",
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", choice("mailboxsecurity", "tls", "starttls", "none"), nullable=False),
        sa.Column("login", sa.String(length=254), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("return_path", sa.String(length=254), nullable=True),
        sa.Column("dkim_domain", sa.String(length=253), nullable=True),
        sa.Column("dkim_selector", sa.String(length=63), nullable=True),
        sa.Column("dkim_public", sa.Text(), nullable=True),
        sa.Column("verified_at", Instant(), nullable=True),
        *entity(),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_mail_server_port_possible")),
        sa.CheckConstraint(
            "(dkim_domain IS NULL) = (dkim_selector IS NULL)", name=op.f("ck_mail_server_dkim_complete")
        ),
        link("mail_server", "organisation_id", "organisation", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_server")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_mail_server_organisation_id")),
    )
    op.create_table(
        "mail_server_key",
        sa.Column("server_id", Key, nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        link("mail_server_key", "server_id", "mail_server", "CASCADE"),
        sa.PrimaryKeyConstraint("server_id", "purpose", name=op.f("pk_mail_server_key")),
    )


def upgrade() -> None:
    servers()
    suppressions()
    counted()
    policy()
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "kind",
                sa.Enum(*KINDS, name="contactkind", native_enum=False, create_constraint=True, length=24),
                nullable=False,
                server_default="transactional",
            )
        )
    op.execute("UPDATE letter SET kind = 'personal' WHERE purpose LIKE 'card %'")
    states(*STATES, "withheld")


def downgrade() -> None:
    op.execute("UPDATE letter SET state = 'cancelled' WHERE state = 'withheld'")
    states(*STATES)
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_letter_contactkind"), type_="check")
        batch_op.drop_column("kind")
    for table in (
        "mail_server_key",
        "mail_server",
        "contact_policy",
        "contact_refusal",
        "contact_made",
        "address_failure",
        "suppression",
    ):
        op.drop_table(table)
