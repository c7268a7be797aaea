"""Plans against what was reached, month by month, and plans made ahead from those of another month."""

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from flask import flash, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import NumberInput

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.sales_plan import SalesPlan
from app.services import plan_fact, sales_fact, sales_plan
from app.services.sales_plan import Ahead, Draft, month_after
from app.web import menu, plan_page
from app.web.crm_form import CrmForm
from app.web.fields import DecimalField
from app.web.form_rules import Is, Require, Show

ORDER = 26
MONTH, YEAR = "month", "year"


class MonthInput(StringField):
    """A month, chosen or written as 2026-11."""

    def __init__(self, label: Any = None, validators: Any = None, **about: Any) -> None:
        about["render_kw"] = {"type": "month", "autocomplete": "off", "placeholder": "2026-11"}
        super().__init__(label, validators, **about)


class AheadForm(CrmForm):
    """From which plans others are made, for which months, and with what change."""

    source = SelectField(
        _l("Made from"),
        choices=[
            SelectChoice(MONTH, _l("the plans of one month")),
            SelectChoice(YEAR, _l("the same months of the year before")),
        ],
    )
    of = MonthInput(_l("Month of these plans"), [Optional()])
    first = MonthInput(_l("First month to plan"), [InputRequired()])
    months = IntegerField(
        _l("Number of months"), [InputRequired()], widget=NumberInput(min=1, max=sales_plan.MOST_MONTHS)
    )
    percent = DecimalField(_l("Percent more"), [Optional()], description=_l("With a minus before it: less."))
    grows = BooleanField(_l("Again in each further month"), [Optional()])
    rules: ClassVar = [Show("of", when=Is("source", MONTH)), Require("of", when=Is("source", MONTH))]


class PlansView(BaseView):
    """Plan against fact; see the module's text."""

    route_base = "/plans"
    class_permission_name = SalesPlan.__stem__
    default_view = "by_month"
    menu_stem = "plans"

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def by_month(self) -> Any:
        """Show the plans of a month with what was reached, by whom, and what the month may bring."""
        session, at = db.session(), clock.now()
        within = sales_fact.zone(session)
        now = at.astimezone(within).date()
        error, status = "", 200
        try:
            month = plan_page.month_of(request.args.get("month", ""), now)
        except DomainError as refusal:
            month, error, status = now.replace(day=1), str(refusal), 422
        found = plan_fact.of_month(session, month, at=at, within=within)
        page = self.render_template(
            "web/plans.html",
            title=_("Plans"),
            month=month,
            told_month=plan_page.told_month(month),
            error=error,
            before=month_after(month, -1),
            after=month_after(month, 1),
            is_running=month == now.replace(day=1),
            groups=plan_page.groups(found),
            totals=plan_fact.totals(found),
            unknown=sum(one.unknown for one in found),
            has_promised=any(one.promised is not None for one in found),
            behind=lambda one: plan_page.behind(one, self.sees),
            deals_of=lambda one: plan_page.deals_of(one, self.sees),
            told=plan_page.told,
            bar=plan_page.bar,
            may=self.may,
        )
        return page, status

    @expose("/ahead", methods=["GET", "POST"])
    @has_access
    @permission_name("add")
    def ahead(self) -> Any:
        """Ask what is planned from what, show what that would make, and make it."""
        if request.method == "GET" and "first" not in request.args:
            return self._ahead(self._begun())
        form = AheadForm(request.form if request.method == "POST" else request.args, meta={"csrf": False})
        if not form.validate():
            return self._ahead(form), 422
        try:
            if request.method == "GET":
                return self._ahead(form, sales_plan.drafts(db.session(), _wish(form)))
            with unit_of_work(db.session()) as session:
                made = sales_plan.make(session, sales_plan.drafts(session, _wish(form)))
        except DomainError as refusal:
            form.refuse(refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]})
            return self._ahead(form), 422
        if made:
            flash(_("Plans made: %(count)s", count=made), "success")
        else:
            flash(_("There was nothing to make: these plans are there already."), "info")
        return redirect(f"/plans/?month={(form.first.data or '').strip()}")

    def _begun(self) -> AheadForm:
        """Return the form as it opens: this month's plans for the next one."""
        now = plan_fact.today(db.session(), at=clock.now()).replace(day=1)
        form = AheadForm(None, meta={"csrf": False})
        form.source.data, form.months.data, form.percent.data = MONTH, 1, Decimal(0)
        form.of.data, form.first.data = f"{now:%Y-%m}", f"{month_after(now, 1):%Y-%m}"
        form.look()
        return form

    def _ahead(self, form: AheadForm, found: list[Draft] | None = None) -> str:
        page = self.render_template(
            "web/plans_ahead.html",
            title=_("Plan ahead"),
            form=form,
            found=found,
            fresh=sum(not draft.is_there for draft in found or ()),
            told=plan_page.told,
            whose=plan_page.whose,
            told_month=plan_page.told_month,
        )
        return str(page)

    def sees(self, area: str) -> bool:
        """Say whether the reader sees records of an area at all."""
        return bool(self.appbuilder.sm.may(area, "see"))

    def may(self, verb: str) -> bool:
        """Say whether the reader has a verb of plans."""
        return bool(self.appbuilder.sm.may(SalesPlan.__stem__, verb))


def _wish(form: AheadForm) -> Ahead:
    """Return what a form asks for; DomainError at the field of a month that is none."""
    first, of = (_month(form, name) for name in ("first", "of"))
    assert first is not None  # noqa: S101 -- the form needs it
    is_month = form.source.data == MONTH
    percent = form.percent.data or Decimal(0)
    return Ahead(of if is_month else None, first, form.months.data or 0, percent, bool(form.grows.data))


def _month(form: AheadForm, name: str) -> date | None:
    text = (form[name].data or "").strip()
    if not text:
        return None
    try:
        return plan_page.month_of(text, clock.today())
    except DomainError as refusal:
        raise DomainError(str(refusal), field=name) from None


def register(appbuilder: Any) -> None:
    """Register the pages."""
    menu.place(appbuilder, PlansView, "plans", label=_l("Plans"), group="sales", icon="chart-column")
