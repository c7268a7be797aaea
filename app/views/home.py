"""The start page: what needs doing, first steps for administrators, where one goes on."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app, g
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_babel import format_date
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from app import clock
from app.db import db
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.activity import Activity, ActivityState
from app.models.deal import Deal
from app.models.delivery import Delivery
from app.models.handover import Handover
from app.models.invoice import Invoice, InvoiceKind, InvoiceState, Settlement
from app.models.lead import OPEN as OPEN_LEADS
from app.models.lead import Lead, LeadState
from app.models.letter import Letter, LetterState
from app.models.party import Party
from app.models.pipeline import StageType
from app.models.quote import Quote, QuoteState
from app.models.sales_plan import SalesPlan
from app.outbox import Errand, Outbox
from app.services import day, find, handover_kinds, party_complete, plan_fact, planned
from app.services import delivery as deliveries
from app.services import notification as notifications
from app.services.row_condition import WALKS
from app.web import menu, onboarding, palette, plan_page, settings
from app.web.locale import choose_time_zone

ORDER = 0


MOST_COUNTED = 10_001
MOST_RECENT = 8
Tile = dict[str, Any]  # label, count, url, icon; is_late marks what somebody should look at
Asked = tuple[str, Select[Any], Tile]  # the area that shows it, what is counted, its tile


def counted(work: Session, *found: Select[Any]) -> list[int]:
    """Return how many rows each query finds, at most one more than 10,000; one statement for all."""
    counts = [select(func.count()).select_from(one.limit(MOST_COUNTED).subquery()).scalar_subquery() for one in found]
    return [int(count) for count in work.execute(select(*counts)).one()]


def leads() -> list[Select[Any]]:
    """Return the queries of leads that nobody has sorted yet, and of those that wait for too long."""
    waiting = Lead.responded_at.is_(None), Lead.respond_by.is_not(None), Lead.state.in_(OPEN_LEADS)
    late = select(Lead.id).where(*waiting, Lead.respond_by <= clock.now())
    return [select(Lead.id).where(Lead.state == LeadState.new), late]


def of_leads(late: int, unsorted: int) -> list[Tile]:
    """Return the tile of unsorted leads, and of those that wait for too long where there are any."""
    about = {"label": _("Leads that wait for too long"), "url": "/unsorted/", "icon": "clock", "is_late": True}
    found = [{"label": _("Unsorted leads"), "count": unsorted, "url": "/unsorted/", "icon": "inbox"}]
    return [*([about | {"count": late}] if late else []), *found]


def of_parties(work: Session) -> list[Tile]:
    """Return the tiles of leads, of the counterparties, and of those that nobody is working on; one statement.

    Leads are for who sees them, what nobody is working on for who sees hand-overs.
    """
    appbuilder: Any = current_app.extensions["appbuilder"]
    hands_over = appbuilder.sm.may(Handover.__stem__, "see")
    idle = [select(Party.id).where(handover_kinds.idle(Party))] if hands_over else []
    sparse = select(Party.id).where(party_complete.incomplete(), Party.archived_at.is_(None))
    sees_leads = appbuilder.sm.may(Lead.__stem__, "see")
    real = select(Party.id).where(Party.merged_into_id.is_(None))
    count, thin, *left = counted(work, real, sparse, *idle, *(leads() if sees_leads else ()))
    asked = [left.pop(), left.pop()] if sees_leads else []
    about = {"label": _("Nobody is working on them"), "url": "/party/list/?flt.owner.idle=1", "icon": "users"}
    late = [about | {"count": each, "is_late": True} for each in left if each]
    url = f"/party/list/?flt.completeness.lt={party_complete.ENOUGH}&flt.archived_at.empty=1&order=completeness"
    some = [{"label": _("Parties to be completed"), "count": thin, "url": url, "icon": "list"}] if thin else []
    found = {"label": _("Parties"), "count": count, "url": "/party/list/", "icon": "building-2"}
    return [*(of_leads(*asked) if asked else []), found, *some, *late]


def selling() -> list[Asked]:
    """Return what is asked about one's own day, deals that nobody goes on with, and quotes under way."""
    within = day.Bounds.at(clock.now(), ZoneInfo(choose_time_zone()))
    mine = select(Activity.id).where(Activity.owner_id == g.user.id, Activity.state == ActivityState.planned)
    today = mine.where(Activity.due_at >= within.now, Activity.due_at < within.tomorrow)
    deals = select(Deal.id).where(Deal.state == StageType.open)
    url, open_deals = "/day/", "=1&flt.state.eq=open"
    return [
        (
            "activity",
            mine.where(Activity.due_at < within.now),
            {"label": _("You are late with"), "url": url, "icon": "sun", "is_late": True},
        ),
        ("activity", today, {"label": _("Still to do today"), "url": url, "icon": "sun"}),
        (
            "deal",
            deals.where(planned.with_overdue(Deal, within.now)),
            {
                "label": _("Deals whose next step is overdue"),
                "url": f"/deal/list/?flt.stage.late{open_deals}",
                "icon": "kanban",
                "is_late": True,
            },
        ),
        (
            "deal",
            deals.where(planned.without_next(Deal)),
            {
                "label": _("Deals without a next step"),
                "url": f"/deal/list/?flt.stage.alone{open_deals}",
                "icon": "kanban",
            },
        ),
        (
            "quote",
            select(Quote.id).where(Quote.state == QuoteState.sent),
            {
                "label": _("Quotes that wait for an answer"),
                "url": "/quote/list/?flt.state.eq=sent",
                "icon": "file-text",
            },
        ),
    ]


