"""`Progress`: how far a record's work in the background is, for the bar that its card shows."""

from typing import Any

from flask import Response, jsonify
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access_api, permission_name

from app.i18n import gettext as _
from app.web.cells import whole as number


def done_of(done: int, total: int) -> str:
    """Return how many of how many, in the reader's language."""
    return _("%(done)s of %(total)s", done=number(done), total=number(total))


class Progress:
    """One more address of a view whose records are runs (`percent`, `is_under_way`, `done_rows`, `total_rows`)."""

    _found: Any

    @expose("/progress/<int:pk>", methods=["GET"])
    @has_access_api
    @permission_name("see")
    def progress(self, pk: int) -> Response:
        """Return how far a run is: `percent`, `text`, and whether it is `over`."""
        percent, text, is_under_way = self.standing_of(self._found(str(pk)))
        return jsonify(percent=percent, text=text, over=not is_under_way)

    def standing_of(self, record: Any) -> tuple[int, str, bool]:
        """Return how far a run is in percent and in words, and whether it is under way."""
        return record.percent, self.told_progress(record), record.is_under_way

    @staticmethod
    def told_progress(record: Any) -> str:
        """Return the text beside the bar."""
        return done_of(record.done_rows, record.total_rows)
