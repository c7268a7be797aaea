"""Storing counterparties from a file by the hundred: the rules of services.party, few statements, one report per row.

A row is a plain object with the attributes of a Party (`draft`), so that `party_rules.normalise` and `party.derive`
judge it like a typed form while nothing is tracked. New ones are written by bulk statements together with their rows
of history; known ones are changed as records, so that the history listener and the optimistic lock see them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from flask_appbuilder.security.sqla.models import User
from sqlalchemy import func, insert, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from app.errors import Refusals
from app.i18n import gettext as _
from app.i18n import label_of
from app.models.history import Act, FieldChange
from app.models.party import Party
from app.models.team import UserProfile
from app.services import access, find, history, party_alike
from app.services import import_merge as merging
from app.services import party as parties
from app.services import party_rules as rules
from app.services.import_rows import (
    LINE_COLUMNS,
    LINES,
    PARTY,
    PARTY_COLUMNS,
    Incoming,
    Mode,
    Outcome,
    Result,
    Seen,
    table_of,
)
from app.services.legal_form import name_key
from app.services.party import Duplicate, DuplicateReason


def store(
    session: Session,
    rows: Sequence[Incoming],
    *,
    mode: Mode,
    at: datetime,
    owner: str | None = None,
    seen: Seen | None = None,
    dry_run: bool = False,
) -> list[Outcome]:
    """Judge the rows, find their duplicates, store what is good, and return what became of each, in order.

    `owner` is the user name of whoever gets counterparties whose row names nobody; without it the actor does.
    """
    work = _Work(session, mode=mode, at=at, seen=seen or Seen(), dry_run=dry_run)
    work.judge(rows, owner)
    work.find_twins()
    work.decide()
    if not dry_run:
        work.change()
        work.create()
    return [work.outcomes[row.line] for row in rows]


@dataclass(frozen=True)
class _Twin:
    """Who a row is about: a stored counterparty, or one that an earlier row of the file has brought."""

    party_id: int | None
    line: int | None
    name: str
    by: str


class _Work:
    """One chunk of rows on its way through the steps of `store`."""

    def __init__(self, session: Session, *, mode: Mode, at: datetime, seen: Seen, dry_run: bool) -> None:
        self.session = session
        self.mode = mode
        self.at = at
        self.seen = seen
        self.dry_run = dry_run
        self.outcomes: dict[int, Outcome] = {}
        self.good: list[Incoming] = []
        self.twins: list[list[Duplicate]] = []
        self.external: dict[str, int] = {}
        self.visible: set[int] | None = None  # None: the actor sees everything
        self.new: dict[int, Incoming] = {}
        self.known: list[tuple[Incoming, int]] = []

    # --- rules ----------------------------------------------------------------------------------------------------

    def judge(self, rows: Sequence[Incoming], owner: str | None) -> None:
        """Let the rules of counterparties speak on every row."""
        owners = _owners(self.session, {name for row in rows if (name := row.owner or owner)})
        actor = access.current(self.session)
        nobody = (actor.user_id, actor.team_id) if actor is not None else (None, None)
        for row in rows:
            errors = dict(row.errors)
            nameless = self.mode is not Mode.create and not row.party.name
            if nameless:
                row.party.name = "…"  # whether it needs a name is known once its counterparty is found
            try:
                rules.normalise(cast("Party", row.party))
            except Refusals as refusal:
                for name, texts in refusal.errors.items():
                    errors.setdefault(name, texts)
            who = row.owner or owner
            if who and who.casefold() not in owners:
                errors["owner"] = [_("There is no user “%(name)s”", name=who)]
            if errors:
                self._reject(row, errors)
                continue
            row.party.owner_id, row.party.team_id = owners[who.casefold()] if who else nobody
            if nameless:
                row.party.name = None
            row.party.name_key = name_key(row.party.name or "")
            self.good.append(row)

    def _reject(self, row: Incoming, errors: dict[str, list[str]]) -> None:
        self.outcomes[row.line] = Outcome(row.line, Result.rejected, errors=errors)

    # --- duplicates -----------------------------------------------------------------------------------------------

    def find_twins(self) -> None:
        """Ask the database at once who may be the same as one of the rows."""
        drafts = [cast("Party", row.party) for row in self.good]
        numbers = sorted({row.party.external_id for row in self.good if row.party.external_id})
        with access.everything(self.session, why="a duplicate is one whoever owns the other"):
            self.twins = party_alike.likely_of_each(self.session, drafts) if drafts else []
            if numbers:
                found = (
                    select(Party.external_id, func.coalesce(Party.merged_into_id, Party.id).label("id"))
                    .where(Party.external_id.in_(numbers))
                    .order_by(Party.id.desc())
                )
                self.external = {row.external_id or "": row.id for row in self.session.execute(found)}
        actor = access.current(self.session)
        if actor is None or access.rows(Party, actor) is not None:
            ids = {twin.party_id for twins in self.twins for twin in twins} | set(self.external.values())
            shown = select(Party.id).where(Party.id.in_(sorted(ids)))
            self.visible = set(self.session.execute(shown).scalars()) if ids else set()

    def decide(self) -> None:
        """Say of every good row whether it is new, a change, or known already."""
        for row, twins in zip(self.good, self.twins, strict=True):
            earlier = self.seen.strong(row.party)
            stored = self._stored_twin(row, twins)
            if earlier is None and stored is None:
                self._nobody_has_it(row, twins)
            elif self.mode is Mode.create:
                errors = self._same_row(earlier) if stored is None and earlier else self._same_party(stored)
                self.outcomes[row.line] = Outcome(row.line, Result.duplicate, errors=errors)
            elif stored is not None:
                self._change_stored(row, stored)
            elif earlier is not None:
                self._change_new(row, *earlier)

    def _stored_twin(self, row: Incoming, twins: list[Duplicate]) -> _Twin | None:
        if row.party.external_id in self.external:
            return _Twin(self.external[row.party.external_id], None, "", "external_id")
        for twin in twins:
            if DuplicateReason.tax_number in twin.reasons:
                return _Twin(twin.party_id, None, twin.name, "tax_number")
        return None

    def _same_row(self, earlier: tuple[int, str]) -> dict[str, list[str]]:
        line, by = earlier
        return {by: [_("Row %(row)s of this file is the same", row=line)]}

    def _same_party(self, twin: _Twin | None) -> dict[str, list[str]]:
        if twin is None or twin.party_id is None:
            return {}
        if self.visible is not None and twin.party_id not in self.visible:
            return {twin.by: [_("It is known already, and belongs to somebody else")]}
        if twin.name:
            return {twin.by: [_("“%(name)s” (%(id)s) has the same", name=twin.name, id=twin.party_id)]}
        return {twin.by: [_("No. %(id)s has the same", id=twin.party_id)]}

    def _nobody_has_it(self, row: Incoming, twins: list[Duplicate]) -> None:
        if self.mode is Mode.update:
            self._reject(row, {"": [_("It is not known yet, and new ones are not to be added")]})
            return
        if not row.party.name:
            self._reject(row, {"name": [_("A counterparty needs a name")]})
            return
        warnings = [self._like_party(twin) for twin in twins[:3]]
        warnings += [
            _("Row %(row)s of this file has the same: %(what)s", row=line, what=_reasons(reasons))
            for line, reasons in list(self.seen.weak(row.party).items())[:3]
        ]
        self.outcomes[row.line] = Outcome(row.line, Result.created, warnings=warnings)
        self.new[row.line] = row
        self.seen.add(row.party, row.line)

    def _like_party(self, twin: Duplicate) -> str:
        if twin.reasons == (DuplicateReason.similar_name,):
            if self.visible is not None and twin.party_id not in self.visible:
                return _("Somebody else's counterparty has a similar name")
            return _("“%(name)s” (%(id)s) has a similar name", name=twin.name, id=twin.party_id)
        what = _reasons([reason.value for reason in twin.reasons])
        if self.visible is not None and twin.party_id not in self.visible:
            return _("Somebody else's counterparty has the same: %(what)s", what=what)
        return _("“%(name)s” (%(id)s) has the same: %(what)s", name=twin.name, id=twin.party_id, what=what)

    def _change_stored(self, row: Incoming, twin: _Twin) -> None:
        if twin.party_id is None or (self.visible is not None and twin.party_id not in self.visible):
            self._reject(row, self._same_party(twin))
            return
        self.outcomes[row.line] = Outcome(row.line, Result.updated, party_id=twin.party_id)
        self.known.append((row, twin.party_id))

    def _change_new(self, row: Incoming, line: int, _by: str) -> None:
        """Let a row change what an earlier row of the same file has brought."""
        self.outcomes[row.line] = Outcome(row.line, Result.updated)
        first = self.new.get(line)
        if first is None:
            return  # a dry run, and the first one came with another chunk
        try:
            first.party = merging.merged(first.party, row.party, row.stated)
        except Refusals as refusal:
            self._reject(row, refusal.errors)

    # --- storing --------------------------------------------------------------------------------------------------

    def change(self) -> None:
        """Change the stored counterparties that rows speak of; empty cells leave what stands there."""
        if not self.known:
            return
        ids = sorted({party_id for _row, party_id in self.known})
        with access.everything(self.session, why="the actor's right to each one was asked when it was found"):
            found = select(Party).where(Party.id.in_(ids)).options(*merging.WITH_LINES).with_for_update(of=Party)
            records = {party.id: party for party in self.session.execute(found).scalars()}
            for row, party_id in self.known:
                record = records.get(party_id)
                if record is None:
                    self._reject(row, {"": [_("It was deleted meanwhile")]})
                    continue
                try:
                    merging.apply(record, merging.merged(merging.copy_of(record), row.party, row.stated))
                except Refusals as refusal:
                    self._reject(row, refusal.errors)
            self.session.flush()

    def create(self) -> None:
        """Write the new counterparties."""
        for row in self.new.values():
            parties.derive(cast("Party", row.party))
        self._insert(list(self.new.values()))

    def _insert(self, rows: list[Incoming]) -> None:
        """Write many at once; when the database refuses them, find the guilty one by halves."""
        if not rows:
            return
        try:
            with self.session.begin_nested():
                self._insert_all(rows)
        except (IntegrityError, DataError):
            if len(rows) == 1:
                self._reject(rows[0], {"": [_("The values do not fit together; nothing was saved")]})
                return
            middle = len(rows) // 2
            self._insert(rows[:middle])
            self._insert(rows[middle:])

    def _insert_all(self, rows: list[Incoming]) -> None:
        session, table = self.session, PARTY
        values = [self._party_values(row.party) for row in rows]
        statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
        ids = list(session.execute(statement, values).scalars())
        for row, party_id in zip(rows, ids, strict=True):
            self.outcomes[row.line].party_id = party_id
        for name, entity in LINES.items():
            lines = [
                {"party_id": party_id} | {key: getattr(line, key) for key in LINE_COLUMNS[name]}
                for row, party_id in zip(rows, ids, strict=True)
                for line in getattr(row.party, name)
            ]
            if lines:
                rows_of = table_of(entity)
                told = insert(rows_of).returning(rows_of.c.id, sort_by_parameter_order=True)
                self._write_lines(rows_of.name, lines, list(session.execute(told, lines).scalars()))
        self._write_history(values, ids)
        find.index(session, Party, ids)

    def _party_values(self, party: SimpleNamespace) -> dict[str, Any]:
        values = {name: getattr(party, name) for name in PARTY_COLUMNS}
        for name in ("is_customer", "is_supplier", "is_partner"):
            values[name] = bool(values[name])
        return values | {"created_at": self.at, "changed_at": self.at, "version": 1}

    def _write_lines(self, part: str, lines: list[dict[str, Any]], ids: list[int]) -> None:
        """Tell each contact person, address and account under its counterparty."""
        about = history.about(self.session) | {"at": self.at, "entity": Party.__stem__, "act": Act.add, "part": part}
        rows = [
            about
            | {
                "record_id": line["party_id"],
                "part_id": key,
                "name": None,
                "changes": {
                    name: [None, history.plain(value)]
                    for name, value in line.items()
                    if value is not None and name not in history.SILENT and name != "party_id"
                },
            }
            for line, key in zip(lines, ids, strict=True)
        ]
        self.session.execute(insert(table_of(FieldChange)), rows)

    def _write_history(self, values: list[dict[str, Any]], ids: list[int]) -> None:
        about = history.about(self.session) | {"at": self.at, "entity": Party.__stem__, "act": Act.add}
        self.session.execute(
            insert(table_of(FieldChange)),
            [
                about
                | {
                    "record_id": party_id,
                    "name": history.name_of(row),
                    "changes": {
                        name: [None, history.plain(value)]
                        for name, value in row.items()
                        if value is not None and name not in history.SILENT
                    },
                }
                for row, party_id in zip(values, ids, strict=True)
            ],
        )


def _owners(session: Session, names: set[str]) -> dict[str, tuple[int | None, int | None]]:
    """Return by user name, case folded, who it is and in which team."""
    if not names:
        return {}
    found = (
        select(User.username, User.id, UserProfile.team_id)
        .outerjoin(UserProfile, UserProfile.user_id == User.id)
        .where(User.username.in_(sorted(names | {name.casefold() for name in names})), User.active.is_(True))
    )
    return {row.username.casefold(): (row.id, row.team_id) for row in session.execute(found)}


def _reasons(names: list[str]) -> str:
    return ", ".join(label_of(DuplicateReason(name)) for name in names)
