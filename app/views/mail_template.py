"""Screens and REST of what mailings say."""

from typing import Any, ClassVar

from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.db import db
from app.documents import mailing as documents
from app.i18n import LANGUAGES
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.mail_template import MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import Mailing
from app.services import mail_template as templates
from app.services import sms_length
from app.services.mail_place import KNOWN_OF_ALL, PLACES
from app.services.mailing_frame import Around
from app.web import menu
from app.web.api import CrudApi
from app.web.crud import CrudView
from app.web.mail_preview import TAB, MailPreview, first_company
from app.web.records import Records
from app.web.schema import Lines

ORDER = 31
COLUMNS = ["name", "channel", "is_active"]
TEXT = ("language", "subject", "preheader", "message")
BLOCK = ("language", "kind", "text", "address", "file", "product")
LINES = {"texts": TEXT, "blocks": BLOCK}
FIELDSETS = [
    (None, {"fields": COLUMNS}),
    (None, {"fields": ["texts"]}),
    (None, {"fields": ["blocks"]}),
]
LABELS = {
    "channel": _l("Way"),
    "is_active": _l("In use"),
    "texts": _l("Subject and first line"),
    "blocks": _l("Blocks"),
    "subject": _l("Subject"),
    "preheader": _l("First line in the list of mails"),
    "message": _l("Text message"),
    "kind": _l("Block"),
    "text": _l("Text"),
    "address": _l("Leads to"),
    "file": _l("Name of the picture"),
}
PLACE_NAMES = {
    "name": _l("Name"),
    "first name": _l("First name"),
    "company": _l("Company"),
    "city": _l("City"),
    "manager": _l("Responsible with us"),
    "organisation": _l("Our name"),
    "occasion": _l("Occasion"),
    "day": _l("Day"),
}
HOW = _l("In a text {name|…} stands for what is known, or else for the words after the line. Known are:")


class MailTemplateView(MailPreview, CrudView):
    """Templates of mailings."""

    datamodel = Records(MailTemplate, save=templates.save, search=None)
    one_name = _l("Template of mailings")
    many_name = _l("Templates of mailings")
    hint = _l("A template says in each language what a mailing brings, block by block.")
    card_template = "web/mail_template_card.html"
    form_template = "web/mail_template_form.html"
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = [*COLUMNS, *LINES]
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = [*COLUMNS, *LINES]
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["channel", "is_active"]
    lines: ClassVar = LINES
    trying: ClassVar = "change"
    own_tabs: ClassVar = [TAB]
    quick: ClassVar = None
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    description_columns: ClassVar = {"name": _l("Colleagues see it, recipients do not.")}

    def mailing_of(self, record: MailTemplate) -> Mailing | None:
        """Return what the preview shows: the template as our first company would send it."""
        return first_company(record)

    @expose("/<int:pk>/try_letter", methods=["POST"])
    @has_access
    @permission_name("change")
    def try_letter(self, pk: int) -> Any:
        """Send the letter that is shown to some of us, to see how it arrives."""
        return self.tried(pk)

    def languages_of(self, record: MailTemplate) -> list[dict[str, Any]]:
        """Return what a template says in each language, as a reader without any pictures sees it."""
        content = templates.latest(db.session(), record).content["languages"]
        return [self._told(record, code, content[code]) | {"code": code} for code in LANGUAGES if code in content]

    def known_places(self) -> str:
        """Return the places that a template may have."""
        return ", ".join(f"{{{each}}}" for each in PLACES)

    def insertable(self) -> list[dict[str, str]]:
        """Return what the form inserts: [{"place": "{name|customer}", "label": …}]."""
        words = _("customer")
        return [
            {"place": f"{{{name}}}" if name in KNOWN_OF_ALL else f"{{{name}|{words}}}", "label": str(PLACE_NAMES[name])}
            for name in PLACES
        ]

    def how(self) -> str:
        """Return how places are written."""
        return str(HOW)

    @staticmethod
    def _told(record: MailTemplate, code: str, said: dict[str, Any]) -> dict[str, Any]:
        name = LANGUAGES[code]["name"]
        if record.channel is MailingChannel.sms:
            return {"name": name, "subject": "", "text": said["message"], "length": sms_length.of(said["message"])}
        around = Around(language=code, sender="", legal="", unsubscribe="", pictures={}, opens=False)
        shown = documents.written(documents.laid_out(said, around), {})
        text = shown.text.rpartition("-- \n")[0].strip()
        size = len(shown.html.encode())
        return {"name": name, "subject": shown.subject, "text": text, "size": size, "is_clipped": shown.is_clipped}


class MailTemplateApi(CrudApi):
    """REST of templates of mailings."""

    datamodel = Records(MailTemplate, save=templates.save, search=None)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = [*COLUMNS, "number"]
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    lines: ClassVar = {
        "texts": Lines(MailTemplateText, "MailTemplateText", given=TEXT),
        "blocks": Lines(MailTemplateBlock, "MailTemplateBlock", given=BLOCK, computed=("position",)),
    }
    search_columns: ClassVar = COLUMNS
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    examples: ClassVar = {
        "post": {
            "name": "Spring",
            "channel": "email",
            "texts": [{"language": "en", "subject": "Tulips for {first name|you}"}],
            "blocks": [{"language": "en", "kind": "text", "text": "Dear {name|customer}, they are here."}],
        }
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(
        appbuilder,
        MailTemplateView,
        "mail_template",
        label=_l("Templates of mailings"),
        group="settings",
        icon="file-text",
    )
    appbuilder.add_api(MailTemplateApi)
