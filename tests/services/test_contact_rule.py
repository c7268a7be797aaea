"""Automatic letters: each occasion once and on its day, nobody whom the gate refuses, nothing that is no longer so."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from app.documents.rule_letter import composed, page
from app.errors import DomainError, Refusals
from app.models.consent import ConsentPurpose, ConsentSource, ConsentState
from app.models.contact_rule import ContactRule, LeftOut, Occasion, OccurrenceState, RuleOccurrence
from app.models.contract import Renewal
from app.models.delivery import Delivery, DeliveryState
from app.models.letter import Letter, LetterState
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import MailingKind
from app.models.segment import Segment, SegmentKind
from app.models.sms_provider import SmsProvider, SmsProviderKind
from app.models.suppression import ContactChannel, ContactKind, ContactRefusal, NoContact, SuppressionReason
from app.models.work_schedule import CompanyHoliday
from app.outbox import Errand, Outbox
from app.roles import Scope
from app.services import (
    access,
    condition,
    consent,
    contact_rule,
    mail_template,
    personal_erase,
    rule_forecast,
    rule_occasion,
    rule_occurrence,
    sale_order,
    sms_provider,
    suppression,
)
from app.services import letter_ledger as ledger
from app.services import segment as segments
from app.services.access import SYSTEM, Actor
from app.services.condition import Group, Is
from app.services.consent import Said
from tests.attack import attack
from tests.mail import office

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TODAY = NOON.date()
TO = "anna@bloem.example"


@pytest.fixture(autouse=True)
def mail_is_set_up(chain_key):
    with office(public_url="https://crm.example.org"):
        yield


@pytest.fixture
def us(made):
    return made.organisation(email="office@grachten.example", legal_name="Grachten Handel B.V.")


@pytest.fixture
def template(session):
    found = MailTemplate(name="Wishes", channel=MailingChannel.email)
    found.texts = [
        MailTemplateText(language="en", subject="For {first name|you}"),
        MailTemplateText(language="nl", subject="Voor {first name|u}"),
    ]
    text = "{occasion|-} | {day|-}"
    found.blocks = [MailTemplateBlock(language=code, kind=BlockKind.text, text=text) for code in ("en", "nl")]
    mail_template.save(session, found)
    return found


@pytest.fixture
def rule(session, us, template):
    """Make a rule that is in use since a week ago."""

    def make(occasion, **values):
        given = {"name": f"{occasion} {len(contact_rule.active(session))}", "organisation": us, "template": template}
        given |= {"occasion": Occasion(occasion), "kind": MailingKind.service, "since": TODAY - 7 * DAY, "hour": 10}
        found = ContactRule(**given | values)
        contact_rule.save(session, found)
        session.flush()
        found.is_active = True
        session.flush()
        return found

    return make


def anna(made, born=date(1980, 3, 31), **values):
    given = {"kind": "person", "email": TO, "birthday": born, "language": "nl", "owner": "manager"}
    return made.buyer("Anna de Vries", **given | values)


def ordered(session, made, party, *, days_ago, now=NOON):
    order = made.order(("1", "10.00"), party=party)
    order.ordered_on = now.date() - days_ago * DAY
    sale_order.confirm(session, order, at=now)
    return order


def run(session, *, at=NOON):
    """Do what the background work does."""
    for each in contact_rule.active(session):
        while rule_occurrence.plan(session, each.id, at=at):
            pass
    made = []
    for _moment, key in rule_occurrence.due(session, at=at):
        made.append(rule_occurrence.fulfil(session, key, compose=composed, at=at))
    return [each for each in made if each is not None]


def slots(session):
    found = session.scalars(select(RuleOccurrence).order_by(RuleOccurrence.id))
    return [(one.slot, one.state.value, one.reason and one.reason.value) for one in found]


def days_of(session, rule, first, last):
    asked = rule_occasion.of(session, rule, first=first, last=last, at=NOON)
    found = [rule_occasion.read(rule, row) for row in session.execute(asked.order_by("place", "party_id"))]
    return [(each.slot, each.happens_on, each.writes_on) for each in found]


# --- when an occasion comes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "year", "day"),
    [
        (date(2000, 2, 29), 2027, date(2027, 2, 28)),
        (date(2000, 2, 29), 2028, date(2028, 2, 29)),
        (date(2000, 2, 29), 2100, date(2100, 2, 28)),
        (date(1999, 2, 28), 2028, date(2028, 2, 28)),
        (date(1999, 12, 31), 2026, date(2026, 12, 31)),
    ],
)
def test_a_birthday_comes_once_a_year_also_that_of_a_leap_day(session, made, rule, born, year, day):
    anna(made, born)
    found = rule("birthday")
    whole = days_of(session, found, date(year, 1, 1), date(year, 12, 31))
    assert whole == [(f"birthday {year}", day, day)]
    each_day = [days_of(session, found, on, on) for on in (day - DAY, day, day + DAY)]
    assert each_day == [[], whole, []]


def test_days_before_a_birthday_lead_over_new_year(session, made, rule):
    anna(made, date(1980, 1, 2))
    found = rule("birthday", days=-5)
    assert days_of(session, found, date(2026, 12, 28), date(2026, 12, 28)) == [
        ("birthday 2027", date(2027, 1, 2), date(2026, 12, 28))
    ]


def test_who_is_not_born_yet_or_of_this_very_year_has_no_birthday(session, made, rule):
    anna(made, date(2026, 3, 31))
    assert days_of(session, rule("birthday"), TODAY, TODAY) == []


def test_a_holiday_is_that_of_the_country_and_found_in_our_languages(session, made, rule):
    made.party("Bloem", country="NL")
    made.party("Цветы", country="RU")
    found = rule("holiday", country="RU", holiday="День Победы", days=-1)
    assert found.holiday == "Victory Day"
    assert days_of(session, found, date(2026, 5, 1), date(2026, 5, 31)) == [
        ("2026 Victory Day", date(2026, 5, 9), date(2026, 5, 8))
    ]
    assert days_of(session, found, date(2026, 5, 9), date(2026, 12, 31)) == []


def test_a_day_that_the_company_has_noted_is_a_holiday_too(session, made, rule):
    made.party("Bloem", country="NL")
    session.add(CompanyHoliday(held_on=date(2026, 6, 3), name="Founders' day"))
    session.flush()
    with pytest.raises(Refusals) as refused:
        rule("holiday", country="NL", holiday="Founders night")
    assert list(refused.value.errors) == ["holiday"]
    found = rule("holiday", country="NL", holiday="founders' day")
    day = date(2026, 6, 3)
    assert days_of(session, found, TODAY, date(2026, 12, 31)) == [("2026 Founders' day", day, day)]


def test_after_an_order_of_our_company_that_is_binding(session, made, rule, us):
    party = anna(made)
    order = ordered(session, made, party, days_ago=14)
    made.order(("1", "10.00"), party=party, ordered_on=TODAY - 14 * DAY)  # a draft
    other = made.organisation("Other", series=False)
    found = rule("after_order", days=14)
    assert days_of(session, found, TODAY, TODAY) == [(f"order {order.id}", TODAY - 14 * DAY, TODAY)]
    assert days_of(session, rule("after_order", organisation=other, name="x", days=14), TODAY, TODAY) == []


def test_one_order_is_reminded_of_until_there_is_a_second(session, made, rule):
    party = anna(made)
    ordered(session, made, party, days_ago=90)
    found = rule("one_order", days=90)
    assert days_of(session, found, TODAY, TODAY) == [("one order", TODAY - 90 * DAY, TODAY)]
    ordered(session, made, party, days_ago=1)
    assert days_of(session, found, TODAY, TODAY) == []


def test_after_a_delivery_by_the_day_of_our_company(session, made, rule, us):
    order = ordered(session, made, anna(made), days_ago=3)
    late = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # the 29th in Amsterdam, and by then half past one
    delivery = Delivery(
        organisation=us, order=order, party=order.party, state=DeliveryState.delivered, number="1", delivered_at=late
    )
    session.add(delivery)
    session.flush()
    found = rule("after_delivery", days=2)
    assert days_of(session, found, TODAY, TODAY) == [(f"delivery {delivery.id}", date(2026, 3, 29), TODAY)]
    assert days_of(session, found, TODAY - DAY, TODAY - DAY) == []


def test_the_end_of_a_contract_that_does_not_go_on_by_itself(session, made, rule):
    contract = made.contract(state="active", party=anna(made))
    found = rule("contract_end", days=-30)
    ends = date(2026, 12, 31)
    slot = f"contract {contract.id} 2026-12-31"
    assert days_of(session, found, date(2026, 12, 1), date(2026, 12, 1)) == [(slot, ends, date(2026, 12, 1))]
    contract.terminated_on = date(2026, 12, 15)
    session.flush()
    assert days_of(session, found, date(2026, 11, 1), date(2026, 12, 31)) == []


def test_an_automatic_renewal_is_no_end(session, made, rule):
    made.contract(state="active", party=anna(made), renewal=Renewal.automatic, renew_months=12)
    assert days_of(session, rule("contract_end", days=-30), date(2026, 12, 1), date(2026, 12, 1)) == []


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        (date(2026, 3, 28), datetime(2026, 3, 28, 9, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 8, tzinfo=UTC)),  # summer time begins
        (date(2026, 10, 25), datetime(2026, 10, 25, 9, tzinfo=UTC)),
    ],
)
def test_a_letter_is_due_at_the_hour_of_our_company(rule, day, moment):
    assert rule_occasion.due_at(rule("birthday"), day) == moment


# --- what a rule may be -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("occasion", "values", "field"),
    [
        ("birthday", {"days": 61}, "days"),
        ("after_order", {"days": -1}, "days"),
        ("one_order", {"days": 0}, "days"),
        ("birthday", {"hour": 24}, "hour"),
        ("birthday", {"name": " "}, "name"),
        ("birthday", {"channel": MailingChannel.sms}, "template"),
        ("holiday", {"country": "NL", "holiday": "Victory Day"}, "holiday"),
        ("holiday", {"holiday": "Victory Day"}, "country"),
    ],
)
def test_what_no_rule_can_be_is_refused_at_its_field(session, rule, occasion, values, field):
    with pytest.raises(Refusals) as refused:
        rule(occasion, **values)
    assert list(refused.value.errors) == [field]
    assert session.scalars(select(ContactRule)).all() == []


def test_a_segment_that_asks_what_its_chooser_may_not_see_is_refused(session, made, rule):
    asks = condition.dumped(Group("all", (Is("orders_count", "ge", "2"),)))
    segment = Segment(name="Twice", kind=SegmentKind.live, definition=asks)
    segments.save(session, segment)
    session.flush()
    blind = Actor(made.user("marketer").id, "marketer", Scope.all, reaches=frozenset())
    with access.acting(session, blind), pytest.raises(Refusals) as refused:
        rule("birthday", segment=segment)
    assert list(refused.value.errors) == ["segment"]


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_greeting_is_planned_and_written_once_in_the_language_of_the_person(session, made, rule):
    party = anna(made)
    found = rule("birthday")
    [letter] = run(session)
    assert (letter.subject, letter.to_address, letter.language) == ("Voor Anna", TO, "nl")
    legal = "Grachten Handel B.V., Keizersgracht 1, 1015 CJ Amsterdam, NL"
    assert letter.body == f"- | 31 maart 2026\n\n--\n{legal}"
    assert (letter.purpose, letter.kind) == (f"rule {found.id}", ContactKind.service)
    assert (letter.entity, letter.record_id, letter.owner_id) == ("party", party.id, party.owner_id)
    assert run(session) == []
    assert run(session, at=NOON + DAY) == []
    assert slots(session) == [("birthday 2026", "written", None)]
    one = session.scalars(select(RuleOccurrence)).one()
    assert (one.letter_id, one.happens_on, one.due_at) == (letter.id, TODAY, datetime(2026, 3, 31, 8, tzinfo=UTC))


def test_what_comes_tomorrow_waits_for_its_hour(session, made, rule):
    anna(made, date(1980, 4, 1))
    rule("birthday")
    assert run(session) == []
    assert slots(session) == [("birthday 2026", "planned", None)]
    assert run(session, at=datetime(2026, 4, 1, 7, 59, tzinfo=UTC)) == []
    assert len(run(session, at=datetime(2026, 4, 1, 8, 0, tzinfo=UTC))) == 1


def test_what_it_is_about_is_said_in_the_letter(session, made, rule):
    order = ordered(session, made, anna(made), days_ago=14)
    rule("after_order", days=14)
    [letter] = run(session)
    assert letter.body.partition("\n")[0] == f"{order.number} | 17 maart 2026"
    assert (letter.entity, letter.record_id) == ("order", order.id)


def test_two_workers_write_one_letter(session, made, rule):
    anna(made)
    found = rule("birthday")
    assert [rule_occurrence.plan(session, found.id, at=NOON) for _worker in (1, 2)] == [1, 0]
    first = rule_occurrence.due(session, at=NOON)
    assert first == rule_occurrence.due(session, at=NOON)  # both have seen it
    key = first[0][1]
    written = [rule_occurrence.fulfil(session, key, compose=composed, at=NOON) for _worker in (1, 2)]
    assert [each is not None for each in written] == [True, False]
    assert len(session.scalars(select(Letter)).all()) == 1


def test_a_template_that_fails_leaves_the_occasion_planned_and_no_letter(session, made, rule):
    anna(made)
    found = rule("birthday")
    rule_occurrence.plan(session, found.id, at=NOON)
    [(_moment, key)] = rule_occurrence.due(session, at=NOON)

    def dies(*_given):
        raise MemoryError

    with pytest.raises(MemoryError):
        rule_occurrence.fulfil(session, key, compose=dies, at=NOON)
    assert slots(session) == [("birthday 2026", "planned", None)]
    assert len(run(session)) == 1


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda session, party: setattr(party, "email", None), LeftOut.no_address),
        (lambda session, party: setattr(party, "archived_at", NOON), LeftOut.archived),
        (lambda session, party: setattr(party, "birthday", date(1980, 5, 5)), LeftOut.moot),
    ],
)
def test_what_is_no_longer_so_is_left_out_with_its_reason(session, made, rule, prepare, reason):
    party = anna(made)
    found = rule("birthday")
    rule_occurrence.plan(session, found.id, at=NOON)
    prepare(session, party)
    session.flush()
    assert run(session) == []
    assert slots(session) == [("birthday 2026", "left_out", reason.value)]
    assert session.scalars(select(Letter)).all() == []


def test_who_has_ordered_again_gets_no_reminder_of_his_one_order(session, made, rule):
    party = anna(made)
    ordered(session, made, party, days_ago=90)
    found = rule("one_order", days=90)
    rule_occurrence.plan(session, found.id, at=NOON)
    ordered(session, made, party, days_ago=0)
    assert run(session) == []
    assert slots(session) == [("one order", "left_out", "moot")]


def test_who_orders_while_the_letter_waits_gets_none_either(session, made, rule):
    party = anna(made)
    ordered(session, made, party, days_ago=90)
    rule("one_order", days=90)
    [letter] = run(session)
    ordered(session, made, party, days_ago=0)
    assert ledger.claim(session, letter.id, at=NOON) is None
    session.refresh(letter)
    assert (letter.state, letter.answer) == (LetterState.cancelled, "The occasion of this letter is no longer there")
    assert slots(session) == [("one order", "left_out", "moot")]


@attack(203, "an automatic letter to somebody who has unsubscribed, or never agreed to marketing")
def test_each_refusal_of_the_gate_is_told_and_counted(session, made, rule):
    anna(made)
    rule("birthday", kind=MailingKind.marketing)
    assert run(session) == []
    assert slots(session) == [("birthday 2026", "left_out", "no_consent")]
    [counted] = session.scalars(select(ContactRefusal)).all()
    assert (counted.sender, counted.reason, counted.kind) == ("rule", NoContact.no_consent, ContactKind.marketing)


def agreed(session, party, purpose=ConsentPurpose.marketing_mail):
    said = Said(purpose=purpose, state=ConsentState.given, source=ConsentSource.form, said_at=NOON - DAY, wording="v1")
    consent.add(session, party, said=said, by=SYSTEM, at=NOON - DAY)


def test_marketing_leaves_with_the_way_out_of_it_which_no_row_holds(session, made, rule):
    agreed(session, anna(made))
    rule("birthday", kind=MailingKind.marketing)
    [letter] = run(session)
    claim = ledger.claim(session, letter.id, at=NOON)
    assert "https://crm.example.org/p/" not in letter.body
    made = page(claim.paper)
    assert [each.count("https://crm.example.org/p/") for each in (made.text, made.html)] == [1, 1]
    assert made.text.replace("-- \n", "--\n").startswith(letter.body)
    assert claim.unsubscribe.startswith("https://crm.example.org/p/")


def test_who_unsubscribes_while_the_letter_waits_gets_none(session, made, rule):
    agreed(session, anna(made))
    rule("birthday", kind=MailingKind.marketing)
    [letter] = run(session)
    suppression.add(session, ContactChannel.email, TO, SuppressionReason.unsubscribed, at=NOON)
    assert ledger.claim(session, letter.id, at=NOON) is None
    session.refresh(letter)
    assert letter.state is LetterState.failed


def test_who_has_left_the_segment_is_left_out(session, made, rule):
    party = anna(made)
    asks = condition.dumped(Group("all", (Is("country", "eq", "NL"),)))
    segment = Segment(name="Dutch", kind=SegmentKind.live, definition=asks)
    segments.save(session, segment)
    session.flush()
    found = rule("birthday", segment=segment)
    assert rule_occurrence.plan(session, found.id, at=NOON) == 1
    party.country = "BE"
    session.flush()
    assert run(session) == []
    assert slots(session) == [("birthday 2026", "left_out", "not_in_segment")]


# --- switched off and on ----------------------------------------------------------------------------------------------


def test_a_rule_that_is_switched_on_writes_nothing_older(session, made, rule):
    party = anna(made)
    found = rule("after_order", days=1)
    contact_rule.switch_off(session, found)
    for ago in (3, 2, 1):  # due two days ago, yesterday, today
        ordered(session, made, party, days_ago=ago)
    contact_rule.switch_on(session, found, at=NOON)
    assert found.since == TODAY
    assert len(run(session)) == 1


def test_what_was_planned_before_a_rule_was_switched_off_is_not_made_up_for(session, made, rule):
    anna(made)
    found = rule("birthday")
    rule_occurrence.plan(session, found.id, at=NOON)
    contact_rule.switch_off(session, found)
    assert (rule_occurrence.due(session, at=NOON), run(session)) == ([], [])
    assert slots(session) == [("birthday 2026", "planned", None)]
    contact_rule.switch_on(session, found, at=NOON + 2 * DAY)
    assert run(session, at=NOON + 2 * DAY) == []
    assert slots(session) == [("birthday 2026", "left_out", "late")]


def test_a_greeting_is_not_a_day_late_but_a_word_after_an_order_may_be(session, made, rule):
    party = anna(made, date(1980, 3, 30))
    ordered(session, made, party, days_ago=3)
    rule("birthday")
    rule("after_order", days=2)
    assert [letter.entity for letter in run(session)] == ["order"]


def test_a_rule_that_has_written_is_not_deleted(session, made, rule):
    anna(made)
    found = rule("birthday")
    run(session)
    with pytest.raises(DomainError, match="has written already"):
        contact_rule.remove(session, found)


def test_who_was_erased_is_not_written_to(session, made, rule):
    party = anna(made)
    found = rule("birthday")
    rule_occurrence.plan(session, found.id, at=NOON)
    party.anonymised_at = NOON
    session.flush()
    assert run(session) == []
    assert slots(session) == [("birthday 2026", "left_out", "erased")]
    assert rule_occurrence.plan(session, found.id, at=NOON) == 0


def test_erasing_takes_away_what_tells_of_a_birthday(session, made, rule, tmp_path):
    party = anna(made)
    rule_occurrence.plan(session, rule("birthday").id, at=NOON)
    found = personal_erase.find_for(session, party.id, None)
    given = {"reason": "Asked for it on the telephone", "typed_name": found.name, "files": tmp_path}
    personal_erase.erase(session, found, by=SYSTEM, at=NOON, **given)
    assert slots(session) == []


def test_without_a_mail_server_it_waits(session, made, rule):
    anna(made)
    found = rule("birthday")
    rule_occurrence.plan(session, found.id, at=NOON)
    with office(problem="No mail server is set up"):
        assert rule_occurrence.due(session, at=NOON) == []
    assert len(rule_occurrence.due(session, at=NOON)) == 1


def test_the_work_is_called_for_while_there_is_some_and_once(session, made, rule):
    assert rule_occurrence.tend(session, at=NOON) is False
    anna(made)
    found = rule("birthday")
    assert [rule_occurrence.tend(session, at=NOON) for _round in (1, 2)] == [True, False]
    job = session.scalars(select(Outbox).where(Outbox.topic == rule_occurrence.TOPIC)).one()
    job.state, job.created_at = Errand.done, NOON
    session.flush()
    assert rule_occurrence.tend(session, at=NOON + timedelta(minutes=14)) is False
    rule_occurrence.plan(session, found.id, at=NOON)
    assert rule_occurrence.tend(session, at=NOON + timedelta(minutes=14)) is True  # something is due


# --- what is to come --------------------------------------------------------------------------------------------------


def test_the_forecast_says_who_gets_a_letter_when_and_who_does_not(session, made, rule, statements):
    anna(made, date(1980, 4, 2))
    made.party("Ivan", kind="person", birthday=date(1970, 4, 1))
    made.party("Late", kind="person", birthday=date(1970, 5, 1), email="x@bloem.example")
    found = rule("birthday", days=-1)
    session.expire_all()
    del statements[:]
    told = rule_forecast.forecast(session, found, at=NOON)
    assert len(statements) <= 10
    assert (told.total, told.looked_at, told.written, told.left_out) == (3, 3, 2, {LeftOut.no_address: 1})
    assert [(str(each.party), each.on, each.happens_on, each.reason) for each in told.rows] == [
        ("Ivan", date(2026, 3, 31), date(2026, 4, 1), LeftOut.no_address),
        ("Anna de Vries", date(2026, 4, 1), date(2026, 4, 2), None),
        ("Late", date(2026, 4, 30), date(2026, 5, 1), None),
    ]


def test_what_was_written_is_not_to_come_any_more(session, made, rule):
    ordered(session, made, anna(made), days_ago=14)
    found = rule("after_order", days=14)
    assert rule_forecast.forecast(session, found, at=NOON).total == 1
    run(session)
    assert rule_forecast.forecast(session, found, at=NOON).total == 0


@attack(204, "learning from the forecast of a rule who has ordered, without the right to see orders")
def test_who_may_not_see_orders_is_told_no_names_and_no_small_number(session, made, rule):
    ordered(session, made, anna(made), days_ago=14)
    found = rule("after_order", days=14)
    sees = frozenset({("party", "see", access.EVERYTHING), ("contact_rule", "see", access.EVERYTHING)})
    with access.acting(session, Actor(made.user("marketer").id, "marketer", Scope.all, reaches=sees)):
        told = rule_forecast.forecast(session, found, at=NOON)
    assert (told.total, told.is_hidden, told.rows, told.written) == (None, True, (), 0)


# --- by text message --------------------------------------------------------------------------------------------------


def test_a_text_message_is_written_by_the_same_rules_once_there_is_a_provider(session, made, rule, us):
    template = MailTemplate(name="Short", channel=MailingChannel.sms)
    template.texts = [MailTemplateText(language="en", message="Dear {first name|you}")]
    mail_template.save(session, template)
    party = anna(made, phone="+31612345678", language="en")
    agreed(session, party, ConsentPurpose.marketing_sms)
    rule("birthday", template=template, channel=MailingChannel.sms, kind=MailingKind.marketing)
    assert run(session) == []
    provider = SmsProvider(organisation=us, kind=SmsProviderKind.smsc, login="office", sender="Grachten")
    sms_provider.save(session, provider)
    session.flush()
    sms_provider.set_password(session, provider, "secret word", at=NOON)
    [message] = run(session)
    assert message.to_address == "+31612345678"
    assert message.text.startswith("Dear Anna\nhttps://crm.example.org/p/")
    assert message.kind is ContactKind.marketing
    one = session.scalars(select(RuleOccurrence)).one()
    assert (one.state, one.text_message_id, one.letter_id) == (OccurrenceState.written, message.id, None)
    assert run(session) == []
