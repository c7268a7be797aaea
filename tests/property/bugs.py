"""Bugs as people make them, planted one at a time: the clerk must find every one of them.

A bug is an edit of a function's source: a check that is left out, a wrong day, a wrong sum. Where the database would
refuse the consequence, its CHECK is taken away too, so that the clerk has to see it by himself.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from decimal import ROUND_HALF_EVEN, Context, Decimal
from types import ModuleType
from typing import NamedTuple

import pytest
from sqlalchemy import text

from app.models.number_series import NumberSeries
from app.money import amount, pricing
from app.outbox import enqueue
from app.services import (
    allocation,
    balance,
    idempotency,
    invoice,
    invoice_issue,
    invoice_rules,
    number,
    payment,
)
from tests.property.stage import Stage

CHECKS = {
    "invoice": ("allocated_within",),
    "payment": ("allocated_within", "cancelled_unallocated"),
}


class Edit(NamedTuple):
    """What of a function's source is replaced by what."""

    module: ModuleType
    function: str
    old: str
    new: str


class Bug(NamedTuple):
    """A few edits that make one bug, and how it shows.

    `story` showed it when it was planted and is told first; `unchecked` takes the database's own CHECKs away.
    """

    shows: str
    story: int
    edits: tuple[Edit, ...] = ()
    unchecked: bool = False
    plant: Callable[[pytest.MonkeyPatch], None] | None = None


NO = "if False:"
BUGS = {
    "a number that was counted before a refusal stays counted": Bug(
        r"numbers of ",
        13,
        (
            Edit(number, "take", "return Number(", "n = kept(series, period, n)\n    return Number("),
            Edit(invoice_issue, "issue", "        _refuse_days(invoice, on)\n", ""),
            Edit(invoice_issue, "issue", "    del gathered", "    _refuse_days(invoice, on)\n    del gathered"),
        ),
    ),
    "a number may be of an earlier day than the one before": Bug(
        r"issue was done though it should have been refused",
        14,
        (
            Edit(number, "_next", "        where=NumberCounter.last_on <= statement.excluded.last_on,\n", ""),
            Edit(number, "check", "if last_on is not None and on < last_on:", NO),
        ),
    ),
    "more is allocated than the debt has open": Bug(
        r"was done though it should have been refused",
        7,
        (Edit(allocation, "allocate", "if amount > owed:", NO),),
        unchecked=True,
    ),
    "more is allocated than the credit has left": Bug(
        r"was done though it should have been refused",
        13,
        (Edit(allocation, "allocate", "if taken > there:", NO),),
        unchecked=True,
    ),
    "only the sum in the end is looked at, not every day": Bug(
        r"was done though it should have been refused|is allocated on",
        8,
        (Edit(allocation, "left", "return whole - most", "return whole - used"),),
    ),
    "an allocation is undone today, whatever day is given": Bug(
        r"reverse was done though|expected",
        0,
        (Edit(allocation, "reverse", "when.day(sides[0])", "periods.today(sides[0].organisation, when.at)"),),
    ),
    "an allocation is undone in a closed period": Bug(
        r"reverse was done though it should have been refused",
        0,
        (Edit(allocation, "reverse", "    refuse_day(on, when, *sides)\n", ""),),
    ),
    "the same invoice is credited twice": Bug(
        r"is credited with|credit note was done though",
        4,
        tuple(
            Edit(invoice_rules, name, "Invoice.state != InvoiceState.draft", "Invoice.state == InvoiceState.closed")
            for name in ("left_to_credit", "credited")
        ),
    ),
    "a credit note settles its invoice today, not on its own day": Bug(
        r"^allocated |shares was refused though|settle was refused though",
        15,
        (Edit(invoice, "issue", "on=invoice.issued_on, ", ""),),
    ),
    "a cancelled payment goes on settling": Bug(
        r"cancel was done though|settles something|balance of",
        4,
        (
            Edit(
                payment,
                "cancel",
                "    for row in rows:\n        allocations.reverse",
                "    for row in ():\n        print",
            ),
            Edit(payment, "cancel", "if allocations.left(session, payment, on=on) != payment.amount:", NO),
        ),
        unchecked=True,
    ),
    "a write-off may be more than what is open": Bug(
        r"write off was done though it should have been refused",
        9,
        (Edit(allocation, "write_off", "if amount > owed:", "if amount > invoice.gross:"),),
        unchecked=True,
    ),
    "an amount is converted by the inverse rate": Bug(
        r"^allocated |shares was refused though|settle was refused though",
        5,
        (Edit(allocation, "allocate", "money.in_currency(amount, rate,", "money.in_currency(amount, inverse(rate),"),),
    ),
    "amounts are rounded half to even": Bug(
        r"comes to|the tax at home",
        15,
        plant=lambda patch: patch.setattr(amount, "_EXACT", Context(prec=100, rounding=ROUND_HALF_EVEN)),
    ),
    "tax is rounded on every line, whatever the setting": Bug(
        r"comes to|the tax at home",
        15,
        (Edit(pricing, "tax_on", "if options.tax_rounding == TaxRounding.per_line:", "if True:"),),
    ),
    "a request is done again though its key is known": Bug(
        r"the same request made 1 payments", 1, (Edit(idempotency, "begin", "return row, True", "return row, False"),)
    ),
    "the snapshot is taken before the document has its number": Bug(
        r"the snapshot was early",
        4,
        (
            Edit(invoice_issue, "_freeze", "    content = snapshots.content(invoice, priced, bank=bank)\n", ""),
            Edit(
                invoice_issue,
                "_freeze",
                "    invoice.number,",
                "    bank = snapshots.bank_account(invoice.organisation, invoice.currency)\n"
                "    content = snapshots.content(invoice, priced, bank=bank)\n    invoice.number,",
            ),
        ),
    ),
    "the file of a document is ordered twice": Bug(
        r"were ordered",
        4,
        (Edit(invoice, "issue", "by=by)\n    session", "by=by)\n    render_again(session, invoice)\n    session"),),
    ),
    "a cancelled payment still counts in the balance": Bug(
        r"the balance is told",
        0,
        (
            Edit(
                balance, "_counts", "return and_(Payment.paid_on <= on, ", "return and_(Payment.paid_on <= on, True or "
            ),
        ),
    ),
    "a balance counts only what the reader may see": Bug(
        r"the balance is told", 2, (Edit(balance, "of_party", "access.everything(session,", "unlimited("),)
    ),
}


