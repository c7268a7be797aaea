"""A browser or program in words, from what it says of itself (its user agent): enough to know one's own again."""

import re

from app.i18n import gettext as _

# In this order: many browsers also say that they are others.
_BROWSERS = (
    ("Edge", r"\bEdgA?(?:iOS)?/"),
    ("Opera", r"\bOPR/|\bOpera\b"),
    ("Yandex Browser", r"\bYaBrowser/"),
    ("Vivaldi", r"\bVivaldi/"),
    ("Samsung Internet", r"\bSamsungBrowser/"),
    ("Firefox", r"\bFirefox/|\bFxiOS/"),
    ("Chrome", r"Chrome/|\bCriOS/|\bChromium/"),
    ("Safari", r"\bVersion/[\d.]+ .*Safari/"),
)
_SYSTEMS = (
    ("iPhone", r"\biPhone\b"),
    ("iPad", r"\biPad\b"),
    ("Android", r"\bAndroid\b"),
    ("Windows", r"\bWindows\b"),
    ("ChromeOS", r"\bCrOS\b"),
    ("macOS", r"\bMac OS X\b|\bMacintosh\b"),
    ("Linux", r"\bLinux\b|\bX11\b"),
)
_PROGRAM = re.compile(r"[A-Za-z][\w.-]{0,40}")


def words(agent: str) -> str:
    """Return what somebody reads for a user agent: "Firefox, Windows", "curl", "Unknown device"."""
    browser, system = _first(_BROWSERS, agent), _first(_SYSTEMS, agent)
    if not browser and not agent.startswith("Mozilla/"):
        program = _PROGRAM.match(agent)
        browser = program[0] if program else ""
    found = ", ".join(filter(None, (browser, system)))
    return found or _("Unknown device")


def _first(known: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for name, pattern in known if re.search(pattern, agent)), "")