def of_invoices(work: Session) -> list[Tile]:
    """Return the tiles of drafts, unpaid and overdue invoices."""
    today = clock.today(choose_time_zone())
    is_invoice = Invoice.kind == InvoiceKind.invoice
    is_open = Invoice.settlement.in_([Settlement.open, Settlement.partly_paid])  # an index answers
    late = f"/invoice/list/?flt.kind.eq=invoice&flt.settlement.in=open,partly_paid&flt.due_on.lt={today.isoformat()}"
    conditions = ([Invoice.state == InvoiceState.draft], [is_open], [is_open, Invoice.due_on < today])
    drafts, unpaid, overdue = counted(work, *(select(Invoice.id).where(is_invoice, *each) for each in conditions))
    return [
        {
            "label": _("Draft invoices"),
            "count": drafts,
            "url": "/invoice/list/?flt.kind.eq=invoice&flt.state.eq=draft",
            "icon": "receipt",
        },
        {
            "label": _("Unpaid invoices"),
            "count": unpaid,
            "url": "/invoice/list/?flt.kind.eq=invoice&flt.settlement.in=open,partly_paid",
            "icon": "banknote",
        },
        {"label": _("Overdue invoices"), "count": overdue, "url": late, "icon": "clock", "is_late": overdue > 0},
    ]


def trouble() -> list[Asked]:
    """Return what is asked about late deliveries, letters that did not go out and failed work."""
    late = deliveries.late(clock.today(choose_time_zone())).with_only_columns(Delivery.id)
    stuck = select(Letter.id).where(Letter.state.in_([LetterState.failed, LetterState.uncertain]))
    failed = select(Outbox.id).where(Outbox.state == Errand.failed)
    return [
        (
            "delivery",
            late,
            {
                "label": _("Late deliveries"),
                "url": "/delivery/list/?any1.state.eq=planned&any1.state.eq=shipped&flt.planned_on.lt=today",
                "icon": "truck",
                "is_late": True,
            },
        ),
        (
            "letter",
            stuck,
            {
                "label": _("Letters that did not go out"),
                "url": "/letter/list/?any1.state.eq=failed&any1.state.eq=uncertain",
                "icon": "mail",
                "is_late": True,
            },
        ),
        (
            "job",
            failed,
            {
                "label": _("Failed background work"),
                "url": "/job/list/?flt.state.eq=failed",
                "icon": "triangle-alert",
                "is_late": True,
            },
        ),
    ]


