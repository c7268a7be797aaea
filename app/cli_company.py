"""Our own company and its people on the command line: the options of `crm init`, and `crm reset-password`."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click

ABOUT = {
    "legal_name": "Name as registered.",
    "tax_number": "Tax number: btw-id, ИНН, ՀՎՀՀ.",
    "tax_branch": "КПП.",
    "registration_number": "KVK, ОГРН, number in the state register.",
    "street": "Street and house.",
    "postal_code": "Postal code.",
    "city": "City.",
    "phone": "Telephone.",
    "email": "E-mail.",
    "currency": "Currency; that of the country when left out.",
}
BANK = {
    "iban": "Bank account as an IBAN.",
    "account": "Bank account without an IBAN.",
    "bik": "БИК of the bank.",
    "bank_name": "Name of the bank.",
}


def company_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that describe a company; it gets them by the names of the columns."""
    for column, text in reversed([*ABOUT.items(), *BANK.items()]):
        command = click.option(_option(column), help=text)(command)
    command = click.option("--name", help="Name of your company; a provisional one when left out.")(command)
    return click.option("--country", help="Set your own company up in this country: NL, RU, AM, …")(command)


def _option(column: str) -> str:
    return f"--{column.replace('_', '-')}"


def choose_own_database() -> None:
    """Mean the database of one's own company: nobody sets his company up inside the demo's."""
    if os.environ.get("CRM_DEMO") == "1":
        raise click.ClickException("CRM_DEMO=1 is the demo company; leave it out to set your own company up")
    os.environ["CRM_DEMO"] = "0"


def set_up_company(app: Any, country: str, name: str | None, given: dict[str, str | None]) -> None:  # noqa: ANN401
    """Set the company up and print what there is now."""
    from app.db import db, unit_of_work
    from app.errors import Refusals
    from app.services import access, set_up
    from app.services import tax as taxes

    with app.app_context():
        session = db.session()
        access.act_as(session, access.SYSTEM)
        try:
            with unit_of_work(session):
                about = {column: given[column] for column in ABOUT}
                bank = {column: given[column] for column in BANK}
                ours = set_up.own_company(session, country, name=name, about=about, bank=bank)
                click.echo(f"{ours.name}: {ours.country}, {ours.currency}, tax number {ours.tax_number or 'not given'}")
                if not taxes.presets(ours.country):
                    click.echo("The taxes of this country are not known here: enter yours under Taxes")
        except Refusals as refusals:
            texts = [f"{_where(field)}{text}" for field, found in refusals.errors.items() for text in found]
            raise click.ClickException("; ".join(texts)) from None
    click.echo("What a document lacks is named when it is issued; the company is changed under Organisations")
    click.echo("Start it with: CRM_DEMO=0 make run")


def _where(field: str) -> str:
    column = field.rpartition("-")[2]
    return f"{_option(column)}: " if column in {"name", *ABOUT, *BANK} else ""


@click.command(name="reset-password")
@click.argument("username")
@click.option("--stdin", "typed", is_flag=True, help="Read the password from the first line of the input.")
def reset_password(username: str, *, typed: bool) -> None:
    """Give an account a new password until its owner signs in and chooses one; its keys and sign-ins end.

    Without --stdin the password is made and printed once.
    """
    from app import clock, load_settings
    from app.db import db, unit_of_work
    from app.services import access
    from app.services import password as passwords
    from app.services import sign_in as sign_ins
    from app.services import user as users
    from app.tasks.celery import lean_app

    with lean_app(load_settings()).app_context():
        password = sys.stdin.readline().rstrip("\r\n") if typed else passwords.generate()
        session = db.session()
        access.act_as(session, access.SYSTEM)
        with unit_of_work(session):
            user = sign_ins.user_by_name(session, username)
            if user is None:
                raise click.ClickException(f"There is no user “{username}”")
            users.reset_password(session, user, password, at=clock.now(), must_change=True)
            name, active = user.username, user.active
    if not typed:
        click.echo(f"Sign in as {name} with the password {password} (shown only now)")
    click.echo(f"ok: {name}" if active else f"ok: {name}; the account is locked")
