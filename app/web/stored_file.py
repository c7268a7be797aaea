"""`WithFile`: the stored file of a record that the worker makes, sent as the bytes that were stored."""

from typing import Any

from flask import Response, abort, current_app, flash, redirect, send_file
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db
from app.errors import NotFound
from app.i18n import gettext as _
from app.models.attachment import Attachment
from app.services import attachment as attachments
from app.services import job as jobs


class WithFile:
    """A card with a file; `file_topic` is the work that makes it."""

    file_topic: str
    route_base: Any
    _found: Any

    def has_failed(self, record: Any) -> bool:
        """Say whether the work that should have made a record's file has failed for good."""
        return record.file is None and jobs.failed_of(db.session(), self.file_topic, record.id) is not None

    @expose("/pdf/<int:pk>")
    @has_access
    @permission_name("see")
    def pdf(self, pk: int) -> Any:
        """Send the stored file, or say why there is none."""
        record = self._found(str(pk))
        if record.file is not None:
            return sent(record.file)
        if self.has_failed(record):
            flash(_("The file of this document could not be made; the background work says why."), "danger")
        else:
            flash(_("The file of this document is being made. Try again in a moment."), "info")
        return redirect(f"{self.route_base}/show/{pk}")


def sent(attachment: Attachment) -> Response:
    """Return a stored file as an answer."""
    try:
        path = attachments.path_of(attachment, files=current_app.config["CRM_VAR"] / "files")
    except NotFound:
        abort(404)
    return send_file(path, mimetype=attachment.media_type, download_name=attachment.name, etag=attachment.sha256)
