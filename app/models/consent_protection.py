"""What the database itself refuses of consents and erasures: all but adding rows, and blanking a person's values."""

from app.models.consent import BLANKED, UNBOUND, Consent
from app.models.protection import KEPT, Trigger

TABLES = ("consent", "erasure")


_SAID = ("party_id", "contact_id", "reason", "created_at")  # of an erasure


def _columns(*but: str) -> list[str]:
    return [column.name for column in Consent.__table__.columns if column.name not in but]


# A consent goes along when its party is merged into another, and back: nothing else moves it.
_MERGED = (
    "EXISTS (SELECT 1 FROM party_merge WHERE (party_id = NEW.party_id AND loser_id = OLD.party_id)"
    " OR (party_id = OLD.party_id AND loser_id = NEW.party_id))"
)


def _blanking(same: str, *, merges: bool) -> str:
    """Return the condition that an UPDATE changes nothing but what it empties, or whose it is after a merge."""
    emptied = [f"(NEW.{name} IS NULL OR {same.format(name)})" for name in (*BLANKED, UNBOUND)]
    kept = [same.format(name) for name in _columns(*BLANKED, UNBOUND, "party_id")]
    whose = same.format("party_id")
    return " AND ".join([*emptied, *kept, f"({whose} OR {_MERGED})" if merges else whose])


def sqlite_triggers(*, merges: bool = True) -> dict[str, Trigger]:
    """Return SQLite's triggers of consents and erasures, name → trigger; `merges`: the database knows merges."""
    same = "NEW.{0} IS OLD.{0}".format
    refused = {
        "consent_keep_update": ("consent", "UPDATE", f"NOT ({_blanking('NEW.{0} IS OLD.{0}', merges=merges)})"),
        "erasure_keep_update": ("erasure", "UPDATE", f"NOT ({' AND '.join(map(same, _SAID))})"),
    }
    for table in TABLES:
        standing = f"EXISTS (SELECT 1 FROM {table} WHERE id = new.id)"  # noqa: S608 -- our own tables
        refused[f"{table}_keep_insert"] = (table, "INSERT", standing)
        refused[f"{table}_keep_delete"] = (table, "DELETE", "1")
    return {
        name: Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{KEPT}'); END",
        )
        for name, (table, event, when) in refused.items()
    }


def postgresql_triggers(*, merges: bool = True) -> dict[str, Trigger]:
    """Return PostgreSQL's triggers of consents and erasures, each with the body of its function."""
    refuse = f"RAISE EXCEPTION '{KEPT}' USING ERRCODE = 'check_violation';"
    same = "NEW.{0} IS NOT DISTINCT FROM OLD.{0}"
    said = " AND ".join(map(same.format, _SAID))
    bodies = {
        ("consent", "update"): f"IF NOT ({_blanking(same, merges=merges)}) THEN {refuse} END IF; RETURN NEW;",
        ("erasure", "update"): f"IF NOT ({said}) THEN {refuse} END IF; RETURN NEW;",
    }
    for table in TABLES:
        bodies[table, "delete"] = f"{refuse} RETURN NULL;"
        bodies[table, "truncate"] = f"{refuse} RETURN NULL;"
    found = {}
    for (table, event), body in bodies.items():
        name, level = f"{table}_keep_{event}", "STATEMENT" if event == "truncate" else "ROW"
        statement = (
            f"CREATE TRIGGER {name} BEFORE {event.upper()} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}()"
        )
        found[name] = Trigger(table, statement, f"BEGIN {body} END")
    return found
