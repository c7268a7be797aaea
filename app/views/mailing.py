"""Screens and REST of mailings, and of the single addresses that they go to."""

from dataclasses import replace
from typing import Any, ClassVar

from flask import Response
from flask_appbuilder import expose
from flask_appbuilder.api import permission_name, protect, safe
from flask_appbuilder.security.decorators import has_access
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.mailing import Mailing, MailingParty, MailingRecipient, MailingState
from app.services import document_bundle as bundles
from app.services import mailing as mailings
from app.services import mailing_count, mailing_effect, paper_run
from app.views.mailing_acts import AGAIN, VERBS, is_on_paper
from app.web import effect_words, menu, paper_desk
from app.web.api import CrudApi
from app.web.calendar import Calendar
from app.web.card_tabs import Own, Related
from app.web.cells import whole as number
from app.web.crud import CrudView
from app.web.form_rules import Is, Show
from app.web.labelling import Labelling
from app.web.mail_preview import TAB, MailPreview
from app.web.progress import Progress
from app.web.records import Records
from app.web.schema import Lines

ORDER = 30
WHOM = ["segment", "tag"]
WHAT = ["kind", "channel", "organisation", "template", "letter"]
WHEN = ["window_from", "window_to", "per_hour", "per_domain_hour"]
EFFECT = ["holdout_percent", "attribution_days", "tracks_opens", "tracks_clicks"]
COURSE = ["state", "due_at", "checked_at", "started_at", "ended_at", "owner", "team"]
COLUMNS = ["name", *WHOM, *WHAT, *WHEN, *EFFECT, "owner", "team"]
PARTY = ("party",)
LINKED = (Mailing.organisation, Mailing.template, Mailing.letter, Mailing.segment, Mailing.tag)
LOADED = [selectinload(each) for each in LINKED]
FIELDSETS = [
    (None, {"fields": ["name"]}),
    (_l("Whom"), {"fields": [*WHOM, "parties"]}),
    (_l("What"), {"fields": WHAT}),
    (_l("When, in hours of our company's day"), {"fields": WHEN}),
    (_l("What comes of it"), {"fields": [*EFFECT, "owner", "team"]}),
]
LABELS = {
    "segment": _l("Counterparties in the segment"),
    "tag": _l("Counterparties with the tag"),
    "parties": _l("Counterparties one by one"),
    "channel": _l("Way"),
    "template": _l("Template"),
    "letter": _l("Template of the letter"),
    "window_from": _l("From the hour"),
    "window_to": _l("Until the hour"),
    "per_hour": _l("At most in an hour"),
    "per_domain_hour": _l("At most to one domain in an hour"),
    "holdout_percent": _l("Percent held out to compare"),
    "attribution_days": _l("Days in which orders count"),
    "tracks_opens": _l("Note that a mail was opened"),
    "tracks_clicks": _l("Note that a link was followed"),
    "due_at": _l("Begins"),
    "checked_at": _l("Checked"),
    "started_at": _l("Begun"),
    "ended_at": _l("Ended"),
}


S = MailingState
FOUND_BY = ["name", "state", "kind", "channel", "organisation", "template", "letter", "segment", "tag"]
FOUND_BY += ["due_at", "started_at"]


