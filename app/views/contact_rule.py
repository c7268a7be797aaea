"""Screens and REST of the rules of automatic letters, and of what became of each occasion."""

from typing import Any, ClassVar

from flask import Response
from flask_appbuilder import expose
from flask_appbuilder.api import permission_name, protect, safe
from flask_appbuilder.models.sqla.filters import FilterInFunction
from flask_appbuilder.security.decorators import has_access
from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.orm import selectinload

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.contact_rule import ContactRule, Occasion, OccurrenceState, RuleOccurrence
from app.models.mailing import Mailing
from app.models.party import Party
from app.services import contact_rule as rules
from app.services import mailing_preview as previews
from app.services import rule_effect, rule_forecast
from app.services import rule_occurrence as occurrences
from app.services.mailing_effect import Effect
from app.services.rule_forecast import Forecast, Outcome
from app.web import effect_words, menu
from app.web.api import CrudApi
from app.web.card_tabs import Own, Related
from app.web.charts import Chart
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.locale import choose_time_zone
from app.web.mail_preview import TAB, MailPreview
from app.web.records import Records
from app.web.verbs import Verb, reason

ORDER = 32
WHEN = ["occasion", "country", "holiday", "days", "hour", "since"]
WHAT = ["kind", "channel", "template", "organisation"]
EFFECT = ["holdout_percent", "attribution_days", "tracks_opens", "tracks_clicks"]
FORM = ["name", *WHEN, "segment", *WHAT, *EFFECT]
LOADED = [selectinload(each) for each in (ContactRule.organisation, ContactRule.template, ContactRule.segment)]
FIELDSETS = [
    (None, {"fields": ["name"]}),
    (_l("When"), {"fields": WHEN}),
    (_l("Whom"), {"fields": ["segment"]}),
    (_l("What"), {"fields": WHAT}),
    (_l("What comes of it"), {"fields": EFFECT}),
]
LABELS = {
    "attribution_days": _l("Days in which orders count"),
    "channel": _l("Way"),
    "country": _l("Country of the holiday"),
    "days": _l("Days after the occasion"),
    "holdout_percent": _l("Held out to compare, in percent"),
    "holiday": _l("Public holiday"),
    "hour": _l("Hour of our company's day"),
    "is_active": _l("In use"),
    "kind": _l("Kind of letter"),
    "occasion": _l("Occasion"),
    "organisation": _l("Our company"),
    "segment": _l("Only counterparties in the segment"),
    "since": _l("For days from"),
    "template": _l("Template"),
    "tracks_clicks": _l("Note that a link was followed"),
    "tracks_opens": _l("Note that it was opened"),
}
HINTS = {
    "country": _l("For a public holiday: counterparties of this country are written to."),
    "attribution_days": _l("From the day of the letter on. A change holds for the letters after it."),
    "holdout_percent": _l(
        "So many of those who would get a letter get none, drawn by lot, to see what the letters do. "
        "A change begins anew."
    ),
    "holiday": _l("Its name, in English or another of our languages; days that the company has noted count too."),
    "days": _l("Negative: before it. A greeting leaves on its day alone, other letters up to three days late."),
    "since": _l("Nothing is written for days before this one."),
    "template": _l("In it {occasion|…} stands for the order, contract or holiday, and {day|…} for its day."),
}
FOUND_BY = ["name", "is_active", "occasion", "kind", "channel", "organisation", "template", "segment"]
LISTED = ["name", "is_active", "occasion", "days", "hour", "segment", "kind", "channel", "template"]
VERBS = [
    Verb(
        "switch_on",
        rules.switch_on,
        label=_l("Switch on"),
        icon="check",
        when=lambda rule: not rule.is_active,
        confirm=_l("From now on letters are written by themselves. The tab “Next 30 days” says to whom. Switch it on?"),
        needs_time=True,
        primary=True,
        undo="switch_off",
    ),
    Verb(
        "switch_off",
        rules.switch_off,
        label=_l("Switch off"),
        icon="x",
        when=lambda rule: rule.is_active,
        undo="switch_on",
    ),
]
RETRY = Verb(
    "retry",
    occurrences.retry,
    label=_l("Try again"),
    icon="rotate-ccw",
    when=lambda one: one.state is OccurrenceState.left_out,
    why=lambda one: reason(occurrences.refuse_retry, one),
    needs_time=True,
    primary=True,
)
PLACE = {"type": "object", "additionalProperties": True}


def seen() -> list[Occasion]:
    """Return the occasions of which the reader may see whom they come to."""
    return rule_forecast.seen(db.session())


