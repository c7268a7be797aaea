"""Help: the glossary of the words at which people stumble, and how mail is connected."""

from typing import Any

from flask import current_app, request
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app.i18n import gettext as _
from app.web import glossary

LONGEST = 100


class HelpView(BaseView):
    """Pages that explain."""

    route_base = "/help"
    class_permission_name = "home"
    default_view = "glossary"

    @expose("/glossary/")
    @has_access
    @permission_name("see")
    def glossary(self) -> str:
        """Show all terms, or those that contain a text."""
        query = request.args.get("q", "").strip()[:LONGEST]
        return str(
            self.render_template(
                "web/help_glossary.html", title=_("Glossary"), query=query, terms=glossary.found(query)
            )
        )

    @expose("/mail/")
    @has_access
    @permission_name("see")
    def mail(self) -> str:
        """Say how mail is connected, and whether it is."""
        is_on = bool(current_app.config.get("CRM_SMTP_URL"))
        return str(self.render_template("web/help_mail.html", title=_("Connect your mail server"), is_on=is_on))


def register(appbuilder: Any) -> None:
    """Register the pages."""
    appbuilder.add_view_no_menu(HelpView)
