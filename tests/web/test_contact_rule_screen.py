"""Automatic letters on the screen and over REST: made, looked at before they are switched on, and who sees what."""

from datetime import timedelta

import pytest
from flask_appbuilder.security.sqla.models import Role
from sqlalchemy import select

from app import clock
from app.models.contact_rule import ContactRule, LeftOut, Occasion, OccurrenceState, RuleOccurrence
from app.models.mail_template import BlockKind, MailingChannel, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import MailingKind
from app.services import contact_rule, mail_template, role_change
from tests.attack import attack


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
