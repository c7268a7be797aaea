"""What a booking may be: proposals with a score and its reasons. Nothing is decided here but what is sure.

What is open of our company is read once for as many lines as one likes, a party by its account, tax number and name;
then a line is compared in memory. A proposal is sure when a document is named, exactly what is open of it is paid, and
nothing else comes near.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import combinations

from sqlalchemy.orm import Session

from app.models.bank_statement import BankLine
from app.search import fold
from app.services.bank_book import NEAR, WEIGHTS, WHO, ZERO, Because, Book, Open, Recorded, book, marks_of
from app.services.bank_text import LEAST_KEY, creditor_reference, is_near, keys
from app.services.name_sound import latin_key

MOST_SHOWN = 9
LEAST = 20  # a score below is told to nobody
SURE = 80
SUMMED, AT_ONCE = 12, 5  # of how many open documents sums are tried, and of how many at most


class Kind(StrEnum):
    """What becomes of the line when a proposal is taken."""

    documents = "documents"
    payment = "payment"
    party = "party"
    rule = "rule"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """One thing that a line may be.

    Units: `left` is what of the booking stays unallocated, `missing` what stays open of the documents.
    """

    kind: Kind
    because: tuple[Because, ...]
    party_id: int | None = None
    party: str = ""
    documents: tuple[Open, ...] = ()
    payment: Recorded | None = None
    rule_id: int | None = None
    words: str = ""
    left: Decimal = ZERO
    missing: Decimal = ZERO

    @property
    def score(self) -> int:
        """Return how much speaks for it, up to 100."""
        return min(100, sum(WEIGHTS[each] for each in self.because))

    @property
    def marks(self) -> tuple[object, ...]:
        """Return what it is about: two proposals of one thing are one."""
        return self.kind, self.party_id, tuple(sorted(each.id for each in self.documents)), self.payment, self.rule_id

    @property
    def with_charge(self) -> bool:
        """Say whether the rest would be written off as the bank's charge."""
        return Because.charge in self.because


def proposals(session: Session, line: BankLine) -> list[Proposal]:
    """Return what one line may be, the likeliest first."""
    return compare(line, book(session, line.statement, [line], came_in=line.came_in))


def sure(found: Sequence[Proposal]) -> Proposal | None:
    """Return the proposal that needs nobody's eye, None when there is a doubt."""
    if not found:
        return None
    first = found[0]
    named = Because.structured in first.because or Because.number in first.because
    is_exact = first.kind is Kind.documents and named and Because.amount in first.because and first.score >= SURE
    if not is_exact or (len(found) > 1 and found[1].score >= first.score):
        return None
    return None if any(each.kind in {Kind.payment, Kind.rule} for each in found[1:]) else first


def compare(line: BankLine, known: Book) -> list[Proposal]:
    """Return what a line may be, the likeliest first; the same thing stands there once, with its best reasons."""
    amount = abs(line.amount)
    who = _who(line, known)
    found = [*_by_rule(line, known), *_by_recorded(line, known, who, amount)]
    named = _named(line, known)
    found += _by_number(named, known, who, amount)
    for party_id, (party, because) in who.items():
        found += _of_party(known, party_id, party, because, amount)
    found += _by_amount(line, known, who, amount)
    best: dict[tuple[object, ...], Proposal] = {}
    for each in found:
        if each.marks not in best or best[each.marks].score < each.score:
            best[each.marks] = each
    told = [each for each in best.values() if each.score >= LEAST]
    told.sort(key=lambda each: (-each.score, -len(each.documents), [one.id for one in each.documents]))
    return told[:MOST_SHOWN]


def _by_rule(line: BankLine, known: Book) -> Iterable[Proposal]:
    text = fold(" ".join(filter(None, (line.text, line.payer, line.code))))
    for rule in known.rules:
        if rule.text and fold(rule.text) not in text:
            continue
        if rule.account and rule.account != line.payer_account:
            continue
        yield Proposal(kind=Kind.rule, because=(Because.rule,), rule_id=rule.id, words=rule.reason)


def _by_recorded(
    line: BankLine, known: Book, who: dict[int, tuple[str, tuple[Because, ...]]], amount: Decimal
) -> Iterable[Proposal]:
    told = keys(" ".join(filter(None, (line.text, line.structured, line.end_to_end))))
    for each in known.payments:
        if each.amount != amount or abs(each.paid_on - line.booked_on) > NEAR:
            continue
        because = [Because.recorded, Because.amount, *who.get(each.party_id, ("", ()))[1]]
        if told & keys(each.reference):
            because.append(Because.number)
        yield Proposal(
            kind=Kind.payment, because=tuple(because), party_id=each.party_id, party=each.party, payment=each
        )


