"""Passwords are chosen by their owners: former ones are known, links choose new ones, failed tries cost time.

Why: a password that an administrator knows, that was used before, or that is tried again and again protects nothing.
A downgrade loses former passwords (by which none is chosen again), links that are under way, who must choose a new
password, and which failed tries were forgiven.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "old_password",
        sa.Column("id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=256), nullable=False),
        sa.Column("replaced_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["ab_user.id"], name=op.f("fk_old_password_user_id_ab_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_old_password")),
    )
    with op.batch_alter_table("old_password", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_old_password_user_id"), ["user_id"], unique=False)
    op.create_table(
        "password_link",
        sa.Column("id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["ab_user.id"], name=op.f("fk_password_link_user_id_ab_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_link_token_hash")),
    )
    with op.batch_alter_table("password_link", schema=None) as batch_op:
        batch_op.create_index("ix_password_link_user_id_ended_at", ["user_id", "ended_at"], unique=False)
    with op.batch_alter_table("login_attempt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=8), nullable=False, server_default="sign_in"))
        batch_op.add_column(sa.Column("device", sa.String(length=22), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("forgiven_at", Instant(), nullable=True))
        batch_op.alter_column("username", existing_type=sa.String(length=128), type_=sa.String(length=254))
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.add_column(sa.Column("password_set_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("must_change_password", sa.Boolean(), nullable=False, server_default=sa.false()))
    for table, names in (("login_attempt", ("kind", "device")), ("user_profile", ("must_change_password",))):
        with op.batch_alter_table(table, schema=None) as batch_op:
            for name in names:
                batch_op.alter_column(name, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.drop_column("must_change_password")
        batch_op.drop_column("password_set_at")
    op.execute("DELETE FROM login_attempt WHERE kind <> 'sign_in' OR length(username) > 128")
    with op.batch_alter_table("login_attempt", schema=None) as batch_op:
        batch_op.alter_column("username", existing_type=sa.String(length=254), type_=sa.String(length=128))
        batch_op.drop_column("forgiven_at")
        batch_op.drop_column("device")
        batch_op.drop_column("kind")
    op.drop_table("password_link")
    op.drop_table("old_password")
