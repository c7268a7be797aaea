"""What the register of personal data says of a table: what its columns hold, how its rows are found, their fate."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.i18n import label
from app.i18n import lazy_gettext as _l


class Fate(StrEnum):
    """What becomes of a column when a person is erased.

    `rebuilt` is worked out anew from what is left, `scrubbed` loses only what names the person, `sealed` loses its
    values while the proof of the audit holds.
    """

    erased = "erased"
    replaced = "replaced"
    rebuilt = "rebuilt"
    scrubbed = "scrubbed"
    sealed = "sealed"
    kept = "kept"


label(
    Fate,
    erased=_l("Erased"),
    replaced=_l("Replaced"),
    rebuilt=_l("Worked out anew"),
    scrubbed=_l("Cleared of the person"),
    sealed=_l("Values taken out"),
    kept=_l("Kept"),
)


class Way(StrEnum):
    """How the rows of a person are found: `of_party` by its key, `about` by (entity, record_id) of it or its documents.

    `about_party` means the counterparty alone, `named` rows whose text names the person, `in_file` files that do.
    """

    own = "own"
    part = "part"
    contact = "contact"
    document = "document"
    line = "line"
    about = "about"
    about_party = "about_party"
    named = "named"
    bulk = "bulk"
    draft = "draft"
    bin = "bin"
    audit = "audit"
    search = "search"
    words = "words"


@dataclass(frozen=True, kw_only=True)
class Place:
    """One table with data of people.

    `goes` says that whole rows are deleted; `why` says why something stays; `exported` whether the person is told it;
    `under` is the table of the documents whose lines these are.
    """

    table: str
    way: Way
    what: Any
    columns: Mapping[str, Fate]
    goes: bool = False
    why: Any = ""
    exported: bool = True
    under: str = ""

    @property
    def fate(self) -> Fate:
        """Return the word for the place as a whole."""
        found = set(self.columns.values())
        if self.goes:
            return Fate.erased
        order = (Fate.replaced, Fate.erased, Fate.sealed, Fate.kept, Fate.scrubbed, Fate.rebuilt)
        return next((each for each in order if each in found), Fate.kept)


def fates(fate: Fate, *names: str) -> dict[str, Fate]:
    """Return the columns of these names, all with one fate."""
    return dict.fromkeys(names, fate)