class MailingView(MailPreview, Progress, CrudView):
    """Mailings."""

    datamodel = Records(Mailing, save=mailings.save, remove=mailings.remove, search=None, options=LOADED)
    begins_with_ours = True
    one_name = _l("Mailing")
    many_name = _l("Mailings")
    hint = _l("A mailing brings one message to many, to each once.")
    card_template = "web/mailing_card.html"
    list_columns: ClassVar = [
        "name",
        "state",
        "kind",
        "template",
        "segment",
        "tag",
        "due_at",
        "started_at",
        "ended_at",
        "owner",
    ]
    show_columns: ClassVar = ["name", *WHOM, *WHAT, *WHEN, *EFFECT, *COURSE]
    add_columns: ClassVar = [*COLUMNS, "parties"]
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = [*COLUMNS, "parties"]
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["name", "state", "due_at", "started_at"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["state", "kind", "template", "due_at"]
    lines: ClassVar = {"parties": PARTY}
    rules: ClassVar = [
        Show("template", when=Is("channel", "email", "sms")),
        Show("letter", when=Is("channel", "paper")),
    ]
    trying: ClassVar = "check"
    own_tabs: ClassVar = [
        replace(TAB, fits=lambda mailing: not is_on_paper(mailing)),
        Own("effect", _l("Effect"), "web/mailing_effect.html", fits=lambda mailing: mailing.started_at is not None),
    ]
    related: ClassVar = [Related("mailing_recipient", "mailing", label=_l("Recipients"))]
    effect_words = effect_words
    calendars: ClassVar = [Calendar("due_at", title=("name",))]
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    quick: ClassVar = None
    has_tags: ClassVar = False
    stages: ClassVar = (S.draft, S.checking, S.checked, S.sending, S.done)

    @expose("/<int:pk>/try_letter", methods=["POST"])
    @has_access
    @permission_name("check")
    def try_letter(self, pk: int) -> Any:
        """Send the letter that is shown to some of us, to see how it arrives."""
        return self.tried(pk)

    def course(self, record: Mailing) -> mailing_count.Course:
        """Return how far the sending has come."""
        return mailing_count.course(db.session(), record, at=clock.now())

    def paper(self, record: Mailing) -> paper_desk.Desk | None:
        """Return what lies printed of a mailing on paper, None of one that goes another way."""
        return paper_desk.desk(self, record)

    def standing_of(self, record: Mailing) -> tuple[int, str, bool]:
        """Return how far the check or the sending is."""
        bundle = bundles.unfinished(db.session(), record.id) if is_on_paper(record) else None
        if bundle is not None:
            return bundle.percent, Progress.told_progress(bundle), record.state is S.sending
        found = self.course(record)
        if record.state is S.checking:
            return 0, _("%(count)s found until now", count=number(found.total)), True
        is_ours = record.state is S.sending and not (is_on_paper(record) and self.is_printed(record))
        return found.percent, self.told_course(found), is_ours

    @staticmethod
    def is_printed(record: Mailing) -> bool:
        """Say whether nothing is left but to post the letters."""
        return paper_run.is_printed(db.session(), record)

    @staticmethod
    def told_course(found: mailing_count.Course) -> str:
        """Return the text beside the bar."""
        told = _(
            "%(sent)s sent, %(failed)s failed, %(left)s left · %(rate)s a minute",
            sent=number(found.sent),
            failed=number(found.failed),
            left=number(found.left),
            rate=number(found.per_minute),
        )
        if not found.quiet:
            return told
        return f"{told} · {_('waiting for their morning: %(count)s', count=number(found.quiet))}"

    def numbers(self, record: Mailing) -> mailing_count.Numbers:
        """Return how far a mailing has come."""
        return mailing_count.numbers(db.session(), record)

    def mailing_of(self, record: Mailing) -> Mailing | None:
        """Return what the preview shows: letters on paper are shown by their template."""
        return None if is_on_paper(record) else record

    def effect(self, record: Mailing) -> mailing_effect.Effect | None:
        """Return what came of a mailing until now."""
        return mailing_effect.effect(db.session(), record, at=clock.now())


class MailingApi(CrudApi):
    """REST of mailings."""

    datamodel = Records(Mailing, save=mailings.save, remove=mailings.remove, search=None, options=LOADED)
    list_columns: ClassVar = [
        "name",
        "state",
        "kind",
        "channel",
        "template",
        "letter",
        "segment",
        "tag",
        "due_at",
        "started_at",
        "ended_at",
    ]
    show_columns: ClassVar = ["name", *WHOM, *WHAT, *WHEN, *EFFECT, *COURSE]
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    lines: ClassVar = {"parties": Lines(MailingParty, "MailingParty", given=PARTY)}
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["name", "state", "due_at", "started_at"]
    base_order = ("name", "asc")
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {"name": "Spring", "kind": "marketing", "organisation": 1, "template": 1, "tag": 1},
        "schedule": {"due_at": "2026-04-01T09:00:00+00:00"},
        "posted": {"posted_on": "2026-04-02", "all_but": "3, 7-9", "why": "Jammed in the printer"},
    }
    described: ClassVar = {
        "get_effect": (
            "get",
            {
                "summary": "Get what came of a mailing that was begun",
                "responses": {
                    "200": {"description": "Effect", "content": {"application/json": {"schema": effect_words.ANSWER}}}
                },
            },
        )
    }

    @expose("/<int:pk>/effect", methods=["GET"])
    @protect()
    @safe
    @permission_name("see")
    def get_effect(self, pk: int) -> Response:
        """Return what became of the letters, and the orders of those written to beside those held out."""
        record = self.datamodel.one(pk, self._base_filters)
        if record is None:
            return self.response_404()
        found = mailing_effect.effect(db.session(), record, at=clock.now())
        if found is None:
            return self.response(422, message=_("Nothing was sent yet."))
        return self.response(200, result=effect_words.shape(found))