def seen_of(rule: ContactRule) -> ColumnElement[bool]:
    """Return the condition of those occasions of a rule that the reader may see."""
    of_whom = RuleOccurrence.occasion.in_(seen()), RuleOccurrence.party_id.in_(reached())
    return and_(RuleOccurrence.rule_id == rule.id, *of_whom)


def reached() -> Select[Any]:
    """Return the keys of the counterparties that the reader sees; the row rule cuts the statement."""
    return select(Party.id)


class ContactRuleView(MailPreview, CrudView):
    """Rules of automatic letters."""

    datamodel = Records(ContactRule, save=rules.save, remove=rules.remove, search=None, options=LOADED)
    begins_with_ours = True
    one_name = _l("Rule of automatic letters")
    many_name = _l("Automatic letters")
    hint = _l("A rule writes by itself on an occasion: a birthday, a holiday, some days after an order.")
    card_template = "web/contact_rule_card.html"
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = ["name", "is_active", *WHEN, "segment", *WHAT, *EFFECT]
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = FORM
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["name", "occasion"]
    base_order = ("name", "asc")
    key_facts: ClassVar = ["is_active", "occasion", "days", "template"]
    own_tabs: ClassVar = [
        Own("next", _l("Next 30 days"), "web/rule_forecast.html", area="party"),
        TAB,
        Own("effect", _l("Effect"), "web/mailing_effect.html"),
    ]
    trying: ClassVar = "change"
    effect_words = effect_words
    related: ClassVar = [Related("rule_occurrence", "rule", where=seen_of, label=_l("Occasions"))]
    label_columns: Any = LABELS
    description_columns: ClassVar = HINTS
    verbs: ClassVar = VERBS
    quick: ClassVar = None
    has_tags: ClassVar = False

    @expose("/<int:pk>/try_letter", methods=["POST"])
    @has_access
    @permission_name("change")
    def try_letter(self, pk: int) -> Any:
        """Send the letter that is shown to some of us, to see how it arrives."""
        return self.tried(pk)

    def mailing_of(self, record: ContactRule) -> Mailing:
        """Return a rule as the preview shows it."""
        return previews.of_rule(record)

    def effect(self, record: ContactRule) -> Effect | None:
        """Return what came of the letters of a rule until now."""
        return rule_effect.effect(db.session(), record, at=clock.now())

    def prefill(self, form: CrmForm) -> None:
        """Leave alone the days before the rule was made."""
        super().prefill(form)
        if not form["since"].data:
            form["since"].data = clock.today(choose_time_zone())

    def outcome(self, record: ContactRule) -> Outcome:
        """Return what became of the occasions of a rule."""
        return rule_forecast.outcome(db.session(), record)

    def forecast(self, record: ContactRule) -> Forecast:
        """Return to whom a rule is to write next."""
        return rule_forecast.forecast(db.session(), record, at=clock.now())


