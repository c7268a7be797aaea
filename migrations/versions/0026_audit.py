"""The history becomes the audit: who, from where and by which way, views and sign-ins too, sealed in batches.

Why: what happened to records, and who looked at them, must be provable years later; a change made with SQL must be
found. Standing rows are taken over: they get a salt and the name of who did it, and are sealed with the next ones.
They are bound to no account any more: a deleted one stays readable by its name.
A downgrade loses the seals, views, sign-ins and changes of rows within records, and from where it was done.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

ACTS = (
    *("add", "change", "move", "delete", "restore", "view", "export", "sign_in", "sign_in_failed", "sign_out"),
    *("password", "key", "rights", "look_as", "erase", "cut"),
)
CHANNELS = ("screen", "api", "imports", "job", "rule", "cli", "demo")
TRIGGERS = {"field_change": ("insert", "update", "delete", "truncate")}


def upgrade() -> None:
    op.create_table(
        "audit_seal",
        sa.Column("no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.Column("rows_sha256", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("link", sa.String(length=64), nullable=False),
        sa.Column("cut_at", Instant(), nullable=True),
        sa.CheckConstraint("count >= 1", name=op.f("ck_audit_seal_count_positive")),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_audit_seal")),
    )
    channel = sa.Enum(*CHANNELS, name="channel", native_enum=False, create_constraint=True, length=24)
    with op.batch_alter_table("field_change", schema=None) as batch_op:
        batch_op.add_column(sa.Column("part", sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column("part_id", Key, nullable=True))
        batch_op.add_column(sa.Column("name", sa.String(length=250), nullable=True))
        batch_op.add_column(sa.Column("actor_name", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("seen_as", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("channel", channel, nullable=True))
        batch_op.add_column(sa.Column("address", sa.String(length=45), nullable=True))
        batch_op.add_column(sa.Column("sign_in", sa.String(length=24), nullable=True))
        batch_op.add_column(sa.Column("salt", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("seal_no", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("erasure", sa.JSON(), nullable=True))
        batch_op.alter_column("record_id", existing_type=Key, nullable=True)
        batch_op.drop_constraint("fk_field_change_actor_id", type_="foreignkey")
    sqlite = op.get_bind().dialect.name == "sqlite"
    salt = "lower(hex(randomblob(16)))" if sqlite else "replace(gen_random_uuid()::text, '-', '')"
    op.execute(
        f"UPDATE field_change SET salt = {salt}, actor_name = (SELECT username FROM ab_user WHERE id = actor_id)"
    )
    state = "json_extract(changes, '$.state')" if sqlite else "(changes -> 'state')"
    op.execute(f"UPDATE field_change SET act = 'move' WHERE act = 'change' AND {state} IS NOT NULL")
    acts = sa.Enum(*ACTS, name="act", native_enum=False, create_constraint=True, length=24)
    with op.batch_alter_table("field_change", schema=None) as batch_op:
        batch_op.alter_column("act", existing_type=sa.String(length=8), type_=acts, existing_nullable=False)
        batch_op.create_check_constraint(
            op.f("ck_field_change_sealed_complete"), "(seal_no IS NULL) = (sha256 IS NULL)"
        )
        batch_op.create_check_constraint(op.f("ck_field_change_salted"), "salt IS NOT NULL OR erasure IS NOT NULL")
        batch_op.create_index("ix_field_change_seal_no", ["seal_no", "id"], unique=False)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, events in TRIGGERS.items():
            for event in events:
                op.execute(f"DROP TRIGGER IF EXISTS {table}_keep_{event} ON {table}")
    op.execute(
        "DELETE FROM field_change WHERE record_id IS NULL OR part IS NOT NULL "
        "OR act NOT IN ('add', 'change', 'move', 'delete', 'restore')"
    )
    op.execute("UPDATE field_change SET act = 'change' WHERE act = 'move'")
    op.execute("UPDATE field_change SET actor_id = NULL WHERE actor_id NOT IN (SELECT id FROM ab_user)")
    with op.batch_alter_table("field_change", schema=None) as batch_op:
        batch_op.drop_index("ix_field_change_seal_no")
        batch_op.drop_constraint(op.f("ck_field_change_salted"), type_="check")
        batch_op.drop_constraint(op.f("ck_field_change_sealed_complete"), type_="check")
        batch_op.drop_constraint("act", type_="check")
        batch_op.drop_constraint("channel", type_="check")
        batch_op.alter_column("act", existing_type=sa.String(length=24), type_=sa.String(length=8))
        batch_op.alter_column("record_id", existing_type=Key, nullable=False)
        for name in ("part", "part_id", "name", "actor_name", "seen_as", "channel", "address", "sign_in", "salt"):
            batch_op.drop_column(name)
        for name in ("seal_no", "sha256", "erasure"):
            batch_op.drop_column(name)
        batch_op.create_foreign_key("fk_field_change_actor_id", "ab_user", ["actor_id"], ["id"], ondelete="SET NULL")
    op.drop_table("audit_seal")