def _named(line: BankLine, known: Book) -> dict[int, tuple[Open, Because]]:
    """Return the documents that a line names, with the way it does."""
    found: dict[int, tuple[Open, Because]] = {}
    for mark in keys(" ".join(filter(None, (line.text, line.end_to_end)))):
        for each in known.by_key.get(mark, ()):
            found[each.id] = each, Because.number
    if line.structured:
        mark = creditor_reference(line.structured)
        for each in known.by_key.get(mark, ()) if len(mark) >= LEAST_KEY else ():
            found[each.id] = each, Because.structured
    return found


def _by_number(
    named: dict[int, tuple[Open, Because]],
    known: Book,
    who: dict[int, tuple[str, tuple[Because, ...]]],
    amount: Decimal,
) -> Iterable[Proposal]:
    by_party: dict[int, list[tuple[Open, Because]]] = {}
    for each, way in named.values():
        by_party.setdefault(each.party_id, []).append((each, way))
    for party_id, pairs in by_party.items():
        because = who.get(party_id, ("", ()))[1]
        pairs.sort(key=lambda pair: (pair[0].due_on or date.max, pair[0].id))
        for one, way in pairs:
            yield _documents_of([one], (way, *because), known, amount)
        if len(pairs) > 1:
            ways = (pairs[0][1], *because)
            yield _documents_of([one for one, _way in pairs], ways, known, amount)


def _documents_of(found: Sequence[Open], because: Sequence[Because], known: Book, amount: Decimal) -> Proposal:
    """Return a proposal of documents, with how their sum compares with the booking."""
    owed = sum((each.rest for each in found), ZERO)
    if owed == amount:
        how = Because.amount if len(found) == 1 else Because.sum
    elif owed > amount:
        how = Because.charge if owed - amount <= known.tolerance else Because.part
    else:
        how = Because.over
    return Proposal(
        kind=Kind.documents,
        because=(*because, how),
        party_id=found[0].party_id,
        party=found[0].party,
        documents=tuple(found),
        left=max(amount - owed, ZERO),
        missing=max(owed - amount, ZERO),
    )


def _of_party(
    known: Book, party_id: int, party: str, because: tuple[Because, ...], amount: Decimal
) -> Iterable[Proposal]:
    """Yield what of a counterparty's documents comes to the amount, else the oldest ones, and an advance."""
    owed = sorted(known.by_party.get(party_id, ()), key=lambda each: (each.due_on or date.max, each.id))
    exact = [each for each in owed if each.rest == amount]
    for each in exact[:AT_ONCE]:
        yield _documents_of([each], because, known, amount)
    if owed and not exact:
        together = _summing(owed[:SUMMED], amount)
        if together:
            yield _documents_of(together, because, known, amount)
        near = [each for each in owed if ZERO < each.rest - amount <= known.tolerance]
        for each in near[:AT_ONCE]:
            yield _documents_of([each], because, known, amount)
        yield _documents_of(_oldest(owed, amount), because, known, amount)
    yield Proposal(kind=Kind.party, because=because, party_id=party_id, party=party, left=amount)


def _summing(owed: Sequence[Open], amount: Decimal) -> Sequence[Open]:
    """Return the fewest documents, the oldest first, that together come to the amount; none when no few do."""
    for count in range(2, AT_ONCE + 1):
        for some in combinations(owed, count):
            if sum((each.rest for each in some), ZERO) == amount:
                return some
    return ()


def _oldest(owed: Sequence[Open], amount: Decimal) -> list[Open]:
    """Return the oldest documents, as many as the amount reaches."""
    found: list[Open] = []
    for each in owed[:SUMMED]:
        if amount <= 0:
            break
        found.append(each)
        amount -= each.rest
    return found


def _by_amount(
    line: BankLine, known: Book, who: dict[int, tuple[str, tuple[Because, ...]]], amount: Decimal
) -> Iterable[Proposal]:
    there = known.by_rest.get(amount, [])
    name = latin_key(line.payer or "")
    for each in there[:50]:
        if each.party_id in who:
            continue  # told with what is known of it
        because: tuple[Because, ...] = (Because.similar_name,) if name and is_near(name, each.latin) else ()
        because += (Because.only,) if len(there) == 1 else ()
        yield _documents_of([each], because, known, amount)


def _who(line: BankLine, known: Book) -> dict[int, tuple[str, tuple[Because, ...]]]:
    """Return who may have paid: counterparty → its name and how it is known."""
    found: dict[int, tuple[str, tuple[Because, ...]]] = {}
    for way, value in zip(WHO, marks_of(line), strict=True):
        for party_id, party in known.parties.get((way, value), ()) if value else ():
            found[party_id] = party, (*found.get(party_id, ("", ()))[1], way)
    return found


__all__ = ["Because", "Kind", "Proposal", "book", "compare", "proposals", "sure"]
