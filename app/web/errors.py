"""Error pages: what happened, what was kept, where to go; REST gets the same as JSON."""

from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.db import db
from app.errors import DomainError, NotAllowed, PasswordDue, TooManyTries
from app.i18n import gettext as _
from app.web import missing


def _page(code: int, title: str, text: str) -> tuple[Any, int]:
    if request.path.startswith("/api/"):
        return {"message": text}, code
    if "user" not in g:  # it broke before anybody was known, the database perhaps: the page would break too
        return Response(f"{title}. {text}", mimetype="text/plain"), code
    return render_template("web/error.html", code=code, title=title, text=text, request_id=g.get("request_id")), code


def _texts(code: int) -> tuple[str, str]:
    known = {
        400: (_("This request cannot be read"), _("Go back and try again.")),
        401: (_("Please sign in"), _("Your session has ended.")),
        404: (_("Not found"), _("There is no such page or record, or it is not yours to see.")),
        405: (_("Not possible this way"), _("This address does not take such a request.")),
        413: (_("The file is too large"), _("Nothing was saved. Choose a file of at most %(size)s MB.", size=24)),
        429: (_("Too many tries"), _("Wait a minute, then try again.")),
        500: (_("Something went wrong"), _("Nothing was saved. The error was recorded.")),
    }
    return _forbidden() if code == HTTPStatus.FORBIDDEN else known.get(code, (str(code), ""))


def _forbidden(refusal: NotAllowed | None = None) -> tuple[str, str]:
    is_known = "user" in g and g.user is not None and g.user.is_authenticated
    return _("You may not do this"), missing.text_of(refusal) if is_known else ""


def _http(error: HTTPException) -> Any:
    code = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if code < HTTPStatus.BAD_REQUEST:
        return error
    db.session.rollback()
    response = make_response(_page(code, *_texts(code)))
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        response.headers["Retry-After"] = "60"
    for name, value in error.get_headers():
        if name in {"Allow", "WWW-Authenticate"}:
            response.headers[name] = value
    return response


def _form_token(_error: CSRFError) -> Any:
    return _page(400, _("The form has expired"), _("Go back, reload the page and send it again."))


def _not_allowed(error: NotAllowed) -> Any:
    db.session.rollback()
    return _page(403, *_forbidden(error))


def _refused(error: DomainError) -> Any:
    db.session.rollback()
    return _page(422, _("This is not possible"), str(error))


def _too_often(error: TooManyTries) -> Any:
    db.session.rollback()
    response = make_response(_page(429, _("Too many tries"), error.text))
    response.headers["Retry-After"] = str(error.seconds)
    return response


def _password_due(error: PasswordDue) -> Any:
    db.session.rollback()
    return _page(403, _("You may not do this"), error.text)


def _unexpected(error: Exception) -> Any:
    db.session.rollback()
    if current_app.config.get("PROPAGATE_EXCEPTIONS"):
        raise error
    current_app.logger.error("request %s failed", g.get("request_id"), exc_info=error)
    return _page(500, *_texts(500))


def init_app(app: Flask) -> None:
    """Install the error pages."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _form_token)
    app.register_error_handler(NotAllowed, _not_allowed)
    app.register_error_handler(DomainError, _refused)
    app.register_error_handler(TooManyTries, _too_often)
    app.register_error_handler(PasswordDue, _password_due)
    app.register_error_handler(Exception, _unexpected)
