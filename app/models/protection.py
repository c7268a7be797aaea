# ruff: noqa: S608 -- names of our own tables only
"""What the database itself refuses: changing issued documents and payments, and anything but adding to the chains.

Triggers say it on both databases, so that it holds for every role, screen, import and statement of the application's
user. Lists of columns come from the models: a new column of an invoice is protected unless it is named as free.
What is allocated of a document or payment is the sum of its allocations: a trigger writes it, another refuses
anything else.
"""

from dataclasses import dataclass

from app.models.invoice import FREE_AFTER_ISSUE, Invoice
from app.models.payment import FREE_PAYMENT, Payment

ISSUED = "an issued document is not changed"
KEPT = "these rows are only ever added"
RECORDED = "a recorded payment is cancelled, not changed"
SIDES = "this credit cannot settle this debt"
PARTS = ("invoice_line", "invoice_tax")
ADDED_ONLY = {
    "invoice_snapshot": ("id = new.id", "invoice_id = new.invoice_id"),
    "chain_link": (
        "id = new.id",
        "invoice_id = new.invoice_id",
        "(series_id = new.series_id AND position = new.position)",
    ),
    "file_link": (
        "id = new.id",
        "invoice_id = new.invoice_id",
        "(series_id = new.series_id AND position = new.position)",
    ),
    "allocation": ("id = new.id", "reverses_id = new.reverses_id"),
}
# The state only moves on, and the file is set once.
_STEPS_BACK = (
    "(new.state <> old.state AND NOT (old.state = 'issued' AND new.state = 'closed'))",
    "(old.file_id IS NOT NULL AND (new.file_id IS NULL OR new.file_id <> old.file_id))",
)
_ALLOCATED = {
    "invoice": (
        "(SELECT coalesce(sum(amount), 0) FROM allocation WHERE invoice_id = {0})"
        " + (SELECT coalesce(sum(credit_amount), 0) FROM allocation WHERE credit_note_id = {0})"
    ),
    "payment": (
        "(SELECT coalesce(sum(credit_amount), 0) FROM allocation WHERE payment_id = {0})"
        " + (SELECT coalesce(sum(amount), 0) FROM allocation WHERE refund_id = {0})"
    ),
}
# What its own credit notes settle of an invoice; those of another invoice are as good as money.
_CREDITED = (
    "(SELECT coalesce(sum(a.amount), 0) FROM allocation a JOIN invoice n ON n.id = a.credit_note_id"
    " WHERE a.invoice_id = {0} AND n.credits_id = {0})"
)
_SETTLED = (
    ("invoice", "invoice_id"),
    ("invoice", "credit_note_id"),
    ("payment", "payment_id"),
    ("payment", "refund_id"),
)
# A cancelled payment stays what it is.
_PAYMENT_STEPS_BACK = (
    "(old.state = 'cancelled' AND (new.state <> 'cancelled' OR new.cancelled_on <> old.cancelled_on))",
)
_WRONG_SIDES = " OR ".join(
    f"(new.{name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {table} WHERE id = new.{name} AND {condition}))"
    for table, name, condition in (
        ("invoice", "invoice_id", "kind = 'invoice' AND state <> 'draft'"),
        ("invoice", "credit_note_id", "kind = 'credit_note' AND state <> 'draft'"),
        ("payment", "payment_id", "kind = 'receipt' AND state = 'recorded'"),
        ("payment", "refund_id", "kind = 'refund' AND state = 'recorded'"),
        (
            "allocation",
            "reverses_id",
            "reverses_id IS NULL AND amount = -new.amount AND credit_amount = -new.credit_amount"
            " AND allocated_on <= new.allocated_on AND coalesce(write_off, '') = coalesce(new.write_off, '')"
            + "".join(f" AND coalesce({side}, 0) = coalesce(new.{side}, 0)" for _table, side in _SETTLED),
        ),
    )
)
# Credit and debt are of one counterparty and organisation, and a row is not older than either.
_SIDE = (
    "SELECT organisation_id, party_id, currency, paid_on AS began FROM payment WHERE id = new.{0}"
    " UNION ALL SELECT organisation_id, party_id, currency, issued_on FROM invoice WHERE id = new.{1}"
)
_CREDIT, _DEBT = _SIDE.format("payment_id", "credit_note_id"), _SIDE.format("refund_id", "invoice_id")
_APART = (
    f"EXISTS (SELECT 1 FROM ({_CREDIT}) AS credit, ({_DEBT}) AS debt"
    " WHERE credit.organisation_id <> debt.organisation_id OR credit.party_id <> debt.party_id"
    " OR (credit.currency <> debt.currency AND new.exchange_rate IS NULL) OR credit.began > new.allocated_on)"
    f" OR EXISTS (SELECT 1 FROM ({_DEBT}) AS owed WHERE owed.began > new.allocated_on)"
)


