"""Screens and REST of deals."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from flask import request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import format_date
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, lazyload, selectinload

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.i18n import label_of, language
from app.i18n import lazy_gettext as _l
from app.models.deal import Deal, DealCheck, DealContact, DealLine, DecisionRole
from app.models.party import Party
from app.models.pipeline import Stage, StageType
from app.models.stage_log import StageLog
from app.money import format_money
from app.roles import CHANGE
from app.services import deal as deals
from app.services import deal_forecast, field_right
from app.services import organisation as organisations
from app.services import pipeline as pipelines
from app.views.deal_acts import INLINE, VERBS
from app.web import audited, duration, menu, stage_bar
from app.web.api import CrudApi
from app.web.attention import Attention
from app.web.board_declared import Board
from app.web.calendar import Calendar
from app.web.card_chain import CHAIN, Chained
from app.web.card_state import Offer
from app.web.card_tabs import Child, Own, Related
from app.web.charts import Chart, Sum
from app.web.crm_form import CrmForm
from app.web.document import LINE, DocumentLineForm
from app.web.filters import Wanted
from app.web.lines import LinesField
from app.web.planner import Coming
from app.web.records import Records
from app.web.request_cache import request_cache
from app.web.schema import Lines
from app.web.stage_board import StageBoard

ORDER = 12
LOADED = [selectinload(Deal.party), selectinload(Deal.owner), selectinload(Deal.stage)]
HEAD = ["title", "party", "pipeline", "amount", "currency", "expected_on", "source"]
MORE = ["note", "owner", "team"]
FORM = [*HEAD, *MORE, "lines"]
CHANGED = [name for name in FORM if name != "pipeline"]
LOSS = ["lost_reason", "lost_note", "lost_from"]
STANDING = ["state", "stage", "entered_at", "last_touch_at", "closed_at"]
SHOWN = [
    (None, {"fields": [name for name in HEAD if name != "title"]}),
    (_l("Where it stands"), {"fields": STANDING[1:]}),
    (_l("More"), {"fields": MORE}),
]
LINES = Lines(
    DealLine,
    "DealLine",
    given=("product", "text", "quantity", "unit", "unit_price", "discount_percent", "tax"),
    optional=("text", "unit_price", "tax"),
    computed=("position", "net"),
)
CARD = [joinedload(Deal.stage).options(joinedload(Stage.checks), lazyload(Stage.moves)), joinedload(Deal.checked)]


def fieldsets(columns: Sequence[str]) -> list[tuple[Any, dict[str, Any]]]:
    """Return the parts of the form."""
    return [
        (None, {"fields": [name for name in HEAD if name in columns]}),
        (None, {"fields": ["lines"]}),
        (_l("More"), {"fields": MORE}),
    ]


class DealView(Attention, Chained, StageBoard):
    """List, board, forecast, form and card of deals."""

    datamodel = Records(Deal, save=deals.save, options=LOADED)
    card_template = "web/deal_card.html"
    list_top = "web/deal_top.html"
    one_name = _l("Deal")
    many_name = _l("Deals")
    hint = _l("A deal is a chance to sell something. It goes through the stages of a pipeline until it is won or lost.")
    list_columns: ClassVar = ["title", "party", "stage", "amount", "currency", "expected_on", "last_touch_at", "owner"]
    show_columns: ClassVar = [*HEAD, *STANDING, *LOSS, *MORE]
    show_fieldsets: ClassVar = SHOWN
    add_columns: ClassVar = FORM
    add_fieldsets: ClassVar = fieldsets(FORM)
    edit_columns: ClassVar = CHANGED
    edit_fieldsets: ClassVar = fieldsets(CHANGED)
    add_form_extra_fields: ClassVar = {
        "lines": LinesField(_l("Lines"), entity=DealLine, columns=LINE, form=DocumentLineForm)
    }
    edit_form_extra_fields: ClassVar = add_form_extra_fields
    search_columns: ClassVar = [
        *("state", "pipeline", "stage", "party", "amount", "currency", "expected_on", "source", "lost_reason"),
        *("closed_at", "entered_at", "last_touch_at", "owner", "team"),
    ]
    order_columns: ClassVar = ["title", "amount", "expected_on", "last_touch_at", "entered_at", "closed_at"]
    base_order = ("id", "desc")
    key_facts: ClassVar = ["party", "amount", "currency", "expected_on", "owner"]
    total_columns: ClassVar = ["amount"]
    card_options: ClassVar = CARD
    children: ClassVar = [
        Child("lines", ("text", "quantity", "unit", "unit_price", "discount_percent", "net")),
    ]
    own_tabs: ClassVar = [
        Own(
            "contacts",
            _l("Contact persons"),
            "web/deal_contacts.html",
            count=lambda deal: select(func.count()).select_from(DealContact).where(DealContact.deal_id == deal.id),
            area="party.personal",
        ),
        Own("stages", _l("Stages"), "web/deal_log.html"),
        CHAIN,
    ]
    related: ClassVar = [Related("quote", "deal"), Related("order", "deal")]
    boards: ClassVar = [Board("stage", title=("title",), facts=("party", "expected_on"), amount="amount")]
    calendars: ClassVar = [Calendar("expected_on", title=("title",), kind="state", amount="amount")]
    charts: ClassVar = [
        Chart(
            "expected",
            label=_l("Expected by month"),
            by="expected_on",
            measure=Sum("amount"),
            of=(Wanted("state", "eq", "open"),),
        ),
        Chart("by_stage", label=_l("Deals by stage"), by="stage", of=(Wanted("state", "eq", "open"),)),
        Chart(
            "lost", label=_l("Why deals are lost"), by="lost_reason", of=(Wanted("state", "eq", "lost"),), kind="pie"
        ),
    ]
    verbs: ClassVar = VERBS
    attentions: ClassVar = [
        (_l("Without a next step"), "flt.stage.alone=1&flt.state.eq=open"),
        (_l("The next step is overdue"), "flt.stage.late=1&flt.state.eq=open"),
        (_l("Untouched for too long"), "flt.stage.rots=1&flt.state.eq=open"),
    ]
    quick: ClassVar = None

    # --- forms ----------------------------------------------------------------------------------------------------

    def prefill(self, form: CrmForm) -> None:
        """Begin with the default pipeline and its currency."""
        super().prefill(form)
        pipeline = form["pipeline"].data or pipelines.default(db.session())
        ours = organisations.first(db.session())
        form["pipeline"].data = pipeline
        party = form["party"].data
        codes = (pipeline and pipeline.currency, party and party.currency, ours and ours.currency)
        form["currency"].data = form["currency"].data or next((code for code in codes if code), None)

    def can_edit(self, record: Any) -> bool:
        """Ask for a closed deal to be reopened before it is changed."""
        return bool(record.state is StageType.open)

    # --- card -----------------------------------------------------------------------------------------------------

    def _offers(self, record: Any, tried: Any) -> list[Offer]:
        """Return what the head of the card offers; steps, ticks and contacts have places of their own."""
        return [one for one in super()._offers(record, tried) if one.verb.name not in INLINE]

    def stage_steps(self, record: Any) -> Sequence[stage_bar.StageStep]:
        """Return the stages of a deal's pipeline with what leads there."""
        may = {name for name in stage_bar.VERBS.values() if self.may(name)}
        return stage_bar.steps(record, may=may, edits=self.may("change") and self.lets(CHANGE, record))

    def coming(self, record: Any, life: Any) -> list[Coming]:
        """Return what is planned about a deal; the head of the card and its history ask once."""
        kept = request_cache("coming_of_deals")
        if record.id not in kept:
            kept[record.id] = super().coming(record, life)
        found: list[Coming] = kept[record.id]
        return found

    def sees_plans(self) -> bool:
        """Say whether the reader sees what is planned at all."""
        return bool(self.appbuilder.sm.may("activity", "see"))

    def _card(self, record: Any, *given: Any, **about: Any) -> str:
        """Show the card; who has just brought a deal to a stage without a next step is asked for one."""
        if request.args.get("plan") and "plan_form" not in about and self.plans():
            about["plan_form"] = self.plan_form()
        return super()._card(record, *given, **about)

    def ticked(self, record: Any) -> dict[int, DealCheck]:
        """Return what of the checklist is done, by its key."""
        return {each.check_id: each for each in record.checked}

    def log_of(self, record: Any) -> Sequence[StageLog]:
        """Return the stages that a deal went through, the first one first."""
        wanted = select(StageLog).where(StageLog.deal_id == record.id).order_by(StageLog.id)
        return db.session.scalars(wanted.options(selectinload(StageLog.by))).all()

    def stood_for(self, record: Any) -> int:
        """Return for how many seconds a deal has stood in its stage by now."""
        return max(0, int((clock.now() - record.entered_at).total_seconds()))

    def contacts_to_choose(self, record: Any) -> Sequence[Any]:
        """Return the contact persons of the deal's party, for whom may know them."""
        if "contacts" in field_right.hidden(db.session(), Party, "see"):
            return []
        audited.opened(self, record.party)  # they are data of people, told on the card of their party
        return list(record.party.contacts)

    def decision_roles(self) -> Sequence[tuple[str, str]]:
        """Return which parts one may have in a decision."""
        return [(role.value, label_of(role)) for role in DecisionRole]

    def told_span(self, seconds: int) -> str:
        """Return a span of time in words."""
        return duration.told(seconds)

    def told_month(self, month: date) -> str:
        """Return a month in words."""
        return str(format_date(month, "LLLL y"))

    def part_of(self, part: Decimal, whole: Decimal) -> str:
        """Return a part of the longest bar as the picture measures it, of a hundred."""
        return f"{part * 100 / whole:.1f}" if whole else "0"

    def told_money(self, amount: Any, currency: str) -> str:
        """Return an amount as the reader writes it."""
        return format_money(amount, currency, language())

    @expose("/forecast")
    @has_access
    @permission_name("see")
    def forecast(self) -> str:
        """Show by month and currency what the open deals may bring."""
        wish = self.asked()
        pipeline = self.pipeline_of(wish) if any(one.column == "pipeline" for one in wish.filters) else None
        where = [Deal.pipeline_id == pipeline.id] if pipeline is not None else []
        found = deal_forecast.outlook(db.session(), where)
        best: dict[str, Any] = {}
        for one in found:
            best[one.currency] = max(best.get(one.currency, 0), one.best)
        return self.page(
            "web/deal_forecast.html",
            title=_("Forecast"),
            rows=found,
            best=best,
            pipeline=pipeline,
            wish=wish,
        )

    def address_of_month(self, row: deal_forecast.Outlook, pipeline: Any) -> str:
        """Return the list of the deals behind one row of the forecast."""
        filters = ["flt.state.eq=open", f"flt.currency.eq={row.currency}"]
        if row.month is None:
            filters.append("flt.expected_on.empty=1")
        else:
            after = row.month.replace(year=row.month.year + row.month.month // 12, month=row.month.month % 12 + 1)
            filters += [f"flt.expected_on.ge={row.month}", f"flt.expected_on.lt={after}"]
        if pipeline is not None:
            filters.append(f"flt.pipeline.eq={pipeline.id}")
        return f"{self.route_base}/list/?{'&'.join(filters)}"


class DealApi(CrudApi):
    """REST of deals."""

    datamodel = Records(Deal, save=deals.save, options=LOADED)
    list_columns: ClassVar = [
        "title",
        "party",
        "pipeline",
        "stage",
        "state",
        "amount",
        "currency",
        "expected_on",
        "owner",
    ]
    show_columns: ClassVar = [*HEAD, *STANDING, *LOSS, *MORE]
    add_columns: ClassVar = [*HEAD, *MORE]
    edit_columns: ClassVar = [name for name in [*HEAD, *MORE] if name != "pipeline"]
    defaulted: ClassVar = ["pipeline", "currency"]
    lines: ClassVar = {"lines": LINES}
    search_columns: ClassVar = DealView.search_columns
    order_columns: ClassVar = DealView.order_columns
    base_order = ("id", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {
            "title": "Bulbs for the park",
            "party": 1,
            "expected_on": "2026-04-30",
            "lines": [{"text": "Tulip bulbs, 25 pieces", "quantity": "4", "unit_price": "12.50"}],
        },
        "move": {"stage": 2},
        "lose": {"reason": 1, "note": "They took the cheaper offer of a competitor."},
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, DealView, "deal", label=_l("Deals"), group="sales", icon="kanban")
    appbuilder.add_api(DealApi)
