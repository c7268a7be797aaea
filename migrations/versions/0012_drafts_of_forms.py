"""Drafts are kept while one types, each form its own, counted up with every keeping. Banks are found by their codes.

Why: a crash or a closed tab loses no more than a session that has ended; the name of a bank that is known is filled in
while one types. A downgrade loses nothing that is saved.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("form_draft", schema=None) as batch_op:
        batch_op.add_column(sa.Column("turn", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("changed_at", Instant(), nullable=True))
    op.execute("UPDATE form_draft SET changed_at = created_at")
    with op.batch_alter_table("form_draft", schema=None) as batch_op:
        batch_op.alter_column("turn", server_default=None)
        batch_op.alter_column("changed_at", existing_type=Instant(), nullable=False)
        batch_op.create_index("ix_form_draft_changed_at", ["changed_at"], unique=False)
    op.create_index("ix_party_bank_account_bic", "party_bank_account", ["bic"], unique=False)
    op.create_index("ix_party_bank_account_bik", "party_bank_account", ["bik"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_party_bank_account_bik", "party_bank_account")
    op.drop_index("ix_party_bank_account_bic", "party_bank_account")
    with op.batch_alter_table("form_draft", schema=None) as batch_op:
        batch_op.drop_index("ix_form_draft_changed_at")
        batch_op.drop_column("changed_at")
        batch_op.drop_column("turn")