def _steps_back(table: str, *, settled: bool, credited: bool) -> list[str]:
    """Return the changes that a table refuses besides those of its protected columns."""
    steps = list(_STEPS_BACK if table == "invoice" else _PAYMENT_STEPS_BACK)
    if settled:
        steps.append(f"(new.allocated <> old.allocated AND new.allocated <> {_ALLOCATED[table].format('new.id')})")
    if credited and table == "invoice":
        steps.append(f"(new.credited <> old.credited AND new.credited <> {_CREDITED.format('new.id')})")
    return steps


def _summed(table: str, name: str, row: str, *, credited: bool) -> str:
    """Return the statement that sums up what is allocated of the document or payment that a new row names."""
    key = f"{row}.{name}"
    too = f", credited = {_CREDITED.format(key)}" if credited and name == "invoice_id" else ""
    return f"UPDATE {table} SET allocated = {_ALLOCATED[table].format(key)}{too} WHERE id = {key}"


@dataclass(frozen=True)
class Trigger:
    """A trigger of one table; on PostgreSQL `function` is the body of the function that it runs."""

    table: str
    statement: str
    function: str = ""


def protected_columns() -> list[str]:
    """Return the columns of an invoice that stay as they are once it is issued."""
    return [column.name for column in Invoice.__table__.columns if column.name not in FREE_AFTER_ISSUE]


def payment_columns() -> list[str]:
    """Return the columns of a payment that stay as they are once it is recorded."""
    return [column.name for column in Payment.__table__.columns if column.name not in FREE_PAYMENT]


def sqlite_triggers(columns: list[str], *, settled: bool = True, credited: bool = True) -> dict[str, Trigger]:
    """Return SQLite's triggers, name → trigger; `columns` are the protected ones that the table of invoices has.

    `settled` says whether the database knows allocations already, `credited` whether it sums up credit notes apart.

    An INSERT OR REPLACE would delete a row without telling its delete trigger; that is why the insert and update
    triggers look for the row that would have to go.
    """
    found: dict[str, Trigger] = {}

    def add(table: str, name: str, event: str, when: str, text: str) -> None:
        found[name] = Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{text}'); END",
        )

    changed = " OR ".join(
        [f"new.{name} IS NOT old.{name}" for name in columns]
        + _steps_back("invoice", settled=settled, credited=credited)
    )
    taken = (
        "EXISTS (SELECT 1 FROM invoice WHERE state <> 'draft' AND "
        "(id = new.id OR (series_id = new.series_id AND number = new.number)))"
    )
    add("invoice", "invoice_keep_delete", "DELETE", "old.state <> 'draft'", ISSUED)
    add("invoice", "invoice_keep_insert", "INSERT", taken, ISSUED)
    replacing = f"(new.id <> old.id OR new.number IS NOT old.number) AND {taken}"
    add("invoice", "invoice_keep_update", "UPDATE", f"(old.state <> 'draft' AND ({changed})) OR ({replacing})", ISSUED)
    for table in PARTS:
        parent = "EXISTS (SELECT 1 FROM invoice WHERE id = {} AND state <> 'draft')"
        standing = (
            f"EXISTS (SELECT 1 FROM {table} p JOIN invoice i ON i.id = p.invoice_id "
            "WHERE p.id = new.id AND i.state <> 'draft')"
        )
        of_new, of_old = parent.format("new.invoice_id"), parent.format("old.invoice_id")
        add(table, f"{table}_keep_insert", "INSERT", f"{of_new} OR {standing}", ISSUED)
        add(table, f"{table}_keep_update", "UPDATE", f"{of_old} OR {of_new} OR {standing}", ISSUED)
        add(table, f"{table}_keep_delete", "DELETE", of_old, ISSUED)
    for table, same in ADDED_ONLY.items():
        replaced = f"EXISTS (SELECT 1 FROM {table} WHERE {' OR '.join(same)})"
        add(table, f"{table}_keep_insert", "INSERT", replaced, KEPT)
        add(table, f"{table}_keep_update", "UPDATE", "1", KEPT)
        add(table, f"{table}_keep_delete", "DELETE", "1", KEPT)
    recorded = [f"new.{name} IS NOT old.{name}" for name in payment_columns()]
    of_payment = " OR ".join(recorded + _steps_back("payment", settled=settled, credited=credited))
    standing = "new.allocated <> 0 OR EXISTS (SELECT 1 FROM payment WHERE id = new.id)"
    add("payment", "payment_keep_insert", "INSERT", standing, RECORDED)
    add("payment", "payment_keep_update", "UPDATE", of_payment, RECORDED)
    add("payment", "payment_keep_delete", "DELETE", "1", RECORDED)
    add("allocation", "allocation_sides", "INSERT", f"{_WRONG_SIDES} OR {_APART}", SIDES)
    for table, name in _SETTLED:
        sums = _summed(table, name, "new", credited=credited)
        found[f"allocation_sum_{name}"] = Trigger(
            "allocation",
            f"CREATE TRIGGER allocation_sum_{name} AFTER INSERT ON allocation WHEN new.{name} IS NOT NULL "
            f"BEGIN {sums}; END",
        )
    return found


