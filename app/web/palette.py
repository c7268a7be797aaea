"""What the palette offers: records, screens and acts that the reader may reach, for a query and for none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import current_app, g, request
from sqlalchemy.orm import Session

from app.i18n import LANGUAGES, in_language, label_of, language
from app.i18n import gettext as _
from app.models.team import Theme
from app.services import find, find_text
from app.web import menu
from app.web.crud import CrudView
from app.web.ways import onward

MOST_ACTS = 6
Pieces = Sequence[tuple[str, bool]]  # a text cut into what was sought and what was not
_THEMES = {Theme.light: "sun", Theme.dark: "moon", Theme.system: "monitor"}


@dataclass(frozen=True)
class Item:
    """One line: where it leads; `act` is what the browser does instead, `name` the label that it is found by."""

    title: Pieces
    url: str
    icon: str
    detail: Pieces = ()
    act: str = ""


@dataclass(frozen=True)
class Group:
    """Lines under one heading; `more` leads to the list of all that match."""

    label: str
    items: list[Item]
    more: str = ""


@dataclass(frozen=True)
class Offer:
    """The palette's answer; `meant` are the words that were taken instead of misspelt ones."""

    groups: list[Group] = field(default_factory=list)
    meant: Sequence[str] = ()

    @property
    def count(self) -> int:
        """Return how many lines there are."""
        return sum(len(group.items) for group in self.groups)


@dataclass(frozen=True)
class _Named:
    """A screen or an act, with its label in every language: people type the one that they remember."""

    label: str
    url: str
    icon: str
    names: tuple[str, ...]
    act: str = ""


def areas() -> dict[str, Any]:
    """Return the screens of findable records that the reader may see, by stem."""
    screens: Any = current_app.extensions["appbuilder"].baseviews
    known = find.kinds()
    return {
        view.stem: view for view in screens if isinstance(view, CrudView) and view.stem in known and view.may("see")
    }


def offer(session: Session, query: str, *, each: int = find.EACH, most: int = find.MOST) -> Offer:
    """Return what a query finds; without one, what the reader opened last, and the screens."""
    seen = areas()
    icons = _icons()
    if not query.strip():
        opened = find.recent(session, user_id=g.user.id, among=seen)
        recent = [_of_record(hit, (), icons, kind=seen[hit.entity]) for hit in opened]
        return Offer(_filled([Group(_("Opened last"), recent), Group(_("Go to"), [_plain(one) for one in _screens()])]))
    sought = find_text.fragments(query)
    screens, acts = _chosen(_screens(), sought), _chosen(_acts(), sought)
    # who types the beginning of a screen's name has made no slip
    found = find.search(session, query, among=seen, each=each, most=most, forgiving=not (screens or acts))
    groups = [
        Group(
            str(seen[stem].many_name),
            [_of_record(hit, found.sought, icons) for hit in hits],
            f"{seen[stem].route_base}/list/?{urlencode({'q': query})}",
        )
        for stem, hits in found.groups
    ]
    ways = [Group(_("Go to"), screens), Group(_("Actions"), acts)]
    best = min((hit.rank for hit in found.hits), default=find.FARTHEST)
    groups = [*ways, *groups] if best > find.BEGINS and (screens or acts) else [*groups, *ways]
    return Offer(_filled(groups), found.meant)


def as_json(answer: Offer) -> dict[str, Any]:
    """Return an answer as the browser reads it."""
    return {
        "meant": list(answer.meant),
        "groups": [
            {"label": group.label, "more": group.more, "items": [vars(item) for item in group.items]}
            for group in answer.groups
        ],
    }


def _filled(groups: Iterable[Group]) -> list[Group]:
    return [group for group in groups if group.items]


def _icons() -> dict[str, str]:
    """Return the icons of the sidebar by the first part of their addresses."""
    return {entry.url.split("/")[1]: entry.icon for group in menu.sidebar() for entry in group.entries}


