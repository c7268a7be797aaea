"""The page of a hand-over, its report, what receivers read, the list of what nobody is working on, and the commands."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import cli_access
from app.models.handover import Handover, HandoverState
from app.models.notification import Notification
from app.models.party import Party
from app.models.substitution import Substitution
from app.services import access
from app.services import handover as handovers
from app.web.filters import Wanted, conditions
from tests.attack import attack
from tests.factories import Made

As = Callable[[str], Any]
PAGE = "/handover/add"


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)))


def owners(session: Session, *records: Any) -> list[str | None]:
    session.commit()
    session.expire_all()
    return [record.owner.username if record.owner else None for record in records]


def asked(made: Made, leaver: str, to: str, **more: Any) -> dict[str, Any]:
    ticks = ["with_closed", "together", "moves_team"]
    return {
        "user": made.user(leaver).id, "strategy": "one", "to_one": made.user(to).id, "tick": ticks,
        "area": ["party", "order", "invoice", "payment"],
    } | more  # fmt: skip


def fingerprint_of(answer: Any) -> str:
    found = re.search(r'name="fingerprint" value="(\w{64})"', answer.get_data(as_text=True))
    assert found, text_of(answer)
    return found[1]


def done(browser: Any, given: dict[str, Any], **more: Any) -> Any:
    """Look at the plan, carry it out, and return the answer."""
    seen = browser.post(PAGE, given | {"step": "preview"})
    assert seen.status_code == 200
    return browser.post(PAGE, given | {"step": "do", "fingerprint": fingerprint_of(seen), "reason": "Left us"} | more)


def test_a_story_somebody_leaves_and_nothing_is_forgotten(as_user: As, made: Made, session: Session) -> None:
    first, second = made.buyer("First", owner="manager"), made.buyer("Second", owner="manager")
    order = made.order(party=first, owner=made.user("manager"))
    made.party("Hers all the time", owner="manager2")
    session.commit()
    admin = as_user("admin")
    # Without a hand-over the account cannot be locked by the way; whoever insists finds his parties on the list.
    card = admin.get(f"/user/show/{made.user('manager').id}").get_data(as_text=True)
    assert f'href="/handover/add?user={made.user("manager").id}"' in card
    account = {
        "username": "manager", "first_name": "Mark", "last_name": "Manager", "email": "manager@example.org",
        "roles": [role.id for role in made.user("manager").roles], "team": made.user("manager").profile.team_id,
        "language": "en", "time_zone": "UTC", "record_version": "1",
    }  # fmt: skip
    refused = admin.post(f"/user/edit/{made.user('manager').id}", account)
    assert refused.status_code == 422
    assert "Still responsible for open records (3) and teams (0)" in text_of(refused)
    assert admin.post(f"/user/edit/{made.user('manager').id}", account | {"leaves_behind": "y"}).status_code == 302
    session.expire_all()
    assert made.user("manager").active is False
    home = admin.get("/home/").get_data(as_text=True)
    assert 'href="/party/list/?flt.owner.idle=1"' in home
    idle = text_of(admin.get("/party/list/?flt.owner.idle=1"))
    assert [name in idle for name in ("First", "Second", "Hers all the time")] == [True, True, False]
    # Everything of his is looked at, then given to her.
    page = text_of(admin.get(f"{PAGE}?user={made.user('manager').id}"))
    assert "Parties 2 open: 2" in page
    seen = admin.post(PAGE, asked(made, "manager", "manager2") | {"step": "preview"})
    shown = seen.get_data(as_text=True)
    assert "Hand over 3 records" in shown
    assert f'href="/party/show/{first.id}"' in shown
    assert owners(session, first, second, order) == ["manager"] * 3
    answer = done(admin, asked(made, "manager", "manager2"))
    (kept,) = session.scalars(select(Handover))
    assert (answer.status_code, answer.location) == (302, f"/handover/show/{kept.id}")
    assert owners(session, first, second, order) == ["manager2"] * 3
    assert "Nothing matches" in text_of(admin.get("/party/list/?flt.owner.idle=1"))
    assert "flt.owner.idle" not in admin.get("/home/").get_data(as_text=True)
    # The card says who did it and why; she reads of it once, and finds just that in her list.
    assert "Left us" in text_of(admin.get(f"/party/show/{first.id}"))
    hers = as_user("manager2")
    (news,) = session.scalars(select(Notification).where(Notification.user_id == made.user("manager2").id))
    assert "has handed records over to you" in text_of(hers.get("/notification/list/"))
    opened = hers.post(f"/notification/{news.id}/open")
    assert opened.location == f"/received/{kept.id}"
    received = hers.get(opened.location)
    assert "Left us" in text_of(received)
    address = f"/party/list/?flt.owner.eq=mine&flt.owner.given={kept.id}"
    assert address.replace("&", "&amp;") in received.get_data(as_text=True)
    listed = text_of(hers.get(address))
    assert [name in listed for name in ("First", "Second", "Hers all the time")] == [True, True, False]


def test_a_mistake_has_a_way_back_once_the_account_is_open_again(as_user: As, made: Made, session: Session) -> None:
    party = made.party("His", owner="manager")
    session.commit()
    admin, hers = as_user("admin"), as_user("manager2")
    ticks = asked(made, "manager", "manager2")["tick"]
    done(admin, asked(made, "manager", "manager2"))
    made.user("manager").active = False
    session.commit()
    (kept,) = session.scalars(select(Handover))
    refused = text_of(admin.get(admin.post(f"/handover/{kept.id}/undo").location))
    assert "is locked. Open it first" in refused
    assert owners(session, party) == ["manager2"]
    made.user("manager").active = True
    session.commit()
    admin.post(f"/handover/{kept.id}/undo")
    assert owners(session, party) == ["manager"]
    assert session.get_one(Handover, kept.id).state is HandoverState.undone
    assert "has taken this back" in text_of(admin.get(f"/handover/show/{kept.id}"))
    assert "This was taken back" in text_of(hers.get(f"/received/{kept.id}"))
    # With the account locked by the hand-over itself, one press brings back both.
    done(admin, asked(made, "manager", "manager2", tick=[*ticks, "locks"]))
    session.expire_all()
    assert (owners(session, party), made.user("manager").active) == (["manager2"], False)
    last = session.scalars(select(Handover).order_by(Handover.id.desc())).first()
    admin.post(f"/handover/{last.id}/undo")
    session.expire_all()
    assert (owners(session, party), made.user("manager").active) == (["manager"], True)


def test_the_report_names_what_the_reader_sees_and_goes_into_a_file(as_user: As, made: Made, session: Session) -> None:
    made.party("His party", owner="manager")
    session.commit()
    admin = as_user("admin")
    done(admin, asked(made, "manager", "manager2"))
    (kept,) = session.scalars(select(Handover))
    page = text_of(admin.get(f"/handover/show/{kept.id}"))
    assert "His party" in page
    assert "Maria Manager" in page
    lines = admin.export(f"/handover/report/{kept.id}?format=csv").get_data(as_text=True).splitlines()
    assert lines[1:] == [f"Parties,{session.scalar(select(Party.id))},His party,Maria Manager,Handed over"]
    book = admin.export(f"/handover/report/{kept.id}?format=xlsx")
    assert (book.data[:2], "handover-" in book.headers["Content-Disposition"]) == (b"PK", True)
    assert as_user("auditor").get(f"/handover/show/{kept.id}").status_code == 200
    assert as_user("auditor").get(f"/handover/report/{kept.id}").status_code == 403
    assert as_user("head").get(f"/handover/show/{kept.id}").status_code == 404  # an administrator's, of no team of his
    assert as_user("manager2").get(f"/handover/show/{kept.id}").status_code == 403
    for name in ("manager", "head"):
        assert as_user(name).get(f"/received/{kept.id}").status_code == 404


@attack(36, "a hand-over of people of another head")
def test_a_head_reaches_his_own_people_by_no_address_and_no_field(as_user: As, made: Made, session: Session) -> None:
    his, foreign = made.party("His", owner="manager"), made.party("Foreign", owner="accountant")
    session.commit()
    head = as_user("head")
    people = head.get(PAGE).get_data(as_text=True)
    assert "Mark Manager" in people
    assert "Ada Accountant" not in people
    for user_id in (made.user("accountant").id, made.user("admin").id, 999_999, "9" * 30, "x"):
        assert head.get(f"{PAGE}?user={user_id}").status_code == 404, user_id
        for step in ("preview", "do", "rows"):
            given = asked(made, "manager", "manager2", user=user_id, step=step, reason="x")
            assert head.post(PAGE, given).status_code == 404, user_id
    for to in ("accountant", "nobody", "manager"):
        answer = head.post(PAGE, asked(made, "manager", to, step="preview"))
        assert (answer.status_code, "Choose somebody who is offered here" in text_of(answer)) == (422, True), to
    ticks = asked(made, "manager", "manager2")["tick"]
    for more in ({"tick": [*ticks, "locks"]}, {"head": made.user("manager2").id}, {"tick": [*ticks, "ends"]}):
        seen = head.post(PAGE, asked(made, "manager", "manager2", step="preview"))
        given = asked(made, "manager", "manager2", step="do", reason="x", fingerprint=fingerprint_of(seen)) | more
        answer = head.post(PAGE, given)
        assert answer.status_code == (302 if "ends" in more.get("tick", ()) else 403), more
    assert owners(session, his, foreign) == ["manager2", "accountant"]
    assert made.user("manager").active is True


@pytest.mark.parametrize("name", ["manager", "accountant", "office", "auditor", "nobody"])
def test_others_neither_see_nor_do_it(as_user: As, made: Made, session: Session, name: str) -> None:
    party = made.party("Hers", owner="manager2")
    session.commit()
    browser = as_user(name)
    assert browser.get(PAGE).status_code == 403
    given = asked(made, "manager2", "office", step="do", reason="x", fingerprint="0" * 64)
    assert browser.post(PAGE, given).status_code == 403
    assert owners(session, party) == ["manager2"]


def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(as_user: As, made: Made, session: Session) -> None:
    made.party("His", owner="manager")
    session.commit()
    admin = as_user("admin")
    for given, said in (
        ({"to_one": ""}, "Choose who gets the records"),
        ({"to_one": made.user("warehouse").id}, "Willem Warehouse may not see: Parties"),
        ({"strategy": "load"}, "Choose who gets the records"),
        ({"strategy": "territory", "country": ["NL"], "place": [""], "person": [""]}, "Choose somebody who is offered"),
        ({"strategy": "territory", "country": [""], "place": [""], "person": [made.user("office").id]},
         "Name a country"),
        ({"strategy": "territory", "country": ["AM"], "place": ["<b>"], "person": [made.user("office").id]},
         "in none of these places"),
    ):  # fmt: skip
        answer = admin.post(PAGE, asked(made, "manager", "office", step="preview") | given)
        assert (answer.status_code, said in text_of(answer)) == (422, True), given
        assert "<b>" not in answer.get_data(as_text=True)
    seen = admin.post(PAGE, asked(made, "manager", "office", step="preview"))
    answer = admin.post(PAGE, asked(made, "manager", "office", step="do", fingerprint=fingerprint_of(seen), reason=" "))
    assert (answer.status_code, "Say why" in text_of(answer)) == (422, True)
    assert fingerprint_of(answer) == fingerprint_of(seen)
    made.party("Of today", owner="manager")
    session.commit()
    late = admin.post(PAGE, asked(made, "manager", "office", step="do", fingerprint=fingerprint_of(seen), reason="x"))
    assert (late.status_code, "Something has changed since the preview" in text_of(late)) == (409, True)
    assert "Hand over 2 records" in text_of(late)
    assert session.scalars(select(Handover)).all() == []


def test_the_same_form_sent_twice_hands_over_once(as_user: As, made: Made, session: Session) -> None:
    made.party("His", owner="manager")
    session.commit()
    admin, given = as_user("admin"), asked(made, "manager", "office", form_key="abc")
    seen = admin.post(PAGE, given | {"step": "preview"})
    sent = given | {"step": "do", "fingerprint": fingerprint_of(seen), "reason": "x"}
    first, again = admin.post(PAGE, sent), admin.post(PAGE, sent)
    assert first.location == again.location
    assert len(session.scalars(select(Handover)).all()) == 1


def test_who_owns_nothing_is_told_so_and_cover_is_offered(as_user: As, made: Made, session: Session) -> None:
    admin = as_user("admin")
    page = admin.get(f"{PAGE}?user={made.user('support').id}")
    assert "owns nothing and heads no team" in text_of(page)
    assert 'action="/substitution/add"' in page.get_data(as_text=True)
    given = {"absent": made.user("support").id, "substitute": made.user("office").id}
    days = {"begins_on": "2030-01-01", "ends_on": "2030-01-05"}
    assert admin.post("/substitution/add", given | days).status_code == 302
    assert session.scalar(select(Substitution.absent_id)) == made.user("support").id


def test_a_large_one_is_shown_as_under_way(
    as_user: As, made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handovers, "AT_ONCE", 1)
    parties = [made.party(f"His {place}", owner="manager") for place in range(2)]
    session.commit()
    admin = as_user("admin")
    answer = done(admin, asked(made, "manager", "office"))
    (kept,) = session.scalars(select(Handover))
    assert "Under way" in text_of(admin.get(answer.location))
    assert admin.get(f"/handover/progress/{kept.id}").json["over"] is False
    (job,) = admin.get("/bulk_run/running").json["jobs"]
    assert (job["stem"], job["key"], "over" in job) == ("handover", kept.id, False)
    assert handovers.begin(session, kept.id, at=kept.created_at)
    handovers.go(session, kept.id, at=kept.created_at)
    assert owners(session, *parties) == ["office", "office"]
    assert admin.get(f"/handover/progress/{kept.id}").json == {"percent": 100, "text": "2 of 2", "over": True}
    assert "over" in admin.get("/bulk_run/running").json["jobs"][0]


def test_the_filters_of_owners_are_exact_and_refuse_nonsense(as_user: As, made: Made, session: Session) -> None:
    worked, idle = made.party("Worked on", owner="manager"), made.party("Idle", owner=None)
    session.commit()
    office = as_user("office")
    assert "Idle" in text_of(office.get("/party/list/?flt.owner.idle=1"))
    page = office.get("/party/list/?o.owner=idle").get_data(as_text=True)
    assert f"/party/show/{idle.id}" in page
    assert f"/party/show/{worked.id}" not in page
    assert '<option value="idle" selected>' in page
    page = office.get("/party/list/?flt.owner.idle=0").get_data(as_text=True)
    assert (f"/party/show/{idle.id}" in page, f"/party/show/{worked.id}" in page) == (False, True)
    assert office.get("/party/list/?flt.owner.given=x").status_code == 200
    assert f"/party/show/{worked.id}" not in office.get("/party/list/?flt.owner.given=77").get_data(as_text=True)
    # No oracle: a manager finds only what he sees anyway.
    seen = as_user("manager").get("/party/list/?flt.owner.idle=1").get_data(as_text=True)
    assert f"/party/show/{idle.id}" not in seen
    with access.acting(session, access.SYSTEM):
        (where,) = conditions(Party, [Wanted("owner", "idle", "1")], ["owner"])
        assert session.scalars(select(Party.name).where(where)).all() == ["Idle"]


def test_the_command_hands_over_and_says_what_it_would_do(
    app: Any, made: Made, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    party = made.party("His", owner="manager")
    session.commit()
    monkeypatch.setattr(cli_access, "_session", lambda: nullcontext(session))
    run = CliRunner().invoke

    def crm(*words: str) -> Any:
        with app.app_context():
            return run(cli_access.handover, words)

    planned = crm("manager", "--to", "manager2", "--dry-run")
    assert (planned.exit_code, planned.output) == (0, "manager2: party 1\n")
    assert owners(session, party) == ["manager"]
    for words in (("manager", "--to", "ghost"), ("ghost", "--to", "manager"), ("manager", "--to", "warehouse")):
        assert crm(*words).exit_code == 1, words
    assert owners(session, party) == ["manager"]
    assert crm("manager", "--to", "manager2", "--reason", "Left").exit_code == 0
    assert owners(session, party) == ["manager2"]
    assert crm("manager", "--to", "manager2", "--dry-run").output == "nothing to hand over\n"
