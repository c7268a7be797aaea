"""The words at which people stumble, explained once: at the fields of every form, card and list, and on one page.

A column's name decides: whoever names a column like one of `columns` has the explanation without doing anything.
"""

from dataclasses import dataclass
from typing import Any

from flask import g

from app.i18n import lazy_gettext as _l


@dataclass(frozen=True)
class Term:
    """One word with its explanation, and the columns at which it stands."""

    name: str
    label: Any
    text: Any
    columns: tuple[str, ...] = ()


TERMS = (
    Term(
        "allocation",
        _l("Allocation"),
        _l("Says which invoices a payment settles, and by how much of it. One payment may settle several invoices."),
        ("allocated", "allocations"),
    ),
    Term(
        "archived",
        _l("Archived"),
        _l("Archived records leave lists and choices, but stay on documents. They can be taken back at any time."),
        ("archived_at",),
    ),
    Term(
        "bank_code",
        _l("BIC"),
        _l("The international code of a bank, 8 or 11 letters and digits. Within Europe the IBAN alone is enough."),
        ("bic",),
    ),
    Term(
        "buyer_reference",
        _l("Buyer's reference"),
        _l("What the buyer wants to see on the invoice, such as his order number. Authorities often insist on it."),
        ("buyer_reference",),
    ),
    Term(
        "cash_discount",
        _l("Cash discount"),
        _l("What the buyer may take off when he pays within these days. Whether it lowers the tax is said below it."),
        ("discount_days", "discount_percent", "discount_tax"),
    ),
    Term(
        "correspondent_account",
        _l("Correspondent account"),
        _l("The account of the buyer's bank at the central bank. Payments in Russia need it beside the BIK."),
        ("correspondent_account",),
    ),
    Term(
        "credit_limit",
        _l("Credit limit"),
        _l("How much a customer may owe in all. Empty means that there is no limit."),
        ("credit_limit",),
    ),
    Term(
        "credit_note",
        _l("Credit note"),
        _l("Corrects an issued invoice, wholly or in part. The invoice itself is never changed or deleted."),
        ("credit_note", "credits", "credit_amount"),
    ),
    Term(
        "due_on",
        _l("Due date"),
        _l("The last day on which payment is in time. It follows from the payment term and the date of issue."),
        ("due_on",),
    ),
    Term(
        "exchange_rate",
        _l("Exchange rate"),
        _l("How much of our own currency one unit of the document's currency is worth on its date."),
        ("exchange_rate",),
    ),
    Term(
        "exemption_text",
        _l("Reason of exemption"),
        _l("The sentence that a document must carry when no tax is charged. It is printed below the totals."),
        ("exemption_text",),
    ),
    Term(
        "external_id",
        _l("External number"),
        _l("The key of this record in another program. Imports find and update the same record by it."),
        ("external_id",),
    ),
    Term(
        "lock_date",
        _l("Period lock"),
        _l("Nothing dated on or before this day can be issued, changed or undone: the books are closed up to it."),
        ("lock_date", "until"),
    ),
    Term(
        "number_series",
        _l("Number series"),
        _l("Gives documents their numbers, one after another and without gaps. A number is never used twice."),
        ("series",),
    ),
    Term(
        "owner",
        _l("Owner"),
        _l("The person who looks after this record. What others may see follows from their role and their team."),
        ("owner",),
    ),
    Term(
        "party",
        _l("Party"),
        _l("A company or person that we deal with: customer, supplier or partner, and possibly all at once."),
        ("party",),
    ),
    Term(
        "pattern",
        _l("Pattern"),
        _l("How a number is written. Braces stand for the prefix, the year, the month and the running number."),
        ("pattern",),
    ),
    Term(
        "payment_term",
        _l("Payment term"),
        _l("The rule by which the due date is worked out, and what paying early takes off."),
        ("payment_term",),
    ),
    Term(
        "pinned_view",
        _l("Pinned view"),
        _l("A saved view that stands as a tab above its list and shows how many records it finds."),
        ("is_pinned",),
    ),
    Term(
        "prices_include_tax",
        _l("Prices include tax"),
        _l("Whether prices are typed with the tax in them. Totals and tax are worked out of them either way."),
        ("prices_include_tax",),
    ),
    Term(
        "registration_number",
        _l("Registration number"),
        _l("The company's number in the trade register of its country, such as KvK or OGRN."),
        ("registration_number",),
    ),
    Term(
        "restart",
        _l("Begins again"),
        _l("When the running number starts from 1 again. The pattern must then name the year or the month."),
        ("restart",),
    ),
    Term(
        "reverse_charge",
        _l("Reverse charge"),
        _l("The buyer pays the tax to his own tax office, so the invoice shows none and says why."),
    ),
    Term(
        "saved_view",
        _l("Saved view"),
        _l("Filters, order and columns of a list, kept under a name. A shared one serves everybody who sees the list."),
        ("is_shared",),
    ),
    Term(
        "default_view",
        _l("Default view"),
        _l("The saved view that your list begins with. The tab “All” shows the whole list as before."),
    ),
    Term(
        "settlement",
        _l("Settlement"),
        _l("Whether an invoice is paid: not at all, in part, or wholly. Payments and credit notes decide it."),
        ("settlement",),
    ),
    Term(
        "tax_branch",
        _l("Tax branch (KPP)"),
        _l("The nine digits that name a branch of a Russian company at its tax office. Others leave it empty."),
        ("tax_branch",),
    ),
    Term(
        "tax_number",
        _l("Tax number"),
        _l("The number by which the tax office knows a company: INN, HVHH or VAT number. Its check digits are proved."),
        ("tax_number",),
    ),
    Term(
        "tax_rounding",
        _l("Tax is rounded"),
        _l(
            "On every line or once per tax rate. The two may differ by some cents; choose what your tax office expects."
        ),
        ("tax_rounding",),
    ),
    Term(
        "team",
        _l("Team"),
        _l("The department that a record or a user belongs to. Heads see what their team and those below it own."),
        ("team",),
    ),
    Term(
        "unallocated",
        _l("Not allocated"),
        _l("The part of a payment that settles no invoice yet. Allocate it, or refund it."),
        ("unallocated",),
    ),
    Term(
        "write_off",
        _l("Write-off"),
        _l("Gives up a rest that will not be paid, such as bank charges. The invoice then counts as settled."),
        ("write_off",),
    ),
)
BY_COLUMN = {column: term for term in TERMS for column in term.columns}


def explained(column: str) -> Term | None:
    """Return the explanation that belongs to a column's name, None where the name says enough."""
    return BY_COLUMN.get(column)


def next_id() -> str:
    """Return an id that no other explanation of this page has."""
    g.terms = g.get("terms", 0) + 1
    return f"term-{g.terms}"


def found(query: str) -> list[Term]:
    """Return the terms that contain a text, in the order of the reader's alphabet as far as letters go."""
    sought = query.casefold().split()
    matches = [term for term in TERMS if all(word in f"{term.label} {term.text}".casefold() for word in sought)]
    return sorted(matches, key=lambda term: str(term.label).casefold())
