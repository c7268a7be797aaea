"""Screens and REST of leads."""

from typing import Any, ClassVar

from markupsafe import escape
from marshmallow import fields, validate
from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from app import clock, lifecycle
from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.lead import LEAD_MOVES, Lead, LeadArrival, LeadRejection, LeadState
from app.models.lead_source import LeadChannel
from app.models.party import Party
from app.services import access, lead_convert, working_time
from app.services import lead as leads
from app.web import lead_words, menu
from app.web.api import CrudApi
from app.web.board import Board
from app.web.card_tabs import Own
from app.web.charts import Chart
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.records import Records
from app.web.request_cache import request_cache
from app.web.schema import LinkedField, MemberField
from app.web.verbs import Verb, reason

ORDER = 10
LOADED = [selectinload(Lead.source), selectinload(Lead.owner)]
WHO = ["name", "company", "phone", "email", "messenger"]
WHAT = ["text", "priority", "source", "language", "country", "region"]
WHENCE = ["channel", "channel_name", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]
PLACE = ["page", "referrer"]
BECAME = ["party", "contact", "deal", "merged_into", "rejected_reason", "rejected_note"]
CLOCK = ["received_at", "respond_by", "responded_at", "response_minutes", "error", "held_because"]
WHOSE = ["owner", "team"]
OPEN_STATES = {LeadState.new, LeadState.accepted}


def save(session: Session, lead: Lead) -> None:
    """Store a lead; what is typed arrives now."""
    leads.save(session, lead, at=clock.now())


def _why(to: LeadState) -> Any:
    return lambda lead: reason(lifecycle.refuse, LEAD_MOVES, lead, to)


def _may(to: LeadState) -> Any:
    return lambda lead: to in lifecycle.allowed(LEAD_MOVES, lead.state)


def _offered(lead: Lead) -> dict[str, Any]:
    """Return what the dialog of a conversion begins with: who it may be, as far as the reader sees him."""
    twins = [] if lead.party is not None else twins_of(lead)
    first = access.get(db.session(), Party, twins[0].party_id) if twins else lead.party
    return {"party": first, "title": lead_convert.title_of(lead)}


def _offered_party(lead: Lead) -> dict[str, Any]:
    return {"party": _offered(lead)["party"]}


def twins_of(lead: Lead) -> list[Any]:
    """Return which parties a lead may be; asked once in a request."""
    kept = request_cache("lead_twins")
    if lead.id not in kept:
        kept[lead.id] = lead_convert.twins(db.session(), lead)
    return list(kept[lead.id])


def _undo_refused(lead: Lead) -> str | None:
    """Return why a conversion cannot be taken back."""
    return reason(lead_convert.refuse_undo, lead, at=clock.now())


