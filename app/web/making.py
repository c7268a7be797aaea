"""Cards know whether a document can be made of their record."""

from typing import Any

from flask import Flask

from app.db import db
from app.models.made_document import MadeDocument
from app.roles import ACT
from app.services import access, document_field, document_papers

document_papers.load()


def _may_make(view: Any, record: Any) -> bool:
    may = bool(document_field.kinds_of(type(record))) and view.appbuilder.sm.may(MadeDocument.__stem__, "add")
    return may and view.takes_new(record) and access.allowed(db.session(), record, ACT)


def init_app(app: Flask) -> None:
    """Let cards lead to the page on which a document is made."""
    app.jinja_env.globals |= {"may_make_document": _may_make}
