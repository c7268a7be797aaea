"""Screens and REST of who stands in for whom."""

from typing import Any, ClassVar

from sqlalchemy.orm import selectinload

from app.i18n import lazy_gettext as _l
from app.models.substitution import Substitution
from app.services import substitution as substitutions
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records

ORDER = 81
COLUMNS = ["absent", "substitute", "begins_on", "ends_on", "note"]
LOADED = [selectinload(Substitution.absent), selectinload(Substitution.substitute)]


def records() -> Records:
    """Return the door to the table."""
    return Records(Substitution, save=substitutions.save, remove=substitutions.remove, search=None, options=LOADED)


class SubstitutionView(CrudView):
    """List, form and card of substitutions."""

    datamodel = records()
    one_name = _l("Substitution")
    many_name = _l("Substitutions")
    hint = _l("Who is ill or on leave: a colleague reaches what is theirs until they are back. It ends by itself.")
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["begins_on", "ends_on"]
    base_order = ("ends_on", "desc")
    quick: ClassVar = None


class SubstitutionApi(CrudApi):
    """REST of substitutions."""

    datamodel = records()
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["begins_on", "ends_on"]
    base_order = ("ends_on", "desc")


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder, SubstitutionView, "substitution", label=_l("Substitutions"), group="people", icon="user-plus"
    )
    appbuilder.add_api(SubstitutionApi)