def _of_record(hit: find.Hit, sought: find.Fragments, icons: dict[str, str], kind: Any = None) -> Item:
    said = [str(kind.one_name) if kind is not None else "", _("Archived") if hit.is_archived else "", hit.detail]
    detail = " · ".join(filter(None, said))
    return Item(
        find.marked(hit.title, sought),
        f"/{hit.entity}/show/{hit.record_id}",
        icons.get(hit.entity, "circle"),
        find.marked(detail, sought) if sought else ((detail, False),),
    )


def _plain(one: _Named) -> Item:
    return Item(((one.label, False),), one.url, one.icon, act=one.act)


# --- screens and acts -------------------------------------------------------------------------------------------------


def _chosen(named: Iterable[_Named], sought: find.Fragments) -> list[Item]:
    """Return what has a label, in any language, in which every word that was typed begins a word."""
    found = [
        Item(find.marked(one.label, sought), one.url, one.icon, act=one.act)
        for one in named
        if any(_begins(name, tuple(sought)) for name in one.names)
    ]
    return found[:MOST_ACTS]


@lru_cache(maxsize=1024)
def _begins(name: str, sought: tuple[tuple[str, ...], ...]) -> bool:
    text = find_text.stored([name])[0]
    return bool(sought) and all(any(f"  {part.strip()}" in text for part in group) for group in sought)


# (language, address, act, label) → that label in every language; what is asked with every letter that somebody types
# is translated once. Pinned views come and go: the cache is emptied when it is full.
_NAMES: dict[tuple[str, str, str, str], tuple[str, ...]] = {}
_MOST_NAMES = 4_096


def _kept(key: tuple[str, str, str, str], names: Iterable[str]) -> tuple[str, ...]:
    if len(_NAMES) >= _MOST_NAMES:
        _NAMES.clear()
    return _NAMES.setdefault(key, tuple(names))


def _screens() -> list[_Named]:
    """Return the entries of the sidebar, and the reader's own page."""
    code = language()
    shown = [entry for group in menu.sidebar() for entry in group.entries]
    if any((code, entry.url, "", entry.label) not in _NAMES for entry in shown):
        labels: dict[str, list[str]] = {}
        for each in LANGUAGES:
            with in_language(each):
                for group in menu.sidebar():
                    for entry in group.entries:
                        labels.setdefault(entry.url, []).append(entry.label)
        for entry in shown:
            _kept((code, entry.url, "", entry.label), labels[entry.url])
    found = [
        _Named(entry.label, entry.url, entry.icon, _NAMES.get((code, entry.url, "", entry.label), (entry.label,)))
        for entry in shown
    ]
    return [*found, _said(lambda: _("My settings"), "/profile/", "settings")]


def _said(label: Any, url: str, icon: str, act: str = "") -> _Named:
    key = (language(), url.partition("?")[0], act, label())
    if key not in _NAMES:
        names = []
        for code in LANGUAGES:
            with in_language(code):
                names.append(label())
        _kept(key, names)
    return _Named(key[3], url, icon, _NAMES[key], act)


def _acts() -> list[_Named]:
    """Return what the reader may do from anywhere."""
    screens: Any = current_app.extensions["appbuilder"].baseviews
    found = [
        _said(lambda name=view.one_name: _("New: %(what)s", what=str(name)), f"{view.route_base}/add", "plus")
        for view in screens
        if isinstance(view, CrudView) and "add" not in view.exclude_route_methods and view.may("add")
    ]
    for theme, icon in _THEMES.items():
        found.append(
            _said(lambda it=theme: f"{_('Theme')}: {label_of(it)}", "/profile/", icon, act=f"theme:{theme.value}")
        )
    way_back = urlencode({"next": onward(_asked_from(), "/home/")})
    for code, about in LANGUAGES.items():
        found.append(
            _said(lambda own=about["name"]: f"{_('Language')}: {own}", f"/lang/{code}?{way_back}", "languages")
        )
    return [*found, _said(lambda: _("Sign out"), "/logout/", "log-out", act="send:/logout/")]


def _asked_from() -> str:
    """Return the page of ours over which the palette was opened."""
    parts = urlsplit(request.referrer or "")
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
