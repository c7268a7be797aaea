"""`Merging`: pairs of parties that may be one, two columns with a choice per field, and the way back."""

from dataclasses import dataclass
from typing import Any

from flask import abort, current_app, flash, redirect, request
from flask_appbuilder import expose
from flask_appbuilder.security.decorators import has_access, permission_name

from app import clock
from app.db import db, unit_of_work
from app.errors import Conflict, DomainError, NotFound
from app.i18n import gettext as _
from app.i18n import lazy_gettext as _l
from app.models.party import Party
from app.models.party_merge import MergeState, PartyMerge
from app.services import access, idempotency, party_merge, party_merge_undo, party_pairs
from app.web import toast
from app.web.card_tabs import Own
from app.web.verbs import ForMany, Verb

MERGE, UNMERGE = "merge", "unmerge"
SHOWN_CONFLICTS = 8
_KEY_DIGITS = 18
# What rows of a table are called, on the page before and in the report of undoing.
ROWS: dict[str, Any] = {
    "invoice": _l("Invoices"),
    "payment": _l("Payments"),
    "sale_order": _l("Orders"),
    "letter": _l("Letters"),
    "party": _l("Parties below it"),
    "party_address": _l("Addresses"),
    "party_contact": _l("Contact persons"),
    "party_channel": _l("Channels"),
    "party_bank_account": _l("Bank accounts"),
    "party_identifier": _l("Identifiers"),
    "party_interest": _l("Interests"),
    "activity": _l("Notes"),
    "attachment": _l("Files"),
    "consent": _l("Consents"),
    "tagging": _l("Tags"),
    "follower": _l("Followers"),
    "notification": _l("Notifications"),
    "record_share": _l("Shared with"),
    "person_export": _l("Exports of this person"),
}
REASONS: dict[str, Any] = {
    "tax_number": _l("same tax number"),
    "phone": _l("same phone"),
    "email": _l("same e-mail"),
    "name": _l("same name"),
    "similar_name": _l("similar name"),
}


@dataclass(frozen=True)
class Merged:
    """One merge on the winner's card, and why it cannot be undone, None when it can."""

    made: PartyMerge
    why_not: str | None


def may_merge(_party: Any = None) -> bool:
    """Say whether the reader may merge parties."""
    return bool(current_app.extensions["appbuilder"].sm.may(Party.__stem__, MERGE))


TAB = Own(
    "twins",
    _l("Duplicates"),
    "web/party_twins.html",
    count=lambda party: party_pairs.count_of(db.session(), party),
    fits=may_merge,
)