class ContactRuleApi(CrudApi):
    """REST of rules of automatic letters."""

    datamodel = Records(ContactRule, save=rules.save, remove=rules.remove, search=None, options=LOADED)
    list_columns: ClassVar = LISTED
    show_columns: ClassVar = ["name", "is_active", *WHEN, "segment", *WHAT, *EFFECT]
    add_columns: ClassVar = FORM
    edit_columns: ClassVar = FORM
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["name", "occasion"]
    base_order = ("name", "asc")
    has_tags: ClassVar = False
    label_columns: Any = LABELS
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {"name": "Birthdays", "occasion": "birthday", "kind": "marketing", "organisation": 1, "template": 1}
    }
    described: ClassVar = {
        "get_forecast": (
            "get",
            {
                "summary": "Get to whom a rule writes in the next 30 days",
                "responses": {"200": {"description": "Forecast", "content": {"application/json": {"schema": PLACE}}}},
            },
        ),
        "get_effect": (
            "get",
            {
                "summary": "Get what came of the letters of a rule",
                "responses": {
                    "200": {"description": "Effect", "content": {"application/json": {"schema": effect_words.ANSWER}}}
                },
            },
        ),
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
        found = rule_effect.effect(db.session(), record, at=clock.now())
        if found is None:
            return self.response(422, message=_("Nothing was sent yet."))
        return self.response(200, result=effect_words.shape(found))

    @expose("/<int:pk>/forecast", methods=["GET"])
    @protect()
    @safe
    @permission_name("see")
    def get_forecast(self, pk: int) -> Response:
        """Return how many occasions are to come, the first of them, and why some would get no letter."""
        record = self.datamodel.one(pk, self._base_filters)
        if record is None:
            return self.response_404()
        found = rule_forecast.forecast(db.session(), record, at=clock.now())
        if found.problem:
            return self.response(422, message=found.problem)
        return self.response(200, result=shape(found))


def shape(found: Forecast) -> dict[str, Any]:
    """Return a forecast as REST tells it."""
    return {
        "total": found.total,
        "looked_at": found.looked_at,
        "written": found.written,
        "left_out": {reason.value: count for reason, count in found.left_out.items()},
        "is_hidden": found.is_hidden,
        "next": [
            {
                "party": each.party.id,
                "name": str(each.party),
                "on": each.on.isoformat(),
                "happens_on": each.happens_on.isoformat(),
                "about": each.about,
                "reason": each.reason.value if each.reason is not None else None,
            }
            for each in found.rows
        ],
    }


BECAME = ["party", "happens_on", "due_at", "state", "reason", "letter", "text_message"]
HEARD = ["opened_at", "clicked_at", "answered_at", "unsubscribed_at"]
BECAME_LABELS = {
    "answered_at": _l("Answered"),
    "clicked_at": _l("Followed a link"),
    "due_at": _l("To be written"),
    "done_at": _l("Decided"),
    "happens_on": _l("Day of the occasion"),
    "letter": _l("Letter"),
    "occasion": _l("Occasion"),
    "opened_at": _l("Opened"),
    "party": _l("To whom"),
    "reason": _l("Why not"),
    "rule": _l("Rule"),
    "slot": _l("What it was"),
    "state": _l("State"),
    "text_message": _l("Text message"),
    "unsubscribed_at": _l("Unsubscribed"),
}
WITH = [
    selectinload(each)
    for each in (RuleOccurrence.rule, RuleOccurrence.party, RuleOccurrence.letter, RuleOccurrence.text_message)
]
ASKED = ["rule", "party", "occasion", "state", "reason", "due_at"]


class RuleOccurrenceView(CrudView):
    """The occasions of rules and what became of them, as far as the reader may see what they are about."""

    datamodel = Records(RuleOccurrence, search=None, options=WITH)
    base_filters: ClassVar = [["occasion", FilterInFunction, seen], ["party_id", FilterInFunction, reached]]
    one_name = _l("Occasion of a rule")
    many_name = _l("Occasions of rules")
    hint = _l("A rule that is in use writes its occasions down a day ahead.")
    card_template = "web/rule_occurrence_card.html"
    verbs: ClassVar = [RETRY]
    stages: ClassVar = (OccurrenceState.planned, OccurrenceState.written)
    exclude_route_methods: ClassVar = CrudView.exclude_route_methods | {"add", "edit", "delete"}
    list_columns: ClassVar = ["rule", *BECAME]
    show_columns: ClassVar = ["rule", "occasion", "slot", *BECAME, "done_at", *HEARD]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ASKED
    order_columns: ClassVar = ["due_at"]
    base_order = ("due_at", "desc")
    key_facts: ClassVar = ["rule", "state", "reason", "due_at"]
    label_columns: Any = BECAME_LABELS
    charts: ClassVar = [Chart("by_state", _l("Occasions by state"), "state")]
    has_tags: ClassVar = False
    has_activities: ClassVar = False


class RuleOccurrenceApi(CrudApi):
    """REST of the occasions of rules."""

    datamodel = Records(RuleOccurrence, search=None, options=WITH)
    base_filters: ClassVar = [["occasion", FilterInFunction, seen], ["party_id", FilterInFunction, reached]]
    exclude_route_methods: ClassVar = {"post", "put", "delete", "info"}
    list_columns: ClassVar = ["rule", *BECAME]
    show_columns: ClassVar = ["rule", "occasion", "slot", *BECAME, "done_at", *HEARD]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar[list[str]] = []
    search_columns: ClassVar = ASKED
    order_columns: ClassVar = ["due_at"]
    base_order = ("due_at", "desc")
    label_columns: Any = BECAME_LABELS
    verbs: ClassVar = [RETRY]
    has_tags: ClassVar = False


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(
        appbuilder, ContactRuleView, "contact_rule", label=_l("Automatic letters"), group="sales", icon="calendar"
    )
    appbuilder.add_api(ContactRuleApi)
    appbuilder.add_view_no_menu(RuleOccurrenceView)
    appbuilder.add_api(RuleOccurrenceApi)
