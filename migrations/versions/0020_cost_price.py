"""Products know what they cost us.

Why: whoever sells must know what is left of a price, and not everybody may. A downgrade loses what they cost.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Quantity

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cost_price", Quantity(), nullable=True))
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.create_check_constraint(op.f("ck_product_cost_price_positive"), "cost_price >= 0")


def downgrade() -> None:
    with op.batch_alter_table("product", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_product_cost_price_positive"), type_="check")
        batch_op.drop_column("cost_price")
