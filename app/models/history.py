"""What happened to records, and who looked at them: rows that are only ever added, and sealed in batches.

`field_change` is the audit: one row for every addition, change, deletion, sign-in, export and view. `state_change`
repeats its moves for processes and clocks.
"""

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.columns import Choice, Instant, Key
from app.db import Model
from app.i18n import label
from app.i18n import lazy_gettext as _l

SALT_BYTES = 16


class Act(StrEnum):
    """What was done. A move is a change of the state; `change` is any other."""

    add = "add"
    change = "change"
    move = "move"
    delete = "delete"
    restore = "restore"
    view = "view"
    export = "export"
    sign_in = "sign_in"
    sign_in_failed = "sign_in_failed"
    sign_out = "sign_out"
    password = "password"  # noqa: S105 -- a word for an act
    key = "key"
    rights = "rights"
    look_as = "look_as"
    erase = "erase"
    cut = "cut"


class Channel(StrEnum):
    """By which way it was done."""

    screen = "screen"
    api = "api"
    imports = "imports"
    job = "job"
    rule = "rule"
    cli = "cli"
    demo = "demo"


label(
    Act,
    add=_l("Added"),
    change=_l("Changed"),
    move=_l("Moved on"),
    delete=_l("Deleted"),
    restore=_l("Restored"),
    view=_l("Viewed"),
    export=_l("Exported"),
    sign_in=_l("Signed in"),
    sign_in_failed=_l("Sign-in failed"),
    sign_out=_l("Signed out"),
    password=_l("Password changed"),
    key=_l("Key for REST"),
    rights=_l("Rights changed"),
    look_as=_l("Looked as somebody else"),
    erase=_l("Personal data erased"),
    cut=_l("Old entries removed"),
)
label(
    Channel,
    screen=_l("Screen"),
    api=_l("REST"),
    imports=_l("Import"),
    job=_l("Background work"),
    rule=_l("Rule"),
    cli=_l("Command line"),
    demo=_l("Demo"),
)


def new_salt() -> str:
    """Return a salt for a row: without it nobody can try out which values its hash covers."""
    return secrets.token_hex(SALT_BYTES)


class FieldChange(Model):
    """One entry of the audit: what was done to which record, by whom, by which way, from where.

    `entity` and `record_id` name the record that has a card, `part` and `part_id` the row of it that was changed.
    `sign_in` is a short hash of the browser's or token's key, or the number of a key for REST.
    Shape: `changes` maps a field name to `[before, after]` as JSON values. `seal_no` and `sha256` are empty until the
    row is sealed. `erasure` is {"note": id of the entry that says so, "kept": {name: its own key}, "gone": {name:
    [commitment before, after]}} once personal values were taken out; then there is no `salt` any more (ADR 17).
    """

    __tablename__ = "field_change"
    __stem__ = "audit"
    __unrecorded__ = True
    __table_args__ = (
        Index("ix_field_change_entity_record_id", "entity", "record_id"),
        Index("ix_field_change_seal_no", "seal_no", "id"),
        CheckConstraint("(seal_no IS NULL) = (sha256 IS NULL)", name="sealed_complete"),
        CheckConstraint("salt IS NOT NULL OR erasure IS NOT NULL", name="salted"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant(), default=clock.now, index=True)
    entity: Mapped[str] = mapped_column(String(40), info={"of": "audited"})
    record_id: Mapped[int | None] = mapped_column(Key)
    part: Mapped[str | None] = mapped_column(String(40))
    part_id: Mapped[int | None] = mapped_column(Key)
    name: Mapped[str | None] = mapped_column(String(250))
    act: Mapped[Act] = mapped_column(Choice(Act))
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)
    actor_id: Mapped[int | None] = mapped_column(Integer)
    actor_name: Mapped[str | None] = mapped_column(String(64))
    seen_as: Mapped[str | None] = mapped_column(String(64))
    channel: Mapped[Channel | None] = mapped_column(Choice(Channel))
    address: Mapped[str | None] = mapped_column(String(45))
    sign_in: Mapped[str | None] = mapped_column(String(24))
    request_id: Mapped[str | None] = mapped_column(String(36))
    salt: Mapped[str | None] = mapped_column(String(32), default=new_salt)
    seal_no: Mapped[int | None] = mapped_column(Integer)
    sha256: Mapped[str | None] = mapped_column(String(64))
    erasure: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    def __str__(self) -> str:
        return self.name or f"#{self.id}"


class AuditSeal(Model):
    """The link over a batch of the audit's rows, chained to the one before it by an HMAC (services.audit_seal).

    `rows` names the sealed rows by their ids, as spans ("1-40 42"); `rows_sha256` is the hash of their hashes in that
    order. `cut_at` is when the rows were removed because they had been kept long enough; the seal stays.
    """

    __tablename__ = "audit_seal"
    __table_args__ = (CheckConstraint("count >= 1", name="count_positive"),)

    no: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    made_at: Mapped[datetime] = mapped_column(Instant())
    count: Mapped[int] = mapped_column(Integer)
    rows: Mapped[str] = mapped_column(Text())
    rows_sha256: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64))
    link: Mapped[str] = mapped_column(String(64))
    cut_at: Mapped[datetime | None] = mapped_column(Instant())


class StateChange(Model):
    """One move of one record from a state to the next; processes and clocks hang on these rows."""

    __tablename__ = "state_change"
    __table_args__ = (Index("ix_state_change_entity_record_id", "entity", "record_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant(), default=clock.now, index=True)
    entity: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[int] = mapped_column(Key)
    before: Mapped[str | None] = mapped_column(String(24))
    after: Mapped[str] = mapped_column(String(24))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("ab_user.id", ondelete="SET NULL"))
    request_id: Mapped[str | None] = mapped_column(String(36))
