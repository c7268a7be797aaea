"""Contracts: drawn up, approved, signed by both, in force by their days, amended, and what was done under them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.errors import DomainError, NotFound, Refusals
from app.models.activity import Activity
from app.models.contract import Contract, ContractSignature, ContractState, Renewal, Rhythm, Side
from app.models.notification import Notification, NotificationKind
from app.services import access, contract_clock, contract_use, quote_link
from app.services import contract as contracts
from app.services import contract_link as links
from app.services import contract_obligation as obligations
from app.services import contract_signing as signing
from app.services import contract_term as terms
from app.services import sale_order as orders
from app.services.public_link import Said
from tests.attack import attack

D = Decimal
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TODAY = date(2026, 3, 31)
BY = access.SYSTEM
SAID = Said(name="Anna de Vries", position="Director", address="203.0.113.7", agent="Firefox\x00")
S = ContractState


def token(contract: Contract) -> str:
    url = links.url(contract, public_url="https://crm.example.org/")
    assert url is not None
    assert url.startswith("https://crm.example.org/c/")
    return url.rpartition("/")[2]


@contextmanager
def refused(field: str, words: str | None = None) -> Iterator[None]:
    """A refusal at a field, with these words."""
    with pytest.raises(DomainError, match=words) as caught:
        yield
    error = caught.value
    assert field in (error.errors if isinstance(error, Refusals) else {error.field})


def days(session, on: date, *, most: int = contract_clock.PORTION) -> int:
    return contract_clock.look(session, at=datetime(on.year, on.month, on.day, 12, tzinfo=UTC), most=most)


# --- drawing up -------------------------------------------------------------------------------------------------------


def test_a_contract_takes_language_and_currency_of_the_party(session, made):
    contract = made.contract(party=made.buyer(language="nl", currency="USD"), currency=None, language=None)
    assert (contract.state, contract.number, str(contract)) == (S.draft, None, f"#{contract.id}")
    assert (contract.language, contract.currency, contract.notice_days) == ("nl", "USD", 30)


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"subject": " \u200b"}, "subject", "few words"),
        ({"amount": D(-1)}, "amount", "below zero"),
        ({"amount": D("0.001")}, "amount", "small parts"),
        ({"currency": "EURO"}, "currency", None),
        ({"language": "xx"}, "language", "en, "),
        ({"valid_until": date(2025, 12, 31)}, "valid_until", "before the first"),
        ({"renewal": Renewal.automatic}, "renew_months", "how many months"),
        ({"renewal": Renewal.none, "renew_months": 3}, "renew_months", "goes on by itself"),
        ({"renewal": Renewal.automatic, "renew_months": 1, "valid_until": None}, "valid_until", "needs one"),
        ({"notice_days": 4000}, "notice_days", "ten years"),
        ({"terms": "a\x07b"}, "terms", "control characters"),
    ],
)
def test_what_no_contract_can_be_is_refused_at_its_field(session, made, values, field, text):
    contract = made.contract()
    before = contract.search_text
    for name, value in values.items():
        setattr(contract, name, value)
    with session.no_autoflush, refused(field, text):
        contracts.save(session, contract)
    assert contract.search_text == before
    session.expire(contract)


def test_what_is_submitted_needs_a_first_day_and_terms(session, made):
    bare = made.contract(valid_from=None, terms=None)
    with refused("valid_from", "from which day"):
        contracts.submit(session, bare)
    bare.valid_from = TODAY
    with refused("terms", "Write the terms"):
        contracts.submit(session, bare)
    assert bare.state is S.draft


def test_the_number_comes_with_the_approval_and_stays_when_it_is_taken_back(session, made):
    contract = made.contract(state="approved")
    assert (contract.state, contract.number) == (S.approved, "C-2026-00001")
    contracts.revise(session, contract, at=NOON)
    assert (contract.state, contract.number, contract.approved_at) == (S.draft, "C-2026-00001", None)
    with refused("state", "cancel the contract"):
        contracts.remove(session, contract)
    contracts.submit(session, contract)
    contracts.approve(session, contract, at=NOON, by=BY)
    assert contract.number == "C-2026-00001"


def test_a_rejection_needs_a_reason_and_the_next_try_forgets_it(session, made):
    contract = made.contract()
    contracts.submit(session, contract)
    with refused("reason", "Say why"):
        contracts.reject(session, contract, reason=" ")
    assert contract.state is S.approval
    contracts.reject(session, contract, reason="Too cheap")
    assert (contract.state, contract.reason) == (S.draft, "Too cheap")
    contracts.submit(session, contract)
    assert contract.reason is None


def test_what_waits_for_approval_is_not_changed(session, made):
    contract = made.contract()
    contracts.submit(session, contract)
    contract.amount = D(5)
    with session.no_autoflush, refused("amount", "Only a draft"):
        contracts.save(session, contract)
    session.expire(contract)
    contract.note = "Call first"
    contracts.save(session, contract)
    assert (contract.note, contract.amount) == ("Call first", D(1200))


# --- signatures -------------------------------------------------------------------------------------------------------


def test_both_sides_sign_and_the_contract_is_in_force(session, made):
    contract = made.contract(state="sent")
    signing.sign_ours(session, contract, at=NOON, by=BY, name="Willem", position="Owner", on=date(2026, 3, 30))
    assert (contract.state, links.is_alive(contract)) == (S.sent, True)
    signing.sign_theirs(session, contract, at=NOON, by=BY, name="Anna")
    assert (contract.state, links.is_alive(contract)) == (S.active, False)
    ours = contract.signed_by(Side.ours)
    assert ours is not None
    assert (ours.name, ours.position, ours.signed_on, ours.is_electronic) == (
        "Willem",
        "Owner",
        date(2026, 3, 30),
        False,
    )
    assert (contract.ends_on, contract.remind_on) == (date(2026, 12, 31), date(2026, 11, 1))


def test_a_side_signs_once_by_somebody_and_not_tomorrow(session, made):
    contract = made.contract(state="approved")
    with refused("name", "who has signed"):
        signing.sign_ours(session, contract, at=NOON, by=BY, name="")
    with refused("on", "after today"):
        signing.sign_ours(session, contract, at=NOON, by=BY, name="Willem", on=date(2026, 4, 1))
    assert contract.signatures == []
    signing.sign_ours(session, contract, at=NOON, by=BY, name="Willem")
    with refused("state", "signed already"):
        signing.sign_ours(session, contract, at=NOON, by=BY, name="Eve")
    with refused("state", "cancel it and make another"):
        contracts.revise(session, contract, at=NOON)
    draft = made.contract()
    with refused("state"):
        signing.sign_ours(session, draft, at=NOON, by=BY, name="Willem")
    assert [each.name for each in contract.signatures] == ["Willem"]


def test_a_contract_signed_before_its_first_day_waits_for_it(session, made):
    contract = made.contract(state="active", valid_from=date(2026, 5, 1))
    assert contract.state is S.signed
    assert days(session, date(2026, 4, 30)) == 0
    assert (days(session, date(2026, 5, 1)), contract.state) == (1, S.active)


def test_the_customer_signs_by_the_link_once(session, made):
    contract = made.contract(state="sent")
    key, wanted = token(contract), signing.digest(contract)
    signing.accept(session, key, SAID, at=NOON)
    theirs = contract.signed_by(Side.theirs)
    assert theirs is not None
    assert (theirs.name, theirs.position, theirs.is_electronic) == ("Anna de Vries", "Director", True)
    assert (theirs.address, theirs.agent, theirs.content_sha256) == ("203.0.113.7", "Firefox", wanted)
    assert contract.state is S.sent
    for act in (signing.accept, signing.decline):
        with pytest.raises(NotFound):
            act(session, key, Said(name="Eve", reason="No"), at=NOON)
    assert [each.name for each in contract.signatures] == ["Anna de Vries"]
    signing.sign_ours(session, contract, at=NOON, by=BY, name="Willem")
    assert contract.state is S.active


def test_the_customer_declines_with_a_reason(session, made):
    contract = made.contract(state="sent")
    key = token(contract)
    with refused("reason", "Say why"):
        signing.decline(session, key, Said(name="Anna"), at=NOON)
    assert contract.state is S.sent
    signing.decline(session, key, Said(name="Anna", reason="Too dear"), at=NOON)
    assert (contract.state, contract.reason, links.is_alive(contract)) == (S.draft, "Anna: Too dear", False)


def test_what_we_have_signed_and_the_customer_declines_is_cancelled(session, made):
    contract = made.contract(state="sent", owner_id=made.user("manager").id)
    signing.sign_ours(session, contract, at=NOON, by=BY, name="Willem")
    signing.decline(session, token(contract), Said(name="Anna", reason="No"), at=NOON)
    assert contract.state is S.cancelled
    session.flush()
    told = session.execute(select(Notification.kind, Notification.said, Notification.user_id)).all()
    assert [tuple(each) for each in told] == [(NotificationKind.change_of_state, "cancelled", made.user("manager").id)]


@attack(167, "a contract by a link that has ended, was renewed or is over")
def test_no_link_works_that_has_ended(session, made):
    contract = made.contract(state="sent")
    first = token(contract)
    links.renew(session, contract, at=NOON)
    second = token(contract)
    assert first != second
    links.revoke(session, contract, at=NOON)
    links.renew(session, contract, at=NOON, until=TODAY)
    third = token(contract)
    for key, at in ((first, NOON), (second, NOON), (third, NOON + timedelta(days=1)), ("0" * 64, NOON), ("x", NOON)):
        with pytest.raises(NotFound):
            signing.accept(session, key, SAID, at=at)
    assert contract.signatures == []
    signing.accept(session, third, SAID, at=NOON)
    assert len(contract.signatures) == 1


@attack(168, "the key of a quote's link at the page of a contract, and the other way round")
def test_a_link_opens_its_own_kind_alone(session, made):
    from app.services import quote as quotes

    contract, quote = made.contract(state="sent"), made.quote()
    quotes.release(session, quote, at=NOON)
    quote.link_nonce = contract.link_nonce  # the same random number makes another key
    of_quote = (quote_link.url(quote, public_url="") or "").rpartition("/")[2]
    assert of_quote != token(contract)
    with pytest.raises(NotFound):
        signing.accept(session, of_quote, SAID, at=NOON)
    with pytest.raises(NotFound), quote_link.followed(session, token(contract), at=NOON):
        pass
    assert contract.signatures == []


def test_a_link_is_open_for_a_year_at_most(session, made):
    contract = made.contract(state="approved")
    for day, words in ((date(2026, 3, 30), "over already"), (date(2027, 4, 2), "a year at most")):
        with refused("until", words):
            contracts.send(session, contract, at=NOON, until=day)
    assert (contract.state, contract.link_sha256) == (S.approved, None)


# --- what the database keeps ------------------------------------------------------------------------------------------


@attack(169, "other terms under a signature, by a statement of one's own")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE contract SET amount = 1 WHERE id = :key",
        "UPDATE contract SET terms = 'Others' WHERE id = :key",
        "UPDATE contract SET valid_until = '2030-01-01' WHERE id = :key",
        "UPDATE contract SET state = 'draft' WHERE id = :key",
        "DELETE FROM contract WHERE id = :key",
        "UPDATE contract_signature SET name = 'Eve' WHERE contract_id = :key",
        "UPDATE contract_signature SET content_sha256 = 'x' WHERE contract_id = :key",
        "DELETE FROM contract_signature WHERE contract_id = :key",
    ],
)
@pytest.mark.parametrize("state", ["sent", "active"])
def test_the_database_keeps_what_somebody_has_signed(session, made, state, statement):
    contract = made.contract(state=state)
    if state == "sent":
        signing.sign_theirs(session, contract, at=NOON, by=BY, name="Anna")
    with pytest.raises(DBAPIError, match=r"a signed contract is not changed|only ever added"), session.begin_nested():
        session.execute(text(statement), {"key": contract.id})
    session.expire_all()
    assert (contract.amount, contract.terms, contract.state.value) == (D(1200), "We water the tulips.", state)


def test_a_person_is_forgotten_under_a_signature(session, made):
    contract = made.contract(state="sent")
    signing.accept(session, token(contract), SAID, at=NOON)
    session.execute(text("UPDATE contract_signature SET address = NULL, agent = NULL, noted_by_id = NULL"))
    session.expire_all()
    assert session.execute(select(ContractSignature.name, ContractSignature.address)).one() == ("Anna de Vries", None)


# --- days -------------------------------------------------------------------------------------------------------------


def test_a_contract_expires_the_day_after_its_last(session, made):
    contract = made.contract(state="active", reminder_days=0, notice_days=0)
    contract.reminded_on = TODAY
    assert (days(session, date(2026, 12, 31)), contract.state) == (0, S.active)
    assert (days(session, date(2027, 1, 1)), contract.state) == (1, S.expired)
    assert days(session, date(2027, 1, 2)) == 0


@pytest.mark.parametrize(
    ("until", "months", "on", "ends", "renewals"),
    [
        (date(2026, 12, 31), 12, date(2027, 1, 1), date(2027, 12, 31), 1),
        (date(2026, 1, 31), 1, date(2026, 2, 1), date(2026, 2, 28), 1),
        (date(2026, 1, 31), 1, date(2026, 4, 10), date(2026, 4, 30), 3),
        (date(2026, 1, 31), 1, date(2026, 3, 31), date(2026, 3, 31), 2),
    ],
)
def test_what_goes_on_by_itself_keeps_its_day(session, made, until, months, on, ends, renewals):
    assert terms.renewed(until, after=until, until=on, months=months) == (ends, renewals)


def test_an_automatic_renewal_is_counted_from_the_signed_day(session, made):
    contract = made.contract(
        state="active", renewal=Renewal.automatic, renew_months=1, valid_until=date(2026, 3, 31), reminder_days=0
    )
    seen = []
    for on in (date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)):
        days(session, on)
        seen.append((contract.state, contract.ends_on, contract.renewals))
    assert seen == [
        (S.active, date(2026, 4, 30), 1),
        (S.active, date(2026, 5, 31), 2),
        (S.active, date(2026, 6, 30), 3),
    ]


def test_the_owner_is_reminded_once_in_the_program_and_by_a_plan(session, made):
    owner = made.user("manager")
    contract = made.contract(state="active", owner_id=owner.id)
    assert days(session, date(2026, 10, 31)) == 0
    assert [days(session, date(2026, 11, day)) for day in (1, 1, 2)] == [1, 0, 0]
    told = session.execute(select(Notification.kind, Notification.said).where(Notification.user_id == owner.id))
    assert (NotificationKind.contract_ends, "2026-12-31") in [tuple(each) for each in told]
    plan = session.scalars(select(Activity).where(Activity.entity == "contract")).one()
    assert (plan.owner_id, plan.record_id) == (owner.id, contract.id)
    assert plan.subject == "Contract C-2026-00001 ends on 2026-12-31: renew it or let it end"
    assert plan.due_at is not None
    assert plan.due_at.date() == date(2026, 12, 1)


def test_what_both_agree_on_goes_on_and_expired_is_in_force_again(session, made):
    contract = made.contract(state="active", renewal=Renewal.by_agreement)
    days(session, date(2027, 1, 1))
    assert contract.state is S.expired
    with refused("until", "after the one that holds"):
        contracts.prolong(session, contract, until=date(2026, 12, 31), at=NOON)
    contracts.prolong(session, contract, until=date(2027, 6, 30), at=NOON)
    assert (contract.state, contract.ends_on, contract.renewals) == (S.active, date(2027, 6, 30), 1)
    assert (contract.valid_until, contract.reminded_on) == (date(2026, 12, 31), None)
    fixed = made.contract(state="active")
    with refused("state", "make an amendment"):
        contracts.prolong(session, fixed, until=date(2028, 1, 1), at=NOON)


def test_notice_ends_a_contract_on_its_day_with_its_amendments(session, made):
    contract = made.contract(state="active")
    amended = contracts.amend(session, contract)
    bring_into_force(session, amended)
    for on, words in ((date(2026, 3, 30), "over already"), (date(2027, 1, 1), "ends earlier by itself")):
        with refused("on", words):
            contracts.terminate(session, contract, reason="Sold", at=NOON, on=on)
    contracts.terminate(session, contract, reason="Sold", at=NOON, on=date(2026, 4, 30))
    assert (contract.state, contract.terminated_on) == (S.active, date(2026, 4, 30))
    assert days(session, date(2026, 4, 29)) == 0
    assert days(session, date(2026, 4, 30)) == 1
    assert (contract.state, amended.state, amended.reason) == (S.terminated, S.terminated, "Sold")


def bring_into_force(session, amended: Contract, **values) -> None:
    for name, value in ({"valid_from": TODAY, "terms": "From now on roses."} | values).items():
        setattr(amended, name, value)
    contracts.save(session, amended)
    contracts.submit(session, amended)
    contracts.approve(session, amended, at=NOON, by=BY)
    signing.sign_ours(session, amended, at=NOON, by=BY, name="Willem")
    signing.sign_theirs(session, amended, at=NOON, by=BY, name="Anna")


def test_what_holds_is_what_the_last_amendment_says(session, made):
    contract = made.contract(state="active")
    first = contracts.amend(session, contract)
    assert (str(first), first.amount, first.valid_until) == ("C-2026-00001/1", None, None)
    with refused("state", "under way"):
        contracts.amend(session, contract)
    bring_into_force(session, first, amount=D(2000))
    second = contracts.amend(session, contract)
    bring_into_force(session, second, valid_until=date(2027, 6, 30))
    found = terms.effective(session, contract)
    assert (found.amount, found.ends_on, found.by) == (D(2000), date(2027, 6, 30), second)
    assert (contract.amount, contract.valid_until, contract.ends_on) == (D(1200), date(2026, 12, 31), date(2027, 6, 30))
    with refused("state", "Amend the contract itself"):
        contracts.amend(session, first)


# --- obligations ------------------------------------------------------------------------------------------------------


def test_what_is_owed_is_noted_done_and_due_again(session, made):
    contract = made.contract(state="active")
    with refused("text", "what is owed"):
        obligations.owe(session, contract, text=" ", side=Side.ours, due_on=TODAY)
    assert contract.obligations == []
    obligations.owe(session, contract, text="Water", side=Side.ours, due_on=date(2026, 1, 31), repeats=Rhythm.monthly)
    for _each in range(3):
        due = next(each for each in contract.obligations if each.done_on is None)
        obligations.fulfil(session, contract, obligation=due.id, by=BY, at=NOON)
    assert [each.due_on for each in contract.obligations] == [
        date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30),
    ]  # fmt: skip
    obligations.reopen(session, contract, obligation=contract.obligations[2].id)
    assert [each.done_on for each in contract.obligations] == [TODAY, TODAY, None]
    with refused("obligation", "What was done stays"):
        obligations.drop(session, contract, obligation=contract.obligations[0].id)
    obligations.drop(session, contract, obligation=contract.obligations[2].id)
    assert len(contract.obligations) == 2
    other = made.contract(state="active")
    with refused("obligation", "no such"):
        obligations.fulfil(session, other, obligation=contract.obligations[0].id, by=BY, at=NOON)


def test_nothing_repeats_beyond_the_last_day(session, made):
    contract = made.contract(state="active")
    obligations.owe(
        session, contract, text="Report", side=Side.theirs, due_on=date(2026, 12, 31), repeats=Rhythm.yearly
    )
    obligations.fulfil(session, contract, obligation=contract.obligations[0].id, by=BY, at=NOON)
    assert len(contract.obligations) == 1


def test_what_is_overdue_is_told_once_and_found_by_the_filter(session, made):
    owner = made.user("manager")
    contract = made.contract(state="active", owner_id=owner.id)
    made.contract(state="active")
    obligations.owe(session, contract, text="Water", side=Side.ours, due_on=TODAY)
    late = select(Contract.id).where(obligations.with_late(date(2026, 4, 1)))
    assert session.scalars(late).all() == [contract.id]
    assert [days(session, on) for on in (TODAY, date(2026, 4, 1), date(2026, 4, 2))] == [0, 1, 0]
    told = session.execute(select(Notification.kind, Notification.said).where(Notification.user_id == owner.id)).all()
    assert [tuple(each) for each in told] == [(NotificationKind.obligation_late, "2026-03-31")]


def test_a_portion_takes_so_many_and_the_next_the_rest(session, made):
    party = made.buyer()
    for _each in range(3):
        made.contract(state="active", valid_from=date(2026, 5, 1), party=party)
    assert [days(session, date(2026, 5, 1), most=2) for _each in range(3)] == [2, 1, 0]


# --- what is done under it --------------------------------------------------------------------------------------------


def test_orders_and_invoices_count_against_the_amount(session, made):
    contract = made.contract(state="active")
    order = made.order(("3", "10.00"), party=contract.party, contract=contract)
    made.order(("1", "10.00"), party=contract.party, contract=contract)  # a draft
    orders.confirm(session, order, at=NOON)
    assert contract_use.used(session, contract, amount=contract.amount) == [
        contract_use.Used("EUR", D("36.30"), D(0), D("1163.70"))
    ]
    draft = orders.invoice(session, order)
    assert draft.contract is contract


@pytest.mark.parametrize(
    ("state", "other", "words"), [("active", True, "with somebody else"), ("approved", False, "not in force")]
)
def test_an_order_names_a_contract_that_holds_with_its_party(session, made, state, other, words):
    contract = made.contract(state=state)
    party = made.buyer("Rozen B.V.") if other else contract.party
    with refused("contract", words):
        made.order(party=party, contract=contract)
    quote = made.quote(party=party)
    quote.contract = contract
    from app.services import quote as quotes

    with session.no_autoflush, refused("contract", words):
        quotes.save(session, quote)
    session.expire(quote)
    assert quote.contract_id is None
