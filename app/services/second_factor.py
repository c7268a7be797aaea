"""The second factor: codes of an authenticator (TOTP), and recovery codes for the day when it is lost.

Source: RFC 6238 with SHA-1, six digits and 30 seconds, which is what authenticators can.
"""

import secrets
from datetime import datetime, timedelta

import pyotp
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import Update, delete, func, select, update
from sqlalchemy.orm import Session, object_session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.second_factor import RecoveryCode, SecondFactor, SecondFactorTry
from app.services import access, history, policy, remembered_device, role_demand, roles, sealing
from app.services import sign_in as sign_ins

STEP = 30  # seconds
AROUND = (0, -1, 1)  # steps that a clock may be off
LASTS = timedelta(minutes=15)  # a set-up that nobody confirms
CODES = 10
TRIES, WINDOW = 10, timedelta(hours=1)  # wrong codes of an account: three of a million guesses at each of 240 a day
_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that looks like another
_LONG = 10  # letters of a recovery code: 49 bits
NAME = "second_factor"


class TooManyTriesError(Exception):
    """Too many wrong codes; it is worth trying again later."""


def of(session: Session, user_id: int) -> SecondFactor | None:
    """Return what is known of somebody's authenticator."""
    return session.get(SecondFactor, user_id)


def is_on(session: Session, user_id: int) -> bool:
    """Say whether an account has a second factor that was confirmed."""
    found = select(SecondFactor.user_id).where(SecondFactor.user_id == user_id, SecondFactor.sealed.is_not(None))
    return session.execute(found).first() is not None


def is_on_for(user: User) -> bool:
    """Say whether an account that is at hand has a second factor."""
    session = object_session(user)
    return session is not None and is_on(session, user.id)


# --- setting up -------------------------------------------------------------------------------------------------------


def begin(session: Session, user: User, *, at: datetime) -> str:
    """Make a new secret and return it; what stood before works until the new one is confirmed."""
    found = of(session, user.id)
    if found is None:
        found = SecondFactor(user_id=user.id)
        session.add(found)
    made = pyotp.random_base32()
    found.candidate, found.candidate_at = sealing.seal(made), at
    session.flush()
    return made


def candidate(session: Session, user_id: int, *, at: datetime) -> str | None:
    """Return the secret that is being set up, None when none is, or not any more."""
    found = of(session, user_id)
    if found is None or found.candidate is None or found.candidate_at is None or found.candidate_at + LASTS <= at:
        return None
    try:
        return sealing.unseal(found.candidate)
    except sealing.UnreadableError:
        return None


def drop_candidate(session: Session, user: User) -> None:
    """Forget a set-up that was begun."""
    found = of(session, user.id)
    if found is not None:
        found.candidate = found.candidate_at = None


def address(secret: str, *, name: str, issuer: str) -> str:
    """Return what the picture says to an authenticator (`otpauth://totp/…`)."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def confirm(session: Session, user: User, code: str, *, at: datetime) -> list[str]:
    """Switch the new authenticator on and return the recovery codes, which can never be shown again.

    An authenticator before it, its recovery codes and all remembered devices end. Raises DomainError for a wrong code.
    """
    secret = candidate(session, user.id, at=at)
    if secret is None:
        raise DomainError(_("Setting up took too long. Begin anew."), field="code")
    step = _step_of(secret, code, at=at, after=0)
    if step is None:
        raise DomainError(_("This code is wrong. Is the clock of the device right?"), field="code")
    found = session.get_one(SecondFactor, user.id)
    if found.confirmed_at is None:
        history.note(session, user, NAME, before=False, after=True)
    else:
        history.note(session, user, "authenticator", found.confirmed_at.isoformat(), at.isoformat())
    found.sealed, found.confirmed_at, found.last_step = found.candidate, at, step
    found.candidate = found.candidate_at = None
    remembered_device.end_all(session, user.id)
    return new_codes(session, user)


def new_codes(session: Session, user: User) -> list[str]:
    """Make new recovery codes in place of the old ones and return them: they can never be shown again."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    made = ["".join(secrets.choice(_LETTERS) for _sign in range(_LONG)) for _code in range(CODES)]
    session.add_all(RecoveryCode(user_id=user.id, digest=sealing.fingerprint(code)) for code in made)
    session.flush()
    return [f"{code[:5]}-{code[5:]}" for code in made]


