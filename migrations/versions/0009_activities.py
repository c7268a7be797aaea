"""People write notes about records, follow them and are told about them.

Why: what is known of a customer stands where he stands, and who must know of it learns it. A downgrade loses the notes,
who follows what, and the notifications; files that were attached stay.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KINDS = ("mention", "note", "change_of_state", "assigned", "job_failed")
ALONE = sa.text("activity_id IS NULL AND read_at IS NULL")
UNREAD = sa.text("read_at IS NULL")


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def user(name: str, table: str, *, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([name], ["ab_user.id"], name=op.f(f"fk_{table}_{name}_ab_user"), ondelete=ondelete)


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("kind", choice("activitykind", "note"), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("edited_at", Instant(), nullable=True),
        sa.Column("deleted_at", Instant(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(trim(body)) > 0", name=op.f("ck_activity_body_filled")),
        user("author_id", "activity", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity")),
    )
    with op.batch_alter_table("activity", schema=None) as batch_op:
        batch_op.create_index(
            "ix_activity_entity_record_id_created_at", ["entity", "record_id", "created_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_activity_author_id"), ["author_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_activity_deleted_at"), ["deleted_at"], unique=False)
    op.create_table(
        "mention",
        sa.Column("activity_id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("id", Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activity.id"], name=op.f("fk_mention_activity_id_activity"), ondelete="CASCADE"
        ),
        user("user_id", "mention", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mention")),
        sa.UniqueConstraint("activity_id", "user_id", name=op.f("uq_mention_activity_id_user_id")),
    )
    with op.batch_alter_table("mention", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mention_user_id"), ["user_id"], unique=False)
    op.create_table(
        "follower",
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("is_following", sa.Boolean(), nullable=False),
        sa.Column("id", Key, nullable=False),
        user("user_id", "follower", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follower")),
        sa.UniqueConstraint("entity", "record_id", "user_id", name=op.f("uq_follower_entity_record_id_user_id")),
    )
    with op.batch_alter_table("follower", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_follower_user_id"), ["user_id"], unique=False)
    _notifications()


def _notifications() -> None:
    op.create_table(
        "notification",
        sa.Column("id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", choice("notificationkind", *KINDS), nullable=False),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("activity_id", Key, nullable=True),
        sa.Column("said", sa.String(length=60), nullable=True),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("read_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["activity.id"], name=op.f("fk_notification_activity_id_activity"), ondelete="CASCADE"
        ),
        user("by_id", "notification", ondelete="SET NULL"),
        user("user_id", "notification", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("activity_id", "user_id", "kind", name=op.f("uq_notification_activity_id_user_id_kind")),
    )
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notification_alone",
            ["user_id", "entity", "record_id", "kind"],
            unique=True,
            sqlite_where=ALONE,
            postgresql_where=ALONE,
        )
        batch_op.create_index(
            "ix_notification_unread", ["user_id"], unique=False, sqlite_where=UNREAD, postgresql_where=UNREAD
        )
        batch_op.create_index("ix_notification_user_id_id", ["user_id", "id"], unique=False)
        batch_op.create_index("ix_notification_entity_record_id", ["entity", "record_id"], unique=False)
    op.create_table(
        "notification_setting",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", choice("notificationkind", *KINDS), nullable=False),
        sa.Column("is_wanted", sa.Boolean(), nullable=False),
        sa.Column("id", Key, nullable=False),
        user("user_id", "notification_setting", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_setting")),
        sa.UniqueConstraint("user_id", "kind", name=op.f("uq_notification_setting_user_id_kind")),
    )


def downgrade() -> None:
    for table in ("notification_setting", "notification", "follower", "mention", "activity"):
        op.drop_table(table)
