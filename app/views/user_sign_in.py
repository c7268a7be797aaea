"""What an administrator sees and ends on the card of a user: where he is signed in, his second factor."""

from typing import Any

from flask import abort, flash, redirect
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name
from flask_appbuilder.security.sqla.models import User

from app import clock
from app.db import db, unit_of_work
from app.errors import NotFound
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.services import second_factor as factors
from app.services import signed_in, user_erase
from app.views.signed_in import told
from app.web.request_cache import request_cache
from app.web.verbs import ForMany, Verb


def has_second(user: User) -> bool:
    """Say whether a user has a second factor; asked once per request."""
    kept = request_cache("second factor")
    if user.id not in kept:
        kept[user.id] = factors.is_on_for(user)
    return bool(kept[user.id])


TAKE_AWAY = Verb(
    "remove_second_factor",
    factors.take_away,
    label=_l("Remove the second factor"),
    icon="key-round",
    confirm=_l("Remove the second factor of this user? All sign-ins of the user end. Be sure who is asking you."),
    danger=True,
    fits=has_second,
    needs_time=True,
)


def why_not_erased(user: User) -> str | None:
    """Return why a person cannot be erased; asked for cards of locked accounts alone."""
    return user_erase.why_not(db.session(), user)


ERASE = Verb(
    "erase",
    user_erase.erase,
    label=_l("Erase this person"),
    icon="trash-2",
    confirm=_l("Take name and address of this person away for good? The history then tells of a former colleague."),
    danger=True,
    fits=lambda user: not user.active and not user_erase.is_erased(user),
    why=why_not_erased,
    needs_time=True,
)


class UserSignIns:
    """Sign-ins of a user on his card; a part of the view of accounts."""

    card_template = "web/user_card.html"
    appbuilder: Any
    may: Any

    def acts_on_many(self) -> list[ForMany]:
        """Return what may be done to many accounts: a second factor is removed by looking at one."""
        return [one for one in super().acts_on_many() if one.name != TAKE_AWAY.name]  # type: ignore[misc]

    def sign_ins_of(self, user: User) -> list[dict[str, Any]] | None:
        """Return where a user is signed in, None for readers who may not end it."""
        return told(user.id) if self.may("sign_out") else None

    @staticmethod
    def has_second(user: User) -> bool:
        """Say whether a user has a second factor."""
        return has_second(user)

    @expose("/<int:pk>/sign_in/<string:handle>/end", methods=["POST"])
    @has_access
    @permission_name("sign_out")
    def end_sign_in(self, pk: int, handle: str) -> Any:
        """End one sign-in of a user."""
        try:
            with unit_of_work(db.session()) as work:
                signed_in.end(work, pk, handle, at=clock.now())
        except NotFound:
            abort(404)
        flash(_("This sign-in has ended."), "success")
        return redirect(f"/user/show/{pk}")
