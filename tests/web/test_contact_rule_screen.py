"""Automatic letters on the screen and over REST: made, looked at before they are switched on, and who sees what."""

from datetime import timedelta

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app import clock
from app.documents.rule_letter import composed
from app.models.contact_rule import ContactRule, LeftOut, Occasion, OccurrenceState, RuleOccurrence
from app.models.letter import LetterState
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import MailingKind
from app.outbox import Outbox
from app.services import contact_rule, mail_template, mailing_link, mailing_trial, role_change, rule_occurrence
from app.tasks import mailing_trial as trial_work
from tests.attack import attack
from tests.mail import office


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel", email="office@grachten.example", time_zone="UTC")


@pytest.fixture
def template(session):
    found = MailTemplate(name="Wishes", channel=MailingChannel.email)
    found.texts = [MailTemplateText(language="en", subject="For you")]
    found.blocks = [MailTemplateBlock(language="en", kind=BlockKind.text, text="Today")]
    mail_template.save(session, found)
    session.flush()
    return found


@pytest.fixture
def rule(session, us, template):
    def make(occasion="birthday", **values):
        given = {"name": occasion, "occasion": Occasion(occasion), "kind": MailingKind.service, "organisation": us}
        found = ContactRule(**given | {"template": template} | values)
        contact_rule.save(session, found)
        session.flush()
        return found

    return make


def tomorrow():
    return clock.today("UTC") + timedelta(days=1)


def born_tomorrow(made, name, **values):
    day = tomorrow()
    leap = (day.month, day.day) == (2, 29)
    return made.party(name, kind="person", birthday=day.replace(year=1984 if leap else 1980), **values)


def test_a_marketer_makes_a_rule_looks_ahead_and_switches_it_on(as_user, session, made, us, template, statements):
    born_tomorrow(made, "Anna", email="anna@bloem.example")
    born_tomorrow(made, "Ivan")
    marketer = as_user("marketer")
    form = marketer.get("/contact_rule/add").get_data(as_text=True)
    assert f'value="{clock.today("UTC").isoformat()}"' in form
    given = {"name": "Birthdays", "occasion": "birthday", "days": "0", "hour": "10", "kind": "service"}
    given |= {
        "channel": "email",
        "template": template.id,
        "organisation": us.id,
        "since": clock.today("UTC").isoformat(),
    }
    answer = marketer.post("/contact_rule/add", given)
    assert answer.status_code == 302, answer.get_data(as_text=True)
    rule = session.scalars(select(ContactRule)).one()
    assert (rule.occasion, rule.is_active, rule.hour) == (Occasion.birthday, False, 10)

    marketer.get("/contact_rule/list/")
    del statements[:]
    page = marketer.get(f"/contact_rule/{rule.id}/tab/next").get_data(as_text=True)
    cost = len(statements)
    text = " ".join(page.split())
    assert "2 occasions are to come. Letters as things stand now: 1." in text
    assert "Not sent: there is no address" in text
    assert ">Anna</a>" in text
    assert "The rule is not in use" in text
    assert cost <= 18  # signing in and rights are among them

    assert marketer.post(f"/contact_rule/{rule.id}/switch_on").status_code == 302
    session.refresh(rule)
    assert (rule.is_active, rule.since) == (True, clock.today("UTC"))
    assert marketer.post(f"/contact_rule/{rule.id}/switch_off").status_code == 302
    session.refresh(rule)
    assert rule.is_active is False


def test_what_no_rule_can_be_stays_in_the_form(as_user, session, us, template):
    given = {"name": "Victory", "occasion": "holiday", "country": "NL", "holiday": "Victory Day", "days": "0"}
    given |= {"hour": "10", "kind": "service", "channel": "email", "template": template.id, "organisation": us.id}
    answer = as_user("marketer").post("/contact_rule/add", given | {"since": "2026-01-01"})
    page = answer.get_data(as_text=True)
    assert (answer.status_code, session.scalars(select(ContactRule)).all()) == (422, [])
    assert "This country has no holiday of this name" in page
    assert 'value="Victory Day"' in page


@pytest.fixture
def occurrences(session, made, rule):
    """One of a birthday that was left out, one of an order that was written."""
    party = made.party("Bloem")
    for occasion, state, reason in (("birthday", "left_out", LeftOut.no_consent), ("after_order", "written", None)):
        one = RuleOccurrence(rule=rule(occasion), party=party, occasion=Occasion(occasion), slot=f"{occasion} 1")
        one.state, one.reason = OccurrenceState(state), reason
        one.happens_on, one.due_at, one.done_at = tomorrow(), clock.now(), clock.now()
        session.add(one)
    session.flush()
    return {one.occasion.value: one for one in session.scalars(select(RuleOccurrence))}


