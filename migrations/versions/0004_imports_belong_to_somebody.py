"""Imports belong to somebody, and keep what they refused.

Why: a run is seen by its owner and his team, and its rejected rows are found again. A downgrade loses both.
"""

import sqlalchemy as sa
from alembic import op

from app import columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_problem",
        sa.Column("run_id", columns.Key, nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_duplicate", sa.Boolean(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.Column("id", columns.Key, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["import_run.id"], name=op.f("fk_import_problem_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_problem")),
    )
    with op.batch_alter_table("import_problem", schema=None) as batch_op:
        batch_op.create_index("ix_import_problem_run_id_row", ["run_id", "row"], unique=False)

    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("warned_rows", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("report", sa.JSON(), nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("owner_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("team_id", columns.Key, nullable=True))
        batch_op.create_index(batch_op.f("ix_import_run_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_import_run_team_id"), ["team_id"], unique=False)
        batch_op.drop_constraint(batch_op.f("fk_import_run_created_by_id"), type_="foreignkey")
        batch_op.create_foreign_key(
            batch_op.f("fk_import_run_owner_id"), "ab_user", ["owner_id"], ["id"], ondelete="SET NULL"
        )
        batch_op.create_foreign_key(
            batch_op.f("fk_import_run_team_id"), "team", ["team_id"], ["id"], ondelete="SET NULL"
        )
        batch_op.drop_column("created_by_id")


def downgrade() -> None:
    with op.batch_alter_table("import_run", schema=None) as batch_op:
        batch_op.add_column(sa.Column("created_by_id", sa.INTEGER(), nullable=True))
        batch_op.drop_constraint(batch_op.f("fk_import_run_team_id"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_import_run_owner_id"), type_="foreignkey")
        batch_op.create_foreign_key(
            batch_op.f("fk_import_run_created_by_id"), "ab_user", ["created_by_id"], ["id"], ondelete="SET NULL"
        )
        batch_op.drop_index(batch_op.f("ix_import_run_team_id"))
        batch_op.drop_index(batch_op.f("ix_import_run_owner_id"))
        batch_op.drop_column("team_id")
        batch_op.drop_column("owner_id")
        batch_op.drop_column("report")
        batch_op.drop_column("warned_rows")

    with op.batch_alter_table("import_problem", schema=None) as batch_op:
        batch_op.drop_index("ix_import_problem_run_id_row")

    op.drop_table("import_problem")
