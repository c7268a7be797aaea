"""What came of a mailing, as its card and REST tell it: shares, differences with their intervals, and bars."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.i18n import gettext as _
from app.i18n import language
from app.models.mailing import Mailing, RecipientPhase
from app.money import format_decimal, format_money, plain
from app.services.mailing_effect import Effect, Group
from app.services.uplift import FEWEST, FEWEST_BUYERS, Difference, Verdict

FULL = 100
_MIDDLE, _REACH = 50, 48  # of a picture that is a hundred wide: where nothing is, and how far its longest side goes
_TENTH = Decimal("0.1")


@dataclass(frozen=True)
class Line:
    """How many letters something became of; `share` is of those delivered, as text, and `bar` its length of 100."""

    label: str
    count: int
    share: str
    bar: int


@dataclass(frozen=True)
class Compared:
    """One difference in words; `left`, `width` and `dot` are places in a picture of 100 with nothing in the middle."""

    label: str
    verdict: Verdict
    text: str
    left: int = 0
    width: int = 0
    dot: int = 0


def lines(effect: Effect, mailing: Mailing) -> list[Line]:
    """Return what became of the letters; what was not noted is left out."""
    letters = effect.letters
    found = [(_("Delivered"), letters.delivered)]
    if mailing.tracks_opens or letters.opened:
        found.append((_("Opened"), letters.opened))
    if mailing.tracks_clicks or letters.clicked:
        found.append((_("Followed a link"), letters.clicked))
    found += [(_("Answered"), letters.answered), (_("Unsubscribed"), letters.unsubscribed)]
    found.append((_("Came back"), letters.phases.get(RecipientPhase.bounced, 0)))
    whole = max(letters.delivered, 1)
    return [Line(text, count, percent(count / whole), min(FULL, round(FULL * count / whole))) for text, count in found]


def percent(share: float | None) -> str:
    """Return a share in percent, a dash where it is not told."""
    return f"{_tenths(share)} %" if share is not None else "—"


def per_head(group: Group, currency: str) -> str:
    """Return what each has ordered for on the average, a dash where it is not told."""
    amount = group.per_head(currency)
    return format_money(amount, currency, language()) if amount is not None else "—"


def turnover(group: Group, currency: str) -> str:
    """Return what all have ordered for, a dash where it is not told."""
    return format_money(group.sample.total, currency, language()) if group.orders is not None else "—"


def compared(effect: Effect) -> list[Compared]:
    """Return the differences in words, none where nobody was held out."""
    if effect.buying is None or effect.spending is None:
        return []

    def points(value: float) -> str:
        return _("%(number)s points", number=_tenths(value))

    def money(value: float) -> str:
        return format_money(_exact(value), effect.currency, language())

    few = _(
        "This takes %(people)s counterparties in each group, and %(buyers)s orderers in both together.",
        people=FEWEST,
        buyers=FEWEST_BUYERS,
    )
    fewer = _(
        "This takes %(people)s counterparties in each group, and %(buyers)s orderers in each.",
        people=FEWEST,
        buyers=FEWEST_BUYERS,
    )
    return [
        _compared(_("Share of those who ordered"), effect.buying, points, few),
        _compared(_("Turnover of each on the average"), effect.spending, money, fewer),
    ]


def _compared(label: str, one: Difference, told: Callable[[float], str], few: str) -> Compared:
    if one.value is None or one.low is None or one.high is None:
        return Compared(label, one.verdict, few)
    value, low, high = (("+" if each > 0 else "") + told(each) for each in (one.value, one.low, one.high))
    text = _(
        "%(value)s; with 99 percent confidence between %(low)s and %(high)s.",
        value=value,
        low=low,
        high=high,
    )
    longest = max(abs(one.low), abs(one.high)) or 1.0
    left, dot, right = (round(_MIDDLE + _REACH * each / longest) for each in (one.low, one.value, one.high))
    return Compared(label, one.verdict, text, left, max(right - left, 1), dot)


def _tenths(share: float) -> str:
    return format_decimal(_exact(share * FULL).quantize(_TENTH), language(), least=1)


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


# --- over REST --------------------------------------------------------------------------------------------------------


def shape(effect: Effect) -> dict[str, Any]:
    """Return what came of a mailing as REST tells it; shares are between 0 and 1."""
    letters = effect.letters
    acts = ("delivered", "opened", "clicked", "answered", "unsubscribed")
    return {
        "letters": {name: getattr(letters, name) for name in acts},
        "first": effect.first.isoformat(),
        "last": effect.last.isoformat(),
        "is_open": effect.is_open,
        "currency": effect.currency,
        "elsewhere": effect.elsewhere,
        "written": _of_group(effect.written, effect.currency),
        "held_out": _of_group(effect.held_out, effect.currency),
        "buying": _of_difference(effect.buying),
        "spending": _of_difference(effect.spending),
    }


def _of_group(group: Group, currency: str) -> dict[str, Any]:
    is_told, amount = group.orders is not None, group.per_head(currency)
    return {
        "people": group.sample.people,
        "buyers": group.sample.buyers if is_told else None,
        "orders": group.orders,
        "turnover": plain(group.sample.total, currency) if is_told else None,
        "per_head": plain(amount, currency) if amount is not None else None,
    }


def _of_difference(one: Difference | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"verdict": one.verdict.value, "value": one.value, "low": one.low, "high": one.high}


_NUMBER = {"type": "number", "nullable": True}
_GROUP = {
    "type": "object",
    "properties": {
        "people": {"type": "integer"},
        "buyers": {"type": "integer", "nullable": True},
        "orders": {"type": "integer", "nullable": True},
        "turnover": {"type": "string", "nullable": True},
        "per_head": {"type": "string", "nullable": True},
    },
}
_DIFFERENCE = {
    "type": "object",
    "nullable": True,
    "properties": {
        "verdict": {"type": "string", "enum": [each.value for each in Verdict]},
        "value": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
    },
}
ANSWER = {
    "type": "object",
    "properties": {
        "letters": {"type": "object", "additionalProperties": {"type": "integer"}},
        "first": {"type": "string", "format": "date"},
        "last": {"type": "string", "format": "date"},
        "is_open": {"type": "boolean"},
        "currency": {"type": "string"},
        "elsewhere": {"type": "integer"},
        "written": _GROUP,
        "held_out": _GROUP,
        "buying": _DIFFERENCE,
        "spending": _DIFFERENCE,
    },
}
