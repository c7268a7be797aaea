"""Reports: the catalogue, each on a page of its own with what is asked of it in the address, kept choices, files."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import abort, flash, make_response, redirect, render_template, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotAllowed, Refusals
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.export_run import ExportKind
from app.models.saved_view import SavedView
from app.roles import EXPORT, SEE
from app.services import access, report_asked, report_frame
from app.services import report as reports
from app.services import saved_view as saved_views
from app.services.report_frame import Asked, Group, Report, Result
from app.web import menu, report_page
from app.web.hand_out import Parcel, Table, hand_out

ORDER = 27


class ReportView(BaseView):
    """Reports; see the module's text."""

    route_base = "/report"
    class_permission_name = reports.AREA
    base_permissions: ClassVar = ["can_see", "can_export"]
    default_view = "catalogue"
    many_name = _l("Reports")

    @expose("/", methods=["GET"])
    @has_access
    @permission_name("see")
    def catalogue(self) -> Any:
        """Show which reports there are, and what the reader has kept of them."""
        session = db.session()
        offered = reports.offered(session)
        groups = [(group, [one for one in offered if one.group is group]) for group in Group]
        kept = report_page.kept(saved_views.of_all(session, access.required(session)), offered)
        return self.page("web/reports.html", title=_("Reports"), groups=[pair for pair in groups if pair[1]], kept=kept)

    @expose("/<key>", methods=["GET"])
    @has_access
    @permission_name("see")
    def one_report(self, key: str) -> Any:
        """Show one report as its address asks."""
        return self._shown(self._report(key))

    @expose("/<key>/keep", methods=["POST"])
    @has_access
    @permission_name("see")
    def keep(self, key: str) -> Any:
        """Keep what is asked of a report under a name; the same name replaces it."""
        report = self._report(key)
        try:
            asked = self._asked(report)
            with unit_of_work(db.session()) as session:
                view = SavedView(
                    entity=report_page.entity_of(report),
                    name=request.form.get("name", ""),
                    query=urlencode(asked.given),
                    is_pinned=bool(request.form.get("is_pinned")),
                )
                about = {"may_share": False, "may_set_for_role": False}
                saved_views.save(session, view, access.required(session), **about)
        except DomainError as refusal:
            return self._shown(report, refused=str(refusal))
        flash(_("The choice is kept."), "success")
        return redirect(report_page.address(report, asked.given))

    @expose("/<key>/forget", methods=["POST"])
    @has_access
    @permission_name("see")
    def forget(self, key: str) -> Any:
        """Forget a choice that the reader has kept."""
        report, session = self._report(key), db.session()
        reader = access.required(session)
        mine = {str(each.id): each for each in saved_views.of(session, reader, report_page.entity_of(report))}
        view = mine.get(request.form.get("view", ""))
        if view is None or view.user_id != reader.user_id:
            abort(404)
        with unit_of_work(session) as work:
            saved_views.remove(work, view, reader, may_share=False)
        flash(_("The choice is forgotten."), "success")
        return redirect(report_page.address(report, {}))

    def _shown(self, report: Report, *, refused: str = "") -> Any:
        """Return the page of a report; `refused` is why a choice could not be kept."""
        session, given = db.session(), request.args
        found, errors, asked, zone = None, {}, None, report_frame.zone_of(session)
        try:
            asked = report_asked.read(report, given, at=clock.now(), zone=zone)
            found = reports.run(session, report, asked=asked)
        except DomainError as refusal:
            errors = refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [str(refusal)]}
        partial = request.headers.get("HX-Target") == "chart"
        inputs = report_page.fields(session, report, given, errors, today=clock.now().astimezone(zone).date())
        entity, reader = report_page.entity_of(report), access.required(session)
        page = self.page(
            "web/report.html",
            title=str(report.title),
            report=report,
            inputs=inputs,
            found=found,
            picture=report_page.picture(report, found, self.sees) if found is not None else None,
            href=lambda behind: report_page.href(behind, self.sees),
            shown=report_page.shown,
            most=report_page.MOST_SHOWN,
            numbers=report_page.NUMBERS,
            address=lambda path, **more: report_page.address(report, asked.given if asked else {}, path=path, **more),
            may_take=found is not None and reports.lacking(session, report, EXPORT) is None,
            kept=report_page.kept(saved_views.of(session, reader, entity), [report]),
            mine=reader.user_id,
            refused=refused,
            said=report_page.told_of(given, inputs),
            partial=partial,
        )
        answer = make_response(page, 422 if errors or refused else 200)
        if partial and asked is not None:
            answer.headers["HX-Push-Url"] = report_page.address(report, asked.given)
        return answer

    @expose("/<key>/file", methods=["GET", "POST"])
    @has_access
    @permission_name("export")
    def report_file(self, key: str) -> Any:
        """Ask why a report is wanted as a file, and send it: within the rows that the reader may export."""
        report, session = self._report(key, EXPORT), db.session()
        try:
            asked = self._asked(report, EXPORT)
        except DomainError:
            abort(404)
        found: Result = reports.run(session, report, asked=asked)
        rows = [*report_page.file_rows(found)]
        heads = report_page.heads(found)
        inputs = report_page.fields(session, report, request.args, {}, today=asked.today)
        parcel = Parcel(
            kind=ExportKind.chart,
            right=(reports.AREA, EXPORT),
            entity=report.areas[0],
            title=str(report.title),
            file=f"report-{report.key}",
            back=report_page.address(report, asked.given),
            rows=len(rows),
            heads=heads,
            read=lambda _pause: Table(heads, rows),
            about=report_page.told_of(request.args, inputs),
        )
        return hand_out(self, parcel)

    def page(self, template: str, **about: Any) -> str:
        """Render one of the product's pages."""
        return render_template(template, view=self, appbuilder=self.appbuilder, **about)

    def sees(self, area: str) -> bool:
        """Say whether the reader sees records of an area at all."""
        return bool(self.appbuilder.sm.may(area, SEE))

    @staticmethod
    def _asked(report: Report, action: str = SEE) -> Asked:
        zone = report_frame.zone_of(db.session())
        return report_asked.read(report, request.args, at=clock.now(), zone=zone, action=action)

    @staticmethod
    def _report(key: str, action: str = SEE) -> Report:
        report = reports.REPORTS.get(key)
        if report is None:
            abort(404)
        missing = reports.lacking(db.session(), report, action)
        if missing is not None:
            raise NotAllowed(missing)
        return report


def register(appbuilder: Any) -> None:
    """Register the pages."""
    menu.place(appbuilder, ReportView, "report", label=_l("Reports"), group="sales", icon="chart-column")