def plant(patch: pytest.MonkeyPatch, stage: Stage, bug: Bug) -> None:
    """Plant a bug for the time of a test."""
    if bug.plant is not None:
        bug.plant(patch)
    for module, name in dict.fromkeys((edit.module, edit.function) for edit in bug.edits):
        right = getattr(module, name)
        source = textwrap.dedent(inspect.getsource(right))
        for edit in bug.edits:
            if (edit.module, edit.function) == (module, name):
                assert source.count(edit.old) == 1, f"{module.__name__}.{name} was rewritten: plant this bug anew"
                source = source.replace(edit.old, edit.new)
        for label, helper in helpers(stage).items():
            patch.setattr(module, label, helper, raising=False)
        made: dict[str, Callable[..., object]] = {}
        exec(compile(source, f"<planted in {name}>", "exec"), vars(module), made)
        for known in [known for label, known in sys.modules.items() if label.startswith("app.")]:
            if vars(known).get(name) is right:
                patch.setattr(known, name, made[name])


def helpers(stage: Stage) -> dict[str, Callable[..., object]]:
    """Return what planted code calls."""

    def kept(series: NumberSeries, period: str, n: int) -> int:
        place = series.id, period
        stage.memory[place] = max(n, stage.memory.get(place, 0) + 1)
        return stage.memory[place]

    return {
        "kept": kept,
        "inverse": lambda rate: (1 / rate).quantize(Decimal("0.0000000001")),
        "render_again": lambda session, document: enqueue(session, "invoice.render", document.id),
        "unlimited": lambda *, why: nullcontext(why),
    }


@contextmanager
def without_checks(stage: Stage) -> Iterator[None]:
    """Take those CHECKs away that would refuse what a bug leads to."""
    connection = stage.connection
    if connection.dialect.name == "sqlite":
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        try:
            yield
        finally:
            connection.execute(text("PRAGMA ignore_check_constraints = OFF"))
    else:  # the test's transaction brings them back
        for table, names in CHECKS.items():
            for name in names:
                connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}"))
        yield
