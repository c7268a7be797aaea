"""Everybody's screens are as he likes them: density, start page, rows of a page, widths of columns, what is put away.

Why: a choice made once holds on every device. A downgrade loses these choices and nothing else.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.add_column(sa.Column("density", sa.String(length=24), nullable=False, server_default="comfortable"))
        batch_op.add_column(sa.Column("start_page", sa.String(length=60), nullable=True))
        batch_op.add_column(sa.Column("page_size", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("column_widths", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("put_away", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.create_check_constraint(op.f("ck_user_profile_density"), "density IN ('comfortable', 'compact')")
        for name in ("density", "column_widths", "put_away"):
            batch_op.alter_column(name, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("user_profile", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_user_profile_density"), type_="check")
        for name in ("put_away", "column_widths", "page_size", "start_page", "density"):
            batch_op.drop_column(name)
