"""Storing counterparties from a file by the hundred: the rules of services.party, few statements, one report per row.

A row is a `Draft`, a plain object with the attributes of a Party, so that `party_rules.normalise` and `party.derive`
judge it like a typed form while nothing is tracked. New ones are written by bulk statements together with their rows
of history; existing ones are changed as records, so that the history listener and the optimistic lock see them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, cast

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import insert, inspect, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session, selectinload

from app.errors import Refusals
from app.i18n import gettext as _
from app.i18n import label
from app.i18n import lazy_gettext as _l
from app.models.history import FieldChange
from app.models.party import (
    ChannelKind,
    Party,
    PartyAddress,
    PartyBankAccount,
    PartyChannel,
    PartyContact,
    PartyIdentifier,
)
from app.models.team import UserProfile
from app.services import access, history
from app.services import party as parties
from app.services import party_rules as rules
from app.services.party import Duplicate, DuplicateReason


class Mode(StrEnum):
    """What becomes of a row whose counterparty is known already, and of one whose is not."""

    create = "create"
    update = "update"
    both = "both"


label(
    Mode,
    create=_l("Add new ones, leave known ones as they are"),
    update=_l("Change known ones only"),
    both=_l("Add new ones and change known ones"),
)


class Result(StrEnum):
    """What became of a row."""

    created = "created"
    updated = "updated"
    duplicate = "duplicate"
    rejected = "rejected"


@dataclass(slots=True)
class Item:
    """A row below a counterparty (address, contact person, …) with whatever attributes its table has."""

    of: type[Any]
    values: dict[str, Any]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None


@dataclass(slots=True)
class Address:
    """What a file says of an address."""

    street: str | None = None
    postal_code: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    usage: str | None = None


@dataclass(slots=True)
class Contact:
    """What a file says of a contact person."""

    name: str | None = None
    role: str | None = None
    phone: str | None = None
    email: str | None = None
    language: str | None = None
    note: str | None = None
