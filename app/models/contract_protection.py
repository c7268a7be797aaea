# ruff: noqa: S608 -- names of our own tables only
"""What the database itself refuses of contracts: changing what somebody has signed, and going back behind it."""

from app.models.contract import BINDING, FREE_AFTER_SIGNING, Contract, ContractSignature
from app.models.protection import KEPT, Trigger

SIGNED = "a signed contract is not changed"
SIGNATURES = "contract_signature"
_BINDING = ", ".join(f"'{state.value}'" for state in sorted(BINDING))
_IS_SIGNED = f"(old.state IN ({_BINDING}) OR EXISTS (SELECT 1 FROM {SIGNATURES} WHERE contract_id = old.id))"
_BACK = f"(old.state IN ({_BINDING}) AND new.state NOT IN ({_BINDING})) OR new.state = 'draft'"
_OF_SIGNED = "EXISTS (SELECT 1 FROM contract WHERE id = old.contract_id AND state <> 'draft')"
_TWICE = f"EXISTS (SELECT 1 FROM {SIGNATURES} WHERE id = new.id OR (contract_id = new.contract_id AND side = new.side))"
_EMPTIED = ("address", "agent", "noted_by_id")  # a person may be forgotten, an account may go


def _terms(differs: str) -> str:
    """Return the condition that a statement changes what was agreed."""
    kept = [column.name for column in Contract.__table__.columns if column.name not in FREE_AFTER_SIGNING]
    return " OR ".join([*(differs.format(name) for name in kept), _BACK])


def _unchanged(same: str) -> str:
    """Return the condition that a signature keeps what it says; its copy is set once."""
    names = [column.name for column in ContractSignature.__table__.columns if column.name not in (*_EMPTIED, "file_id")]
    freed = [f"(new.{name} IS NULL OR {same.format(name)})" for name in _EMPTIED]
    return " AND ".join([*freed, *map(same.format, names), f"(old.file_id IS NULL OR {same.format('file_id')})"])


def sqlite_triggers() -> dict[str, Trigger]:
    """Return SQLite's triggers of contracts and signatures, name → trigger."""
    standing = "EXISTS (SELECT 1 FROM {0} WHERE id = new.id)"
    refused = {
        "contract_keep_update": (
            "contract",
            "UPDATE",
            f"{_IS_SIGNED} AND ({_terms('new.{0} IS NOT old.{0}')})",
            SIGNED,
        ),
        "contract_keep_delete": ("contract", "DELETE", _IS_SIGNED, SIGNED),
        "contract_keep_insert": ("contract", "INSERT", standing.format("contract"), SIGNED),
        f"{SIGNATURES}_keep_insert": (
            SIGNATURES,
            "INSERT",
            _TWICE,
            KEPT,
        ),
        f"{SIGNATURES}_keep_update": (SIGNATURES, "UPDATE", f"NOT ({_unchanged('new.{0} IS old.{0}')})", KEPT),
        f"{SIGNATURES}_keep_delete": (SIGNATURES, "DELETE", _OF_SIGNED, KEPT),
    }
    return {
        name: Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{text}'); END",
        )
        for name, (table, event, when, text) in refused.items()
    }


def postgresql_triggers() -> dict[str, Trigger]:
    """Return PostgreSQL's triggers of contracts and signatures, each with the body of its function."""
    refuse = "RAISE EXCEPTION '{}' USING ERRCODE = 'check_violation';".format
    changed = f"{_IS_SIGNED} AND ({_terms('new.{0} IS DISTINCT FROM old.{0}')})"
    unchanged = _unchanged("new.{0} IS NOT DISTINCT FROM old.{0}")
    bodies = {
        "contract_keep_update": ("contract", "UPDATE", f"IF {changed} THEN {refuse(SIGNED)} END IF; RETURN NEW;"),
        "contract_keep_delete": ("contract", "DELETE", f"IF {_IS_SIGNED} THEN {refuse(SIGNED)} END IF; RETURN OLD;"),
        "contract_keep_truncate": ("contract", "TRUNCATE", f"{refuse(SIGNED)} RETURN NULL;"),
        f"{SIGNATURES}_keep_update": (
            SIGNATURES,
            "UPDATE",
            f"IF NOT ({unchanged}) THEN {refuse(KEPT)} END IF; RETURN NEW;",
        ),
        f"{SIGNATURES}_keep_delete": (
            SIGNATURES,
            "DELETE",
            f"IF {_OF_SIGNED} THEN {refuse(KEPT)} END IF; RETURN OLD;",
        ),
        f"{SIGNATURES}_keep_truncate": (SIGNATURES, "TRUNCATE", f"{refuse(KEPT)} RETURN NULL;"),
    }
    found = {}
    for name, (table, event, body) in bodies.items():
        level = "STATEMENT" if event == "TRUNCATE" else "ROW"
        statement = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}()"
        found[name] = Trigger(table, statement, f"BEGIN {body} END")
    return found
