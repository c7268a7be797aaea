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
        record = self._found(str(pk))
        return jsonify(percent=record.percent, text=self.told_progress(record), over=not record.is_under_way)

    @staticmethod
    def told_progress(record: Any) -> str:
        """Return the text beside the bar."""
        return done_of(record.done_rows, record.total_rows)
