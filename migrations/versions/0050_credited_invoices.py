"""An invoice that its own credit notes settle as a whole is credited, not paid; the search knows what is archived.

Why: nobody has paid it, and lists, cards and REST said so. `credited` is the part of what is allocated that comes from
its own credit notes; a trigger sums it up, as it does what is allocated, and the settlement is derived from both.
SQLite changes no generated column: the table is made anew from its own statement, which Alembic's batch cannot copy.
What is archived is found below the rest. A counterparty is a client since its first order or invoice.
A downgrade shows credited invoices as paid again.
"""

import sqlalchemy as sa
from alembic import op

from app.columns import Exact

revision = "0050"
down_revision = "0048"
branch_labels = None
depends_on = None

KNOWN, NOW_KNOWN = ("open", "partly_paid", "paid"), ("open", "partly_paid", "paid", "credited")
DERIVED = (
    "CASE WHEN state = 'draft' THEN NULL WHEN allocated = gross THEN 'paid'"
    " WHEN allocated = 0 THEN 'open' ELSE 'partly_paid' END"
)
NOW_DERIVED = (
    "CASE WHEN state = 'draft' THEN NULL WHEN gross > 0 AND credited = gross THEN 'credited'"
    " WHEN allocated = gross THEN 'paid' WHEN allocated = 0 THEN 'open' ELSE 'partly_paid' END"
)
BOUGHT = (
    "SELECT ordered_on AS day FROM sale_order WHERE party_id = party_metric.party_id"
    " AND state NOT IN ('draft', 'cancelled') UNION ALL"
    " SELECT issued_on FROM invoice WHERE party_id = party_metric.party_id"
    " AND kind = 'invoice' AND state <> 'draft'"
)
WITHIN = "CHECK (credited >= 0 AND credited <= allocated)"
WITHIN_NAME = "ck_invoice_credited_within"
INDEXED = {
    "ix_invoice_settlement": ["settlement"],
    "ix_invoice_kind_settlement_due_on": ["kind", "settlement", "due_on"],
}


def listed(known: tuple[str, ...]) -> str:
    return "settlement IN (" + ", ".join(f"'{each}'" for each in known) + ")"


def remade(*replaced: tuple[str, str]) -> None:
    """Make SQLite's table anew with these pieces of its statement replaced; references to it are off meanwhile."""
    database = op.get_bind()
    question = "SELECT sql FROM sqlite_master WHERE tbl_name = 'invoice' AND type = '{}' AND sql IS NOT NULL"
    made: str = database.exec_driver_sql(question.format("table")).scalar_one()
    indexes = [row[0] for row in database.exec_driver_sql(question.format("index"))]
    for old, new in (('CREATE TABLE "invoice"', "CREATE TABLE invoice_anew"), *replaced):
        if made.count(old) != 1:
            raise RuntimeError(f"the table of invoices does not say {old}")
        made = made.replace(old, new)
    database.exec_driver_sql(made)
    kept = [row[1] for row in database.exec_driver_sql("PRAGMA table_info(invoice_anew)")]  # generated ones are hidden
    names = ", ".join(kept)
    database.exec_driver_sql(f"INSERT INTO invoice_anew ({names}) SELECT {names} FROM invoice")
    database.exec_driver_sql("DROP TABLE invoice")
    database.exec_driver_sql("ALTER TABLE invoice_anew RENAME TO invoice")
    for statement in indexes:
        database.exec_driver_sql(statement)


def derive(how: str, known: tuple[str, ...]) -> None:
    """Make PostgreSQL's generated column anew; its CHECK and indexes went with it."""
    op.drop_column("invoice", "settlement")
    kind = sa.Enum(*known, name="settlement", native_enum=False, create_constraint=False, length=24)
    op.add_column("invoice", sa.Column("settlement", kind, sa.Computed(how, persisted=True), nullable=True))
    op.create_check_constraint(op.f("ck_invoice_settlement"), "invoice", listed(known))
    for name, columns in INDEXED.items():
        op.create_index(name, "invoice", columns)


def upgrade() -> None:
    op.add_column("search_entry", sa.Column("is_archived", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(
        "UPDATE search_entry SET is_archived = true WHERE entity = 'party'"
        " AND record_id IN (SELECT id FROM party WHERE archived_at IS NOT NULL)"
    )
    op.add_column("party_metric", sa.Column("client_since", sa.Date(), nullable=True))
    op.create_index("ix_party_metric_client_since", "party_metric", ["client_since", "party_id"])
    op.execute(f"UPDATE party_metric SET client_since = (SELECT min(day) FROM ({BOUGHT}) AS bought)")
    op.add_column("invoice", sa.Column("credited", Exact(18, 4), server_default="0", nullable=False))
    own = "FROM allocation a JOIN invoice n ON n.id = a.credit_note_id AND n.credits_id = a.invoice_id"
    summed = f"(SELECT sum(a.amount) {own} WHERE a.invoice_id = invoice.id)"
    op.execute(f"UPDATE invoice SET credited = {summed} WHERE id IN (SELECT a.invoice_id {own})")
    if op.get_bind().dialect.name == "sqlite":
        rule = "CONSTRAINT pk_invoice PRIMARY KEY (id)"
        remade(
            (DERIVED, NOW_DERIVED),
            (listed(KNOWN), listed(NOW_KNOWN)),
            (rule, f"{rule}, \n\tCONSTRAINT {WITHIN_NAME} {WITHIN}"),
        )
    else:
        op.execute(f"ALTER TABLE invoice ADD CONSTRAINT {WITHIN_NAME} {WITHIN}")
        derive(NOW_DERIVED, NOW_KNOWN)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        remade(
            (NOW_DERIVED, DERIVED), (listed(NOW_KNOWN), listed(KNOWN)), (f", \n\tCONSTRAINT {WITHIN_NAME} {WITHIN}", "")
        )
    else:
        derive(DERIVED, KNOWN)
        op.execute(f"ALTER TABLE invoice DROP CONSTRAINT {WITHIN_NAME}")
        for name in ("allocation_sum", "invoice_keep_update"):  # they know of the column; env.py writes them anew
            op.execute(f"DROP FUNCTION {name}() CASCADE")
    op.execute("ALTER TABLE invoice DROP COLUMN credited")
    op.drop_index("ix_party_metric_client_since", "party_metric")
    op.execute("ALTER TABLE party_metric DROP COLUMN client_since")
    op.execute("ALTER TABLE search_entry DROP COLUMN is_archived")
