"""What the database itself refuses of the audit: everything but adding rows, sealing, erasing and cutting off.

A row may be sealed once, values may be blanked together with the salt, and rows may go when their seal says that they
were cut off; whoever does one of these without the program is found by `crm verify`.
"""

from app.models.history import AuditSeal, FieldChange
from app.models.protection import KEPT, Trigger

TABLE, SEALS = "field_change", "audit_seal"
_SEALING = ("seal_no", "sha256")
_ERASING = ("name", "changes", "salt", "erasure")


def _columns(*but: str) -> list[str]:
    return [column.name for column in FieldChange.__table__.columns if column.name not in but]


def _seal_columns() -> list[str]:
    return [column.name for column in AuditSeal.__table__.columns if column.name != "cut_at"]


def sqlite_triggers() -> dict[str, Trigger]:
    """Return SQLite's triggers of the audit, name → trigger."""
    same = "new.{0} IS old.{0}".format
    sealing = " AND ".join(["old.seal_no IS NULL", "new.seal_no IS NOT NULL", *map(same, _columns(*_SEALING))])
    blanked = (
        "NOT EXISTS (SELECT 1 FROM json_each(new.changes) n LEFT JOIN json_each(old.changes) o ON o.key = n.key "
        "WHERE o.key IS NULL OR (n.value IS NOT o.value AND n.value IS NOT '[null,null]')) "
        "AND (SELECT count(*) FROM json_each(new.changes)) = (SELECT count(*) FROM json_each(old.changes))"
    )
    erasing = " AND ".join(
        [
            "new.erasure IS NOT NULL",
            "new.salt IS NULL",
            "(new.name IS NULL OR new.name IS old.name)",
            *map(same, _columns(*_ERASING)),
            blanked,
        ]
    )
    cut = f"EXISTS (SELECT 1 FROM {SEALS} s WHERE s.no = old.seal_no AND s.cut_at IS NOT NULL)"  # noqa: S608
    cutting = " AND ".join(["old.cut_at IS NULL", "new.cut_at IS NOT NULL", *map(same, _seal_columns())])
    standing = f"EXISTS (SELECT 1 FROM {TABLE} WHERE id = new.id)"  # noqa: S608
    refused = {
        f"{TABLE}_keep_insert": (TABLE, "INSERT", f"new.seal_no IS NOT NULL OR {standing}"),
        f"{TABLE}_keep_update": (TABLE, "UPDATE", f"NOT ({sealing}) AND NOT ({erasing})"),
        f"{TABLE}_keep_delete": (TABLE, "DELETE", f"NOT {cut}"),
        f"{SEALS}_keep_insert": (
            SEALS,
            "INSERT",
            f"new.cut_at IS NOT NULL OR EXISTS (SELECT 1 FROM {SEALS} WHERE no = new.no)",  # noqa: S608
        ),
        f"{SEALS}_keep_update": (SEALS, "UPDATE", f"NOT ({cutting})"),
        f"{SEALS}_keep_delete": (SEALS, "DELETE", "1"),
    }
    return {
        name: Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{KEPT}'); END",
        )
        for name, (table, event, when) in refused.items()
    }


def postgresql_triggers() -> dict[str, Trigger]:
    """Return PostgreSQL's triggers of the audit, each with the body of its function."""
    same = "NEW.{0} IS NOT DISTINCT FROM OLD.{0}".format
    json = ("changes", "erasure")  # a type that knows no equality
    sealing = " AND ".join(
        ["OLD.seal_no IS NULL", "NEW.seal_no IS NOT NULL", *map(same, _columns(*_SEALING, *json))]
        + [f"NEW.{name}::text IS NOT DISTINCT FROM OLD.{name}::text" for name in json]
    )
    blanked = (
        "NOT EXISTS (SELECT 1 FROM json_each(NEW.changes) n LEFT JOIN json_each(OLD.changes) o ON o.key = n.key "
        "WHERE o.key IS NULL OR (n.value::jsonb <> o.value::jsonb AND n.value::jsonb <> '[null,null]'::jsonb)) "
        "AND (SELECT count(*) FROM json_each(NEW.changes)) = (SELECT count(*) FROM json_each(OLD.changes))"
    )
    erasing = " AND ".join(
        [
            "NEW.erasure IS NOT NULL",
            "NEW.salt IS NULL",
            "(NEW.name IS NULL OR NEW.name IS NOT DISTINCT FROM OLD.name)",
            *map(same, _columns(*_ERASING)),
            blanked,
        ]
    )
    cutting = " AND ".join(["OLD.cut_at IS NULL", "NEW.cut_at IS NOT NULL", *map(same, _seal_columns())])
    refuse = f"RAISE EXCEPTION '{KEPT}' USING ERRCODE = 'check_violation';"
    cut = f"EXISTS (SELECT 1 FROM {SEALS} s WHERE s.no = OLD.seal_no AND s.cut_at IS NOT NULL)"  # noqa: S608
    bodies = {
        (TABLE, "insert"): f"IF NEW.seal_no IS NOT NULL THEN {refuse} END IF; RETURN NEW;",
        (TABLE, "update"): f"IF NOT ({sealing}) AND NOT ({erasing}) THEN {refuse} END IF; RETURN NEW;",
        (TABLE, "delete"): f"IF NOT {cut} THEN {refuse} END IF; RETURN OLD;",
        (SEALS, "insert"): f"IF NEW.cut_at IS NOT NULL THEN {refuse} END IF; RETURN NEW;",
        (SEALS, "update"): f"IF NOT ({cutting}) THEN {refuse} END IF; RETURN NEW;",
        (SEALS, "delete"): f"{refuse} RETURN NULL;",
        (TABLE, "truncate"): f"{refuse} RETURN NULL;",
        (SEALS, "truncate"): f"{refuse} RETURN NULL;",
    }
    found = {}
    for (table, event), body in bodies.items():
        name, level = f"{table}_keep_{event}", "STATEMENT" if event == "truncate" else "ROW"
        statement = (
            f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}()"
        )
        found[name] = Trigger(table, statement, f"BEGIN {body} END")
    return found
