"""Screens and REST of number series, and the page on which a company is set up."""

from typing import Any, ClassVar

from flask import current_app, flash, redirect, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name
from sqlalchemy.orm import selectinload
from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from app.db import db, unit_of_work
from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.number_series import NumberSeries
from app.models.organisation import Organisation, OrganisationBankAccount
from app.services import number as numbers
from app.services import set_up as setting_up
from app.web import menu
from app.web.api import CrudApi
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.fields import ListField
from app.web.records import Records

ORDER = 84
COLUMNS = ["organisation", "kind", "prefix", "pattern", "restart", "is_default"]
LOADED = [selectinload(NumberSeries.organisation)]


class NumberSeriesView(CrudView):
    """Where legal numbers come from."""

    datamodel = Records(NumberSeries, save=numbers.save, search=None, options=LOADED)
    one_name = _l("Number series")
    many_name = _l("Number series")
    list_columns: ClassVar = ["pattern", *[name for name in COLUMNS if name != "pattern"]]
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["organisation", "kind"]
    order_columns: ClassVar = ["kind", "prefix", "pattern"]
    base_order = ("id", "asc")


class NumberSeriesApi(CrudApi):
    """REST of number series."""

    datamodel = Records(NumberSeries, save=numbers.save, search=None, options=LOADED)
    list_columns: ClassVar = COLUMNS
    show_columns: ClassVar = COLUMNS
    add_columns: ClassVar = COLUMNS
    edit_columns: ClassVar = COLUMNS
    search_columns: ClassVar = ["organisation", "kind"]
    order_columns: ClassVar = ["kind", "prefix"]
    base_order = ("id", "asc")


class SetUpForm(CrmForm):
    """What the first invoice needs to know of us."""

    country = ListField(_l("Country"), [InputRequired()], of="country")
    name = StringField(_l("Name"), [InputRequired(), Length(max=250)])
    tax_number = StringField(_l("Tax number"), [InputRequired(), Length(max=32)])
    registration_number = StringField(_l("Registration number"), [Optional(), Length(max=50)])
    street = StringField(_l("Street"), [InputRequired(), Length(max=250)])
    postal_code = StringField(_l("Postal code"), [Optional(), Length(max=20)])
    city = StringField(_l("City"), [InputRequired(), Length(max=120)])
    email = StringField(_l("E-mail"), [Optional(), Length(max=254)])
    phone = StringField(_l("Phone"), [Optional(), Length(max=20)])
    currency = ListField(
        _l("Currency"), [Optional()], of="currency", description=_l("Left empty: the currency of the country.")
    )
    iban = StringField(_l("IBAN"), [Optional(), Length(max=42)])
    account = StringField(_l("Account"), [Optional(), Length(max=34)])
    bik = StringField(_l("BIK"), [Optional(), Length(max=9)])
    bank_name = StringField(_l("Bank"), [Optional(), Length(max=250)])


OURS = (
    "country",
    "name",
    "tax_number",
    "registration_number",
    "street",
    "postal_code",
    "city",
    "email",
    "phone",
    "currency",
)


class SetUpView(BaseView):
    """One page from an empty installation to the first invoice."""

    route_base = "/setup"
    class_permission_name = "organisation"
    default_view = "set_up"

    @expose("/", methods=["GET", "POST"])
    @has_access
    @permission_name("add")
    def set_up(self) -> Any:
        """Ask for what is needed and set it all up at once."""
        form = SetUpForm()
        if request.method == "GET":
            return self._page(form)
        if not form.validate():
            return self._page(form), 422
        ours = Organisation(**{name: (form[name].data or None) for name in OURS})
        account = OrganisationBankAccount(
            **{name: (form[name].data or None) for name in ("iban", "account", "bik", "bank_name")}
        )
        try:
            with unit_of_work(db.session()) as session:
                setting_up.set_up(session, ours, account=account)
        except DomainError as refusal:
            errors = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]}
            form.refuse({name.removeprefix("bank_accounts-0-"): texts for name, texts in errors.items()})
            return self._page(form), 422
        flash(
            _("%(name)s is set up: taxes, units, payment terms and number series are there.", name=ours.name), "success"
        )
        return redirect(f"/organisation/show/{ours.id}")

    @expose("/own")
    @has_access
    @permission_name("add")
    def own(self) -> str:
        """Say how one leaves the demo and starts a company of one's own."""
        beside = current_app.config["SQLALCHEMY_DATABASE_URI"].endswith("/demo.db")
        return str(self.render_template("web/own_company.html", title=_("Start your own company"), beside=beside))

    def _page(self, form: CrmForm) -> str:
        return str(self.render_template("web/set_up.html", title=_("Set up your company"), form=form))


def register(appbuilder: Any) -> None:
    """Register the screens and the resource."""
    menu.place(appbuilder, NumberSeriesView, "number_series", label=_l("Number series"), group="settings", icon="hash")
    appbuilder.add_api(NumberSeriesApi)
    appbuilder.add_view_no_menu(SetUpView)
