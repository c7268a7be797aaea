"""Letters of rules: the mail of the template, links that lead through us, what came of them, and trying again."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from app.documents.rule_letter import composed, link, page
from app.errors import DomainError, Refusals
from app.models.contact_rule import ContactRule, LeftOut, Occasion, OccurrenceState, RuleOccurrence
from app.models.letter import LetterState
from app.models.mail_template import BlockKind, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import MailingKind
from app.models.suppression import ContactChannel, SuppressionReason
from app.services import (
    contact_rule,
    mail_template,
    mailing_audience,
    mailing_heard,
    mailing_link,
    rule_effect,
    rule_heard,
    rule_link,
    rule_occurrence,
    sale_order,
    suppression,
)
from app.services import letter_ledger as ledger
from app.services.mailing_link import RULE_CLICK, RULE_OPEN, Meant
from app.services.uplift import Verdict
from app.tasks import letter as work
from tests.attack import attack
from tests.mail import office

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TO = "anna@bloem.example"
SHOP = "https://shop.example.org/tulips"


@pytest.fixture(autouse=True)
def mail_is_set_up(chain_key):
    with office(public_url="https://crm.example.org"):
        yield


@pytest.fixture
def rule(session, made):
    us = made.organisation(email="office@grachten.example", legal_name="Grachten Handel B.V.", currency="EUR")
    template = MailTemplate(name="Wishes")
    template.texts = [MailTemplateText(language="en", subject="For {first name|you}")]
    template.blocks = [
        MailTemplateBlock(language="en", kind=BlockKind.heading, text="Hello {first name|you}"),
        MailTemplateBlock(language="en", kind=BlockKind.button, text="Look <here>", address=SHOP),
    ]
    mail_template.save(session, template)
    found = ContactRule(name="Birthdays", organisation=us, template=template, occasion=Occasion.birthday)
    found.kind, found.hour, found.since = MailingKind.service, 10, NOON.date()
    contact_rule.save(session, found)
    found.is_active = True
    session.flush()
    return found


def anna(made, number=0):
    name = f"Anna {number}" if number else "Anna de Vries"
    email = f"anna{number}@bloem.example" if number else TO
    return made.buyer(name, kind="person", email=email, birthday=date(1980, 3, 31), language="en")


def run(session, rule, *, at=NOON):
    while rule_occurrence.plan(session, rule.id, at=at):
        pass
    for _moment, key in rule_occurrence.due(session, at=at):
        rule_occurrence.fulfil(session, key, compose=composed, at=at)
    return session.scalars(select(RuleOccurrence).order_by(RuleOccurrence.id)).all()


def sent(session, one):
    claim = ledger.claim(session, one.letter_id, at=NOON)
    ledger.begin_data(session, claim, at=NOON)
    ledger.sent(session, claim, "250 ok", at=NOON)
    session.expire_all()
    return claim


def followed(session, act, key):
    with rule_link.followed(session, Meant(act, key, 0), at=NOON) as found:
        return found


# --- the page of a letter ---------------------------------------------------------------------------------------------


def test_a_letter_leaves_as_the_mail_of_its_template_with_links_through_us(session, made, rule):
    anna(made)
    [one] = run(session, rule)
    claim = ledger.claim(session, one.letter_id, at=NOON)
    written = page(claim.paper)
    through = f"https://crm.example.org/m/{mailing_link.token(RULE_CLICK, one.id)}"
    assert written.html.count(f'href="{through}"') == 1
    assert "Look &lt;here&gt;</a>" in written.html
    assert ("Hello Anna" in written.html, "<img" in written.html, SHOP in written.html) == (True, False, False)
    assert written.text == f"Hello Anna\n\nLook <here>\n{through}\n\n-- \n{claim.paper.around.legal}\n"
    assert one.letter.body.startswith(f"Hello Anna\n\nLook <here>\n{SHOP}\n")
    assert written.is_clipped is False
    content = work._content(None, claim).decode()
    assert (content.count("text/plain"), content.count("text/html")) == (1, 1)


def test_opens_and_clicks_are_noted_only_where_the_rule_wants_them(session, made, rule):
    anna(made)
    rule.tracks_opens, rule.tracks_clicks = True, False
    [one] = run(session, rule)
    html = page(ledger.claim(session, one.letter_id, at=NOON).paper).html
    dot = f"https://crm.example.org/m/{mailing_link.token(RULE_OPEN, one.id)}"
    assert re.findall(r'<img width="1" height="1" alt="" src="([^"]*)">', html) == [dot]
    assert re.findall(r"https://crm.example.org/m/r[^\"]*", html) == []
    assert html.count(f'href="{SHOP}"') == 1


def test_without_template_or_words_the_text_leaves(session, made, rule):
    anna(made)
    [one] = run(session, rule)
    one.words = None
    session.flush()
    claim = ledger.claim(session, one.letter_id, at=NOON)
    assert (claim.paper, claim.body) == (None, one.letter.body)
    assert "text/html" not in work._content(None, claim).decode()


def test_a_link_is_followed_once_its_letter_has_left_and_noted_the_first_time(session, made, rule):
    anna(made)
    [one] = run(session, rule)
    assert followed(session, RULE_CLICK, one.id) is None
    sent(session, one)
    assert followed(session, RULE_OPEN, one.id).id == one.id
    session.refresh(one)
    assert (one.opened_at, one.clicked_at) == (NOON, None)
    with rule_link.followed(session, Meant(RULE_CLICK, one.id, 0), at=NOON + DAY):
        pass
    session.refresh(one)
    assert (one.opened_at, one.clicked_at) == (NOON, NOON + DAY)
    said = one.content.content["languages"]["en"]
    assert (link(said, 0), link(said, 1)) == (SHOP, None)


@attack(220, "a forged link of an automatic letter, or one of a mailing used for a letter")
@pytest.mark.parametrize("change", ["act", "key", "proof"])
def test_a_link_that_was_not_signed_for_this_means_nothing(change):
    token = mailing_link.token(RULE_CLICK, 17)
    assert mailing_link.read(token) == Meant(RULE_CLICK, 17, 0)
    forged = {
        "act": f"c{token[1:]}",
        "key": token.replace("r17-", "r18-"),
        "proof": token[:-1] + ("0" if token[-1] != "0" else "1"),
    }
    assert mailing_link.read(forged[change]) is None


def test_an_answer_and_the_way_out_are_noted_at_the_occasion(session, made, rule):
    party = anna(made)
    [one] = run(session, rule)
    sent(session, one)
    rule_heard.answered(session, one.letter, at=NOON)
    rule_heard.answered(session, one.letter, at=NOON + DAY)
    mailing_heard.unsubscribed(session, party.id, TO, at=NOON)
    session.refresh(one)
    assert (one.answered_at, one.unsubscribed_at) == (NOON, NOON)
    mailing_heard.unsubscribed(session, party.id, "other@bloem.example", at=NOON + DAY)
    assert one.unsubscribed_at == NOON


# --- held out, and what came of it ------------------------------------------------------------------------------------


def test_who_is_drawn_gets_no_letter_and_who_would_get_none_is_not_drawn(session, made, rule):
    rule.holdout_percent = 50
    contact_rule.save(session, rule)
    parties = [anna(made, number) for number in range(1, 13)]
    drawn = {each.id for each in parties if mailing_audience.draw(rule.seed, each.id) * 2 < 1}
    assert 0 < len(drawn) < len(parties)
    stopped = min(drawn)
    blocked = next(each.email for each in parties if each.id == stopped)
    suppression.add(session, ContactChannel.email, blocked, SuppressionReason.blocked, at=NOON)
    found = {one.party_id: (one.state.value, one.reason, one.letter_id is not None) for one in run(session, rule)}
    expected = {each.id: ("written", None, True) for each in parties}
    expected |= dict.fromkeys(drawn, ("held_out", None, False))
    expected[stopped] = ("left_out", LeftOut.blocked, False)
    assert found == expected


def test_holding_out_another_share_begins_anew(session, rule):
    assert rule.held_out_since is None
    rule.holdout_percent = 10
    contact_rule.save(session, rule)
    first = rule.held_out_since
    session.flush()
    contact_rule.save(session, rule)
    assert rule.held_out_since == first
    rule.holdout_percent = 0
    contact_rule.save(session, rule)
    assert (first is not None, rule.held_out_since) == (True, None)
    for name, value in (("holdout_percent", 51), ("attribution_days", 0)):
        setattr(rule, name, value)
        with pytest.raises(Refusals) as refusal:
            contact_rule.save(session, rule)
        assert list(refusal.value.errors) == [name]
        setattr(rule, name, 10)


def occasions_of(session, made, rule, count, *, held=0):
    """So many whose occasion was ten days ago, the first of them held out."""
    found = []
    for number in range(1, count + 1):
        state = OccurrenceState.held_out if number <= held else OccurrenceState.written
        day = NOON.date() - 10 * DAY
        one = RuleOccurrence(rule=rule, occasion=rule.occasion, party=anna(made, number), slot="birthday 2026")
        one.happens_on, one.due_at, one.state, one.done_at = day, NOON - 10 * DAY, state, NOON - 10 * DAY
        one.counts_from, one.counts_until = day, day + 7 * DAY
        found.append(one)
    session.add_all(found)
    session.flush()
    return found


def ordered(session, made, party, days_ago, price="10.00"):
    order = made.order(("1", price), party=party)
    order.ordered_on = NOON.date() - days_ago * DAY
    sale_order.confirm(session, order, at=NOON)


def test_orders_in_the_days_of_each_count_for_written_and_held_out(session, made, rule):
    found = occasions_of(session, made, rule, 60, held=30)
    for one in found[30:45]:
        ordered(session, made, one.party, 10)
        ordered(session, made, one.party, 3, "20.00")
    ordered(session, made, found[46].party, 2)  # a day too late
    ordered(session, made, found[47].party, 11)  # a day too early
    ordered(session, made, found[0].party, 5)
    for one in found[30:33]:
        one.opened_at = NOON
    session.flush()
    told = rule_effect.effect(session, rule, at=NOON)
    written, held = told.written, told.held_out
    assert (written.sample.people, written.sample.buyers, written.orders) == (30, 15, 30)
    assert (written.sample.total, held.sample.total) == (Decimal("450.00"), Decimal("10.00"))
    assert (held.sample.people, held.sample.buyers, held.orders) == (30, 1, 1)
    assert (told.buying.verdict, told.spending.verdict) == (Verdict.more, Verdict.too_few)
    assert (told.first, told.last, told.days) == (date(2026, 3, 21), date(2026, 3, 28), 14)
    assert (told.letters.opened, told.letters.delivered, told.is_open) == (3, 0, True)


def test_each_counts_once_and_nothing_is_told_of_few(session, made, rule):
    [one, other] = occasions_of(session, made, rule, 2)
    again = RuleOccurrence(rule=rule, occasion=rule.occasion, party=one.party, slot="birthday 2025")
    again.happens_on, again.due_at, again.state, again.done_at = one.happens_on, NOON, OccurrenceState.written, NOON
    again.counts_from, again.counts_until = NOON.date(), NOON.date() + 7 * DAY
    session.add(again)
    ordered(session, made, one.party, 10)
    told = rule_effect.effect(session, rule, at=NOON)
    assert (told.written.sample.people, told.written.orders, told.buying) == (2, None, None)
    assert other.party_id != one.party_id


def test_nothing_is_told_before_the_first_letter(session, rule):
    assert rule_effect.effect(session, rule, at=NOON) is None


# --- tried again ------------------------------------------------------------------------------------------------------


def test_what_was_left_out_is_written_after_all_once_nothing_stands_against_it(session, made, rule):
    party = anna(made)
    party.email = None
    session.flush()
    [one] = run(session, rule)
    assert (one.state, one.reason) == (OccurrenceState.left_out, LeftOut.no_address)
    party.email = TO
    session.flush()
    rule_occurrence.retry(session, one, at=NOON)
    assert (one.state, one.reason, one.done_at, one.due_at) == (OccurrenceState.planned, None, None, NOON)
    run(session, rule)
    assert (one.state, one.letter.to_address, one.letter.state) == (OccurrenceState.written, TO, LetterState.pending)


def test_what_cannot_be_written_any_more_is_said_and_changes_nothing(session, made, rule):
    party = anna(made)
    party.email = None
    session.flush()
    [one] = run(session, rule)
    with pytest.raises(DomainError, match="Not sent: its day was over"):
        rule_occurrence.retry(session, one, at=NOON + DAY)
    rule.is_active = False
    with pytest.raises(DomainError, match="The rule is not in use: switch it on first"):
        rule_occurrence.retry(session, one, at=NOON)
    assert (one.state, one.reason) == (OccurrenceState.left_out, LeftOut.no_address)
    one.state, one.reason = OccurrenceState.written, None
    with pytest.raises(DomainError, match="Only what was left out is tried again"):
        rule_occurrence.retry(session, one, at=NOON)
