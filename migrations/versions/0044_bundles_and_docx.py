"""Bundles: the files of many documents as one; the log of exports knows them and PDF. Templates may be DOCX.

Why: an accountant takes a month's invoices as one file, and who took which is noted as with every export; lawyers
write their templates in a word processor.
A downgrade loses bundles, their lines in the log, and which templates are DOCX; the documents and their files stay.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

TABLE = "document_bundle"
TEMPLATES = ("document_template", "document_template_version")
STATES = ("queued", "running", "done", "failed", "expired")
KINDS, FORMATS = ("list", "chart", "report", "rest", "person"), ("xlsx", "csv", "json", "zip")


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{TABLE}_{column}_{to}", ondelete="SET NULL")


def exports(kinds: tuple[str, ...], formats: tuple[str, ...]) -> None:
    """Let the log of exports know these kinds and formats."""
    checks = {"exportkind": ("kind", kinds), "exportformat": ("format", formats)}
    with op.batch_alter_table("export_run", schema=None) as batch_op:
        for name in checks:
            batch_op.drop_constraint(op.f(f"ck_export_run_{name}"), type_="check")
    with op.batch_alter_table("export_run", schema=None) as batch_op:
        for name, (column, values) in checks.items():
            told = ", ".join(f"'{value}'" for value in values)
            batch_op.create_check_constraint(op.f(f"ck_export_run_{name}"), f"{column} IN ({told})")


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("form", choice("bundleform", "zip", "pdf"), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("state", choice("bundlestate", *STATES), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("missing", sa.JSON(), nullable=False),
        sa.Column("total_rows", sa.Integer(), nullable=False),
        sa.Column("done_rows", sa.Integer(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("file_id", Key, nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("started_at", Instant(), nullable=True),
        sa.Column("ended_at", Instant(), nullable=True),
        link("file_id", "attachment"),
        link("owner_id", "ab_user"),
        link("team_id", "team"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_bundle")),
    )
    with op.batch_alter_table(TABLE, schema=None) as batch_op:
        for column in ("file_id", "owner_id", "team_id"):
            batch_op.create_index(f"ix_{TABLE}_{column}", [column], unique=False)
    exports((*KINDS, "bundle"), (*FORMATS, "pdf"))
    for table in TEMPLATES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("docx_sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    for table in TEMPLATES:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("docx_sha256")
    op.execute("DELETE FROM export_run WHERE kind = 'bundle' OR format = 'pdf'")
    exports(KINDS, FORMATS)
    op.drop_table(TABLE)
