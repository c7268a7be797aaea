"""Roles and access on the command line: `crm access`, `crm role`, `crm handover`."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LARGEST_FILE = 2**20


@contextmanager
def _session() -> "Iterator[Session]":
    """Lend a session that acts for the system, one unit of work."""
    from app import load_settings
    from app.db import db, unit_of_work
    from app.services import access
    from app.tasks.celery import lean_app

    with lean_app(load_settings()).app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        with unit_of_work(session):
            yield session


@click.command(name="access")
@click.argument("username")
@click.argument("right")
@click.option("--record", type=click.IntRange(1), help="Id of a record of the area.")
def explain(username: str, right: str, record: int | None) -> None:
    """Say whether a user may do something, and which rule says so: `crm access maria party.change --record 17`.

    Exit code 0: he may, 1: he may not.
    """
    from app.services import sign_in as sign_ins
    from app.services import xray

    area, _dot, verb = right.partition(".")
    with _session() as session:
        user = sign_ins.user_by_name(session, username)
        if user is None:
            raise click.ClickException(f"There is no user “{username}”")
        if (area, verb) not in _offered(session):
            raise click.ClickException(f"There is no right “{right}”")
        answer = xray.explain(session, user, area, verb, record)
        for step in answer.steps:
            about = f"{step.action}: " if step.action else ""
            click.echo(f"{'yes' if step.says else 'no ':3} {about}{step.text}")
        click.echo(f"{user.username} {'may' if answer.allowed else 'may not'}: {right}")
    sys.exit(0 if answer.allowed else 1)


def _offered(session: "Session") -> set[tuple[str, str]]:
    """Return all rights that the last sync has found."""
    from flask_appbuilder.security.sqla.models import Permission, PermissionView, ViewMenu
    from sqlalchemy import select

    read = select(ViewMenu.name, Permission.name).select_from(PermissionView)
    found = session.execute(read.join(PermissionView.view_menu).join(PermissionView.permission))
    return {(area, name.removeprefix("can_")) for area, name in found}


@click.command(name="remove-second-factor")
@click.argument("username")
def remove_second_factor(username: str) -> None:
    """Remove the second factor of somebody who has lost it; all sign-ins of the account end."""
    from app import clock
    from app.errors import DomainError
    from app.services import second_factor
    from app.services import sign_in as sign_ins

    with _session() as session:
        user = sign_ins.user_by_name(session, username)
        if user is None:
            raise click.ClickException(f"There is no user “{username}”")
        try:
            second_factor.take_away(session, user, at=clock.now())
        except DomainError as refusal:
            raise click.ClickException(str(refusal)) from None
        click.echo(f"ok: {user.username}")


@click.group()
def role() -> None:
    """List, compare and carry roles."""


def _role(session: "Session", name: str) -> Any:  # noqa: ANN401 -- the framework's role
    from app.services import roles

    found = next((each for each in roles.shown(session) if each.name == name), None)
    if found is None:
        raise click.ClickException(f"There is no role “{name}”")
    return found


@role.command(name="list")
def list_roles() -> None:
    """List all roles with how many people have them and how many rights were changed."""
    from app.services import roles

    with _session() as session:
        people = roles.people(session)
        for each in roles.shown(session):
            changes = len(roles.changes_of(session, each))
            base = roles.base_of(session, each)
            about = f", based on {base}" if base not in {None, each.name} else ""
            click.echo(f"{each.name}: {people.get(each.id, 0)} people, {changes} changes{about}")


@role.command()
@click.argument("name")
def export(name: str) -> None:
    """Print a role as the file that `crm role import` reads."""
    from app.errors import DomainError
    from app.services import role_file

    with _session() as session:
        try:
            click.echo(json.dumps(role_file.of(session, _role(session, name)), ensure_ascii=False, indent=2))
        except DomainError as refusal:
            raise click.ClickException(str(refusal)) from None


@role.command(name="import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def take_in(file: Path) -> None:
    """Make a role from a file, or give the one of its name what stands there."""
    from app.errors import DomainError
    from app.services import role_file

    with _session() as session:
        try:
            given = role_file.read(file.read_bytes(), most=LARGEST_FILE)
            made, left_out = role_file.take_in(session, given, offered=_offered(session))
        except DomainError as refusal:
            raise click.ClickException(str(refusal)) from None
        for right in left_out:
            click.echo(f"unknown here, and left out: {right}", err=True)
        click.echo(f"ok: {made.name}")


@role.command()
@click.argument("one")
@click.argument("other")
def diff(one: str, other: str) -> None:
    """Print in what two roles differ. Exit code 0: in nothing, 1: in something."""
    from app.roles import Reach
    from app.services import access, role_change, role_file, roles

    def said(value: object) -> str:
        return role_change.said(value) if isinstance(value, Reach) else ("yes" if value else "no")

    with _session() as session:
        found = role_file.differences(
            *(roles.policy_of(session, _role(session, name)) for name in (one, other)),
            rights=sorted(_offered(session)),
            owned=sorted(filter(None, map(access.area_of, access.owned_entities()))),
        )
        for each in found:
            click.echo(f"{each.area}.{each.verb}: {said(each.one)} → {said(each.other)}")
    sys.exit(1 if found else 0)


@click.command()
@click.argument("username")
@click.option("--to", "receivers", multiple=True, required=True, help="Who gets it; given several times: by load.")
@click.option("--reason", default="crm handover", show_default=True, help="It stands in the history of every record.")
@click.option("--dry-run", is_flag=True, help="Print who would get what, and change nothing.")
def handover(username: str, receivers: tuple[str, ...], reason: str, *, dry_run: bool) -> None:
    """Give everything that a user owns to others: `crm handover maria --to mark --dry-run`."""
    from app import clock
    from app.errors import DomainError
    from app.models.handover import Strategy
    from app.services import handover as handovers

    with _session() as session:
        leaver, *others = (_account(session, name) for name in (username, *receivers))
        strategy = Strategy.one if len(others) == 1 else Strategy.load
        wish = handovers.Wish(leaver_id=leaver.id, strategy=strategy, to=tuple(user.id for user in others))
        try:
            found = handovers.plan(session, wish)
            for (to_id, stem), count in sorted(found.counts.items()):
                click.echo(f"{found.people[to_id].username}: {stem} {count}")
            if not dry_run:
                fingerprint = found.fingerprint
                made = handovers.start(session, wish, fingerprint=fingerprint, reason=reason, at=clock.now())
                told = "waits for the worker" if made.is_under_way else "done"
                click.echo(f"ok: hand-over {made.id}, {made.total_rows} records, {told}")
            elif not found.moves:
                click.echo("nothing to hand over")
        except DomainError as refusal:
            raise click.ClickException(str(refusal)) from None


def _account(session: "Session", username: str) -> Any:  # noqa: ANN401 -- the framework's account
    from app.services import sign_in as sign_ins

    user = sign_ins.user_by_name(session, username)
    if user is None:
        raise click.ClickException(f"There is no user “{username}”")
    return user