class Merging:
    """Routes of pairs and merges; see the module's text."""

    appbuilder: Any
    route_base: Any
    may: Any
    page: Any
    value: Any
    _found: Any
    _once: Any
    _picked: Any
    _back: Any
    _base_filters: Any
    label: Any

    # --- pairs ----------------------------------------------------------------------------------------------------

    @expose("/duplicates", methods=["GET", "POST"])
    @has_access
    @permission_name(MERGE)
    def pairs(self) -> Any:
        """Show pairs that may be one, or note that one of them is not."""
        if request.method == "POST":
            return self._dismiss()
        found = party_pairs.open_pairs(db.session(), after=_after(), most=party_pairs.SHOWN + 1)
        shown = found[: party_pairs.SHOWN]
        more = f"{shown[-1].score}-{shown[-1].id}" if len(found) > len(shown) else ""
        return self.page("web/party_pairs.html", title=_("Possible duplicates"), pairs=shown, more=more)

    def _dismiss(self) -> Any:
        key = _key("pair")
        if key is None:
            return redirect(f"{self.route_base}/duplicates")
        try:
            with unit_of_work(db.session()) as session:
                party_pairs.dismiss(session, key, by=access.required(session))
        except NotFound:
            abort(404)
        flash(_("These two are not shown together any more."), "success")
        return redirect(f"{self.route_base}/duplicates")

    @staticmethod
    def reasons(pair: party_pairs.Pair) -> str:
        """Return in words why two may be one."""
        return ", ".join(str(REASONS[reason.value]) for reason in pair.reasons)

    @staticmethod
    def twins(party: Party) -> list[party_pairs.Pair]:
        """Return the pairs of possible duplicates that a party is in."""
        return party_pairs.open_pairs(db.session(), of=party)

    # --- merging --------------------------------------------------------------------------------------------------

    @expose("/many/merge", methods=["POST"])
    @has_access
    @permission_name(MERGE)
    def merge_ticked(self) -> Any:
        """Lead from two ticked records to the page that merges them."""
        ids = [] if request.form.get("all") else self._picked().ids
        if len(ids) != 2:  # noqa: PLR2004 -- a merge is of two
            flash(_("Tick two parties to merge them"), "warning")
            return redirect(self._back())
        return redirect(f"{self.route_base}/merge?a={ids[0]}&b={ids[1]}")

    @expose("/merge", methods=["GET", "POST"])
    @has_access
    @permission_name(MERGE)
    def merge_two(self) -> Any:
        """Show two parties side by side, and merge them as chosen."""
        winner, loser = self._one("a"), self._one("b")
        if winner is None or loser is None:
            if request.values.get("a") or request.values.get("b"):
                abort(404)
            return redirect(f"{self.route_base}/duplicates")
        if request.method == "GET":
            return self._merge_page(winner, loser)
        taken = {
            name.removeprefix("take.")
            for name, value in request.form.items()
            if name.startswith("take.") and value == "b"
        }
        keys = winner.id, loser.id
        try:
            with unit_of_work(db.session()) as session:
                row, done = self._once(session, request.form.get("form_key", ""))
                if not done:
                    kept, gone = self._one("a"), self._one("b")
                    party_merge.merge(
                        session, kept, other=gone, take=taken, by=access.required(session), at=clock.now()
                    )
                    if row is not None:
                        idempotency.end(row, status=303, answer={"id": keys[0]})
        except Conflict:
            flash(_("Somebody else has just changed this record. Look at it and try again."), "warning")
            return redirect(f"{self.route_base}/merge?a={keys[0]}&b={keys[1]}")
        except DomainError as refusal:
            return self._merge_page(self._one("a"), self._one("b"), str(refusal), taken), 422
        undo: toast.Undo = (_("Undo"), f"{self.route_base}/{keys[1]}/{UNMERGE}", {})
        if self.may(UNMERGE):
            toast.say(_("Merged. For %(days)s days this can be undone.", days=party_merge_undo.DAYS), undo=undo)
        return redirect(f"{self.route_base}/show/{keys[0]}")

    def _one(self, name: str) -> Any:
        key = _key(name)
        return self._found(str(key)) if key is not None else None

    def _merge_page(self, winner: Any, loser: Any, error: str = "", taken: set[str] | None = None) -> Any:
        session = db.session()
        try:
            found = party_merge.plan(session, winner, other=loser)
        except DomainError as refusal:
            flash(str(refusal), "danger")
            return redirect(f"{self.route_base}/duplicates")
        return self.page(
            "web/party_merge.html",
            title=_("Merge two parties"),
            winner=winner,
            loser=loser,
            plan=found,
            taken=found.takes if taken is None else taken,
            moves=[
                (ROWS.get(name, name), count) for name, count in sorted(found.moves.items(), key=lambda each: -each[1])
            ],
            days=party_merge_undo.DAYS,
            error=error,
        )

    def acts_on_many(self) -> list[ForMany]:
        """Return what is done to ticked records: two of them may be merged; one of them alone is brought back."""
        acts = [act for act in super().acts_on_many() if act.name not in {MERGE, UNMERGE}]  # type: ignore[misc]
        return [*acts, ForMany(MERGE, _l("Merge"), "layers")] if self.may(MERGE) else acts

    # --- afterwards -----------------------------------------------------------------------------------------------

    def _card(self, record: Any, *tried: Any, **about: Any) -> Any:
        """Show a party; one that was merged leads to what it is part of now."""
        if record.merged_into_id is None:
            return super()._card(record, *tried, **about)  # type: ignore[misc]
        if access.get(db.session(), Party, record.merged_into_id) is None:
            abort(404)
        flash(_("“%(name)s” was merged into this one.", name=record.name), "info")
        return redirect(f"{self.route_base}/show/{record.merged_into_id}")

    @staticmethod
    def merges(party: Party) -> list[Merged]:
        """Return what was merged into a party."""
        session, at = db.session(), clock.now()
        found = [made for made in party_merge.merged_into(session, party) if made.state != MergeState.undone]
        return [Merged(made, party_merge_undo.why_not(session, made, at=at)) for made in found]

    def _say_done(self, verb: Verb, pk: int) -> None:
        """Say what undoing a merge could not bring back."""
        super()._say_done(verb, pk)  # type: ignore[misc]
        if verb.name != UNMERGE:
            return
        made = party_merge_undo.of_loser(db.session(), pk)
        conflicts = made.conflicts if made is not None else []
        for conflict in conflicts[:SHOWN_CONFLICTS]:
            flash(self.told_conflict(conflict), "warning")
        if len(conflicts) > SHOWN_CONFLICTS:
            flash(_("and %(count)s more", count=len(conflicts) - SHOWN_CONFLICTS), "warning")

    def told_conflict(self, conflict: party_merge_undo.Conflict) -> str:
        """Return in words what undoing left as it is, and why."""
        if "field" in conflict:
            name = conflict["field"]
            return _("“%(name)s” was changed since and stays", name=self.label(name.removesuffix("_id")))
        what = str(ROWS.get(conflict["table"], conflict["table"]))
        if conflict["why"] == "tied":
            return _(
                "%(what)s: no. %(number)s stays, something made since hangs on it", what=what, number=conflict["row"]
            )
        return _("%(what)s: no. %(number)s was changed since and stays", what=what, number=conflict["row"])


def _key(name: str) -> int | None:
    text = request.values.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _KEY_DIGITS else None


def _after() -> tuple[int, int] | None:
    score, _dash, key = request.args.get("after", "").partition("-")
    if (
        not (score.isascii() and score.isdecimal() and key.isascii() and key.isdecimal())
        or len(score + key) > _KEY_DIGITS
    ):
        return None
    return int(score), int(key)
