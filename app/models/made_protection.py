# ruff: noqa: S608 -- names of our own tables only
"""What the database itself refuses of documents: changing a published version, or what a made document says."""

from app.models.made_document import MadeDocument
from app.models.protection import KEPT, Trigger

VERSION, MADE = "document_template_version", "made_document"
# What may change: a merged party takes its documents along; of an erased one the data are emptied, the title cleared.
FREE = frozenset(
    {"state", "title", "version", "changed_at", "owner_id", "team_id", "party_id", "record_id", "search_text"}
    | {"file_id", "sha256", "approved_by_id", "approved_at", "rejected_reason", "issued_at"}
)
ONCE = ("file_id", "sha256", "issued_at")  # filled once, never changed
_BACK = (
    "(old.issued_at IS NOT NULL AND new.state NOT IN ('issued', 'sent', 'cancelled'))"
    " OR (old.state = 'cancelled' AND new.state <> 'cancelled')"
)


def _changed(differs: str, text: str) -> str:
    kept = [column.name for column in MadeDocument.__table__.columns if column.name not in FREE]
    said = [differs.format(f"new.{name}", f"old.{name}") for name in kept if name != "data"]
    data = differs.format(f"new.data{text}", f"old.data{text}")
    said.append(f"({data} AND new.data{text} <> '{{}}')")
    once = [f"(old.{name} IS NOT NULL AND {differs.format(f'new.{name}', f'old.{name}')})" for name in ONCE]
    return " OR ".join([*said, *once, _BACK])


def sqlite_triggers() -> dict[str, Trigger]:
    """Return SQLite's triggers of versions and made documents, name → trigger."""
    refused = {
        f"{VERSION}_keep_insert": (VERSION, "INSERT", f"EXISTS (SELECT 1 FROM {VERSION} WHERE id = new.id)"),
        f"{VERSION}_keep_update": (VERSION, "UPDATE", "1"),
        f"{VERSION}_keep_delete": (VERSION, "DELETE", "1"),
        f"{MADE}_keep_insert": (MADE, "INSERT", f"EXISTS (SELECT 1 FROM {MADE} WHERE id = new.id)"),
        f"{MADE}_keep_update": (MADE, "UPDATE", _changed("{0} IS NOT {1}", "")),
        f"{MADE}_keep_delete": (MADE, "DELETE", "old.issued_at IS NOT NULL"),
    }
    return {
        name: Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{KEPT}'); END",
        )
        for name, (table, event, when) in refused.items()
    }


def postgresql_triggers() -> dict[str, Trigger]:
    """Return PostgreSQL's triggers of versions and made documents, each with the body of its function."""
    refuse = f"RAISE EXCEPTION '{KEPT}' USING ERRCODE = 'check_violation';"
    changed = _changed("{0} IS DISTINCT FROM {1}", "::text")
    bodies = {
        (VERSION, "rows", "UPDATE OR DELETE"): f"{refuse} RETURN NULL;",
        (VERSION, "truncate", "TRUNCATE"): f"{refuse} RETURN NULL;",
        (MADE, "update", "UPDATE"): f"IF {changed} THEN {refuse} END IF; RETURN NEW;",
        (MADE, "delete", "DELETE"): f"IF old.issued_at IS NOT NULL THEN {refuse} END IF; RETURN OLD;",
        (MADE, "truncate", "TRUNCATE"): f"{refuse} RETURN NULL;",
    }
    found = {}
    for (table, what, events), body in bodies.items():
        name, level = f"{table}_keep_{what}", "STATEMENT" if what == "truncate" else "ROW"
        statement = f"CREATE TRIGGER {name} BEFORE {events} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}()"
        found[name] = Trigger(table, statement, f"BEGIN {body} END")
    return found
