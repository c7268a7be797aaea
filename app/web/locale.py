"""Which language and time zone a reader has."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request, session
from flask_appbuilder import BaseView, expose
from flask_babel import Domain, get_locale, refresh
from werkzeug.utils import redirect

from app.i18n import DEFAULT_LANGUAGE, LANGUAGES
from app.web.ways import onward


def choose_language() -> str:
    """Return the language of this request: asked for, chosen before, or the browser's best."""
    if not has_request_context():
        return DEFAULT_LANGUAGE
    asked = request.args.get("_l_", "")
    if asked in LANGUAGES:
        return asked
    kept = session.get("locale", "")
    if kept in LANGUAGES:
        return str(kept)
    return request.accept_languages.best_match(list(LANGUAGES)) or DEFAULT_LANGUAGE


def choose_time_zone() -> str:
    """Return the reader's time zone, UTC when unknown."""
    user = getattr(g, "user", None) if has_request_context() else None
    profile = getattr(user, "profile", None) if user is not None and user.is_authenticated else None
    name = profile.time_zone if profile is not None else "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return "UTC"
    return str(name)


class LanguageView(BaseView):
    """`/lang/<code>`: read on in another language."""

    route_base = "/lang"
    default_view = "index"

    @expose("/<string:code>")
    def index(self, code: str) -> Any:
        """Keep the choice in the session and go back to the page."""
        if code in LANGUAGES:
            session["locale"] = code
            refresh()
        return redirect(onward(request.args.get("next")))


class _Texts(Domain):
    """The texts of a language, found by its code: writing a locale out takes longer than looking a text up."""

    def __init__(self, texts: Domain) -> None:
        super().__init__(domain=";".join(texts.domain))
        self._of_language: dict[str, Translations] = {}

    def get_translations(self) -> Translations | NullTranslations:
        """Return the texts of the reader's language, with those of Flask-AppBuilder."""
        locale = get_locale()
        if locale is None or locale.territory or locale.script:
            return super().get_translations()
        found = self._of_language.get(locale.language)
        if found is None:
            found = self._of_language[locale.language] = super().get_translations()
        return found


def init_app(app: Flask) -> None:
    """Replace Flask-AppBuilder's selectors: they fail on a language that is no longer offered and know no time zone."""
    babel = app.extensions["babel"]
    babel.instance.domain_instance = _Texts(babel.instance.domain_instance)
    babel.locale_selector = choose_language
    babel.timezone_selector = choose_time_zone
