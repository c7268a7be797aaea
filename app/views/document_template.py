"""Screens and REST of templates of documents: their words, their page, their published versions and their fields."""

from typing import Any, ClassVar

from marshmallow import fields, validate
from sqlalchemy.orm import selectinload

from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.document_template import DocumentTemplate
from app.services import document_catalogue, document_field
from app.services import document_template as templates
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.docx_upload import DocxUpload
from app.web.records import Records
from app.web.shell import static_url
from app.web.verbs import Verb, reason

ORDER = 50
MAIN = ["name", "kind", "language", "organisation", "is_active", "is_default", "needs_approval"]
PAGE = ["page_size", "margin_top", "margin_right", "margin_bottom", "margin_left"]
WORDS = ["body", "header", "footer", "style"]
FORM = [*MAIN, *WORDS, *PAGE]
FIELDSETS = [
    (None, {"fields": MAIN}),
    (_l("Text"), {"fields": WORDS}),
    (_l("Page"), {"fields": PAGE}),
]
LABELS = {
    "body": _l("Text"),
    "footer": _l("Foot of every page"),
    "header": _l("Head of every page"),
    "is_active": _l("In use"),
    "is_default": _l("The default of its kind and language"),
    "margin_bottom": _l("Margin below (mm)"),
    "margin_left": _l("Margin on the left (mm)"),
    "margin_right": _l("Margin on the right (mm)"),
    "margin_top": _l("Margin above (mm)"),
    "needs_approval": _l("Documents need approval"),
    "page_size": _l("Paper"),
    "style": _l("Style (CSS)"),
}
MARKERS = _l("HTML; the card of the template lists the fields, rows and blocks that can stand in it.")
WRITTEN_SO = """<span data-field="number"></span>
<table data-each="lines">…<span data-field="lines.text"></span>…</table>
<p data-if="note">…</p> <p data-unless="note">…</p>
<div data-block="parties"></div>"""
# Names that modules of the visual editor import each other by, and their files: app/static/js/editor, tools/assets.py.
MODULES = {
    **{
        f"prosemirror-{name}": f"lib/prosemirror/{name}.js"
        for name in (
            *("model", "transform", "state", "view", "keymap", "history", "commands", "schema-list"),
            *("tables", "gapcursor"),
        )
    },
    **{name: f"lib/prosemirror/{name}.js" for name in ("orderedmap", "rope-sequence", "w3c-keyname")},
    **{
        f"editor/{name}": f"js/editor/{name}.js"
        for name in ("schema", "read", "write", "proof", "chips", "acts", "ask", "bar", "main")
    },
}
VERBS = [
    Verb(
        "publish",
        templates.publish,
        label=_l("Publish"),
        icon="file-check",
        why=lambda template: reason(templates.refuse_unchanged, db.session(), template),
        confirm=_l("From now on documents are made from this version. Publish it?"),
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "restore_version",
        templates.restore,
        label=_l("Take an older version"),
        icon="undo-2",
        when=lambda template: bool(template.versions),
        arguments={
            "number": fields.Integer(
                required=True, validate=validate.Range(min=1, max=100_000), metadata={"label": _l("Version")}
            )
        },
        offered=lambda template: {"number": template.versions[0].number},
    ),
]


class DocumentTemplateView(DocxUpload, CrudView):
    """Templates of documents."""

    datamodel = Records(
        DocumentTemplate,
        save=templates.save,
        remove=templates.remove,
        search=None,
        options=[selectinload(DocumentTemplate.organisation)],
    )
    one_name = _l("Document template")
    many_name = _l("Document templates")
    hint = _l("A template says what a contract, a letter or an invoice of yours looks like.")
    card_template = "web/document_template_card.html"
    form_template = "web/document_template_form.html"
    list_columns: ClassVar = ["name", "kind", "language", "organisation", "is_active", "is_default"]
    show_columns: ClassVar = [*MAIN, *PAGE]
    show_fieldsets: ClassVar = [(None, {"fields": MAIN}), (_l("Page"), {"fields": PAGE})]
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = ["name", "kind", "language", "organisation", "is_active", "is_default"]
    order_columns: ClassVar = ["name", "kind", "language"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["kind", "language", "is_active"]
    label_columns: Any = LABELS
    description_columns: ClassVar = {"body": MARKERS}
    quick: ClassVar = None
    has_tags: ClassVar = False
    verbs: ClassVar = VERBS

    def fields_of(self, record: DocumentTemplate) -> list[dict[str, Any]]:
        """Return the fields of a template's kind for the card: name, label, sample; rows with their columns."""
        paper = document_field.of(record.kind)
        if paper is None:
            return []
        found = [each | {"rows": False} for each in document_catalogue.fields(paper)]
        for each in document_catalogue.rows(paper):
            found.append({"name": each["name"], "label": each["label"], "sample": "", "rows": True})
            found += [column | {"rows": False} for column in each["fields"]]
        return found

    def blocks_of(self, record: DocumentTemplate) -> list[str]:
        """Return the ready blocks that fit a template's kind."""
        paper = document_field.of(record.kind)
        return document_catalogue.blocks(paper) if paper is not None else []

    def catalogue(self) -> dict[str, Any]:
        """Return what can stand in the templates of every kind, for the visual editor."""
        return document_catalogue.of_all()

    def modules(self) -> dict[str, str]:
        """Return where the modules of the visual editor are: {"prosemirror-model": "/static/…"}."""
        return {name: static_url(file) for name, file in MODULES.items()}

    def written_so(self) -> str:
        """Return an example of our markers."""
        return WRITTEN_SO

    def is_published(self, record: DocumentTemplate) -> bool:
        """Say whether documents are made from a template just as it stands."""
        last = templates.published(db.session(), record)
        return last is not None and not templates.differs(record, last)


class DocumentTemplateApi(CrudApi):
    """REST of templates of documents."""

    datamodel = Records(DocumentTemplate, save=templates.save, remove=templates.remove, search=None)
    list_columns: ClassVar = MAIN
    show_columns: ClassVar = FORM
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM
    search_columns: ClassVar = ["name", "kind", "language", "is_active", "is_default"]
    order_columns: ClassVar = ["name", "kind"]
    base_order = ("name", "asc")
    label_columns: Any = LABELS
    has_tags: ClassVar = False
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "name": "Thank you",
            "kind": "letter",
            "language": "en",
            "body": '<p>Dear <span data-field="buyer.name"></span>,</p><p>thank you.</p>',
        }
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder,
        DocumentTemplateView,
        "document_template",
        label=_l("Document templates"),
        group="settings",
        icon="file-text",
    )
    appbuilder.add_api(DocumentTemplateApi)
