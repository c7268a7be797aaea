"""Activities as a calendar in the format of RFC 5545, for programs that show calendars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vRecur

USUAL = timedelta(minutes=30)


@dataclass(frozen=True)
class Entry:
    """One entry; `key` stays the same for as long as the entry is the same one."""

    key: str
    title: str
    text: str
    begins_at: datetime
    is_all_day: bool
    minutes: int | None
    recurrence: str | None
    is_done: bool
    changed_at: datetime
    version: int


def calendar(name: str, entries: Sequence[Entry], *, time_zone: str) -> bytes:
    """Return a calendar. What repeats is written with its rule, on the clock of its owner's wall."""
    zone = ZoneInfo(time_zone)
    made = Calendar()
    made.add("prodid", "-//Countinghouse//Activities//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", name)
    made.add("x-wr-timezone", time_zone)
    for entry in entries:
        made.add_component(_event(entry, zone))
    made.add_missing_timezones()
    return bytes(made.to_ical())


def _event(entry: Entry, zone: ZoneInfo) -> Event:
    event = Event()
    event.add("uid", f"{entry.key}@countinghouse")
    event.add("dtstamp", entry.changed_at)
    event.add("sequence", entry.version)
    event.add("summary", f"✓ {entry.title}" if entry.is_done else entry.title)
    if entry.text:
        event.add("description", entry.text)
    local = entry.begins_at.astimezone(zone)
    if entry.is_all_day:
        event.add("dtstart", local.date())
        event.add("dtend", local.date() + timedelta(days=1))
    else:
        event.add("dtstart", local)
        event.add("dtend", local + (timedelta(minutes=entry.minutes) if entry.minutes else USUAL))
    if entry.recurrence and not entry.is_done:
        event.add("rrule", vRecur.from_ical(entry.recurrence))
    return event
