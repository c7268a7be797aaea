"""Asking the worker for one file of many records, and leading to where it will be."""

from collections.abc import Sequence
from typing import Any

from flask import redirect

from app import clock
from app.db import db, unit_of_work
from app.i18n import language
from app.models.document_bundle import BundleForm, DocumentBundle
from app.services import access, document_bundle
from app.web import jobs
from app.web.missing import people_to_ask


def ask_for(stem: str, keys: Sequence[int], form: BundleForm, settings: dict[str, Any] | None = None) -> Any:
    """Let the worker make a file of these records. Raises DomainError as `services.document_bundle.ask`."""
    with unit_of_work(db.session()) as session:
        how: dict[str, Any] = {"language": language(), "whom_to_ask": people_to_ask(), "settings": settings}
        by = access.required(session)
        key = document_bundle.ask(session, stem, keys, form=form, by=by, at=clock.now(), **how).id
    jobs.begin(DocumentBundle.__stem__, key)
    return redirect(f"/document_bundle/show/{key}")
