"""Screens and REST of teams, users and roles."""

from typing import Any, ClassVar

from app.i18n import lazy_gettext as _l
from app.models.team import Team
from app.services import team as teams
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records

ORDER = 80
COLUMNS = ["name", "parent", "head"]


class TeamView(CrudView):
    """Teams, which form a tree."""

    datamodel = Records(Team, save=teams.save)
    one_name = _l("Team")
    many_name = _l("Teams")
    hint = _l("A team has a head, who sees what its people do.")
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "parent", "head"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")


class TeamApi(CrudApi):
    """REST of teams."""

    datamodel = Records(Team, save=teams.save)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["name", "parent", "head"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, TeamView, "team", label=_l("Teams"), group="people", icon="users")
    appbuilder.add_api(TeamApi)
