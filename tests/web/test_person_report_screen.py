"""The page of a person's last 30 days: for whoever sees his exports, as bars, as a table, as a file."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.models.export_run import ExportRun
from app.models.history import Act, FieldChange
from app.services import audit
from tests.conftest import Browser
from tests.factories import Made

As = Callable[[str], Browser]


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


@pytest.fixture
def busy(session: Session, made: Made) -> int:
    """A manager who usually opens two records and takes ten rows, and did far more yesterday."""
    person = made.user("manager")
    for back, opened, rows in (*((each, 2, 10) for each in range(31, 37)), (1, 40, 2_000)):
        at = clock.now() - timedelta(days=back)
        for key in range(opened):
            by = {"actor_id": person.id, "actor_name": "manager"}
            audit.note(session, Act.view, entity="party", record_id=key + 1, at=at, **by)
        made.export_run("manager", rows=rows, at=at)
    session.commit()
    return int(person.id)


def test_it_says_what_is_usual_how_that_is_counted_and_what_was_not(as_user: As, busy: int):
    page = as_user("head").get(f"/export_run/person/{busy}")
    said = text_of(page)
    assert "Views and exports: Mark Manager" in said
    assert "Usual are 2 records opened on a working day: the median of the 6 days" in said
    assert "Usual are 10 rows taken away: the median of the days with exports" in said
    assert "40 records opened, 2,000 rows taken away" in said
    assert page.text.count('class="is-unusual"') == 1
    assert "Many records" in said
    assert "Many rows" in said
    assert re.findall(r'<rect class="([\w-]+)"', page.text) == ["is-much", "is-much"]
    assert page.text.count('class="person-usual"') == 2


def test_it_is_for_whoever_sees_what_the_person_took(as_user: As, busy: int, made: Made):
    for name, due in (("head", 200), ("auditor", 200), ("admin", 200), ("manager", 403), ("office", 404)):
        assert (name, as_user(name).get(f"/export_run/person/{busy}").status_code) == (name, due)
    assert as_user("head").get("/export_run/person/9999999").status_code == 404


def test_somebody_who_did_nothing_has_an_empty_page(as_user: As, made: Made):
    said = text_of(as_user("admin").get(f"/export_run/person/{made.user('office').id}"))
    assert "Nothing was opened or taken away in these days." in said
    assert "There are too few working days before these 30" in said


def test_the_card_and_the_hand_over_lead_to_it(as_user: As, busy: int, made: Made, session: Session):
    admin = as_user("admin")
    tab = admin.get(f"/user/show/{busy}?tab=exports")
    assert "40 records opened, 2,000 rows taken away" in text_of(tab)
    assert f'href="/export_run/person/{busy}"' in tab.text
    assert f'href="/export_run/person/{busy}"' in admin.get(f"/handover/add?user={busy}").text
    assert f'href="/export_run/person/{busy}"' in as_user("head").get(f"/handover/add?user={busy}").text


def test_taking_it_away_is_a_right_and_leaves_its_own_line(as_user: As, busy: int, session: Session):
    address = f"/export_run/person/{busy}/report?format=csv"
    head = as_user("head")
    assert "report?format" not in head.get(f"/export_run/person/{busy}").text
    before = session.scalars(select(ExportRun.id)).all()
    assert head.post(address, {"reason": "curious"}).status_code == 403
    session.expire_all()
    assert session.scalars(select(ExportRun.id)).all() == before
    answer = as_user("admin").export(address)
    day = (clock.now() - timedelta(days=1)).date().isoformat()
    lines = answer.data.decode("utf-8-sig").splitlines()
    assert lines[0].replace(";", ",") == "Day,Records opened,Rows over REST,Files,Rows in files,Unusual"
    assert lines[1].replace(";", ",") == f"{day},40,0,1,2000,Yes"
    session.expire_all()
    told = session.execute(select(FieldChange.entity).where(FieldChange.act == Act.export)).scalars().all()
    assert told == ["export_run"]
