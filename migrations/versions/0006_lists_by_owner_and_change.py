"""Lists of one's own parties, and what was changed last, are read in their order.

Why: at 100,000 parties both were sorted anew for every page. A downgrade loses nothing but the speed.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.create_index("ix_party_changed_at", ["changed_at"], unique=False)
        batch_op.create_index("ix_party_owner_id_changed_at", ["owner_id", "changed_at"], unique=False)
        batch_op.create_index("ix_party_owner_id_name", ["owner_id", "name", "id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.drop_index("ix_party_owner_id_name")
        batch_op.drop_index("ix_party_owner_id_changed_at")
        batch_op.drop_index("ix_party_changed_at")