def test_the_card_counts_what_became_of_the_occasions_and_leads_to_them(as_user, occurrences):
    rule = occurrences["birthday"].rule
    auditor = as_user("auditor")
    card = auditor.get(f"/contact_rule/show/{rule.id}").get_data(as_text=True)
    place = f"/rule_occurrence/list/?flt.rule.eq={rule.id}&amp;flt."
    assert f'<a href="{place}state.eq=left_out">1</a>' in card
    assert f'<a href="{place}reason.eq=no_consent">1</a>' in card
    rows = auditor.get(f"/rule_occurrence/list/?flt.rule.eq={rule.id}&flt.state.eq=left_out").get_data(as_text=True)
    assert "there is no consent" in rows
    assert auditor.post(f"/contact_rule/{rule.id}/switch_on").status_code == 403
    assert auditor.get("/contact_rule/add").status_code == 403


def test_occasions_are_cut_by_the_counterparties_that_the_reader_sees(as_user, session, made, occurrences):
    occurrence = occurrences["birthday"]
    role = session.execute(select(Role).where(Role.name == "Sales manager")).unique().scalar_one()
    role_change.put(session, role, rights={("contact_rule", "see"): True, ("rule_occurrence", "see"): True})
    session.commit()
    manager = as_user("manager")
    assert manager.api("get", "/api/v1/rule_occurrence/").json["result"] == []
    assert manager.get(f"/rule_occurrence/show/{occurrence.id}").status_code == 404
    page = manager.get(f"/contact_rule/{occurrence.rule_id}/tab/rule_occurrence").get_data(as_text=True)
    assert "Bloem" not in page
    occurrence.party.owner = made.user("manager")
    session.commit()
    assert len(manager.api("get", "/api/v1/rule_occurrence/").json["result"]) == 2
    assert manager.get(f"/rule_occurrence/show/{occurrence.id}").status_code == 200


@attack(205, "reading off the occasions of a rule who has ordered, without the right to see orders")
def test_occasions_of_orders_are_not_seen_without_the_right_to_orders(as_user, occurrences):
    marketer, order = as_user("marketer"), occurrences["after_order"]
    rows = marketer.api("get", "/api/v1/rule_occurrence/").json
    assert [row["id"] for row in rows["result"]] == [occurrences["birthday"].id]
    assert marketer.api("get", f"/api/v1/rule_occurrence/{order.id}").status_code == 404
    assert marketer.get(f"/rule_occurrence/show/{order.id}").status_code == 404
    assert "Bloem" not in marketer.get(f"/contact_rule/{order.rule_id}/tab/rule_occurrence").get_data(as_text=True)
    told = marketer.api("get", f"/api/v1/contact_rule/{order.rule_id}/forecast").json["result"]
    assert (told["is_hidden"], told["total"], told["next"]) == (True, None, [])
    assert len(as_user("auditor").api("get", "/api/v1/rule_occurrence/").json["result"]) == 2


def test_over_rest_a_rule_is_made_looked_ahead_and_switched_on(as_user, session, made, us, template):
    party = born_tomorrow(made, "Anna", email="anna@bloem.example")
    marketer = as_user("marketer")
    given = {"name": "Birthdays", "occasion": "birthday", "days": -1, "organisation": us.id, "template": template.id}
    answer = marketer.api("post", "/api/v1/contact_rule/", json=given)
    assert answer.status_code == 201, answer.json
    key = answer.json["id"]
    told = marketer.api("get", f"/api/v1/contact_rule/{key}/forecast").json["result"]
    day = tomorrow()
    assert told == {
        "total": 1,
        "looked_at": 1,
        "written": 0,
        "left_out": {"no_consent": 1},
        "is_hidden": False,
        "next": [
            {"party": party.id, "name": "Anna", "happens_on": day.isoformat(), "about": "", "reason": "no_consent"}
            | {"on": (day - timedelta(days=1)).isoformat()}
        ],
    }
    assert marketer.api("post", f"/api/v1/contact_rule/{key}/switch_on").status_code == 200
    assert session.get(ContactRule, key).is_active is True
    assert marketer.api("post", f"/api/v1/contact_rule/{key}/switch_on").status_code == 422
    assert as_user("manager").api("get", f"/api/v1/contact_rule/{key}/forecast").status_code == 403
    assert marketer.api("get", "/api/v1/contact_rule/999999/forecast").status_code == 404


