"""Automatic letters: rules of occasions, and each occasion of a counterparty with what became of it.

Why: whoever has a birthday, has ordered once, or whose contract ends is written to by itself, of each occasion once.
A downgrade loses the rules and what became of their occasions; the letters stay.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Instant, Key

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

OCCASIONS = ("birthday", "holiday", "one_order", "after_order", "after_delivery", "contract_end")
REASONS = (
    *("no_address", "no_consent", "opted_out", "bounced", "suppressed", "capped", "quiet", "erased", "archived"),
    *("duplicate", "blocked", "moot", "not_in_segment", "late", "unwritable"),
)


def choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def link(table: str, column: str, to: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete=ondelete)


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))


def unique(table: str, *names: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*names, name=op.f(f"uq_{table}_{'_'.join(names)}"))


def entity() -> list[sa.Column]:  # type: ignore[type-arg]
    return [
        sa.Column("id", Key, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
    ]


def index(table: str, *names: str) -> None:
    op.create_index(f"ix_{table}_{'_'.join(names)}", table, list(names), unique=False)


def some(table: str, name: str, where: str) -> None:
    about = sa.text(where)
    op.create_index(f"ix_{table}_{name}", table, [name], sqlite_where=about, postgresql_where=about)


def rules() -> None:
    rule = "contact_rule"
    op.create_table(
        rule,
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("organisation_id", Key, nullable=False),
        sa.Column("occasion", choice("occasion", *OCCASIONS), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("holiday", sa.String(length=120), nullable=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("segment_id", Key, nullable=True),
        sa.Column("kind", choice("mailingkind", "marketing", "service"), nullable=False),
        sa.Column("channel", choice("mailingchannel", "email", "sms"), nullable=False),
        sa.Column("template_id", Key, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        *entity(),
        check(rule, "name_filled", "length(trim(name)) > 0"),
        check(rule, "days_possible", "days BETWEEN -365 AND 365"),
        check(rule, "hour_possible", "hour BETWEEN 0 AND 23"),
        check(rule, "holiday_named", "(occasion = 'holiday') = (holiday IS NOT NULL)"),
        check(rule, "country_named", "(occasion = 'holiday') = (country IS NOT NULL)"),
        check(rule, "country_code", "length(country) = 2"),
        link(rule, "organisation_id", "organisation", "CASCADE"),
        link(rule, "segment_id", "segment"),
        link(rule, "template_id", "mail_template"),
        key(rule),
        unique(rule, "name"),
    )
    for name in ("is_active", "organisation_id", "segment_id", "template_id"):
        index(rule, name)


def occurrences() -> None:
    made = "rule_occurrence"
    op.create_table(
        made,
        sa.Column("rule_id", Key, nullable=False),
        sa.Column("occasion", choice("occasion", *OCCASIONS), nullable=False),
        sa.Column("party_id", Key, nullable=False),
        sa.Column("slot", sa.String(length=160), nullable=False),
        sa.Column("record_id", Key, nullable=True),
        sa.Column("happens_on", sa.Date(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("state", choice("occurrencestate", "planned", "written", "left_out"), nullable=False),
        sa.Column("reason", choice("leftout", *REASONS), nullable=True),
        sa.Column("done_at", Instant(), nullable=True),
        sa.Column("letter_id", Key, nullable=True),
        sa.Column("text_message_id", Key, nullable=True),
        *entity(),
        check(made, "reason_given", "(state = 'left_out') = (reason IS NOT NULL)"),
        check(made, "planned_waits", "state <> 'planned' OR (letter_id IS NULL AND text_message_id IS NULL)"),
        check(made, "done_complete", "(state = 'planned') = (done_at IS NULL)"),
        link(made, "rule_id", "contact_rule", "CASCADE"),
        link(made, "party_id", "party", "CASCADE"),
        link(made, "letter_id", "letter", "SET NULL"),
        link(made, "text_message_id", "text_message", "SET NULL"),
        key(made),
        unique(made, "rule_id", "party_id", "slot"),
    )
    op.create_index(f"ix_{made}_state_due_at", made, ["state", "due_at", "id"], unique=False)
    op.create_index(f"ix_{made}_rule_id_state", made, ["rule_id", "state", "due_at"], unique=False)
    for name in ("party_id", "letter_id", "text_message_id"):
        index(made, name)


def upgrade() -> None:
    rules()
    occurrences()
    some("party", "birthday", "birthday IS NOT NULL")
    some("delivery", "delivered_at", "delivered_at IS NOT NULL")


def downgrade() -> None:
    op.drop_index("ix_delivery_delivered_at", "delivery")
    op.drop_index("ix_party_birthday", "party")
    for table in ("rule_occurrence", "contact_rule"):
        op.drop_table(table)
