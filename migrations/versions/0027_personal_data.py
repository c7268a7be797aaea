"""Consents are logged, people exported whole and made anonymous, and every kind of data has a term.

Why: a person may ask what is known of him and that it be forgotten; who agreed to what must be provable; and what is
not needed any more should not be kept. Consents and erasures are only ever added to, by triggers.
A downgrade loses consents, the record of erasures and the terms; who was made anonymous stays so, named by a number.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

PURPOSES = (
    *("marketing_mail", "marketing_sms", "marketing_messenger", "phone_calls"),
    *("processing", "profiling", "passing_on"),
)
SOURCES = ("form", "paper", "telephone", "letter", "conversation", "imports", "other")
STATES = ("queued", "running", "done", "failed", "expired")
KINDS, FORMATS = ("list", "chart", "report", "rest"), ("xlsx", "csv", "json")
TRIGGERS = {"consent": ("update", "delete", "truncate"), "erasure": ("update", "delete", "truncate")}


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["ab_user.id"], name=f"fk_{table}_{column}_ab_user", ondelete="SET NULL")


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
        "consent",
        sa.Column("party_id", Key, nullable=False),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("purpose", choice("consentpurpose", PURPOSES), nullable=False),
        sa.Column("state", choice("consentstate", ("given", "withdrawn")), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=True),
        sa.Column("source", choice("consentsource", SOURCES), nullable=False),
        sa.Column("wording", sa.Text(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=True),
        sa.Column("evidence_id", Key, nullable=True),
        sa.Column("said_at", Instant(), nullable=False),
        sa.Column("noted_at", Instant(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.CheckConstraint("said_at <= noted_at", name=op.f("ck_consent_said_before_noted")),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name=op.f("fk_consent_party_id_party")),
        sa.ForeignKeyConstraint(["evidence_id"], ["attachment.id"], name=op.f("fk_consent_evidence_id_attachment")),
        person("consent", "by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index("ix_consent_party_id_purpose", ["party_id", "purpose", "id"], unique=False)
        batch_op.create_index("ix_consent_evidence_id", ["evidence_id"], unique=False)
    op.create_table(
        "erasure",
        sa.Column("party_id", Key, nullable=False),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("reason", sa.String(length=250), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(trim(reason)) > 0", name=op.f("ck_erasure_reason_filled")),
        person("erasure", "by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    with op.batch_alter_table("erasure", schema=None) as batch_op:
        batch_op.create_index("ix_erasure_party_id", ["party_id"], unique=False)
        batch_op.create_index("ix_erasure_by_id", ["by_id"], unique=False)
    op.create_table(
        "person_export",
        sa.Column("party_id", Key, nullable=False),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("state", choice("personexportstate", STATES), nullable=False),
        sa.Column("total_rows", sa.Integer(), nullable=False),
        sa.Column("done_rows", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
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
        sa.ForeignKeyConstraint(
            ["party_id"], ["party.id"], name=op.f("fk_person_export_party_id_party"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["file_id"], ["attachment.id"], name=op.f("fk_person_export_file_id_attachment"), ondelete="SET NULL"
        ),
        person("person_export", "owner_id"),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name=op.f("fk_person_export_team_id_team"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_export")),
    )
    with op.batch_alter_table("person_export", schema=None) as batch_op:
        batch_op.create_index("ix_person_export_party_id", ["party_id"], unique=False)
        batch_op.create_index("ix_person_export_owner_id", ["owner_id"], unique=False)
        batch_op.create_index("ix_person_export_team_id", ["team_id"], unique=False)
    op.create_table(
        "retention_rule",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("ran_at", Instant(), nullable=True),
        sa.Column("ran_rows", sa.Integer(), nullable=True),
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("days >= 0", name=op.f("ck_retention_rule_days_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retention_rule")),
        sa.UniqueConstraint("name", name=op.f("uq_retention_rule_name")),
    )
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.add_column(sa.Column("anonymised_at", Instant(), nullable=True))
    exports((*KINDS, "person"), (*FORMATS, "zip"))


def downgrade() -> None:
    op.execute("DELETE FROM export_run WHERE kind = 'person' OR format = 'zip'")
    exports(KINDS, FORMATS)
    with op.batch_alter_table("party", schema=None) as batch_op:
        batch_op.drop_column("anonymised_at")
    op.drop_table("retention_rule")
    op.drop_table("person_export")
    if op.get_bind().dialect.name == "postgresql":
        for table, events in TRIGGERS.items():
            for event in events:
                op.execute(f"DROP TRIGGER IF EXISTS {table}_keep_{event} ON {table}")
    op.drop_table("erasure")
    op.drop_table("consent")
