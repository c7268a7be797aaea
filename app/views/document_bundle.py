"""Screens of bundles: how far one is, what is missing in it, and taking it through the door of all exports."""

from typing import IO, Any, ClassVar

from flask import abort, current_app
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from markupsafe import escape
from sqlalchemy.orm import selectinload

from app.db import db
from app.errors import NotAllowed
from app.i18n import label_of
from app.i18n import lazy_gettext as _l
from app.models.document_bundle import BundleForm, BundleState, DocumentBundle, Lack
from app.models.export_run import ExportKind
from app.roles import EXPORT
from app.services import access, document_bundle
from app.services import attachment as attachments
from app.web import menu
from app.web.crud import CrudView
from app.web.export_words import many_of
from app.web.hand_out import Parcel, Table, hand_out
from app.web.progress import Progress
from app.web.records import Records

ORDER = 62
SHOWN = 100  # of those that are missing


class DocumentBundleView(Progress, CrudView):
    """Files of documents that were put together; one sees one's own."""

    datamodel = Records(DocumentBundle, search=None, options=[selectinload(DocumentBundle.owner)])
    one_name = _l("Files of documents")
    many_name = _l("Files of documents")
    hint = _l("Tick documents in their list and take their files: as a ZIP, or as one PDF. The file is kept for a day.")
    exclude_route_methods: ClassVar = {"add", "edit", "delete", "export", "act_on_many", "attached"}
    list_columns: ClassVar = ["entity", "form", "state", "total_rows", "files", "created_at", "owner"]
    show_columns: ClassVar = ["entity", "form", "state", "total_rows", "files", "created_at", "ended_at", "owner"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["state", "form", "owner", "created_at"]
    order_columns: ClassVar = ["created_at"]
    base_order = ("created_at", "desc")
    has_activities: ClassVar = False
    quick: ClassVar = None
    label_columns: Any = {
        "entity": _l("Records of"),
        "form": _l("Format"),
        "total_rows": _l("Records"),
        "files": _l("Files"),
        "ended_at": _l("Ended"),
        "owner": _l("Asked by"),
    }

    def acts_on_many(self) -> list[Any]:
        """Return nothing: each file is taken by itself."""
        return []

    def title_of(self, record: Any) -> str:
        """Return whose files these are."""
        return f"{self.one_name}: {many_of(record.entity)} · {record}"

    def value(self, record: Any, name: str) -> Any:
        """Name the records."""
        return escape(many_of(record.entity)) if name == "entity" else super().value(record, name)

    def _may_take(self, record: DocumentBundle) -> bool:
        """Say whether the reader may take the file: he may take such lists now, and it is his own, or of a mailing."""
        is_own = record.mailing_id is not None or self._is_asked_by_reader(record)
        return is_own and bool(self.appbuilder.sm.may(record.entity, EXPORT))

    @staticmethod
    def _is_asked_by_reader(record: DocumentBundle) -> bool:
        return record.owner_id is not None and record.owner_id == access.required(db.session()).user_id

    def _card(self, record: Any, *_tried: Any, **_about: Any) -> str:
        is_there = record.state is BundleState.done and record.file_id is not None
        missing = record.missing[:SHOWN]
        may_see = bool(missing) and self.appbuilder.sm.may(record.entity, "see")
        names = document_bundle.names_of(db.session(), record, [key for key, _why in missing]) if may_see else {}
        return self.page(
            "web/bundle_show.html",
            title=self.title_of(record),
            record=record,
            missing=[(key, names.get(key), label_of(Lack(why))) for key, why in missing],
            may_take=is_there and self._may_take(record),
        )

    @expose("/parcel/<int:pk>", methods=["GET", "POST"])
    @has_access
    @permission_name("see")
    def parcel(self, pk: int) -> Any:
        """Ask what the files are wanted for, and send them."""
        record, session = self._found(str(pk)), db.session()
        if record.state is not BundleState.done or record.file is None:
            abort(404)
        if not self._may_take(record) or not document_bundle.is_within_reach(session, record):
            raise NotAllowed(f"{record.entity}.{EXPORT}")
        place = attachments.place_of(record.file.sha256, files=current_app.config["CRM_VAR"] / "files")
        if not place.is_file():
            abort(404)

        def stored() -> IO[bytes]:
            return place.open("rb")

        parcel = Parcel(
            kind=ExportKind.bundle,
            right=(record.entity, EXPORT),
            entity=record.entity,
            title=self.title_of(record),
            file=f"{record.entity}-{record.id}",
            back=f"{self.route_base}/show/{record.id}",
            rows=record.files,
            heads=[many_of(record.entity)],
            read=lambda _pause: Table([], []),
            formats=("zip" if record.form is BundleForm.zip else "pdf",),
            stored=stored,
            media_type=record.file.media_type,
        )
        return hand_out(self, parcel)


def register(appbuilder: Any) -> None:
    """Register the screens."""
    menu.place(
        appbuilder, DocumentBundleView, "document_bundle", label=_l("Files of documents"), group="exchange",
        icon="file-down",
    )  # fmt: skip
