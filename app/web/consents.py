"""`Consents`: what a counterparty agreed to and took back, on its card; with the ways to its export and erasure."""

from dataclasses import dataclass, field
from typing import Any

from flask import current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import DomainError, NotAllowed, Refusals
from app.i18n import gettext as _
from app.models.consent import Consent, ConsentPurpose, ConsentSource, ConsentState
from app.models.party import PartyKind
from app.roles import CHANGE
from app.services import access, gate_card
from app.services import attachment as attachments
from app.services import consent as consents
from app.web import consent_form
from app.web.locale import choose_time_zone

AREA = "party.personal"
TAB = "personal"
_TYPED = ("purpose", "state", "source", "address", "contact", "wording", "note", "said_on")


@dataclass(frozen=True)
class Told:
    """What the tab shows: all rows, what holds now, and what was typed and refused."""

    rows: list[Consent]
    now: list[Consent]
    people: dict[int, str]
    may_add: bool
    may_export: bool
    may_erase: bool
    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)

    purposes = ConsentPurpose
    sources = ConsentSource


class Consents:
    """Routes of the log of consents; see the module's text."""

    appbuilder: Any
    route_base: Any
    _found: Any
    page: Any
    title_of: Any

    @expose("/<int:pk>/consent", methods=["POST"])
    @has_access
    @permission_name("change")
    def add_consent(self, pk: int) -> Any:
        """Write down what somebody agreed to, or took back."""
        require()
        party = self._found(str(pk))
        typed = {name: request.form.get(name, "").strip() for name in _TYPED}
        try:
            with unit_of_work(db.session()) as session:
                party = self._found(str(pk))
                access.require(session, party, CHANGE)
                said = consent_form.read(typed, at=clock.now())
                said = consent_form.with_evidence(said, self._evidence(session, party))
                consents.add(session, party, said=said, by=access.required(session), at=clock.now())
        except Refusals as refusal:
            return self._not_noted(pk, typed, refusal.errors)
        except DomainError as refusal:
            return self._not_noted(pk, typed, {refusal.field or "": [str(refusal)]})
        told = _("Written down: taken back") if typed["state"] == ConsentState.withdrawn else _("Written down: agreed")
        flash(told, "success")
        return redirect(f"{self.route_base}/show/{pk}?tab={TAB}")

    @staticmethod
    def _evidence(session: Any, party: Any) -> int | None:
        """Keep the file that was sent as the party's own, and return its key."""
        sent = request.files.get("evidence")
        if sent is None or not sent.filename:
            return None
        kept = attachments.store(
            session,
            sent.stream,  # type: ignore[arg-type]
            files=current_app.config["CRM_VAR"] / "files",
            name=sent.filename,
            media_type="application/octet-stream",
            entity=party.__stem__,
            record_id=party.id,
            at=clock.now(),
            by_id=access.required(session).user_id,
        )
        return int(kept.id)

    def _not_noted(self, pk: int, typed: dict[str, str], errors: dict[str, list[str]]) -> Any:
        party = self._found(str(pk))
        about = {"record": party, "title": self.title_of(party), "told": self.consents(party, typed, errors)}
        return self.page("web/consent_refused.html", **about), 422

    def consents(
        self, party: Any, typed: dict[str, str] | None = None, errors: dict[str, list[str]] | None = None
    ) -> Told:
        """Return what the tab shows."""
        session, sm = db.session(), self.appbuilder.sm
        rows = list(consents.log(session, party))
        is_there = party.anonymised_at is None
        return Told(
            rows,
            consents.now(rows),
            {each.id: each.name for each in party.contacts},
            may_add=is_there and may_note(self.appbuilder) and access.allowed(session, party, CHANGE),
            may_export=is_there and sm.may("person_export", "add"),
            may_erase=is_there and sm.may("erasure", "erase"),
            typed=typed or {},
            errors=errors or {},
        )

    @staticmethod
    def reach(party: Any) -> list[gate_card.Reach]:
        """Return by which channels the party and its people may be written to."""
        return gate_card.reach(db.session(), party, at=clock.now())

    @staticmethod
    def is_person(party: Any) -> bool:
        """Say whether a counterparty is one natural person."""
        return bool(party.kind is PartyKind.person)

    @staticmethod
    def today() -> str:
        """Return the reader's day as forms write it."""
        return clock.today(choose_time_zone()).isoformat()


def may_note(appbuilder: Any) -> bool:
    """Say whether the reader may write consents down: who may change the personal fields of parties."""
    return bool(appbuilder.sm.may("party", CHANGE) and appbuilder.sm.may(AREA, CHANGE))


def require() -> None:
    """Raise NotAllowed for somebody who may not change personal fields."""
    if not may_note(current_app.extensions["appbuilder"]):
        raise NotAllowed(f"{AREA}.{CHANGE}")
