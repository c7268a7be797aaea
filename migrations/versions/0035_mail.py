"""Mailboxes and what came out of them; letters from a card with several files; templates of letters.

Why: mails are answered and filed where their party, deal or lead is, not beside it. A letter that came back says so.
A downgrade loses mailboxes, the list of mails that came in, and templates; leads and activities made of mails stay.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

KINDS = (
    *("lead", "party", "reply", "automatic", "bounce", "own", "double", "too_many", "too_large", "failed"),
)  # fmt: skip
NOTICES = (
    *("mention", "note", "change_of_state", "assigned", "shared", "job_failed", "export_alarm", "key_ends"),
    *("reminder", "lead_waits", "lead_late"),
)  # fmt: skip
UNSETTLED = "settled_at IS NULL"


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def entity() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def index(table: str, *names: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_index(f"ix_{table}_{'_'.join(names)}", list(names), unique=False)


def notices(kinds: tuple[str, ...]) -> None:
    told = ", ".join(f"'{value}'" for value in kinds)
    for table in ("notification", "notification_setting"):
        name = op.f(f"ck_{table}_notificationkind")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(name, type_="check")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_check_constraint(name, f"kind IN ({told})")


def mailboxes() -> None:
    op.create_table(
        "mailbox",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("host", sa.String(length=253), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", choice("mailboxsecurity", "tls", "starttls", "none"), nullable=False),
        sa.Column("login", sa.String(length=254), nullable=False),
        sa.Column("folder", sa.String(length=250), nullable=False),
        sa.Column("source_id", Key, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.Column("after", choice("mailboxafter", "nothing", "seen", "flagged", "moved"), nullable=False),
        sa.Column("move_to", sa.String(length=250), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=True),
        sa.Column("last_uid", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", Instant(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        *entity(),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_mailbox_name_filled")),
        sa.CheckConstraint("port BETWEEN 1 AND 65535", name=op.f("ck_mailbox_port_possible")),
        sa.CheckConstraint("every_minutes BETWEEN 1 AND 1440", name=op.f("ck_mailbox_every_possible")),
        sa.CheckConstraint("after <> 'moved' OR move_to IS NOT NULL", name=op.f("ck_mailbox_moved_somewhere")),
        link("mailbox", "source_id", "lead_source"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox")),
        sa.UniqueConstraint("name", name=op.f("uq_mailbox_name")),
    )
    index("mailbox", "source_id")
    op.create_table(
        "mailbox_key",
        sa.Column("mailbox_id", Key, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        link("mailbox_key", "mailbox_id", "mailbox", "CASCADE"),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_mailbox_key")),
    )


def received() -> None:
    op.create_table(
        "received_mail",
        sa.Column("mailbox_id", Key, nullable=False),
        sa.Column("validity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=250), nullable=False),
        sa.Column("kind", choice("mailkind", *KINDS), nullable=False),
        sa.Column("from_address", sa.String(length=254), nullable=True),
        sa.Column("from_name", sa.String(length=250), nullable=True),
        sa.Column("subject", sa.String(length=250), nullable=True),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("raw_id", Key, nullable=True),
        sa.Column("letter_id", Key, nullable=True),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("lead_id", Key, nullable=True),
        sa.Column("entity", sa.String(length=40), nullable=True),
        sa.Column("record_id", Key, nullable=True),
        sa.Column("settled_at", Instant(), nullable=True),
        *entity(),
        link("received_mail", "mailbox_id", "mailbox"),
        link("received_mail", "raw_id", "attachment", "SET NULL"),
        link("received_mail", "letter_id", "letter", "SET NULL"),
        link("received_mail", "party_id", "party", "SET NULL"),
        link("received_mail", "lead_id", "lead", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received_mail")),
        sa.UniqueConstraint("mailbox_id", "validity", "uid", name=op.f("uq_received_mail_mailbox_id_validity_uid")),
    )
    for name in ("raw_id", "letter_id", "party_id", "lead_id"):
        index("received_mail", name)
    index("received_mail", "mailbox_id", "number")
    index("received_mail", "from_address", "received_at")
    with op.batch_alter_table("received_mail", schema=None) as batch_op:
        batch_op.create_index("ix_received_mail_received_at", ["received_at", "id"], unique=False)
        batch_op.create_index(
            "ix_received_mail_unsettled",
            ["mailbox_id"],
            unique=False,
            sqlite_where=sa.text(UNSETTLED),
            postgresql_where=sa.text(UNSETTLED),
        )


def letters() -> None:
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bounced_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("activity_id", Key, nullable=True))
        batch_op.create_foreign_key("fk_letter_activity_id", "activity", ["activity_id"], ["id"], ondelete="SET NULL")
        batch_op.create_index("ix_letter_activity_id", ["activity_id"], unique=False)
    op.create_table(
        "letter_file",
        sa.Column("letter_id", Key, nullable=False),
        sa.Column("attachment_id", Key, nullable=False),
        sa.Column("id", Key, nullable=False),
        link("letter_file", "letter_id", "letter", "CASCADE"),
        link("letter_file", "attachment_id", "attachment"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_file")),
        sa.UniqueConstraint("letter_id", "attachment_id", name=op.f("uq_letter_file_letter_id_attachment_id")),
    )
    index("letter_file", "attachment_id")
    op.create_table(
        "letter_template",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        *entity(),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_letter_template_name_filled")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_template")),
        sa.UniqueConstraint("name", "language", name=op.f("uq_letter_template_name_language")),
    )


def upgrade() -> None:
    mailboxes()
    letters()
    received()
    notices((*NOTICES, "letter_came"))


def downgrade() -> None:
    for table in ("notification", "notification_setting"):
        op.execute(f"DELETE FROM {table} WHERE kind = 'letter_came'")
    notices(NOTICES)
    op.drop_table("received_mail")
    op.drop_table("letter_template")
    op.drop_table("letter_file")
    with op.batch_alter_table("letter", schema=None) as batch_op:
        batch_op.drop_index("ix_letter_activity_id")
        batch_op.drop_constraint("fk_letter_activity_id", type_="foreignkey")
        batch_op.drop_column("activity_id")
        batch_op.drop_column("bounced_at")
    op.drop_table("mailbox_key")
    op.drop_table("mailbox")
