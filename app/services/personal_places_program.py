"""The register, second half: what the program keeps in its own tables (drafts, logs, work, search)."""

from app.i18n import lazy_gettext as _l
from app.services.personal_place import Fate, Place, Way, fates

_E, _S = Fate.erased, Fate.scrubbed

PROGRAM: tuple[Place, ...] = (
    Place(
        table="recent_record",
        way=Way.about_party,
        what=_l("Recently opened"),
        columns={},
        goes=True,
        exported=False,
    ),
    Place(
        table="rule_occurrence",
        way=Way.document,
        what=_l("Automatic letters: on which day of the person"),
        columns=fates(_E, "slot", "happens_on", "words"),
        goes=True,
    ),
    Place(
        table="form_draft",
        way=Way.draft,
        what=_l("Drafts of forms"),
        columns=fates(_E, "path", "fields"),
        goes=True,
        exported=False,
    ),
    Place(
        table="import_problem",
        way=Way.named,
        what=_l("Rejected rows of imports"),
        columns=fates(_E, "cells", "reason", "column"),
        goes=True,
    ),
    Place(
        table="import_run",
        way=Way.named,
        what=_l("Reports and files of imports"),
        columns=fates(_S, "report", "message", "file_name"),
        exported=False,
    ),
    Place(
        table="saved_view",
        way=Way.named,
        what=_l("Saved views that name the person"),
        columns=fates(_E, "name", "query"),
        goes=True,
        exported=False,
    ),
    Place(
        table="bulk_row",
        way=Way.bulk,
        what=_l("Changes of many records"),
        columns=fates(_E, "before", "after", "reason"),
        goes=True,
        exported=False,
    ),
    Place(
        table="bulk_run",
        way=Way.named,
        what=_l("Changes of many records: what was asked for"),
        columns=fates(_S, "given", "query", "message"),
        exported=False,
    ),
    Place(
        table="handover",
        way=Way.named,
        what=_l("Hand-overs: reasons"),
        columns=fates(_S, "reason", "message"),
        exported=False,
    ),
    Place(
        table="export_run",
        way=Way.named,
        what=_l("Log of exports: filters and reasons"),
        columns=fates(_S, "query", "reason"),
        exported=False,
    ),
    Place(
        table="person_export",
        way=Way.document,
        what=_l("Exports of this person"),
        columns=fates(_E, "message"),
        exported=False,
    ),
    Place(
        table="outbox",
        way=Way.named,
        what=_l("Background work that is done"),
        columns=fates(_S, "payload", "error"),
        exported=False,
    ),
    Place(
        table="idempotency_key",
        way=Way.named,
        what=_l("Answers to requests that may come twice"),
        columns=fates(_S, "answer"),
        exported=False,
    ),
    Place(
        table="deleted_record",
        way=Way.bin,
        what=_l("Bin"),
        columns=fates(_E, "name", "data"),
        goes=True,
    ),
    Place(
        table="search_entry",
        way=Way.search,
        what=_l("Search"),
        columns=fates(Fate.rebuilt, "title", "detail", "key", "search_text"),
        exported=False,
    ),
    Place(
        table="search_word",
        way=Way.words,
        what=_l("Words of the search"),
        columns=fates(_E, "search_text"),
        goes=True,
        exported=False,
    ),
    Place(
        table="field_change",
        way=Way.audit,
        what=_l("History and audit: values"),
        columns=fates(Fate.sealed, "name", "changes"),
    ),
)
