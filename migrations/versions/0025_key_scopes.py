"""Keys for REST have scopes and notes beside them; people are known by a company's own sign-in service.

Why: a key may do less than its owner. Keys of before could do all that their owner may, and go on doing so. An account
is found by the name that the service has for a person, not by an e-mail.
A downgrade loses the notes, these notices and who is connected; the framework's column of scopes stays, and nothing
reads it.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KINDS = ("mention", "note", "change_of_state", "assigned", "shared", "job_failed", "export_alarm")
TABLES = ("notification", "notification_setting")


def kinds(*known: str) -> None:
    """Let the tables of notifications know these kinds."""
    named = ", ".join(f"'{kind}'" for kind in known)
    for table in TABLES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(op.f(f"ck_{table}_notificationkind"), type_="check")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_check_constraint(op.f(f"ck_{table}_notificationkind"), f"kind IN ({named})")


def upgrade() -> None:
    op.create_table(
        "api_key_note",
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("warned_days", sa.Integer(), nullable=True),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["key_id"], ["ab_api_key.id"], name=op.f("fk_api_key_note_key_id_ab_api_key"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["ab_api_key.id"], name=op.f("fk_api_key_note_replaces_id_ab_api_key"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key_note")),
        sa.UniqueConstraint("key_id", name=op.f("uq_api_key_note_key_id")),
    )
    with op.batch_alter_table("api_key_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_note_replaces_id"), ["replaces_id"], unique=False)
    op.create_table(
        "identity",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(length=250), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("linked_at", Instant(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["ab_user.id"], name=op.f("fk_identity_user_id_ab_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identity_issuer_subject")),
        sa.UniqueConstraint("user_id", "issuer", name=op.f("uq_identity_user_id_issuer")),
    )
    op.execute("UPDATE ab_api_key SET scopes = '*.act *.see *.write' WHERE scopes IS NULL")
    kinds(*KINDS, "key_ends")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE kind = 'key_ends'")
    kinds(*KINDS)
    op.drop_table("identity")
    op.drop_table("api_key_note")
