"""When it is quiet where a person is: his time zone by number, region and country, and until when a letter waits.

Where a country has several zones and nothing tells which, a letter leaves only when none of them is quiet.
"""

import re
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from app.models.party import Party
from app.models.suppression import ContactPolicy

STEP = timedelta(minutes=15)
FARTHEST = timedelta(days=8)
_UNKNOWN = "Etc/Unknown"
_RUSSIA = "RU"
_MOSCOW = "Europe/Moscow"
# Beginnings of names of the regions of Russia, and of their capitals, that do not live by Moscow's time.
_REGIONS = {
    "Europe/Kaliningrad": "калининград",
    "Europe/Samara": "самар удмурт ижевск",
    "Europe/Saratov": "саратов",
    "Europe/Astrakhan": "астрахан",
    "Europe/Ulyanovsk": "ульянов",
    "Asia/Yekaterinburg": (
        "свердлов екатеринбург челябинск курган оренбург пермск пермь башкорт башкир уфа тюмен ханты югра ямал"
    ),
    "Asia/Omsk": "омск",
    "Asia/Novosibirsk": "новосибирск",
    "Asia/Tomsk": "томск",
    "Asia/Barnaul": "алтай барнаул",
    "Asia/Novokuznetsk": "кемеров кузбасс новокузнецк",
    "Asia/Krasnoyarsk": "краснояр хакас абакан тыва тува кызыл",
    "Asia/Irkutsk": "иркутск бурят улан-удэ",
    "Asia/Chita": "забайкал чита",
    "Asia/Yakutsk": "амурск благовещенск саха якут",
    "Asia/Vladivostok": "примор владивосток хабаров еврейск биробиджан",
    "Asia/Magadan": "магадан",
    "Asia/Sakhalin": "сахалин южно-сахалинск",
    "Asia/Kamchatka": "камчат петропавловск-камчатск",
    "Asia/Anadyr": "чукот анадыр",
}
_EAST = tuple((re.compile(rf"(?<!\w){stem}"), zone) for zone, stems in _REGIONS.items() for stem in stems.split())


def zones_of(party: Party, address: str | None = None) -> tuple[str, ...]:
    """Return the time zones in which a person may live: one when it is known, none when nothing is known."""
    if address is not None and address.startswith("+") and (found := _of_number(address)):
        return found
    for place in party.addresses:
        if place.country == _RUSSIA and (zone := _of_region(place.region, place.city)):
            return (zone,)
    countries = [*(place.country for place in party.addresses), party.country]
    country = next((each for each in countries if each), None)
    if country:
        return of_country(country)
    return _of_number(party.phone) if party.phone else ()


def _of_region(region: str | None, city: str | None) -> str | None:
    for text in filter(None, (region, city)):
        for pattern, zone in _EAST:
            if pattern.search(text.lower()):
                return zone
    return _MOSCOW if region and re.search("[а-я]", region.lower()) else None


def _of_number(phone: str) -> tuple[str, ...]:
    import phonenumbers
    from phonenumbers.timezone import time_zones_for_number

    try:
        found = time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        return ()
    return tuple(each for each in found if each != _UNKNOWN and each in available_timezones())


@lru_cache(maxsize=300)
def of_country(country: str) -> tuple[str, ...]:
    """Return the time zones of a country by its code, as the Unicode CLDR has them."""
    from babel.core import get_global

    known = available_timezones()
    return tuple(sorted(zone for zone, of in get_global("zone_territories").items() if of == country and zone in known))


def until(rules: ContactPolicy, zones: tuple[str, ...], *, at: datetime) -> datetime | None:
    """Return when the quiet time ends in all of these zones, None when it is not quiet.

    Without a zone that of the company holds. Where zones lie so far apart that it is always quiet in one of them, the
    first alone decides.
    """
    if not zones:
        zones = (rules.organisation.time_zone if rules.organisation is not None else "UTC",)
    places = [ZoneInfo(zone) for zone in zones]
    for asked in (places, places[:1]):
        moment = at
        while moment <= at + FARTHEST:
            if not any(_is_quiet(rules, moment.astimezone(zone)) for zone in asked):
                return None if moment == at else moment
            moment = _next(moment)
    return at + FARTHEST


def _next(moment: datetime) -> datetime:
    """Return the next quarter of an hour: every zone of the world keeps to them."""
    past = timedelta(minutes=moment.minute % 15, seconds=moment.second, microseconds=moment.microsecond)
    return moment - past + STEP


def _is_quiet(rules: ContactPolicy, local: datetime) -> bool:
    if str(local.isoweekday()) in rules.quiet_days:
        return True
    clock, begins, ends = local.time(), time.fromisoformat(rules.quiet_from), time.fromisoformat(rules.quiet_until)
    if begins == ends:
        return False
    if begins < ends:
        return begins <= clock < ends
    return clock >= begins or clock < ends
