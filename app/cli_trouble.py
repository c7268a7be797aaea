"""What the command line says when the database is not there, not prepared, or of another version."""

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app import migrating

PREPARE = "`crm init` (or `make run`) prepares it"


def remedy(url: str) -> str | None:
    """Return what is wrong with a database and what to do, None when it stands as this program wants it."""
    place = make_url(url).render_as_string(hide_password=True)
    engine = create_engine(url)
    try:
        standing = migrating.standing(engine)
    except SQLAlchemyError as error:
        why = str(error.__cause__ or error).strip().splitlines()[0]
        return f"The database {place} cannot be reached ({why}). Start its server, or mend CRM_DATABASE_URL"
    finally:
        engine.dispose()
    newest = migrating.newest()
    if standing == newest:
        return None
    if standing is None:
        return f"The database {place} is not prepared yet: {PREPARE}"
    if migrating.is_known(standing):
        apart = f"at revision {standing}, this program at {newest}"
        return f"The database {place} is {apart}: {PREPARE}; it is copied beforehand"
    return f"The database {place} is at revision {standing}, which this program does not know: use the newer program"
