"""List, form, card and REST of sales plans."""

from typing import Any, ClassVar

from flask import Response, request
from flask_appbuilder.api import expose, permission_name, protect, safe
from marshmallow import fields as ma
from marshmallow import validate

from app import clock
from app.columns import Quantity
from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.sales_plan import MONEY, PlanMetric, PlanSubject, SalesPlan
from app.money import plain
from app.services import organisation as organisations
from app.services import plan_fact, sales_plan
from app.services.plan_fact import LOADED, Standing
from app.web import plan_page, rows_read
from app.web.api import CrudApi
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.form_rules import Is, Require, Show
from app.web.records import Records
from app.web.schema import ExactField
from app.web.verbs import Verb

ORDER = 26
WHOSE = ["subject", "owner", "team"]
WHAT = ["metric", "category", "target_amount", "currency", "target_count"]
COLUMNS = ["month", *WHOSE, *WHAT]
FIELDSETS = [(None, {"fields": ["month", *WHOSE]}), (_l("What is to be reached"), {"fields": WHAT})]
FOUND_BY = ["month", "subject", "owner", "team", "metric", "category", "currency"]
MONEYS = tuple(sorted(metric.value for metric in MONEY))
VERBS = [
    Verb(
        "repeat",
        sales_plan.repeat,
        label=_l("Repeat for the next months"),
        icon="copy",
        arguments={
            "months": ma.Integer(required=True, validate=validate.Range(1, sales_plan.MOST_MONTHS)),
            "percent": ExactField(Quantity()),
        },
    )
]
NAMES = {
    "month": _l("Month"),
    "subject": _l("Who is to reach it"),
    "owner": _l("Person"),
    "metric": _l("What is counted"),
    "target_amount": _l("Planned amount"),
    "target_count": _l("Planned number"),
    "months": _l("Number of months"),
    "percent": _l("Percent more each month"),
}


class SalesPlanView(CrudView):
    """Sales plans one by one; app/views/plans.py shows what became of them."""

    datamodel = Records(SalesPlan, save=sales_plan.save, search=None, options=LOADED)
    menu_stem = "plans"
    one_name = _l("Sales plan")
    many_name = _l("Sales plans")
    hint = _l("A plan says how much somebody, a team or the company is to reach in a month.")
    label_columns: Any = dict(NAMES)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    show_fieldsets: ClassVar = FIELDSETS
    add_columns: ClassVar = COLUMNS
    add_fieldsets: ClassVar = FIELDSETS
    edit_columns: ClassVar = COLUMNS
    edit_fieldsets: ClassVar = FIELDSETS
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["month", "metric", "target_amount"]
    base_order = ("month", "desc")
    key_facts: ClassVar = ["month", "owner", "team", "metric"]
    quick: ClassVar = None
    verbs: ClassVar = VERBS
    rules: ClassVar = [
        Show("owner", when=Is("subject", "person")),
        Show("team", when=Is("subject", "team")),
        Require("owner", when=Is("subject", "person")),
        Require("team", when=Is("subject", "team")),
        Show("target_amount", "currency", when=Is("metric", *MONEYS)),
        Require("target_amount", when=Is("metric", *MONEYS)),
        Show("category", when=Is("metric", "turnover", "margin")),
        Show("target_count", when=Is("metric", "new_clients", "calls")),
        Require("target_count", when=Is("metric", "new_clients", "calls")),
    ]
    description_columns: ClassVar = {
        "month": _l("Any day of the month."),
        "category": _l("Its parts count too. Left empty, everything counts."),
        "currency": _l("That of one of your own companies."),
    }

    def prefill(self, form: CrmForm) -> None:
        """Begin with this month and our currency."""
        super().prefill(form)
        session = db.session()
        ours = organisations.first(session)
        form["month"].data = form["month"].data or plan_fact.today(session, at=clock.now()).replace(day=1)
        form["currency"].data = form["currency"].data or (ours.currency if ours is not None else None)

    def title_of(self, record: Any) -> str:
        """Return what a plan is called."""
        return plan_page.title_of(record)

    def value(self, record: Any, name: str) -> Any:
        """Return a value; a month without its day."""
        return plan_page.told_month(record.month) if name == "month" else super().value(record, name)


