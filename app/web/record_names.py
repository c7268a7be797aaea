"""Names of records of any kind, many at once, as far as the reader sees them: one statement for a whole page."""

from collections.abc import Iterable
from typing import Any

from markupsafe import Markup
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.db import db
from app.i18n import gettext as _
from app.models.search_entry import SearchEntry
from app.web.cells import NOTHING
from app.web.request_cache import request_cache
from app.web.standard import standard_list

About = tuple[str, int]  # stem, key


def names_of(session: Session, keys: Iterable[About]) -> dict[About, str]:
    """Return the titles of records by stem and key; those that the reader does not see are left out."""
    by_stem: dict[str, set[int]] = {}
    for stem, key in keys:
        by_stem.setdefault(stem, set()).add(key)
    if not by_stem:
        return {}
    wanted = or_(
        *(
            and_(SearchEntry.entity == stem, SearchEntry.record_id.in_(sorted(some)))
            for stem, some in sorted(by_stem.items())
        )
    )
    asked = select(SearchEntry.entity, SearchEntry.record_id, SearchEntry.title).where(wanted)
    return {(row.entity, row.record_id): row.title for row in session.execute(asked)}


def remember(rows: Iterable[Any]) -> None:
    """Ask at once for the names of what activities, or other rows with `entity` and `record_id`, are about."""
    kept = request_cache("record_names")
    about = {(one.entity, one.record_id) for one in rows if one.entity is not None}
    unknown = about - kept.keys()
    if unknown:
        found = names_of(db.session(), unknown)
        kept.update({key: found.get(key, "") for key in unknown})


def name_of(one: Any) -> str:
    """Return the name of what a row is about, "" when the reader does not see it, or there is none."""
    if one.entity is None:
        return ""
    remember([one])
    return str(request_cache("record_names").get((one.entity, one.record_id), ""))


def link_of(one: Any) -> Markup:
    """Return a link to what a row is about; of what the reader does not see only its kind."""
    if one.entity is None:
        return NOTHING
    name = name_of(one)
    if name:
        return Markup('<a href="/{}/show/{}">{}</a>').format(one.entity, one.record_id, name)
    kind = dict(standard_list("entity")).get(one.entity, one.entity)
    return Markup('<span class="muted">{}</span>').format(_("%(kind)s that you do not see", kind=kind))
