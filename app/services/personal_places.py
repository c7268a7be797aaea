"""The register: every column that can hold data of a person, how its rows are found, and what becomes of it.

One table for the export of a person and for erasing one. A test walks all tables of the program: a column of text that
stands neither here nor among the reasoned exceptions (`personal_exempt`) fails it.
"""

from app.i18n import lazy_gettext as _l
from app.services.personal_place import Fate, Place, Way, fates
from app.services.personal_places_program import PROGRAM

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
            **fates(_E, "legal_name", "tax_number", "tax_branch", "registration_number", "phone", "email", "website"),
            **fates(_E, "birthday", "note", "source", "external_id", "call_time"),
            **fates(Fate.rebuilt, "name_key", "latin_key", "sound_key", "search_text"),
        },
    ),
    Place(
        table="party_contact",
        way=Way.contact,
        what=_l("Contact persons"),
        columns=fates(_E, "name", "role", "phone", "email", "note"),
        goes=True,
    ),
    Place(
        table="party_address",
        way=Way.part,
        what=_l("Addresses"),
        columns=fates(_E, "street", "postal_code", "city", "region"),
        goes=True,
    ),
    Place(
        table="party_channel",
        way=Way.part,
        what=_l("Further ways to reach them"),
        columns=fates(_E, "value", "raw", "label"),
        goes=True,
    ),
    Place(
        table="party_bank_account",
        way=Way.part,
        what=_l("Bank accounts"),
        columns=fates(_E, "iban", "account", "bic", "bik", "bank_name", "correspondent_account"),
        goes=True,
    ),
    Place(
        table="party_identifier",
        way=Way.part,
        what=_l("Further numbers"),
        columns=fates(_E, "scheme", "value"),
        goes=True,
    ),
    Place(
        table="party_interest",
        way=Way.part,
        what=_l("Interests"),
        columns=fates(_E, "topic", "source"),
        goes=True,
    ),
    Place(
        table="party_merge",
        way=Way.part,
        what=_l("Merges with others: former values"),
        columns=fates(_E, "fields", "loser_before"),
        exported=False,
    ),
    Place(
        table="consent",
        way=Way.part,
        what=_l("Consents"),
        columns=fates(_E, "address", "note") | fates(_K, "wording"),
        why=_PROOF,
    ),
    Place(
        table="suppression",
        way=Way.named,
        what=_l("Addresses that are left alone"),
        columns=fates(_E, "address", "note", "lifted_reason"),
        why=_LEFT_ALONE,
    ),
    Place(
        table="letter",
        way=Way.document,
        what=_l("Letters: recipient, subject and text"),
        columns=fates(_E, "to_address", "to_name", "reply_to", "subject", "body", "answer")
        | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="text_message",
        way=Way.document,
        what=_l("Text messages: number, text, and what the provider said"),
        columns=fates(_E, "to_address", "text", "answer", "report_reason"),
    ),
    Place(
        table="mailing_recipient",
        way=Way.document,
        what=_l("Mailings: address, words in the letter, and what the server said"),
        columns=fates(_E, "address", "domain", "name", "words", "zones", "answer"),
    ),
    Place(
        table="deal",
        way=Way.document,
        what=_l("Deals: titles and notes"),
        columns=fates(_S, "title", "lost_note") | fates(_E, "note", "source") | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="deal_line",
        way=Way.line,
        under="deal",
        what=_l("Deals: lines"),
        columns=fates(_S, "text"),
    ),
    Place(
        table="lead",
        way=Way.document,
        what=_l("Leads: who asked, and for what"),
        columns=fates(
            _E, "name", "company", "phone", "email", "messenger", "text", "region", "page", "referrer", "error"
        )
        | fates(_E, "rejected_note", "channel_name")
        | fates(_E, "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
        | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="lead_arrival",
        way=Way.document,
        what=_l("Leads: what arrived, as it arrived"),
        columns=fates(_E, "raw", "text", "error", "external_id", "address"),
    ),
    Place(
        table="received_mail",
        way=Way.document,
        what=_l("E-mails that came in"),
        columns=fates(_E, "number", "from_address", "from_name", "subject", "error"),
    ),
    Place(
        table="contract",
        way=Way.document,
        what=_l("Contracts: subjects, terms and notes"),
        columns=fates(_K, "number", "subject", "terms", "tax_note", "place")
        | fates(_E, "note")
        | fates(_S, "reason")
        | fates(Fate.rebuilt, "search_text"),
        why=_SIGNED,
    ),
    Place(
        table="contract_signature",
        way=Way.line,
        under="contract",
        what=_l("Contracts: who has signed, and from where"),
        columns=fates(_K, "name", "position") | fates(_E, "address", "agent"),
        why=_SIGNED,
    ),
    Place(
        table="contract_obligation",
        way=Way.line,
        under="contract",
        what=_l("Contracts: what is owed"),
        columns=fates(_S, "text"),
    ),
    Place(
        table="quote",
        way=Way.document,
        what=_l("Quotes: notes, references, and who answered from where"),
        columns=fates(_E, "note", "buyer_reference", "answered_address", "answered_agent")
        | fates(Fate.replaced, "answered_name")
        | fates(_S, "rejected_reason")
        | fates(_K, "number")
        | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="quote_line",
        way=Way.line,
        under="quote",
        what=_l("Quotes: lines"),
        columns=fates(_S, "text"),
    ),
    Place(
        table="delivery",
        way=Way.document,
        what=_l("Deliveries: address and notes"),
        columns=fates(_E, "street", "postal_code", "city", "region", "note", "tracking_number")
        | fates(_S, "reason", "carrier")
        | fates(_K, "number")
        | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="sale_order",
        way=Way.document,
        what=_l("Orders: notes and references"),
        columns=fates(_E, "note", "buyer_reference", "external_id")
        | fates(_S, "cancelled_reason", "closed_reason")
        | fates(_K, "number")
        | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="sale_order_line",
        way=Way.line,
        under="sale_order",
        what=_l("Orders: lines"),
        columns=fates(_S, "text"),
    ),
    Place(
        table="invoice",
        way=Way.document,
        what=_l("Issued documents"),
        columns=fates(_K, "number", "note", "buyer_reference", "credit_reason")
        | fates(_S, "closed_reason", "reminder_block_why")
        | fates(Fate.rebuilt, "search_text"),
        why=_BOOKS,
    ),
    Place(
        table="invoice_line",
        way=Way.line,
        under="invoice",
        what=_l("Issued documents: lines"),
        columns=fates(_K, "text"),
        why=_BOOKS,
    ),
    Place(
        table="invoice_snapshot",
        way=Way.line,
        under="invoice",
        what=_l("Issued documents: what they say, and their files"),
        columns=fates(_K, "content"),
        why=_BOOKS,
    ),
    Place(
        table="made_document",
        way=Way.document,
        what=_l("Documents made from templates, and what they say"),
        columns=fates(_E, "data")
        | fates(_S, "title", "rejected_reason")
        | fates(_K, "number")
        | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="payment",
        way=Way.document,
        what=_l("Payments: notes and references"),
        columns=fates(_E, "note") | fates(_S, "reference", "cancelled_reason") | fates(Fate.rebuilt, "search_text"),
    ),
    Place(
        table="bank_line",
        way=Way.named,
        what=_l("Lines of bank statements that name the person"),
        columns=fates(_S, "payer", "payer_account", "payer_tax_number", "text", "reason"),
    ),
    Place(
        table="activity",
        way=Way.about,
        what=_l("Activities"),
        columns=fates(_E, "subject", "body", "result", "search_text"),
        goes=True,
    ),
    Place(
        table="attachment",
        way=Way.about,
        what=_l("Files"),
        columns=fates(_E, "name"),
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
        columns=fates(_E, "said"),
        goes=True,
        exported=False,
    ),
    Place(table="follower", way=Way.about_party, what=_l("Followers"), columns={}, goes=True, exported=False),
    Place(
        table="record_share", way=Way.about_party, what=_l("Shared with others"), columns={}, goes=True, exported=False
    ),
    *PROGRAM,
)


def of_table(name: str) -> Place | None:
    """Return the place of a table, None when it holds nothing of people."""
    return next((place for place in PLACES if place.table == name), None)
