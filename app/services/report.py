"""The reports that there are: who may ask for which, and asking."""

from sqlalchemy.orm import Session

from app.errors import NotAllowed
from app.roles import SEE
from app.services import (
    access,
    report_best,
    report_cohort,
    report_frame,
    report_funnel,
    report_open,
    report_outcome,
    report_response,
    report_rfm,
    report_sales,
    report_tax,
)
from app.services.report_frame import Asked, Report, Result

REPORTS: dict[str, Report] = {
    each.REPORT.key: each.REPORT
    for each in (
        *(report_sales, report_best, report_rfm, report_cohort, report_funnel, report_outcome, report_response),
        *(report_open, report_tax),
    )
}
AREA = "report"


def lacking(session: Session, report: Report, action: str = SEE) -> str | None:
    """Return the right that the actor lacks for a report: to reports at all, or to what it is made of."""
    actor = access.required(session)
    for area in (AREA, *report.areas):
        for verb in dict.fromkeys((SEE, action)):
            if not actor.has(area, verb):
                return f"{area}.{verb}"
    return None


def offered(session: Session) -> list[Report]:
    """Return the reports that the actor may ask for."""
    return [report for report in REPORTS.values() if lacking(session, report) is None]


def run(session: Session, report: Report, *, asked: Asked) -> Result:
    """Return what a report finds within the actor's rows. Raises NotAllowed for one that he may not ask for."""
    missing = lacking(session, report, asked.action)
    if missing is not None:
        raise NotAllowed(missing)
    return report.find(session, report_frame.with_teams(session, asked))
