"""`Faces`: the same rows with another face: board, calendar, gallery; the filter in the address stays."""

from typing import Any

from app.web.board import BoardFace
from app.web.calendar import CalendarFace
from app.web.gallery import GalleryFace

ROUTES = {
    "boards": {"show_board", "more_cards", "move_card"},
    "calendars": {"show_calendar", "move_day"},
    "gallery": {"show_gallery"},
}


class Faces(BoardFace, CalendarFace, GalleryFace):
    """Other faces of a list; see the module's text."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Leave out the routes of faces that a view does not declare."""
        super().__init_subclass__(**options)
        if "datamodel" not in cls.__dict__:
            return
        undeclared = {route for what, routes in ROUTES.items() if not getattr(cls, what) for route in routes}
        others = cls.exclude_route_methods - set().union(*ROUTES.values())
        cls.exclude_route_methods = others | undeclared
