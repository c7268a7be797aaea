"""Making an installation ready: database, roles, administrator. Used by the command line and by tests."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from app import clock, demo, migrating
from app.backup import automatic_name, keep_last
from app.db import db, unit_of_work
from app.dump import copy_database
from app.errors import DomainError
from app.models.organisation import Organisation
from app.roles import ADMIN, EVERYBODY, PRESETS
from app.services import access, document_supplied, field_right, find
from app.services import password as passwords
from app.services import pipeline as pipelines
from app.services import roles as role_sync
from app.services import user as users

KEPT_COPIES = 10


@dataclass
class Ready:
    """What making ready has done; `passwords` are shown to the person once."""

    migrated: bool = False
    copied_to: Path | None = None
    synced: int = 0
    passwords: dict[str, str] = field(default_factory=dict)


def rights_of(app: Flask) -> list[tuple[str, str]]:
    """Return all (area, verb) pairs that the screens and resources offer."""
    views: list[Any] = app.appbuilder.baseviews  # type: ignore[attr-defined]
    offered = {
        (str(view.class_permission_name), permission.removeprefix("can_"))
        for view in views
        for permission in view.base_permissions or []
    }
    entities = {view.datamodel.obj for view in views if getattr(view, "datamodel", None) is not None}
    guarded = {(area, verb) for entity in entities for area in field_right.areas(entity) for verb in field_right.VERBS}
    return sorted(offered | guarded)


def fingerprint(rights: list[tuple[str, str]]) -> str:
    """Return a hash of everything that decides rights: a change of it asks for a sync."""
    text = repr(
        (rights, sorted(EVERYBODY.items()), [(n, r.scope, sorted(r.grants.items())) for n, r in PRESETS.items()])
    )
    return hashlib.sha256(text.encode()).hexdigest()


def prepare(app: Flask) -> Ready:
    """Migrate (after a copy), sync the roles, make the administrator: what is done already costs nothing."""
    done = Ready()
    with app.app_context():
        migrate(app, done)
        session = db.session()
        access.act_as(session, access.SYSTEM)
        rights = rights_of(app)
        mark = fingerprint(rights)
        if not role_sync.is_current(session, mark):
            with unit_of_work(session):
                done.synced = role_sync.sync(session, rights, fingerprint=mark)
        if done.migrated:
            with unit_of_work(session):
                complete(session)
        if document_supplied.missing(session):
            with unit_of_work(session):
                document_supplied.install(session, at=clock.now())
        if find.is_due(session):
            with unit_of_work(session):
                find.rebuild(session)
        if session.execute(select(func.count()).select_from(User)).scalar_one() == 0:
            with unit_of_work(session):  # all or nothing: a start that is stopped half-way begins anew
                make_administrator(session, done, demo_company=app.config["CRM_DEMO"])
                if app.config["CRM_DEMO"]:
                    fill_demo(session, done)
    return done


def complete(session: Any) -> None:  # noqa: ANN401
    """Give a company that was set up by an earlier version what a new one begins with: a pipeline for its deals."""
    language = session.scalar(select(Organisation.language).order_by(Organisation.id).limit(1))
    if language is not None:
        pipelines.make_first(session, language)


def migrate(app: Flask, done: Ready) -> None:
    """Bring the database to the newest schema; a database with data is copied to `var/backups` first."""
    url: str = app.config["SQLALCHEMY_DATABASE_URI"]
    var: Path = app.config["CRM_VAR"]
    file = make_url(url).database if url.startswith("sqlite") else None
    if file and file != ":memory:":
        Path(file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    standing = migrating.standing(db.engine)
    if standing == migrating.newest():
        return
    if standing is not None:
        folder = var / "backups"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        done.copied_to = folder / automatic_name(clock.now(), url)
        copy_database(url, done.copied_to)
        keep_last(folder, KEPT_COPIES)
    db.session.remove()
    db.engine.dispose()
    migrating.upgrade(url)
    done.migrated = True


def make_administrator(session: Any, done: Ready, *, demo_company: bool) -> None:  # noqa: ANN401
    """Make `admin` with the given password (`CRM_ADMIN_PASSWORD`) or a made one, which he replaces when he signs in.

    The demo company takes any password and asks for no other. Raises DomainError for a given one that is bad.
    """
    given = os.environ.get("CRM_ADMIN_PASSWORD")
    password = given or passwords.generate()
    try:
        users.make(
            session,
            username="admin",
            first_name="Admin",
            last_name="Countinghouse",
            email="admin@localhost.localdomain",
            password=password,
            roles=[ADMIN],
            must_change=not given and not demo_company,
            trusted=demo_company,
        )
    except DomainError as refusal:
        raise DomainError(f"CRM_ADMIN_PASSWORD: {refusal}") from None
    if not given:
        done.passwords["admin"] = password


def fill_demo(session: Any, done: Ready) -> None:  # noqa: ANN401
    """Fill the demo company; its people get the given password (`CRM_DEMO_PASSWORD`) or made ones."""
    given = os.environ.get("CRM_DEMO_PASSWORD")
    filled = demo.fill(session, size="small", password=given, today=clock.today())
    if not given:
        done.passwords |= filled.passwords