def of_urgent(work: Session, may_see: Callable[[str], bool]) -> list[Tile]:
    """Return the tiles of trouble and of selling; none where all is well. One statement for all."""
    asked = [(found, tile) for area, found, tile in [*trouble(), *selling()] if may_see(area)]
    counts = counted(work, *(found for found, _tile in asked)) if asked else []
    return [tile | {"count": count} for (_found, tile), count in zip(asked, counts, strict=True) if count]


def of_news(work: Session) -> list[Tile]:
    """Return the tile of what the reader was told and has not read."""
    count = notifications.unread(work, g.user.id)
    return [{"label": _("Not read yet"), "count": count, "url": "/notification/list/", "icon": "bell"}]


# area → its tiles
TILES = [("party", of_parties), ("invoice", of_invoices)]
NEWS = [("profile", of_news)]


class HomeView(BaseView):
    """What one sees first."""

    route_base = "/home"
    class_permission_name = "home"
    default_view = "home"

    @expose("/")
    @has_access
    @permission_name("see")
    def home(self) -> str:
        """Show the start page: what needs doing, what was opened and changed last."""
        work = db.session()
        may = self.appbuilder.sm.may
        tiles = TILES if may("deal", "see") else TILES[::-1]  # who sells begins with leads, who bills with invoices
        standing = [tile for area, make in tiles if may(area, "see") for tile in make(work)]
        news = [tile for area, make in NEWS if may(area, "see") for tile in make(work) if tile["count"]]
        urgent = of_urgent(work, lambda area: bool(may(area, "see")))
        changed = select(Party).order_by(Party.changed_at.desc()).limit(MOST_RECENT).execution_options(**{WALKS: True})
        return str(
            self.render_template(
                "web/home.html",
                title=_("Start"),
                today=format_date(clock.today(choose_time_zone()), "full"),
                **self._month(work),
                tiles=[*news, *urgent, *standing],
                first_steps=self._first_steps(work),
                opened=self._opened(work),
                recent=work.execute(changed).scalars().all() if may("party", "see") else [],
            )
        )

    @staticmethod
    def _opened(work: Session) -> list[dict[str, str]]:
        """Return what the reader opened last, with the icon of its kind."""
        areas = palette.areas()
        icons = {entry.url.split("/")[1]: entry.icon for group in menu.sidebar() for entry in group.entries}
        return [
            {
                "title": hit.title,
                "kind": str(areas[hit.entity].one_name),
                "url": f"{areas[hit.entity].route_base}/show/{hit.record_id}",
                "icon": icons.get(hit.entity, "circle"),
            }
            for hit in find.recent(work, user_id=g.user.id, among=areas, most=MOST_RECENT)
        ]

    def _month(self, work: Session) -> dict[str, Any]:
        """Return what the reader is to reach this month, and how far he is."""
        if not self.appbuilder.sm.may(SalesPlan.__stem__, "see"):
            return {"plans": []}
        found = plan_fact.of_actor(work, at=clock.now())
        month = plan_page.told_month(found[0].plan.month) if found else ""
        return {"plans": found, "month": month, "told": plan_page.told, "bar": plan_page.bar}

    def _first_steps(self, work: Session) -> list[Any]:
        """Return what an administrator has still to do before the program is of use, nothing when it is done."""
        if not onboarding.is_for(self.appbuilder.sm.may) or settings.is_away("start"):
            return []
        steps = onboarding.steps(work, current_app.config, self.appbuilder.sm.may)
        return steps if any(not step.is_done and not step.is_away for step in steps) else []


def register(appbuilder: Any) -> None:
    """Register the start page and what has no screen of its own."""
    from app.web.drafts import DraftView
    from app.web.line_names import LineNamesView
    from app.web.locale import LanguageView
    from app.web.lookup import LookupView
    from app.web.manifest import ManifestView

    menu.place(appbuilder, HomeView, "home", label=_l("Start"), icon="house")
    appbuilder.add_view_no_menu(LanguageView)
    appbuilder.add_view_no_menu(LookupView)
    appbuilder.add_view_no_menu(ManifestView)
    appbuilder.add_view_no_menu(LineNamesView)
    appbuilder.add_view_no_menu(DraftView)