def postgresql_triggers(columns: list[str], *, settled: bool = True, credited: bool = True) -> dict[str, Trigger]:
    """Return PostgreSQL's triggers, each with the body of its function of the same name.

    The triggers of lines lock the document against its issue: a line cannot slip in while another transaction
    issues it.
    """
    refuse = "RAISE EXCEPTION '{}' USING ERRCODE = 'check_violation';".format
    differs = "NEW.{0} IS DISTINCT FROM OLD.{0}".format
    changed = " OR ".join(
        [differs(name) for name in columns] + _steps_back("invoice", settled=settled, credited=credited)
    )
    found: dict[str, Trigger] = {}

    def add(table: str, name: str, events: str, body: str, *, level: str = "ROW", when: str = "BEFORE") -> None:
        found[name] = Trigger(
            table,
            f"CREATE TRIGGER {name} {when} {events} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}()",
            f"BEGIN {body} END",
        )

    add("invoice", "invoice_keep_delete", "DELETE",
        f"IF OLD.state <> 'draft' THEN {refuse(ISSUED)} END IF; RETURN OLD;")  # fmt: skip
    add("invoice", "invoice_keep_update", "UPDATE",
        f"IF OLD.state <> 'draft' AND ({changed}) THEN {refuse(ISSUED)} END IF; RETURN NEW;")  # fmt: skip
    look = (
        "PERFORM 1 FROM invoice WHERE id = {0}.invoice_id FOR SHARE; "
        "IF EXISTS (SELECT 1 FROM invoice WHERE id = {0}.invoice_id AND state <> 'draft') THEN {1} END IF; "
    )
    of_old, of_new = look.format("OLD", refuse(ISSUED)), look.format("NEW", refuse(ISSUED))
    for table in PARTS:
        add(table, f"{table}_keep_insert", "INSERT", f"{of_new} RETURN NEW;")
        add(table, f"{table}_keep_update", "UPDATE", f"{of_old} {of_new} RETURN NEW;")
        add(table, f"{table}_keep_delete", "DELETE", f"{of_old} RETURN OLD;")
    for table in ADDED_ONLY:
        add(table, f"{table}_keep_rows", "UPDATE OR DELETE", f"{refuse(KEPT)} RETURN NULL;")
    of_payment = " OR ".join(
        [differs(name) for name in payment_columns()] + _steps_back("payment", settled=settled, credited=credited)
    )
    add("payment", "payment_keep_update", "UPDATE", f"IF {of_payment} THEN {refuse(RECORDED)} END IF; RETURN NEW;")
    add("payment", "payment_keep_delete", "DELETE", f"{refuse(RECORDED)} RETURN NULL;")
    wrong = f"{_WRONG_SIDES} OR {_APART}"
    add("allocation", "allocation_sides", "INSERT", f"IF {wrong} THEN {refuse(SIDES)} END IF; RETURN NEW;")
    begun = f"IF NEW.allocated <> 0 THEN {refuse(RECORDED)} END IF; RETURN NEW;"
    add("payment", "payment_keep_insert", "INSERT", begun)
    sums = "".join(
        f"IF NEW.{name} IS NOT NULL THEN {_summed(table, name, 'NEW', credited=credited)}; END IF; "
        for table, name in _SETTLED
    )
    add("allocation", "allocation_sum", "INSERT", f"{sums} RETURN NULL;", when="AFTER")
    for table in ("invoice", "payment", *PARTS, *ADDED_ONLY):
        add(table, f"{table}_keep_truncate", "TRUNCATE", f"{refuse(KEPT)} RETURN NULL;", level="STATEMENT")
    return found
