# ruff: noqa: S608 -- names of our own tables only
"""What the database itself refuses of deals: a state that is not its stage's, and changing the log of stages."""

from app.models.protection import KEPT, Trigger
from app.models.stage_log import StageLog

LOG, UNBOUND = "stage_log", "by_id"  # an account may go
STATE = "the state of a deal is the type of its stage"
_MISFIT = (
    "NOT EXISTS (SELECT 1 FROM stage WHERE id = new.stage_id AND pipeline_id = new.pipeline_id AND type = new.state)"
)
_STANDING = (
    "(new.type <> old.type OR new.pipeline_id <> old.pipeline_id)"
    " AND EXISTS (SELECT 1 FROM deal WHERE stage_id = old.id)"
)
_OF_DEAL = "EXISTS (SELECT 1 FROM deal WHERE id = old.deal_id)"  # rows go with their deal, which is gone by then


def _unchanged(same: str) -> str:
    names = [column.name for column in StageLog.__table__.columns if column.name != UNBOUND]
    return " AND ".join([f"(new.{UNBOUND} IS NULL OR {same.format(UNBOUND)})", *map(same.format, names)])


def sqlite_triggers() -> dict[str, Trigger]:
    """Return SQLite's triggers of deals and their log, name → trigger."""
    unchanged = _unchanged("new.{0} IS old.{0}")
    refused = {
        "deal_state_insert": ("deal", "INSERT", _MISFIT, STATE),
        "deal_state_update": ("deal", "UPDATE OF stage_id, pipeline_id, state", _MISFIT, STATE),
        "stage_type_update": ("stage", "UPDATE OF type, pipeline_id", _STANDING, STATE),
        f"{LOG}_keep_insert": (LOG, "INSERT", f"EXISTS (SELECT 1 FROM {LOG} WHERE id = new.id)", KEPT),
        f"{LOG}_keep_update": (LOG, "UPDATE", f"NOT ({unchanged})", KEPT),
        f"{LOG}_keep_delete": (LOG, "DELETE", _OF_DEAL, KEPT),
    }
    return {
        name: Trigger(
            table,
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{text}'); END",
        )
        for name, (table, event, when, text) in refused.items()
    }


def postgresql_triggers() -> dict[str, Trigger]:
    """Return PostgreSQL's triggers of deals and their log, each with the body of its function.

    Who puts a deal into a stage locks the stage against a change of its type.
    """
    refuse = "RAISE EXCEPTION '{}' USING ERRCODE = 'check_violation';".format
    fits = (
        f"PERFORM 1 FROM stage WHERE id = NEW.stage_id FOR SHARE; IF {_MISFIT} THEN {refuse(STATE)} END IF; RETURN NEW;"
    )
    unchanged = _unchanged("new.{0} IS NOT DISTINCT FROM old.{0}")
    bodies = {
        "deal_state_insert": ("deal", "INSERT", fits),
        "deal_state_update": ("deal", "UPDATE OF stage_id, pipeline_id, state", fits),
        "stage_type_update": (
            "stage",
            "UPDATE OF type, pipeline_id",
            f"IF {_STANDING} THEN {refuse(STATE)} END IF; RETURN NEW;",
        ),
        f"{LOG}_keep_update": (LOG, "UPDATE", f"IF NOT ({unchanged}) THEN {refuse(KEPT)} END IF; RETURN NEW;"),
        f"{LOG}_keep_delete": (LOG, "DELETE", f"IF {_OF_DEAL} THEN {refuse(KEPT)} END IF; RETURN OLD;"),
        f"{LOG}_keep_truncate": (LOG, "TRUNCATE", f"{refuse(KEPT)} RETURN NULL;"),
    }
    found = {}
    for name, (table, event, body) in bodies.items():
        level = "STATEMENT" if event == "TRUNCATE" else "ROW"
        statement = f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}()"
        found[name] = Trigger(table, statement, f"BEGIN {body} END")
    return found
