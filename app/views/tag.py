"""Screens and REST of tags: the words themselves; they are put on records at the records' cards."""

from typing import Any, ClassVar

from app.i18n import lazy_gettext as _l
from app.models.tag import Tag
from app.services import tag as tags
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.records import Records

ORDER = 96
COLUMNS = ["name", "colour"]


class TagView(CrudView):
    """List, form and card of tags."""

    datamodel = Records(Tag, save=tags.save, search=None)
    one_name = _l("Tag")
    many_name = _l("Tags")
    hint = _l("Tags are words that you put on records to find them together. Write one at the head of any record.")
    has_tags: ClassVar = False
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")


class TagApi(CrudApi):
    """REST of tags."""

    has_tags: ClassVar = False

    datamodel = Records(Tag, save=tags.save, search=None)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    examples: ClassVar = {"post": {"name": "Trade fair", "colour": "teal"}}


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, TagView, "tag", label=_l("Tags"), group="exchange", icon="tags")
    appbuilder.add_api(TagApi)
