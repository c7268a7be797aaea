"""What counterparties obey when they are stored, how they are found, and which of them may be the same one."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.i18n import gettext as _
from app.models.party import ChannelKind, Party
from app.search import like_clauses, search_text
from app.services import channel as channels
from app.services import party_complete, party_group
from app.services import party_rules as rules
from app.services.legal_form import name_key
from app.services.name_sound import latin_key, sound_key
from app.services.party_duplicate import Duplicate, DuplicateReason, duplicates, duplicates_of_each

__all__ = [
    "Duplicate",
    "DuplicateReason",
    "archive",
    "derive",
    "duplicates",
    "duplicates_of_each",
    "named",
    "refuse_duplicates",
    "refuse_merged",
    "restore",
    "save",
]


def save(session: Session, party: Party, *, unique: bool = False) -> None:
    """Bring a counterparty and its rows into their normal form and add it to the session.

    `unique` also refuses what may be a duplicate, which is otherwise only told by `duplicates`.
    Raises Refusals with everything that is wrong, by field ("tax_number", "bank_accounts-0-iban"). A broken rule
    leaves the record as it was; a duplicate is found after the normal form has been set.
    """
    rules.refuse_erased(party)
    refuse_merged(party)
    with session.no_autoflush:  # half-checked values must not reach the database
        rules.normalise(party)
        party_group.judge(session, party)
        derive(party)
        if unique:
            refuse_duplicates(session, party)
        session.add(party)


def refuse_merged(party: Party) -> None:
    """Raise DomainError for a counterparty that was merged into another: only its key is left."""
    if party.merged_into_id is not None:
        raise DomainError(_("It was merged into “%(name)s”: change that one", name=str(party.merged_into)))


def refuse_duplicates(session: Session, party: Party) -> None:
    """Raise Refusals, at the fields that agree, when another counterparty may be the same one."""
    errors: dict[str, list[str]] = {}
    for twin in duplicates(session, party):
        for reason in twin.reasons:
            text = _("“%(name)s” (%(id)s) has the same", name=twin.name, id=twin.party_id)
            errors.setdefault(reason.value, []).append(text)
    if errors:
        raise Refusals(errors)


def derive(party: Party) -> None:
    """Compute what is derived from the other fields: search text, keys of the name, how complete it is."""
    found = [party.name, party.legal_name, party.tax_number, party.tax_branch, party.registration_number]
    found += [party.email, party.external_id, *channels.phone_words(party.phone)]
    found += [address.city for address in party.addresses]
    for contact in party.contacts:
        found += [contact.name, contact.email, *channels.phone_words(contact.phone)]
    for channel in party.channels:
        dialled = channel.kind in {ChannelKind.phone, ChannelKind.fax}
        found += channels.phone_words(channel.value) if dialled else [channel.value]
    found += [identifier.value for identifier in party.identifiers]
    found += [interest.topic for interest in party.interests]
    party.search_text = search_text(found)
    party.name_key = name_key(party.name)
    party.latin_key, party.sound_key = latin_key(party.name), sound_key(party.name)
    party.completeness = party_complete.score(party)


def named(query: str, *, archived: bool = False) -> Select[Party]:
    """Return the counterparties that a typed query finds, by name; archived ones only on demand."""
    found = select(Party).where(*like_clauses(Party.search_text, query)).order_by(Party.name, Party.id)
    found = found.where(Party.merged_into_id.is_(None))
    return found if archived else found.where(Party.archived_at.is_(None))


def archive(session: Session, party: Party, *, at: datetime) -> None:  # noqa: ARG001 -- every verb takes its session
    """Take a counterparty out of use; its documents stay."""
    refuse_merged(party)
    if party.is_archived:
        raise DomainError(_("“%(name)s” is in the archive already", name=party.name), field="archived_at")
    party.archived_at = at


def restore(session: Session, party: Party) -> None:  # noqa: ARG001 -- every verb takes its session
    """Bring a counterparty back from the archive."""
    refuse_merged(party)
    if not party.is_archived:
        raise DomainError(_("“%(name)s” is not in the archive", name=party.name), field="archived_at")
    if party.anonymised_at is not None:
        raise DomainError(_("This person was made anonymous and stays in the archive"), field="archived_at")
    party.archived_at = None
