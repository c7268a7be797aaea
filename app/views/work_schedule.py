"""Screens and REST of working time: schedules, days of the company, absences."""

from typing import Any, ClassVar

from sqlalchemy.orm import selectinload

from app.i18n import lazy_gettext as _l
from app.models.work_schedule import DAYS, Absence, CompanyHoliday, WorkSchedule
from app.services import work_schedule as schedules
from app.web import menu
from app.web.api import CrudApi
from app.web.calendar import Calendar
from app.web.crud import CrudView
from app.web.records import Records

ORDER = 82
SCHEDULE = ["name", "is_default", "time_zone", "country", "region", *DAYS]
HOLIDAY = ["held_on", "name", "country", "is_working"]
ABSENCE = ["user", "kind", "begins_on", "ends_on", "substitute", "note"]
NAMES = {
    "held_on": _l("Day"),
    "is_default": _l("For everybody who has no other"),
    "is_working": _l("We work on this day"),
    "region": _l("Region of its holidays"),
    "monday": _l("Monday"),
    "tuesday": _l("Tuesday"),
    "wednesday": _l("Wednesday"),
    "thursday": _l("Thursday"),
    "friday": _l("Friday"),
    "saturday": _l("Saturday"),
    "sunday": _l("Sunday"),
}
HOURS = _l("Such as 09:00-13:00, 14:00-18:00; nothing on a day off.")
HINTS = {
    "monday": HOURS,
    "country": _l("Its public holidays are days off."),
    "region": _l("The code of a part of the country with holidays of its own, such as BY in Germany."),
    "is_working": _l("Although it is a holiday, or a Saturday: as after a bridge day."),
}


class WorkScheduleView(CrudView):
    """List, form and card of schedules."""

    datamodel = Records(WorkSchedule, save=schedules.save, remove=schedules.remove, search=None)
    one_name = _l("Work schedule")
    many_name = _l("Work schedules")
    hint = _l("When people work: due times count in these hours, and holidays are left out.")
    label_columns: Any = dict(NAMES)
    description_columns: ClassVar[Any] = dict(HINTS)
    list_columns: ClassVar = ["name", "is_default", "time_zone", "country", "monday", "friday", "saturday"]
    show_columns: ClassVar = SCHEDULE
    add_columns: ClassVar = SCHEDULE
    edit_columns: ClassVar = SCHEDULE
    search_columns: ClassVar = ["name", "country", "time_zone"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    quick: ClassVar = None


class WorkScheduleApi(CrudApi):
    """REST of schedules."""

    datamodel = Records(WorkSchedule, save=schedules.save, remove=schedules.remove, search=None)
    list_columns: ClassVar = SCHEDULE
    show_columns: ClassVar = SCHEDULE
    add_columns: ClassVar = SCHEDULE
    edit_columns: ClassVar = SCHEDULE
    search_columns: ClassVar = ["name", "country", "time_zone"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")


class CompanyHolidayView(CrudView):
    """List, form and card of the company's days."""

    datamodel = Records(CompanyHoliday, save=schedules.save_holiday, search=None)
    one_name = _l("Day of the company")
    many_name = _l("Days of the company")
    hint = _l("Public holidays are known. Note here what your company does otherwise: a day off, or a day at work.")
    label_columns: Any = dict(NAMES)
    description_columns: ClassVar[Any] = dict(HINTS)
    list_columns: ClassVar = HOLIDAY
    show_columns: ClassVar = HOLIDAY
    add_columns: ClassVar = HOLIDAY
    edit_columns: ClassVar = HOLIDAY
    search_columns: ClassVar = HOLIDAY
    order_columns: ClassVar = ["held_on", "name"]
    base_order = ("held_on", "desc")
    calendars: ClassVar = [Calendar("held_on", title=("name",))]
    quick: ClassVar = None


class CompanyHolidayApi(CrudApi):
    """REST of the company's days."""

    datamodel = Records(CompanyHoliday, save=schedules.save_holiday, search=None)
    list_columns: ClassVar = HOLIDAY
    show_columns: ClassVar = HOLIDAY
    add_columns: ClassVar = HOLIDAY
    edit_columns: ClassVar = HOLIDAY
    search_columns: ClassVar = HOLIDAY
    order_columns: ClassVar = ["held_on", "name"]
    base_order = ("held_on", "desc")


LOADED = [selectinload(Absence.user), selectinload(Absence.substitute)]


def absences() -> Records:
    """Return the door to the table."""
    return Records(Absence, save=schedules.save_absence, remove=schedules.remove_absence, search=None, options=LOADED)


class AbsenceView(CrudView):
    """List, form and card of absences."""

    datamodel = absences()
    one_name = _l("Absence")
    many_name = _l("Absences")
    hint = _l("Who is away and when: nothing new is given to them, and a substitute reaches what is theirs.")
    list_columns: ClassVar = ABSENCE
    show_columns: ClassVar = ABSENCE
    add_columns: ClassVar = ABSENCE
    edit_columns: ClassVar = ABSENCE
    search_columns: ClassVar = ABSENCE
    order_columns: ClassVar = ["begins_on", "ends_on"]
    base_order = ("begins_on", "desc")
    calendars: ClassVar = [Calendar("begins_on", "ends_on", title=("user",), kind="kind")]
    quick: ClassVar = None


class AbsenceApi(CrudApi):
    """REST of absences."""

    datamodel = absences()
    list_columns: ClassVar = ABSENCE
    show_columns: ClassVar = ABSENCE
    add_columns: ClassVar = ABSENCE
    edit_columns: ClassVar = ABSENCE
    search_columns: ClassVar = ABSENCE
    order_columns: ClassVar = ["begins_on", "ends_on"]
    base_order = ("begins_on", "desc")


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(appbuilder, AbsenceView, "absence", label=_l("Absences"), group="people", icon="calendar-days")
    menu.place(appbuilder, WorkScheduleView, "work_schedule", label=_l("Work schedules"), group="people", icon="clock")
    menu.place(
        appbuilder,
        CompanyHolidayView,
        "company_holiday",
        label=_l("Days of the company"),
        group="people",
        icon="calendar",
    )
    for api in (AbsenceApi, WorkScheduleApi, CompanyHolidayApi):
        appbuilder.add_api(api)
