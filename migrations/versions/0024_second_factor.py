"""A second factor for signing in, remembered devices, roles that demand one, and sign-ins that were given one.

Why: a password is stolen more easily than a password and a telephone. A downgrade loses all second factors: the
password alone opens every account again.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def _of_user(table: str, column: str = "user_id", of: str = "ab_user.id") -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{of.partition('.')[0]}")
    return sa.ForeignKeyConstraint([column], [of], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "second_factor",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("confirmed_at", Instant(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=True),
        sa.Column("candidate_at", Instant(), nullable=True),
        _of_user("second_factor"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor")),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("id", Key, nullable=False),
        _of_user("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
    )
    op.create_index("ix_recovery_code_user_id_digest", "recovery_code", ["user_id", "digest"], unique=True)
    op.create_table(
        "second_factor_try",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("id", Key, nullable=False),
        _of_user("second_factor_try"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor_try")),
    )
    op.create_index("ix_second_factor_try_user_id_at", "second_factor_try", ["user_id", "at"], unique=False)
    op.create_table(
        "pending_sign_in",
        sa.Column("key", sa.String(length=43), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        _of_user("pending_sign_in"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_pending_sign_in")),
    )
    for column in ("user_id", "ends_at"):
        op.create_index(op.f(f"ix_pending_sign_in_{column}"), "pending_sign_in", [column], unique=False)
    op.create_table(
        "remembered_device",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agent", sa.String(length=200), nullable=False),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("id", Key, nullable=False),
        _of_user("remembered_device"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remembered_device")),
        sa.UniqueConstraint("digest", name=op.f("uq_remembered_device_digest")),
    )
    op.create_index(op.f("ix_remembered_device_user_id"), "remembered_device", ["user_id"], unique=False)
    op.create_table(
        "role_demand",
        sa.Column("role_id", sa.Integer(), nullable=False),
        _of_user("role_demand", "role_id", "ab_role.id"),
        sa.PrimaryKeyConstraint("role_id", name=op.f("pk_role_demand")),
    )
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.add_column(sa.Column("has_second", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.alter_column("has_second", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.drop_column("has_second")
    for table in (
        "role_demand",
        "remembered_device",
        "pending_sign_in",
        "second_factor_try",
        "recovery_code",
        "second_factor",
    ):
        op.drop_table(table)