def renew_codes(session: Session, user: User) -> list[str]:
    """Make new recovery codes at their owner's wish; DomainError when there is no second factor."""
    if not is_on(session, user.id):
        raise DomainError(_("You have no second factor."))
    return new_codes(session, user)


def codes_left(session: Session, user_id: int) -> int:
    """Return how many recovery codes were not used yet."""
    left = select(func.count()).select_from(RecoveryCode)
    return session.execute(left.where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))).scalar_one()


def switch_off(session: Session, user: User) -> None:
    """Take the second factor away at its owner's wish; DomainError while a role of his demands one."""
    if role_demand.demands(session, user.id):
        raise DomainError(_("A role of yours needs a second factor. You can set up another device in its place."))
    _drop(session, user)


def take_away(session: Session, user: User, *, at: datetime) -> None:
    """Take a lost second factor away and end all sign-ins of its owner.

    Raises DomainError when there is none, for the actor's own account (he has a password to give), and for one with
    more rights than his.
    """
    if access.required(session).user_id == user.id:
        raise DomainError(_("Your own second factor is switched off in your settings"))
    if not is_on(session, user.id):
        raise DomainError(_("This account has no second factor"))
    names = {role.name for role in user.roles} | {role.name for group in user.groups for role in group.roles}
    roles.require_within(session, *policy.of_roles(session, names).values())
    _drop(session, user)
    sign_ins.end_all(session, user.id, at=at)


def _drop(session: Session, user: User) -> None:
    history.note(session, user, NAME, before=True, after=False)
    for table in (RecoveryCode, SecondFactor):
        session.execute(delete(table).where(table.user_id == user.id))
    remembered_device.end_all(session, user.id)


# --- codes ------------------------------------------------------------------------------------------------------------


def accept(session: Session, user_id: int, code: str, *, at: datetime) -> bool:
    """Take a code of the authenticator or a recovery code, each once; a wrong one is counted.

    Raises TooManyTriesError when too many were wrong within the last hour. Who asks at the same time waits.
    """
    session.execute(select(SecondFactor.user_id).where(SecondFactor.user_id == user_id).with_for_update())
    tries = select(func.count()).select_from(SecondFactorTry)
    wrong = tries.where(SecondFactorTry.user_id == user_id, SecondFactorTry.at > at - WINDOW)
    if session.execute(wrong).scalar_one() >= TRIES:
        raise TooManyTriesError
    if _take_step(session, user_id, code, at=at) or _take_recovery(session, user_id, code, at=at):
        return True
    session.execute(delete(SecondFactorTry).where(SecondFactorTry.at < at - timedelta(days=1)))
    session.add(SecondFactorTry(user_id=user_id, at=at))
    session.flush()
    return False


def _step_of(secret: str, code: str, *, at: datetime, after: int) -> int | None:
    """Return the step whose code this is, None when it is of none that counts now."""
    given = "".join(code.split())
    if not (given.isascii() and given.isdecimal()):
        return None
    totp, now = pyotp.TOTP(secret), int(at.timestamp()) // STEP
    steps = (now + off for off in AROUND)
    return next(
        (step for step in steps if step > after and secrets.compare_digest(totp.generate_otp(step), given)), None
    )


def _take_step(session: Session, user_id: int, code: str, *, at: datetime) -> bool:
    """Say whether this is a code of the authenticator that was not taken yet; of two at once one gets it."""
    found = of(session, user_id)
    if found is None or found.sealed is None:
        return False
    try:
        step = _step_of(sealing.unseal(found.sealed), code, at=at, after=found.last_step)
    except sealing.UnreadableError:
        return False
    if step is None:
        return False
    mine = SecondFactor.user_id == user_id, SecondFactor.last_step < step
    return _changed(session, update(SecondFactor).where(*mine).values(last_step=step))


def _take_recovery(session: Session, user_id: int, code: str, *, at: datetime) -> bool:
    """Say whether this is a recovery code that was not used yet; of two at once one gets it."""
    given = "".join(sign for sign in code.upper() if sign not in " -\t")
    if len(given) != _LONG:
        return False
    unused = RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    same = RecoveryCode.digest == sealing.fingerprint(given)
    return _changed(session, update(RecoveryCode).where(*unused, same).values(used_at=at))


def _changed(session: Session, statement: Update) -> bool:
    return bool(session.execute(statement).rowcount)  # type: ignore[attr-defined]
