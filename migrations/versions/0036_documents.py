"""Templates of documents with published versions, and the documents made from them.

Why: staff write what is printed; what was printed is provable by its version, its data and its hash.
A downgrade loses templates and the register of made documents; their stored files stay.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

KINDS = (
    *("contract", "quote", "order", "invoice", "credit_note", "delivery_note", "act", "reminder", "statement"),
    *("letter", "label", "mail"),
)
SIZES = ("a4", "a5", "letter", "label")
STATES = ("draft", "approval", "approved", "issued", "sent", "cancelled")
MARGINS = ("margin_top", "margin_right", "margin_bottom", "margin_left")
POSSIBLE = " AND ".join(f"{name} BETWEEN 0 AND 80" for name in MARGINS)


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def entity() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def page() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("page_size", choice("pagesize", *SIZES), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in MARGINS),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("body", "header", "footer", "style")),
    ]


def index(table: str, *names: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        batch_op.create_index(f"ix_{table}_{'_'.join(names)}", list(names), unique=False)


def only_one(name: str, columns: list[str], where: str) -> None:
    with op.batch_alter_table("document_template", schema=None) as batch_op:
        batch_op.create_index(name, columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def templates() -> None:
    table = "document_template"
    op.create_table(
        table,
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", choice("paperkind", *KINDS), nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("organisation_id", Key, nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        *page(),
        sa.Column("supplied", sa.String(length=40), nullable=True),
        *entity(),
        sa.CheckConstraint("length(trim(name)) > 0", name=op.f("ck_document_template_name_filled")),
        sa.CheckConstraint(POSSIBLE, name=op.f("ck_document_template_margins_possible")),
        link(table, "organisation_id", "organisation"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_template")),
        sa.UniqueConstraint("name", "language", name=op.f("uq_document_template_name_language")),
        sa.UniqueConstraint("supplied", name=op.f("uq_document_template_supplied")),
    )
    index(table, "organisation_id")
    kinds = ["kind", "language"]
    only_one("uq_document_template_default", [*kinds, "organisation_id"], "is_default AND organisation_id IS NOT NULL")
    only_one("uq_document_template_default_of_all", kinds, "is_default AND organisation_id IS NULL")
    version = "document_template_version"
    op.create_table(
        version,
        sa.Column("template_id", Key, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *page(),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("published_by_id", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("ck_document_template_version_number_positive")),
        link(version, "template_id", "document_template"),
        link(version, "published_by_id", "ab_user"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_template_version")),
        sa.UniqueConstraint("template_id", "number", name=op.f("uq_document_template_version_template_id_number")),
    )
    index(version, "published_by_id")


def documents() -> None:
    table = "made_document"
    op.create_table(
        table,
        sa.Column("state", choice("madestate", *STATES), nullable=False),
        sa.Column("kind", choice("paperkind", *KINDS), nullable=False),
        sa.Column("title", sa.String(length=250), nullable=False),
        sa.Column("number", sa.String(length=60), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("entity", sa.String(length=40), nullable=False),
        sa.Column("record_id", Key, nullable=False),
        sa.Column("template_version_id", Key, nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("is_archival", sa.Boolean(), nullable=False),
        sa.Column("file_id", Key, nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("approved_by_id", sa.Integer(), nullable=True),
        sa.Column("approved_at", Instant(), nullable=True),
        sa.Column("rejected_reason", sa.String(length=500), nullable=True),
        sa.Column("issued_at", Instant(), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        *entity(),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        sa.CheckConstraint("(file_id IS NULL) OR (sha256 IS NOT NULL)", name=op.f("ck_made_document_file_known")),
        sa.CheckConstraint(
            "state NOT IN ('issued', 'sent') OR (sha256 IS NOT NULL AND issued_at IS NOT NULL)",
            name=op.f("ck_made_document_issued_complete"),
        ),
        sa.CheckConstraint(
            "state <> 'approved' OR approved_at IS NOT NULL", name=op.f("ck_made_document_approved_complete")
        ),
        link(table, "organisation_id", "organisation"),
        link(table, "party_id", "party"),
        link(table, "template_version_id", "document_template_version"),
        link(table, "file_id", "attachment"),
        link(table, "approved_by_id", "ab_user", "SET NULL"),
        link(table, "owner_id", "ab_user", "SET NULL"),
        link(table, "team_id", "team", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_made_document")),
    )
    for name in ("organisation_id", "party_id", "template_version_id", "file_id", "approved_by_id"):
        index(table, name)
    index(table, "owner_id")
    index(table, "team_id")
    index(table, "entity", "record_id")
    index(table, "state", "id")
    index(table, "kind", "id")


def upgrade() -> None:
    templates()
    documents()


def downgrade() -> None:
    op.drop_table("made_document")
    op.drop_table("document_template_version")
    op.drop_table("document_template")
