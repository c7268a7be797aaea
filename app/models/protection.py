# ruff: noqa: S608 -- names of our own tables only
"""What the database itself refuses: changing issued documents, and anything but adding to the chains.

Triggers say it on both databases, so that it holds for every role, screen, import and statement of the application's
user. Lists of columns come from the models: a new column of an invoice is protected unless it is named as free.
"""

from dataclasses import dataclass

from app.models.invoice import FREE_AFTER_ISSUE, Invoice

ISSUED = "an issued document is not changed"
KEPT = "these rows are only ever added"
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
}
# The state only moves on, and the file is set once.
_STEPS_BACK = (
    "(new.state <> old.state AND NOT (old.state = 'issued' AND new.state = 'closed'))",
    "(old.file_id IS NOT NULL AND (new.file_id IS NULL OR new.file_id <> old.file_id))",
)


@dataclass(frozen=True)
class Trigger:
    """A trigger of one table; on PostgreSQL `function` is the body of the function that it runs."""

    table: str
    statement: str
    function: str = ""


def protected_columns() -> list[str]:
    """Return the columns of an invoice that stay as they are once it is issued."""
    return [column.name for column in Invoice.__table__.columns if column.name not in FREE_AFTER_ISSUE]


def sqlite_triggers(columns: list[str]) -> dict[str, Trigger]:
    """Return SQLite's triggers, name → trigger; `columns` are the protected ones that the table has.

    An INSERT OR REPLACE would delete a row without telling its delete trigger; that is why the insert and update
    triggers look for the row that would have to go.
    """
    found: dict[str, Trigger] = {}

    def add(table: str, name: str, event: str, when: str, text: str) -> None:
        found[name] = Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{text}'); END",
        )

    changed = " OR ".join([f"new.{name} IS NOT old.{name}" for name in columns] + list(_STEPS_BACK))
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
    return found


def postgresql_triggers(columns: list[str]) -> dict[str, Trigger]:
    """Return PostgreSQL's triggers, each with the body of its function of the same name.

    The triggers of lines lock the document against its issue: a line cannot slip in while another transaction
    issues it.
    """
    refuse = "RAISE EXCEPTION '{}' USING ERRCODE = 'check_violation';".format
    changed = " OR ".join([f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in columns] + list(_STEPS_BACK))
    found: dict[str, Trigger] = {}

    def add(table: str, name: str, events: str, body: str, level: str = "ROW") -> None:
        found[name] = Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {events} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}()",
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
    for table in ("invoice", *PARTS, *ADDED_ONLY):
        add(table, f"{table}_keep_truncate", "TRUNCATE", f"{refuse(KEPT)} RETURN NULL;", "STATEMENT")
    return found