LISTED = ["address", "name", "party", "phase", "reason", "sent_at", "opened_at", "clicked_at", "answer"]
ROW_LABELS = {
    "mailing": _l("Mailing"),
    "address": _l("Address"),
    "phase": _l("State"),
    "reason": _l("Why not"),
    "sent_at": _l("Sent"),
    "opened_at": _l("Opened"),
    "clicked_at": _l("Followed a link"),
    "answer": _l("The server said"),
    "due_at": _l("Next try"),
    "quiet_until": _l("Quiet time there until"),
    "tries": _l("Tries"),
    "number": _l("Number of the letter"),
}
WITH = [selectinload(MailingRecipient.mailing), selectinload(MailingRecipient.party)]


class MailingRecipientView(Labelling, CrudView):
    """The addresses of mailings, one by one; they are found by the check."""

    datamodel = Records(MailingRecipient, search=None, options=WITH)
    one_name = _l("Recipient of a mailing")
    many_name = _l("Recipients of mailings")
    hint = _l("Who gets a mailing is found out on its card.")
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"add", "edit", "delete"}
    list_columns: ClassVar = ["address", "mailing", *LISTED[1:]]
    show_columns: ClassVar = [
        "mailing",
        *LISTED,
        "number",
        "language",
        "due_at",
        "quiet_until",
        "tries",
        "owner",
        "team",
    ]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["mailing", "party", "address", "number", "phase", "reason", "sent_at", "opened_at"]
    order_columns: ClassVar = ["sent_at", "phase"]
    base_order = ("sent_at", "desc")
    key_facts: ClassVar = ["mailing", "phase", "reason"]
    label_columns: Any = ROW_LABELS
    verbs: ClassVar = AGAIN
    has_tags: ClassVar = False


class MailingRecipientApi(CrudApi):
    """REST of the addresses of mailings."""

    datamodel = Records(MailingRecipient, search=None, options=WITH)
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = ["mailing", *LISTED]
    show_columns: ClassVar = ["mailing", *LISTED, "number", "language", "due_at", "quiet_until", "tries"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ["mailing", "party", "address", "phase", "reason", "sent_at"]
    order_columns: ClassVar = ["sent_at"]
    base_order = ("sent_at", "desc")
    label_columns: Any = ROW_LABELS
    verbs: ClassVar = AGAIN
    has_tags: ClassVar = False


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(appbuilder, MailingView, "mailing", label=_l("Mailings"), group="sales", icon="send")
    appbuilder.add_api(MailingApi)
    appbuilder.add_view_no_menu(MailingRecipientView)
    appbuilder.add_api(MailingRecipientApi)