VERBS = [
    Verb(
        "accept",
        leads.accept,
        label=_l("Accept"),
        icon="check",
        when=_may(LeadState.accepted),
        fits=lambda lead: lead.state is not LeadState.converted,
        why=_why(LeadState.accepted),
        to=LeadState.accepted,
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "release",
        leads.release,
        label=_l("Let in"),
        icon="undo-2",
        when=lambda lead: lead.state is LeadState.held,
        fits=lambda lead: lead.state is LeadState.held,
        to=LeadState.new,
        needs_time=True,
        primary=True,
    ),
    Verb(
        "convert",
        lead_convert.convert,
        label=_l("Make a deal of it"),
        icon="arrow-right",
        when=_may(LeadState.converted),
        why=_why(LeadState.converted),
        to=LeadState.converted,
        arguments={"party": LinkedField(Party), "title": fields.String(validate=validate.Length(max=250))},
        offered=_offered,
        needs_time=True,
        needs_actor=True,
        primary=True,
    ),
    Verb(
        "attach",
        lead_convert.attach,
        label=_l("It belongs to a party"),
        icon="link",
        when=_may(LeadState.converted),
        why=_why(LeadState.converted),
        arguments={"party": LinkedField(Party, required=True)},
        offered=_offered_party,
        needs_time=True,
        needs_actor=True,
    ),
    Verb(
        "merge",
        leads.merge,
        label=_l("Merge into another lead"),
        icon="layers",
        when=_may(LeadState.merged),
        why=_why(LeadState.merged),
        to=LeadState.merged,
        arguments={"into": LinkedField(Lead, required=True)},
        needs_time=True,
    ),
    Verb(
        "reject",
        leads.reject,
        label=_l("Reject"),
        icon="x",
        when=_may(LeadState.rejected),
        why=_why(LeadState.rejected),
        to=LeadState.rejected,
        arguments={
            "reason": MemberField(LeadRejection, required=True),
            "note": fields.String(validate=validate.Length(max=500)),
        },
        needs_time=True,
        danger=True,
    ),
    Verb(
        "reopen",
        leads.reopen,
        label=_l("Reopen"),
        icon="undo-2",
        when=lambda lead: lead.state in {LeadState.rejected, LeadState.merged},
        fits=lambda lead: lead.state in {LeadState.rejected, LeadState.merged},
        to=LeadState.new,
    ),
    Verb(
        "undo",
        lead_convert.undo,
        label=_l("Undo the conversion"),
        icon="undo-2",
        when=lambda lead: lead.state is LeadState.converted,
        fits=lambda lead: lead.state is LeadState.converted,
        why=_undo_refused,
        confirm=_l("What was made of this lead goes into the bin; what was worked on since stays."),
        needs_time=True,
        needs_actor=True,
    ),
]


def count_of(lead: Lead) -> Any:
    """Return the statement that counts what arrived of a lead."""
    return select(func.count()).select_from(LeadArrival).where(LeadArrival.lead_id == lead.id)


def count_alike(lead: Lead) -> Any:
    """Return the statement that counts the open leads that may be the same one."""
    cut = access.cut(db.session(), Lead)
    return select(func.count()).select_from(Lead).where(leads.is_alike(lead), *([] if cut is None else [cut]))


