"""Signing in with the company's own directory (LDAP); the conversation with it stands in `exchange/directory.py`."""

from datetime import datetime
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy.orm import Session

from app.db import db, unit_of_work
from app.errors import DirectoryAway, DomainError
from app.i18n import gettext as _
from app.models.history import Act
from app.services import audit, lockout
from app.services import identity as identities
from app.services.identity import Claims, Rules
from app.web import known_device
from app.web.signing_in import client_address


def is_on() -> bool:
    """Say whether a directory is configured."""
    return bool(current_app.config.get("CRM_LDAP_URL"))


def name() -> str:
    """Return what people call the directory, "" when there is none."""
    config = current_app.config
    return str(config["CRM_LDAP_NAME"] or urlsplit(config["CRM_LDAP_URL"][0]).hostname) if is_on() else ""


def issuer() -> str:
    """Return by what name identities of the directory are kept, "" when there is none."""
    from app.exchange import directory

    return directory.issuer(current_app.config) if is_on() else ""


def rules() -> Rules:
    """Return what the installation lets the directory decide."""
    from app.exchange import directory

    config = current_app.config
    roles = {directory.plain(group): role for group, role in config["CRM_LDAP_ROLES"].items()}
    return Rules(config["CRM_LDAP_LINK"], config["CRM_LDAP_CREATE"], roles)


def user_for(typed: str, password: str, *, known: int | None, at: datetime) -> int | None:
    """Return the account of whom the directory knows by this name and password, None when it knows nobody.

    `known` is the account here that has this name. Raises DirectoryAway when the directory cannot be asked, and
    DomainError when there is no account for the person, or a locked one; the audit is told.
    """
    if not is_on():
        return None
    try:
        claims = _vouched(typed, password)
        if claims is None:
            return None
        with unit_of_work(db.session()) as work:
            return int(identities.user_for(work, claims, rules=rules(), at=at).id)
    except DomainError as refusal:
        with unit_of_work(db.session()) as work:
            about = {"reason": [None, str(refusal)]}
            audit.note(work, Act.sign_in_failed, entity="user", record_id=known, name=typed, changes=about, at=at)
        raise


def prove(typed: str, password: str, *, at: datetime) -> Claims:
    """Return whom the directory knows by this name and password, for somebody who connects his account.

    Wrong tries are counted like those of signing in. Raises DomainError (`password`), TooManyTries, DirectoryAway.
    """
    work: Session = db.session()
    one = lockout.Try(name=typed, address=client_address(), device=known_device.name_for(None))
    with unit_of_work(work):
        begun = lockout.begin(work, one, at=at)
    with unit_of_work(work):
        wait = lockout.settle(work, one, begun, at=at)
    if wait:
        raise lockout.refusal(wait)
    claims = _vouched(typed, password)
    if claims is None:
        with unit_of_work(work):
            audit.note(work, Act.sign_in_failed, entity="user", name=typed, at=at)
        raise DomainError(_("The user name or the password is wrong."), field="password")
    with unit_of_work(work):
        lockout.strike_out(work, begun)
    return claims


def _vouched(typed: str, password: str) -> Claims | None:
    from app.exchange import directory

    db.session.rollback()  # nothing is held while others are asked
    try:
        return directory.vouch(current_app.config, typed, password)
    except directory.AwayError as away:
        current_app.logger.warning("the directory cannot be asked: %s", away)
        text = _("The directory of your company cannot be reached. Try again later, or ask an administrator.")
        raise DirectoryAway(text) from away
