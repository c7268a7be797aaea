"""Leads from every channel stand in one registry, with what arrived as it arrived, a clock, and people who get them.

Why: nobody who asks may be lost, whatever he has sent; and who waits for too long must be told of. Of what arrives
twice under one number the second is the first again, by a unique constraint.
A downgrade loses leads, what arrived, sources with their secrets, and forms.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

CHANNELS = ("form", "api", "message", "email", "manual", "imported")
PRIORITIES = ("low", "normal", "high")
STATES = ("held", "new", "accepted", "converted", "merged", "rejected")
REJECTIONS = ("junk", "no_need", "too_dear", "not_ours", "unreachable", "other")
HELD = ("limit", "trap", "too_quick", "no_proof", "stale")
ASSIGNMENTS = ("nobody", "in_turn", "least_loaded", "territory", "language")
FIELDS = ("name", "company", "phone", "email", "country", "region", "text")
TABLES = ("lead_form_text", "lead_form_field", "lead_form", "lead_arrival", "lead", "lead_receiver", "lead_source_key")
WAITING = "responded_at IS NULL AND respond_by IS NOT NULL"
TO_REMIND = "responded_at IS NULL AND reminded_at IS NULL"
NOTICES = ("mention", "note", "change_of_state", "assigned", "shared", "job_failed", "export_alarm", "key_ends")
BEFORE = (*NOTICES, "reminder")
OURS = ("lead_waits", "lead_late")


def choice(name: str, values: tuple[str, ...]) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def entity() -> list[sa.Column]:
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def link(table: str, column: str, target: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"), ondelete=ondelete)


def check(table: str, name: str, text: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(text, name=op.f(f"ck_{table}_{name}"))


def indexes(table: str, *columns: str) -> None:
    with op.batch_alter_table(table, schema=None) as batch_op:
        for column in columns:
            batch_op.create_index(f"ix_{table}_{column}", [column], unique=False)


def sources() -> None:
    op.create_table(
        "lead_source",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("channel", choice("leadchannel", CHANNELS), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("priority", choice("leadpriority", PRIORITIES), nullable=False),
        sa.Column("norm_minutes", sa.Integer(), nullable=True),
        sa.Column("norm_high_minutes", sa.Integer(), nullable=True),
        sa.Column("norm_low_minutes", sa.Integer(), nullable=True),
        sa.Column("assignment", choice("assignment", ASSIGNMENTS), nullable=False),
        sa.Column("team_id", Key, nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("per_address", sa.Integer(), nullable=False),
        *entity(),
        link("lead_source", "team_id", "team", "SET NULL"),
        check("lead_source", "name_filled", "length(trim(name)) > 0"),
        check("lead_source", "norm_positive", "norm_minutes > 0"),
        check("lead_source", "norm_high_positive", "norm_high_minutes > 0"),
        check("lead_source", "norm_low_positive", "norm_low_minutes > 0"),
        check("lead_source", "limits_positive", "per_minute > 0 AND per_address > 0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_source")),
        sa.UniqueConstraint("name", name=op.f("uq_lead_source_name")),
        sa.UniqueConstraint("code", name=op.f("uq_lead_source_code")),
    )
    indexes("lead_source", "team_id")
    op.create_table(
        "lead_source_key",
        sa.Column("source_id", Key, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        link("lead_source_key", "source_id", "lead_source", "CASCADE"),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_lead_source_key")),
    )
    op.create_table(
        "lead_receiver",
        sa.Column("source_id", Key, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("region", sa.String(length=120), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=True),
        sa.Column("most_open", sa.Integer(), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("lead_receiver", "source_id", "lead_source", "CASCADE"),
        link("lead_receiver", "user_id", "ab_user", "CASCADE"),
        check("lead_receiver", "most_open_positive", "most_open > 0"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_receiver")),
    )
    indexes("lead_receiver", "source_id", "user_id")


def leads() -> None:
    op.create_table(
        "lead",
        sa.Column("state", choice("leadstate", STATES), nullable=False),
        sa.Column("priority", choice("leadpriority", PRIORITIES), nullable=False),
        sa.Column("channel", choice("leadchannel", CHANNELS), nullable=False),
        sa.Column("channel_name", sa.String(length=60), nullable=True),
        sa.Column("source_id", Key, nullable=True),
        sa.Column("name", sa.String(length=250), nullable=True),
        sa.Column("company", sa.String(length=250), nullable=True),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("messenger", sa.String(length=100), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("region", sa.String(length=120), nullable=True),
        *(
            sa.Column(f"utm_{part}", sa.String(length=120), nullable=True)
            for part in ("source", "medium", "campaign", "term", "content")
        ),
        sa.Column("page", sa.String(length=500), nullable=True),
        sa.Column("referrer", sa.String(length=500), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("held_because", choice("heldbecause", HELD), nullable=True),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("contact_id", Key, nullable=True),
        sa.Column("deal_id", Key, nullable=True),
        sa.Column("merged_into_id", Key, nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("remind_at", Instant(), nullable=True),
        sa.Column("respond_by", Instant(), nullable=True),
        sa.Column("reminded_at", Instant(), nullable=True),
        sa.Column("escalated_at", Instant(), nullable=True),
        sa.Column("responded_at", Instant(), nullable=True),
        sa.Column("response_minutes", sa.Integer(), nullable=True),
        sa.Column("rejected_reason", choice("leadrejection", REJECTIONS), nullable=True),
        sa.Column("rejected_note", sa.String(length=500), nullable=True),
        sa.Column("converted_at", Instant(), nullable=True),
        sa.Column("made", sa.JSON(), nullable=True),
        sa.Column("search_text", sa.Text(), nullable=False),
        *entity(),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("team_id", Key, nullable=True),
        link("lead", "source_id", "lead_source"),
        link("lead", "party_id", "party", "SET NULL"),
        link("lead", "contact_id", "party_contact", "SET NULL"),
        link("lead", "deal_id", "deal", "SET NULL"),
        link("lead", "merged_into_id", "lead"),
        link("lead", "owner_id", "ab_user", "SET NULL"),
        link("lead", "team_id", "team", "SET NULL"),
        check("lead", "rejected_says_why", "(state = 'rejected') = (rejected_reason IS NOT NULL)"),
        check("lead", "merged_says_where", "(state = 'merged') = (merged_into_id IS NOT NULL)"),
        check("lead", "response_is_measured", "(responded_at IS NULL) = (response_minutes IS NULL)"),
        check("lead", "response_not_negative", "response_minutes >= 0"),
        check("lead", "held_says_why", "state <> 'held' OR held_because IS NOT NULL"),
        check("lead", "country_code", "country IS NULL OR length(country) = 2"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
    )
    indexes("lead", "source_id", "phone", "email", "messenger", "party_id", "contact_id", "deal_id", "merged_into_id")
    indexes("lead", "owner_id", "team_id", "received_at")
    with op.batch_alter_table("lead", schema=None) as batch_op:
        batch_op.create_index("ix_lead_state_received_at", ["state", "received_at", "id"], unique=False)
        batch_op.create_index("ix_lead_owner_id_state", ["owner_id", "state"], unique=False)
        for name, column, where in (
            ("ix_lead_waiting", "respond_by", WAITING),
            ("ix_lead_to_remind", "remind_at", TO_REMIND),
        ):
            some = sa.text(where)
            batch_op.create_index(name, [column], unique=False, sqlite_where=some, postgresql_where=some)
    op.create_table(
        "lead_arrival",
        sa.Column("source_id", Key, nullable=False),
        sa.Column("external_id", sa.String(length=190), nullable=True),
        sa.Column("lead_id", Key, nullable=True),
        sa.Column("party_id", Key, nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("id", Key, nullable=False),
        link("lead_arrival", "source_id", "lead_source"),
        link("lead_arrival", "lead_id", "lead", "CASCADE"),
        link("lead_arrival", "party_id", "party", "CASCADE"),
        check("lead_arrival", "belongs_somewhere", "lead_id IS NOT NULL OR party_id IS NOT NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_arrival")),
        sa.UniqueConstraint("source_id", "external_id", name=op.f("uq_lead_arrival_source_id_external_id")),
    )
    indexes("lead_arrival", "lead_id", "party_id")
    with op.batch_alter_table("lead_arrival", schema=None) as batch_op:
        batch_op.create_index("ix_lead_arrival_source_id_received_at", ["source_id", "received_at"], unique=False)
        batch_op.create_index("ix_lead_arrival_address_received_at", ["address", "received_at"], unique=False)


def forms() -> None:
    op.create_table(
        "lead_form",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("source_id", Key, nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("theme", choice("theme", ("system", "light", "dark")), nullable=False),
        sa.Column("colour", sa.String(length=7), nullable=True),
        sa.Column("sites", sa.Text(), nullable=True),
        *entity(),
        link("lead_form", "source_id", "lead_source"),
        check("lead_form", "name_filled", "length(trim(name)) > 0"),
        check("lead_form", "colour_code", "length(colour) = 7"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_form")),
        sa.UniqueConstraint("name", name=op.f("uq_lead_form_name")),
        sa.UniqueConstraint("code", name=op.f("uq_lead_form_code")),
    )
    indexes("lead_form", "source_id")
    op.create_table(
        "lead_form_field",
        sa.Column("form_id", Key, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("field", choice("leadfield", FIELDS), nullable=False),
        sa.Column("caption", sa.String(length=120), nullable=True),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("id", Key, nullable=False),
        link("lead_form_field", "form_id", "lead_form", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_form_field")),
    )
    with op.batch_alter_table("lead_form_field", schema=None) as batch_op:
        batch_op.create_index("ix_lead_form_field_form_id_position", ["form_id", "position"], unique=False)
    op.create_table(
        "lead_form_text",
        sa.Column("form_id", Key, nullable=False),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=True),
        sa.Column("intro", sa.String(length=500), nullable=True),
        sa.Column("button", sa.String(length=60), nullable=True),
        sa.Column("thanks", sa.String(length=500), nullable=True),
        sa.Column("id", Key, nullable=False),
        link("lead_form_text", "form_id", "lead_form", "CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead_form_text")),
        sa.UniqueConstraint("form_id", "language", name=op.f("uq_lead_form_text_form_id_language")),
    )


def notices(kinds: tuple[str, ...]) -> None:
    """Let notifications be of these kinds."""
    told = ", ".join(f"'{value}'" for value in kinds)
    for table in ("notification", "notification_setting"):
        name = op.f(f"ck_{table}_notificationkind")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_constraint(name, type_="check")
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_check_constraint(name, f"kind IN ({told})")


def upgrade() -> None:
    sources()
    leads()
    forms()
    notices((*BEFORE, *OURS))


def downgrade() -> None:
    for table in ("notification", "notification_setting"):
        op.execute(f"DELETE FROM {table} WHERE kind IN ('lead_waits', 'lead_late')")
    notices(BEFORE)
    op.execute("DELETE FROM search_entry WHERE entity = 'lead'")
    for table in (*TABLES, "lead_source"):
        op.drop_table(table)