class LeadView(CrudView):
    """List, form and card of leads."""

    datamodel = Records(Lead, save=save, remove=leads.remove, options=LOADED)
    one_name = _l("Lead")
    many_name = _l("Leads")
    hint = _l("Whoever asks stands here: from forms, programs and messages, by hand and by import.")
    card_template = "web/lead_card.html"
    list_columns: ClassVar = ["name", "company", "state", "respond_by", "source", "owner", "received_at"]
    show_columns: ClassVar = [*WHO, *WHAT, *CLOCK, *WHENCE, *PLACE, *BECAME, *WHOSE]
    show_fieldsets: ClassVar = [
        (None, {"fields": [*WHO, *WHAT[1:]]}),
        (_l("Answer"), {"fields": [*CLOCK, *WHOSE]}),
        (_l("What became of it"), {"fields": BECAME}),
        (_l("Where it came from"), {"fields": [*WHENCE, *PLACE]}),
    ]
    add_columns: ClassVar = [*WHO, *WHAT, *WHOSE]
    add_fieldsets: ClassVar = [(None, {"fields": [*WHO, *WHAT]}), (_l("More"), {"fields": WHOSE})]
    edit_columns: ClassVar = [*WHO, *WHAT, *WHOSE]
    edit_fieldsets: ClassVar = add_fieldsets
    search_columns: ClassVar = [
        *("state", "priority", "channel", "source", "country", "language", "received_at", "respond_by"),
        *("responded_at", "response_minutes", "rejected_reason", "held_because", "party", "deal", "owner", "team"),
        *("utm_source", "utm_medium", "utm_campaign", "email", "phone"),
    ]
    order_columns: ClassVar = ["received_at", "respond_by", "state", "response_minutes"]
    base_order = ("received_at", "desc")
    key_facts: ClassVar = ["state", "respond_by", "phone", "email", "source", "owner"]
    stages: ClassVar = (LeadState.new, LeadState.accepted, LeadState.converted)
    own_tabs: ClassVar = [
        Own("arrivals", _l("What arrived"), "web/card_arrivals.html", count=count_of),
        Own("alike", _l("May be the same"), "web/card_alike.html", count=count_alike),
    ]
    boards: ClassVar = [
        Board(
            "state",
            moves={"accepted": "accept", "new": "reopen"},
            title=("name", "company"),
            facts=("source", "owner"),
            ends=frozenset({"converted", "merged", "rejected"}),
        )
    ]
    charts: ClassVar = [
        Chart("by_source", _l("Leads by source"), "source"),
        Chart("by_month", _l("Leads by month"), "received_at", stack="state"),
    ]
    verbs: ClassVar = VERBS
    label_columns: Any = {"name": _l("Full name")}

    def page(self, template: str, **about: Any) -> str:
        """Render the list with a way to the import for those who may import."""
        own = {"web/list.html": "web/lead_list.html"}
        return super().page(
            own.get(template, template), **about | {"may_import": self.appbuilder.sm.may("lead", "import")}
        )

    def value(self, record: Lead, name: str) -> Any:
        """Tell who it is where no name was given, and the clock in words."""
        if name == "name":
            return escape(record.name or str(record))
        if name == "respond_by":
            return lead_words.clock_cell(record, self.hours(), at=clock.now())
        return super().value(record, name)

    def hours(self) -> working_time.Calendar:
        """Return the company's working time, loaded once in a request."""
        kept = request_cache("lead_hours")
        if "hours" not in kept:
            kept["hours"] = working_time.load(db.session())
        found: working_time.Calendar = kept["hours"]
        return found

    def arrivals(self, record: Lead) -> Any:
        """Return what arrived of a lead and of those merged into it."""
        return leads.arrivals(db.session(), record)

    def twins(self, record: Lead) -> list[Any]:
        """Return which parties a lead may be, of one that is open."""
        return twins_of(record) if record.state in OPEN_STATES else []

    def alike(self, record: Lead) -> Any:
        """Return other open leads that may be the same one."""
        return leads.alike(db.session(), record)

    def fill(self, form: CrmForm, record: Lead, columns: Any) -> None:
        """Put the form's values in; what is typed has come by hand."""
        super().fill(form, record, columns)
        if not record.id:
            record.channel = LeadChannel.manual


class LeadApi(CrudApi):
    """REST of leads."""

    datamodel = Records(Lead, save=save, remove=leads.remove, options=LOADED)
    list_columns: ClassVar = [
        *("state", "name", "company", "phone", "email", "source", "owner", "received_at", "respond_by", "responded_at"),
    ]
    show_columns: ClassVar = [
        *("state", *WHO, *WHAT, *CLOCK, "reminded_at", "escalated_at", *WHENCE, *PLACE, *BECAME, *WHOSE),
    ]
    add_columns: ClassVar = [*WHO, *WHAT, *WHENCE[1:], *PLACE, *WHOSE]
    edit_columns: ClassVar = [*WHO, *WHAT, *WHOSE]
    defaulted: ClassVar = ["priority"]
    search_columns: ClassVar = [
        *("state", "priority", "channel", "source", "country", "received_at", "respond_by", "responded_at", "party"),
        *("deal", "owner", "team", "email", "phone"),
    ]
    order_columns: ClassVar = ["received_at", "respond_by"]
    base_order = ("received_at", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {"name": "Anna de Vries", "email": "anna@example.org", "text": "2,000 tulip bulbs for October"}
    }

    def fill(self, record: Lead, given: dict[str, Any]) -> None:
        """Put checked values in; a new one has come from a program."""
        super().fill(record, given)
        if not record.id:
            record.channel = LeadChannel.api


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, LeadView, "lead", label=_l("Leads"), group="sales", icon="inbox")
    appbuilder.add_api(LeadApi)