def test_a_rule_is_shown_as_somebody_will_read_it_and_tried_out(as_user, session, made, rule):
    party, found = born_tomorrow(made, "Anna", email="anna@bloem.example"), rule()
    marketer = as_user("marketer")
    page = marketer.get(f"/contact_rule/show/{found.id}?tab=preview&who={party.id}").get_data(as_text=True)
    assert f'src="/contact_rule/{found.id}/letter?who={party.id}&amp;language=en"' in page
    letter = marketer.get(f"/contact_rule/{found.id}/letter?who={party.id}")
    assert (letter.status_code, "Today</p>" in letter.get_data(as_text=True)) == (200, True)
    assert letter.headers["Content-Security-Policy"].startswith("default-src 'none'")
    with office():
        answer = marketer.post(f"/contact_rule/{found.id}/try_letter?tab=preview", {"to": "stranger@elsewhere.example"})
        assert (answer.status_code, "belongs to none of our accounts" in answer.get_data(as_text=True)) == (422, True)
        assert session.scalars(select(Outbox).where(Outbox.topic == mailing_trial.TOPIC)).all() == []
        assert marketer.post(f"/contact_rule/{found.id}/try_letter", {"to": ""}).status_code == 303
        [job] = session.scalars(select(Outbox).where(Outbox.topic == mailing_trial.TOPIC)).all()
        assert (job.record_id, job.payload["rule"]) == (None, found.id)
        session.expunge_all()
        trial = mailing_trial.trial(session, None, job.payload, by_id=job.actor_id, at=clock.now())
        assert "Subject: [Test] For you\r\n" in trial_work.written(trial).decode()
    assert as_user("auditor").post(f"/contact_rule/{found.id}/try_letter", {"to": ""}).status_code == 403


def test_what_came_of_a_rule_stands_on_its_card_and_in_rest(as_user, session, occurrences):
    marketer, one = as_user("marketer"), occurrences["birthday"]
    assert marketer.api("get", f"/api/v1/contact_rule/{one.rule_id}/effect").status_code == 422
    one.state, one.reason = OccurrenceState.written, None
    one.counts_from, one.counts_until = clock.today("UTC"), tomorrow()
    session.commit()
    told = marketer.api("get", f"/api/v1/contact_rule/{one.rule_id}/effect").json["result"]
    assert (told["written"]["people"], told["written"]["orders"], told["buying"]) == (1, None, None)
    page = marketer.get(f"/contact_rule/{one.rule_id}/tab/effect").get_data(as_text=True)
    assert "Nobody is held out" in page
    assert marketer.api("get", "/api/v1/contact_rule/999999/effect").status_code == 404


def test_an_occasion_stands_at_its_party_and_is_tried_again(as_user, session, made, occurrences):
    one = occurrences["birthday"]
    marketer, party = as_user("marketer"), one.party
    page = marketer.get(f"/party/{party.id}/tab/rule_occurrence").get_data(as_text=True)
    assert (page.count("there is no consent"), f"/rule_occurrence/show/{one.id}" in page) == (1, True)
    one.rule.is_active, party.birthday = True, one.happens_on.replace(year=1980)
    session.commit()
    assert marketer.post(f"/rule_occurrence/{one.id}/retry").status_code == 302
    session.expire_all()
    assert (one.state, one.reason) == (OccurrenceState.left_out, LeftOut.no_consent)  # no such occasion: another slot
    assert as_user("auditor").post(f"/rule_occurrence/{one.id}/retry").status_code == 403


def test_a_link_of_a_letter_leads_on_and_counts(visitor, session, made, rule, template):
    template.blocks[0].kind, template.blocks[0].address = BlockKind.button, "https://shop.example.org/a"
    mail_template.save(session, template)
    born_tomorrow(made, "Anna", email="anna@bloem.example", language="en")
    found = rule(days=-1, hour=0)
    found.is_active = True
    session.flush()
    rule_occurrence.plan(session, found.id, at=clock.now())
    one = session.scalars(select(RuleOccurrence)).one()
    with office():
        rule_occurrence.fulfil(session, one.id, compose=composed, at=clock.now())
    session.commit()
    good = mailing_link.token("r", one.id, 0)
    assert visitor.get(f"/m/{good}").status_code == 404  # it has not left
    one.letter.state, one.letter.sent_at = LetterState.sent, clock.now()
    session.commit()
    answer = visitor.get(f"/m/{good}")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example.org/a")
    assert visitor.get(f"/m/{mailing_link.token('e', one.id)}").headers["Content-Type"] == "image/gif"
    session.expire_all()
    assert one.opened_at == one.clicked_at is not None
    for forged in (mailing_link.token("r", one.id, 1), mailing_link.token("c", one.id, 0), good.replace("-0-", "-1-")):
        assert visitor.get(f"/m/{forged}").status_code == 404
