"""The register: every column that can hold data of a person, how its rows are found, and what becomes of it.

One table for the export of a person and for erasing one. A test walks all tables of the program: a column of text that
stands neither here nor among the reasoned exceptions (`personal_exempt`) fails it.
"""

from app.i18n import lazy_gettext as _l
from app.services.personal_place import Fate, Place, Way


def _all(fate: Fate, *names: str) -> dict[str, Fate]:
    return dict.fromkeys(names, fate)


_E, _S, _K = Fate.erased, Fate.scrubbed, Fate.kept
_BOOKS = _l("The law wants issued documents and their amounts kept as they are.")
_SIGNED = _l("What both sides have signed, and who did, must be provable as long as claims may come of it.")
_PROOF = _l("Purpose and day stay: that somebody agreed, or took it back, must be provable.")

_LEFT_ALONE = _l("A hash of the address stays, so that nobody writes there again; nothing can be read from it.")

PLACES: tuple[Place, ...] = (
    Place(
        table="party",
        way=Way.own,
        what=_l("Name, numbers and how to reach them"),
        columns={
            "name": Fate.replaced,
            **_all(_E, "legal_name", "tax_number", "tax_branch", "registration_number", "phone", "email", "website"),
            **_all(_E, "birthday", "note", "source", "external_id", "call_time"),
            **_all(Fate.rebuilt, "name_key", "latin_key", "sound_key", "search_text"),
        },
    ),
    Place(
        table="party_contact",
        way=Way.contact,
        what=_l("Contact persons"),
        columns=_all(_E, "name", "role", "phone", "email", "note"),
        goes=True,
    ),
    Place(
        table="party_address",
        way=Way.part,
        what=_l("Addresses"),
        columns=_all(_E, "street", "postal_code", "city", "region"),
        goes=True,
    ),
    Place(
        table="party_channel",
        way=Way.part,
        what=_l("Further ways to reach them"),
        columns=_all(_E, "value", "raw", "label"),
        goes=True,
    ),
    Place(
        table="party_bank_account",
        way=Way.part,
        what=_l("Bank accounts"),
        columns=_all(_E, "iban", "account", "bic", "bik", "bank_name", "correspondent_account"),
        goes=True,
    ),
    Place(
        table="party_identifier",
        way=Way.part,
        what=_l("Further numbers"),
        columns=_all(_E, "scheme", "value"),
        goes=True,
    ),
    Place(
        table="party_interest",
        way=Way.part,
        what=_l("Interests"),
        columns=_all(_E, "topic", "source"),
        goes=True,
    ),
    Place(
        table="party_merge",
        way=Way.part,
        what=_l("Merges with others: former values"),
        columns=_all(_E, "fields", "loser_before"),
        exported=False,
    ),
    Place(
        table="consent",
        way=Way.part,
        what=_l("Consents"),
        columns=_all(_E, "address", "note") | _all(_K, "wording"),
        why=_PROOF,
    ),
    Place(
        table="suppression",
        way=Way.named,
        what=_l("Addresses that are left alone"),
        columns=_all(_E, "address", "note", "lifted_reason"),
        why=_LEFT_ALONE,
    ),
    Place(
        table="letter",
        way=Way.document,
        what=_l("Letters: recipient, subject and text"),
        columns=_all(_E, "to_address", "to_name", "reply_to", "subject", "body", "answer")
        | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="mailing_recipient",
        way=Way.document,
        what=_l("Mailings: address, words in the letter, and what the server said"),
        columns=_all(_E, "address", "domain", "name", "words", "answer"),
    ),
    Place(
        table="deal",
        way=Way.document,
        what=_l("Deals: titles and notes"),
        columns=_all(_S, "title", "lost_note") | _all(_E, "note", "source") | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="deal_line",
        way=Way.line,
        under="deal",
        what=_l("Deals: lines"),
        columns=_all(_S, "text"),
    ),
    Place(
        table="lead",
        way=Way.document,
        what=_l("Leads: who asked, and for what"),
        columns=_all(
            _E, "name", "company", "phone", "email", "messenger", "text", "region", "page", "referrer", "error"
        )
        | _all(_E, "rejected_note", "channel_name")
        | _all(_E, "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
        | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="lead_arrival",
        way=Way.document,
        what=_l("Leads: what arrived, as it arrived"),
        columns=_all(_E, "raw", "text", "error", "external_id", "address"),
    ),
    Place(
        table="received_mail",
        way=Way.document,
        what=_l("E-mails that came in"),
        columns=_all(_E, "number", "from_address", "from_name", "subject", "error"),
    ),
    Place(
        table="contract",
        way=Way.document,
        what=_l("Contracts: subjects, terms and notes"),
        columns=_all(_K, "number", "subject", "terms", "tax_note", "place")
        | _all(_E, "note")
        | _all(_S, "reason")
        | _all(Fate.rebuilt, "search_text"),
        why=_SIGNED,
    ),
    Place(
        table="contract_signature",
        way=Way.line,
        under="contract",
        what=_l("Contracts: who has signed, and from where"),
        columns=_all(_K, "name", "position") | _all(_E, "address", "agent"),
        why=_SIGNED,
    ),
    Place(
        table="contract_obligation",
        way=Way.line,
        under="contract",
        what=_l("Contracts: what is owed"),
        columns=_all(_S, "text"),
    ),
    Place(
        table="quote",
        way=Way.document,
        what=_l("Quotes: notes, references, and who answered from where"),
        columns=_all(_E, "note", "buyer_reference", "answered_address", "answered_agent")
        | _all(Fate.replaced, "answered_name")
        | _all(_S, "rejected_reason")
        | _all(_K, "number")
        | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="quote_line",
        way=Way.line,
        under="quote",
        what=_l("Quotes: lines"),
        columns=_all(_S, "text"),
    ),
    Place(
        table="delivery",
        way=Way.document,
        what=_l("Deliveries: address and notes"),
        columns=_all(_E, "street", "postal_code", "city", "region", "note", "tracking_number")
        | _all(_S, "reason", "carrier")
        | _all(_K, "number")
        | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="sale_order",
        way=Way.document,
        what=_l("Orders: notes and references"),
        columns=_all(_E, "note", "buyer_reference", "external_id")
        | _all(_S, "cancelled_reason", "closed_reason")
        | _all(_K, "number")
        | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="sale_order_line",
        way=Way.line,
        under="sale_order",
        what=_l("Orders: lines"),
        columns=_all(_S, "text"),
    ),
    Place(
        table="invoice",
        way=Way.document,
        what=_l("Issued documents"),
        columns=_all(_K, "number", "note", "buyer_reference", "credit_reason")
        | _all(_S, "closed_reason")
        | _all(Fate.rebuilt, "search_text"),
        why=_BOOKS,
    ),
    Place(
        table="invoice_line",
        way=Way.line,
        under="invoice",
        what=_l("Issued documents: lines"),
        columns=_all(_K, "text"),
        why=_BOOKS,
    ),
    Place(
        table="invoice_snapshot",
        way=Way.line,
        under="invoice",
        what=_l("Issued documents: what they say, and their files"),
        columns=_all(_K, "content"),
        why=_BOOKS,
    ),
    Place(
        table="made_document",
        way=Way.document,
        what=_l("Documents made from templates, and what they say"),
        columns=_all(_E, "data")
        | _all(_S, "title", "rejected_reason")
        | _all(_K, "number")
        | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="payment",
        way=Way.document,
        what=_l("Payments: notes and references"),
        columns=_all(_E, "note") | _all(_S, "reference", "cancelled_reason") | _all(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="activity",
        way=Way.about,
        what=_l("Activities"),
        columns=_all(_E, "subject", "body", "result", "search_text"),
        goes=True,
    ),
    Place(
        table="attachment",
        way=Way.about,
        what=_l("Files"),
        columns=_all(_E, "name"),
        goes=True,
    ),
    Place(
        table="tagging",
        way=Way.about_party,
        what=_l("Tags"),
        columns={},
        goes=True,
    ),
    Place(
        table="notification",
        way=Way.about_party,
        what=_l("Notifications"),
        columns=_all(_E, "said"),
        goes=True,
        exported=False,
    ),
    Place(table="follower", way=Way.about_party, what=_l("Followers"), columns={}, goes=True, exported=False),
    Place(
        table="record_share", way=Way.about_party, what=_l("Shared with others"), columns={}, goes=True, exported=False
    ),
    Place(
        table="recent_record",
        way=Way.about_party,
        what=_l("Recently opened"),
        columns={},
        goes=True,
        exported=False,
    ),
    Place(
        table="form_draft",
        way=Way.draft,
        what=_l("Drafts of forms"),
        columns=_all(_E, "path", "fields"),
        goes=True,
        exported=False,
    ),
    Place(
        table="import_problem",
        way=Way.named,
        what=_l("Rejected rows of imports"),
        columns=_all(_E, "cells", "reason", "column"),
        goes=True,
    ),
    Place(
        table="import_run",
        way=Way.named,
        what=_l("Reports and files of imports"),
        columns=_all(_S, "report", "message", "file_name"),
        exported=False,
    ),
    Place(
        table="saved_view",
        way=Way.named,
        what=_l("Saved views that name the person"),
        columns=_all(_E, "name", "query"),
        goes=True,
        exported=False,
    ),
    Place(
        table="bulk_row",
        way=Way.bulk,
        what=_l("Changes of many records"),
        columns=_all(_E, "before", "after", "reason"),
        goes=True,
        exported=False,
    ),
    Place(
        table="bulk_run",
        way=Way.named,
        what=_l("Changes of many records: what was asked for"),
        columns=_all(_S, "given", "query", "message"),
        exported=False,
    ),
    Place(
        table="handover",
        way=Way.named,
        what=_l("Hand-overs: reasons"),
        columns=_all(_S, "reason", "message"),
        exported=False,
    ),
    Place(
        table="export_run",
        way=Way.named,
        what=_l("Log of exports: filters and reasons"),
        columns=_all(_S, "query", "reason"),
        exported=False,
    ),
    Place(
        table="person_export",
        way=Way.document,
        what=_l("Exports of this person"),
        columns=_all(_E, "message"),
        exported=False,
    ),
    Place(
        table="outbox",
        way=Way.named,
        what=_l("Background work that is done"),
        columns=_all(_S, "payload", "error"),
        exported=False,
    ),
    Place(
        table="idempotency_key",
        way=Way.named,
        what=_l("Answers to requests that may come twice"),
        columns=_all(_S, "answer"),
        exported=False,
    ),
    Place(
        table="deleted_record",
        way=Way.bin,
        what=_l("Bin"),
        columns=_all(_E, "name", "data"),
        goes=True,
    ),
    Place(
        table="search_entry",
        way=Way.search,
        what=_l("Search"),
        columns=_all(Fate.rebuilt, "title", "detail", "key", "search_text"),
        exported=False,
    ),
    Place(
        table="search_word",
        way=Way.words,
        what=_l("Words of the search"),
        columns=_all(_E, "search_text"),
        goes=True,
        exported=False,
    ),
    Place(
        table="field_change",
        way=Way.audit,
        what=_l("History and audit: values"),
        columns=_all(Fate.sealed, "name", "changes"),
    ),
)


def of_table(name: str) -> Place | None:
    """Return the place of a table, None when it holds nothing of people."""
    return next((place for place in PLACES if place.table == name), None)