_TEXT = {"type": "string"}
_NAMED = {"type": "object", "nullable": True, "properties": {"id": {"type": "integer"}, "name": _TEXT}}
_AMOUNT = {"type": "string", "nullable": True, "example": "1250.00"}
_ROW = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "subject": {"type": "string", "enum": [each.value for each in PlanSubject]},
        "owner": _NAMED,
        "team": _NAMED,
        "category": _NAMED,
        "metric": {"type": "string", "enum": [each.value for each in PlanMetric]},
        "currency": {"type": "string", "nullable": True},
        "target": _AMOUNT,
        "fact": _AMOUNT,
        "percent": {"type": "integer", "nullable": True},
        "forecast": _AMOUNT,
        "promised": _AMOUNT,
    },
}
_RESULT = {
    "type": "object",
    "properties": {"month": {"type": "string", "format": "date"}, "plans": {"type": "array", "items": _ROW}},
}
_ANSWER = {"type": "object", "properties": {"result": _RESULT}}


class SalesPlanApi(CrudApi):
    """REST of plans, and of what became of them."""

    datamodel = Records(SalesPlan, save=sales_plan.save, search=None, options=LOADED)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = FOUND_BY
    order_columns: ClassVar = ["month", "metric", "target_amount"]
    base_order = ("month", "desc")
    verbs: ClassVar = VERBS
    examples: ClassVar = {
        "post": {"month": "2026-04-01", "owner": 1, "metric": "turnover", "target_amount": "25000", "currency": "EUR"},
        "repeat": {"months": 11, "percent": "2"},
    }
    described: ClassVar = {
        "get_fact": (
            "get",
            {
                "summary": "Get the plans of a month against what was reached",
                "parameters": [
                    {
                        "in": "query",
                        "name": "month",
                        "required": False,
                        "description": "The month; the running one when it is left out.",
                        "schema": {
                            "type": "string",
                            "pattern": "^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])$",
                            "example": "2026-04",
                        },
                    }
                ],
                "responses": {
                    "200": {"description": "Plan and fact", "content": {"application/json": {"schema": _ANSWER}}}
                },
            },
        )
    }

    @expose("/fact", methods=["GET"])
    @protect()
    @safe
    @permission_name("see")
    def get_fact(self) -> Response:
        """Return the plans of a month that the reader sees, each with its fact, forecast and open deals."""

        def read() -> Any:
            at, session = clock.now(), db.session()
            month = plan_page.month_of(request.args.get("month", ""), plan_fact.today(session, at=at))
            found = plan_fact.of_month(session, month, at=at)
            rows_read.note(SalesPlan.__stem__, len(found))
            return {"month": month.isoformat(), "plans": [_told(one) for one in found]}

        answer: Response = self._answer(read)
        return answer


def _told(one: Standing) -> dict[str, Any]:
    plan = one.plan
    amounts = {"target": plan.target, "fact": one.fact, "forecast": one.forecast, "promised": one.promised}
    links = {"owner": plan.owner, "team": plan.team, "category": plan.category}
    return {
        "id": plan.id,
        "subject": plan.subject.value,
        "metric": plan.metric.value,
        "currency": plan.currency,
        "percent": one.percent,
        **{name: None if each is None else {"id": each.id, "name": str(each)} for name, each in links.items()},
        **{name: None if each is None else plain(each, plan.currency) for name, each in amounts.items()},
    }


def register(appbuilder: Any) -> None:
    """Register the screens and the resource; the menu leads to plan against fact."""
    appbuilder.add_view_no_menu(SalesPlanView)
    appbuilder.add_api(SalesPlanApi)
