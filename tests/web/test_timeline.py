"""The life of a card: notes, files, followers, the stream of what happened, and the bell, over HTTP."""

import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app import clock
from app.models.activity import Activity
from app.models.attachment import Attachment
from app.models.form_draft import FormDraft
from app.models.history import FieldChange
from app.models.notification import ALWAYS, Follower, Notification, NotificationKind
from app.models.sign_in import SignIn
from app.services import access, history
from app.services import activity as activities
from app.services import letter as letters
from app.services import party as parties
from app.services import payment as payments
from app.services.allocation import When
from app.services.payment import Share
from app.web.prose import linked
from tests.attack import attack
from tests.conftest import Browser
from tests.factories import Made
from tests.mail import office as mail_office

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
AsUser = Callable[[str], Browser]


@pytest.fixture
def party(made: Made, session: Session) -> Any:
    found = made.party("Tulpen & Zonen B.V.", owner="manager")
    session.commit()
    return found


def notes(session: Session) -> list[Activity]:
    session.expire_all()
    return list(session.scalars(select(Activity).order_by(Activity.id)))


def entries(page: str) -> list[str]:
    """What the stream says, entry by entry, as text."""
    found = re.findall(
        r'<li class="happened-(\w+)"(.*?)(?=<li class="happened-|</ol>\s*(?:<p class="earlier|</div>))', page, re.DOTALL
    )
    return [f"{kind}: " + " ".join(re.sub(r"<[^>]+>", " ", text.partition(">")[2]).split()) for kind, text in found]


def chips(page: str) -> dict[str, str]:
    found = re.findall(r'class="life-chip"[^>]*>([^<]+?)\s*<span class="life-count">([^<]*)</span>', page)
    return dict(found)


# --- notes ------------------------------------------------------------------------------------------------------------


def test_a_note_is_written_edited_deleted_and_brought_back(as_user: AsUser, party: Any, session: Session):
    office = as_user("office")
    card = f"/party/show/{party.id}"
    answer = office.post(f"/party/{party.id}/note", {"text": "Call @accountant <b>now</b>\nsee https://example.org/a."})
    [note] = notes(session)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{card}#note-{note.id}")
    page = office.get(card).text
    assert f'<li class="happened-note" id="note-{note.id}">' in page
    assert (
        'Call <span class="mention">@Ada Accountant</span> &lt;b&gt;now&lt;/b&gt;\nsee <a href="https://example.org/a" '
        'rel="noopener noreferrer nofollow" target="_blank">https://example.org/a</a>.</div>'
    ) in page
    assert ">Call @accountant &lt;b&gt;now&lt;/b&gt;\nsee https://example.org/a.</textarea>" in page
    assert "note-acts" not in as_user("accountant").get(card).text

    answer = office.post(f"/party/{party.id}/note/{note.id}/edit", {"text": "Called", "version": "1"})
    assert answer.status_code == 302
    page = office.get(card).text
    assert ('<div class="note-text">Called</div>' in page, ">edited<" in page) == (True, True)

    assert office.post(f"/party/{party.id}/note/{note.id}/delete").status_code == 302
    page = office.get(card).text
    assert f'action="/party/{party.id}/note/{note.id}/restore"' in page
    assert "Undo the deletion</button>" in page
    assert ("This note is deleted." in page, "Called" in page) == (True, False)
    assert chips(page)["Notes"] == "0"
    assert "This note is deleted." not in as_user("accountant").get(card).text
    assert office.post(f"/party/{party.id}/note/{note.id}/restore").status_code == 302
    assert '<div class="note-text">Called</div>' in office.get(card).text


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "Write something first"), ("z" * 10_001, "At most 10000"), ("@manager2 hi", "Maria Manager may not see")],
)
def test_a_refused_note_comes_back_as_it_was_typed(as_user: AsUser, party: Any, session: Session, text: str, said: str):
    answer = as_user("office").post(f"/party/{party.id}/note", {"text": text})
    assert answer.status_code == 422
    assert f">{text}</textarea>" in answer.text
    error = re.search(r'id="note-text-error">(.*?)</p>', answer.text, re.DOTALL)
    assert said in error[1]
    assert notes(session) == []


def test_two_editors_of_one_note_are_told(as_user: AsUser, party: Any, session: Session):
    office = as_user("office")
    office.post(f"/party/{party.id}/note", {"text": "one"})
    [note] = notes(session)
    office.post(f"/party/{party.id}/note/{note.id}/edit", {"text": "two", "version": "1"})
    answer = office.post(f"/party/{party.id}/note/{note.id}/edit", {"text": "three", "version": "1"})
    assert answer.status_code == 409
    assert "Now stands there: <strong>two</strong>" in answer.text.replace("\n", " ").replace("  ", " ")
    assert ">three</textarea>" in answer.text
    assert 'name="version" value="2"' in answer.text
    assert notes(session)[0].body == "two"
    assert office.post(f"/party/{party.id}/note/{note.id}/edit", {"text": "", "version": "2"}).status_code == 422
    assert office.post(f"/party/{party.id}/note/{note.id}/edit", {"text": "x", "version": "soon"}).status_code == 409


@attack(12, "a stranger's note by its id")
def test_nobody_touches_a_strangers_note_or_a_foreign_record(as_user: AsUser, party: Any, made: Made, session: Session):
    office = as_user("office")
    office.post(f"/party/{party.id}/note", {"text": "mine"})
    [note] = notes(session)
    other = made.party("Other", owner="manager")
    session.commit()
    ways = [(f"note/{note.id}/{act}", {"text": "x", "version": "1"}) for act in ("edit", "delete", "restore")]
    for way, form in ways:
        assert as_user("accountant").post(f"/party/{party.id}/{way}", form).status_code == 403, way
        assert office.post(f"/party/{other.id}/{way}", form).status_code == 404, way
    stranger = as_user("manager2")
    for way, form in [*ways, ("note", {"text": "x"}), ("follow", {}), ("unfollow", {})]:
        assert stranger.post(f"/party/{party.id}/{way}", form).status_code == 404, way
    for way in ("timeline", "colleagues", f"note/{note.id}/edit", "file/1"):
        assert stranger.get(f"/party/{party.id}/{way}").status_code == 404, way
    nobody = as_user("nobody")
    assert nobody.client.get(f"/party/{party.id}/timeline").status_code == 403
    [kept] = notes(session)
    assert (kept.body, kept.deleted_at, kept.version) == ("mine", None, 1)
    assert session.scalars(select(Follower.user_id)).all() == [note.author_id]


def test_whoever_sees_a_record_may_write_about_it(as_user: AsUser, party: Any, session: Session):
    assert as_user("auditor").post(f"/party/{party.id}/note", {"text": "Checked"}).status_code == 302
    assert [note.body for note in notes(session)] == ["Checked"]


def test_the_same_form_sent_twice_makes_one_note(as_user: AsUser, party: Any, session: Session):
    office = as_user("office")
    form = {"text": "once", "form_key": "key-1"}
    first, second = (office.post(f"/party/{party.id}/note", form) for _time in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert [note.body for note in notes(session)] == ["once"]


def test_a_note_outlives_an_expired_session(as_user: AsUser, party: Any, session: Session):
    office = as_user("office")
    page = office.get(f"/party/show/{party.id}").text
    form = {name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("csrf_token", "form_owner")}
    session.execute(update(SignIn).values(revoked_at=clock.now()))
    session.commit()
    answer = office.client.post(f"/party/{party.id}/note", data=form | {"text": "typed for an hour"})
    assert answer.status_code == 303
    signed = office.client.post(
        answer.headers["Location"],
        data={"username": "office", "password": "correct horse battery", "csrf_token": office.token()},
    )
    assert ">typed for an hour</textarea>" in office.get(signed.headers["Location"]).text
    assert office.post(f"/party/{party.id}/note", {"text": "typed for an hour"}).status_code == 302
    assert session.execute(select(FormDraft)).all() == []


def test_an_edited_note_outlives_an_expired_token(as_user: AsUser, party: Any, session: Session):
    office = as_user("office")
    office.post(f"/party/{party.id}/note", {"text": "one"})
    [note] = notes(session)
    page = office.get(f"/party/show/{party.id}").text
    owner = re.search(r'name="form_owner" value="([^"]*)"', page)[1]
    form = {"form_owner": owner, "csrf_token": "old", "text": "two, long", "version": "1"}
    answer = office.client.post(f"/party/{party.id}/note/{note.id}/edit", data=form)
    page = office.get(answer.headers["Location"]).text
    assert '<details class="note-edit" open>' in page
    assert ">two, long</textarea>" in page


def test_a_card_without_activities_has_no_composer_and_takes_none(as_user: AsUser, app: Flask, session: Session):
    from app import outbox

    job = outbox.enqueue(session, "job.tidy")
    session.commit()
    admin = as_user("admin")
    page = admin.get(f"/job/show/{job.id}").text
    assert ('id="history"' in page, "data-composer" in page) == (True, False)
    assert admin.post(f"/job/{job.id}/note", {"text": "x"}).status_code == 404
    assert admin.post(f"/job/{job.id}/follow").status_code == 404


# --- files ------------------------------------------------------------------------------------------------------------


def attach(browser: Browser, party: Any, *files: tuple[bytes, str], text: str = "") -> Any:
    data: dict[str, Any] = {"text": text, "files": [(io.BytesIO(body), name) for body, name in files]}
    return browser.post(f"/party/{party.id}/note", data, content_type="multipart/form-data")


@attack(127, "a file that says it is a picture")
def test_files_are_attached_and_served_as_what_they_are(as_user: AsUser, party: Any, session: Session, app: Flask):
    office = as_user("office")
    page = b"<html><script>alert(1)</script></html>"
    answer = attach(office, party, (PNG, "../../photo.png"), (b"%PDF-1.7 x", "offer.pdf"), (page, "evil.png"))
    assert (answer.status_code, notes(session)) == (302, [])
    rows = session.scalars(select(Attachment).order_by(Attachment.id)).all()
    assert [(row.name, row.media_type, row.entity, row.record_id, row.size) for row in rows] == [
        ("photo.png", "image/png", "party", party.id, 28),
        ("offer.pdf", "application/pdf", "party", party.id, 10),
        ("evil.png", "application/octet-stream", "party", party.id, 38),
    ]
    picture, document, evil = (office.get(f"/party/{party.id}/file/{row.id}", buffered=True) for row in rows)
    assert (picture.status_code, picture.data, picture.mimetype) == (200, PNG, "image/png")
    assert picture.headers["Content-Disposition"].startswith("inline")
    assert picture.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"
    assert (document.mimetype, document.headers["Content-Disposition"][:6]) == ("application/pdf", "inline")
    assert (evil.mimetype, evil.headers["Content-Disposition"][:10]) == ("application/octet-stream", "attachment")
    for each in (picture, document, evil):
        assert each.headers["X-Content-Type-Options"] == "nosniff"
        assert each.headers["X-Frame-Options"] == "SAMEORIGIN"
    kept = office.get(f"/party/{party.id}/file/{rows[0].id}?download=1", buffered=True)
    assert kept.headers["Content-Disposition"].startswith("attachment")
    card = office.get(f"/party/show/{party.id}").text
    assert [card.count(f'data-preview="{kind}"') for kind in ("image", "pdf")] == [1, 1]
    assert chips(card)["Files"] == "3"
    assert len([one for one in entries(card) if one.startswith("file")]) == 1, "files of one act are one entry"


@attack(11, "a file of another record by its id")
def test_a_file_is_reached_through_its_own_record_alone(as_user: AsUser, party: Any, made: Made, session: Session):
    office = as_user("office")
    attach(office, party, (PNG, "a.png"))
    other = made.party("Other", owner="manager2")
    session.commit()
    [file] = session.scalars(select(Attachment))
    assert office.get(f"/party/{other.id}/file/{file.id}").status_code == 404
    assert office.get(f"/team/1/file/{file.id}").status_code in {403, 404}
    assert as_user("manager2").get(f"/party/{party.id}/file/{file.id}").status_code == 404
    assert as_user("manager").get(f"/party/{party.id}/file/{file.id}", buffered=True).status_code == 200
    assert office.get(f"/party/{party.id}/file/{'9' * 30}").status_code == 404


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([(b"", "empty.txt")], "“empty.txt” is empty"),
        ([(b"MZ", "run.EXE")], "“run.EXE” is a program; programs are not kept"),
        ([(b"x", f"{at}.txt") for at in range(21)], "At most 20 files at once"),
    ],
)
def test_refused_files_keep_the_text_and_store_nothing(
    as_user: AsUser, party: Any, session: Session, files: list[tuple[bytes, str]], said: str
):
    answer = attach(as_user("office"), party, *files, text="with a text")
    assert answer.status_code == 422
    assert (said in answer.text, ">with a text</textarea>" in answer.text) == (True, True)
    assert (notes(session), session.scalars(select(Attachment)).all()) == ([], [])


def test_a_file_that_is_too_large_is_refused(
    as_user: AsUser, party: Any, session: Session, app: Flask, monkeypatch: pytest.MonkeyPatch
):
    assert app.config["MAX_CONTENT_LENGTH"] == 24 * 2**20
    office = as_user("office")
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 20_000)
    answer = attach(office, party, (b"x" * 20_000, "big.bin"))
    assert answer.status_code == 413
    assert "24 MB" in answer.text
    assert session.scalars(select(Attachment)).all() == []


def test_a_file_whose_bytes_are_gone_is_not_found(as_user: AsUser, party: Any, session: Session, settings: Any):
    office = as_user("office")
    attach(office, party, (b"only here " * 3, "a.bin"))
    [file] = session.scalars(select(Attachment))
    (Path(settings["CRM_VAR"]) / "files" / file.sha256[:2] / file.sha256).unlink()
    assert office.get(f"/party/{party.id}/file/{file.id}").status_code == 404


# --- the stream -------------------------------------------------------------------------------------------------------


def test_everything_stands_in_one_stream_newest_first(as_user: AsUser, made: Made, session: Session):
    invoice = made.issued(organisation=made.organisation(email="office@grachten.example"))
    at = clock.now()
    payment = made.payment("10.00", party=invoice.party, reference="Bank 17")
    share, when = Share(invoice=invoice, amount=Decimal(10)), When(at=at, on=date(2026, 3, 31))
    payments.allocate(session, payment, [share], when=when)
    by = access.Actor(made.user("accountant").id, "accountant", access.Scope.all)
    with mail_office():
        letters.send_invoice(session, invoice, to="anna@example.org", at=at + timedelta(seconds=1), by=by)
    activities.write(session, invoice, text="Reminded", by=by, at=at + timedelta(seconds=2))
    session.commit()
    page = as_user("accountant").get(f"/invoice/{invoice.id}/timeline").text
    found = [one for one in entries(page) if not one.startswith("change")]
    assert [one.partition(":")[0] for one in found[:3]] == ["note", "letter", "payment"]
    assert ("Reminded" in found[0], "Ada Accountant" in found[0]) == (True, True)
    assert ("Waiting" in found[1], "€10.00 · Bank 17" in found[2]) == (True, True)
    assert {name: chips(page)[name] for name in ("Notes", "Letters", "Payments")} == {
        "Notes": "1", "Letters": "1", "Payments": "1",
    }  # fmt: skip
    for name, kind in (("notes", "note"), ("letters", "letter"), ("payments", "payment"), ("changes", "change")):
        only = entries(as_user("accountant").get(f"/invoice/{invoice.id}/timeline?only={name}").text)
        assert {one.partition(":")[0] for one in only} == {kind}, name


def test_who_may_not_see_letters_and_payments_gets_neither_rows_nor_counts(
    as_user: AsUser, made: Made, session: Session
):
    us = made.organisation(email="office@grachten.example")
    invoice = made.issued(organisation=us, party=made.buyer(owner="manager"))
    with mail_office():
        letters.send_invoice(session, invoice, to="anna@example.org", subject="Secret words", at=clock.now(), by=None)
    payment = made.payment("10.00", party=invoice.party, reference="Foreign")
    session.commit()
    office = as_user("office").get(f"/party/show/{invoice.party_id}").text  # payments, but no letters
    assert ("Secret words" in office, "Letters" in chips(office), chips(office)["Payments"]) == (False, False, "1")
    marketer = as_user("marketer").get(f"/party/show/{invoice.party_id}").text
    assert ("Payments" in chips(marketer), "Foreign" in marketer) == (False, False)
    manager = as_user("manager").get(f"/party/show/{invoice.party_id}").text  # the right, but not the row
    assert payment.owner_id is None
    assert ("Payments" in chips(manager), "Foreign" in manager) == (False, False)
    assert "Secret words" in as_user("accountant").get(f"/party/show/{invoice.party_id}").text


def test_pages_by_key_show_everything_once(as_user: AsUser, party: Any, made: Made, session: Session):
    by = access.Actor(made.user("office").id, "office", access.Scope.all)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for at in range(70):  # two at every moment
        activities.write(session, party, text=f"n{at}", by=by, at=start + timedelta(minutes=at // 2))
    session.commit()
    office, found, address = as_user("office"), [], f"/party/{party.id}/timeline?only=notes"
    sizes = []
    while address:
        page = office.get(address).text
        shown = re.findall(r'<div class="note-text">(\w+)</div>', page)
        sizes.append(len(shown))
        found += shown
        more = re.search(r'data-earlier="([^"]+)"', page)
        address = more[1].replace("&amp;", "&") if more else ""
    assert (found, sizes) == ([f"n{at}" for at in reversed(range(70))], [30, 30, 10])
    plain = re.search(r'<p class="earlier"><a class="btn" href="([^"]+)"', office.get(f"/party/show/{party.id}").text)[
        1
    ]
    assert "n69<" not in office.get(plain.replace("&amp;", "&").partition("#")[0]).text


@pytest.mark.parametrize("after", ["x", "2026-01-01T00:00:00~1~1", "0001-01-01T00:00:00+00:00~1~1", "~~", "9" * 90])
def test_a_cursor_that_names_no_place_begins_anew(as_user: AsUser, party: Any, after: str):
    office = as_user("office")
    answer = office.client.get(f"/party/{party.id}/timeline", query_string={"after": after, "only": "nonsense"})
    assert (answer.status_code, [one[:6] for one in entries(answer.text)]) == (200, ["change"])


def change(session: Session, party: Any, at: datetime, actor_id: int, **values: list[Any]) -> None:
    session.add(FieldChange(entity="party", record_id=party.id, act="change", at=at, actor_id=actor_id, changes=values))
    session.flush()


def test_changes_of_one_person_within_a_minute_are_one_entry(as_user: AsUser, made: Made, session: Session):
    with history.dated(session, at=datetime(2025, 1, 1, tzinfo=UTC)):
        party = made.party("A")
    one, two, at = made.user("office").id, made.user("head").id, datetime(2026, 1, 1, 12, tzinfo=UTC)
    change(session, party, at, one, name=["A", "B"], source=["x", "y"])
    change(session, party, at + timedelta(seconds=50), one, name=["B", "C"], source=["y", "x"])
    change(session, party, at + timedelta(seconds=60), two, name=["C", "D"])
    change(session, party, at + timedelta(seconds=200), two, name=["D", "E"])
    session.commit()
    found = entries(as_user("office").get(f"/party/{party.id}/timeline").text)
    told = [re.sub(r"(Changed|Created) .*?\d\d:\d\d", r"\1", one).removeprefix("change: ") for one in found]
    assert told == [
        "Helena Head · Changed Name D → E",
        "Helena Head · Changed Name C → D",
        "Olga Office · Changed Name A → C",
        "System · Created",
    ]


def test_two_flushes_of_one_request_are_one_entry(as_user: AsUser, made: Made, session: Session):
    party = made.party("a")
    session.commit()
    session.info["request_id"] = "11111111-1111-1111-1111-111111111111"
    for name in ("b", "c"):
        party.name = name
        parties.save(session, party)
        session.flush()
    session.commit()
    found = entries(as_user("office").get(f"/party/{party.id}/timeline").text)
    assert len(found) == 2
    assert "Name a → c" in found[0]


def test_a_card_asks_few_statements_however_long_its_history(
    as_user: AsUser, party: Any, made: Made, session: Session, statements: list[str]
):
    office = as_user("office")
    address = f"/party/{party.id}/timeline"
    office.get(address)
    statements.clear()
    office.get(address)
    few = len(statements)
    by = access.Actor(made.user("office").id, "office", access.Scope.all)
    for at in range(40):
        activities.write(session, party, text=f"{at}", by=by, at=clock.now())
        party.owner = made.user("manager2" if at % 2 else "manager")
        session.flush()
    session.commit()
    statements.clear()
    office.get(address)
    assert few == 7, (
        statements
    )  # who asks, his team, his rights, the record, its owner, its team; the stream and counts
    assert len(statements) == few + 1, statements  # the names of the owners that there were


# --- following and the bell -------------------------------------------------------------------------------------------


def test_one_follows_and_stops_following(as_user: AsUser, party: Any, session: Session):
    office, owner = as_user("office"), as_user("manager")
    assert f'action="/party/{party.id}/follow"' in office.get(f"/party/show/{party.id}").text
    assert f'action="/party/{party.id}/unfollow"' in owner.get(f"/party/show/{party.id}").text
    office.post(f"/party/{party.id}/follow")
    owner.post(f"/party/{party.id}/unfollow")
    assert f'action="/party/{party.id}/unfollow"' in office.get(f"/party/show/{party.id}").text
    assert f'action="/party/{party.id}/follow"' in owner.get(f"/party/show/{party.id}").text
    assert sorted(row.is_following for row in session.scalars(select(Follower))) == [False, True]


def test_the_bell_counts_opens_and_leads_to_the_note(as_user: AsUser, party: Any, made: Made, session: Session):
    as_user("office").post(f"/party/{party.id}/note", {"text": "Dear @manager, <i>look</i>"})
    [note] = notes(session)
    manager = as_user("manager")
    assert '<span class="bell-count"><span class="sr-only">not read: </span>1</span>' in manager.get("/home/").text
    rows = manager.get("/notification/recent").text
    assert "Olga Office mentions you" in rows
    assert "Dear @Mark Manager, &lt;i&gt;look&lt;/i&gt;" in rows
    [row] = session.scalars(select(Notification))
    assert manager.client.get(f"/notification/{row.id}/open").status_code == 405
    answer = manager.post(f"/notification/{row.id}/open")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/party/show/{party.id}#note-{note.id}")
    assert "bell-count" not in manager.get("/home/").text
    assert as_user("head").post(f"/notification/{row.id}/open").status_code == 404
    assert manager.post(f"/notification/{'9' * 30}/open").status_code == 404


def test_an_old_note_is_opened_at_its_place(as_user: AsUser, party: Any, made: Made, session: Session):
    by = access.Actor(made.user("office").id, "office", access.Scope.all)
    start = clock.now()
    for at in range(40):
        text = "Hello @manager" if not at else f"later {at}"
        activities.write(session, party, text=text, by=by, at=start + timedelta(seconds=at))
    session.commit()
    row = session.scalars(select(Notification).where(Notification.kind == NotificationKind.mention)).one()
    manager = as_user("manager")
    address = manager.post(f"/notification/{row.id}/open").headers["Location"]
    page = manager.get(address.partition("#")[0]).text
    assert entries(page)[0].startswith("note: Olga Office")
    assert f'id="note-{row.activity_id}"' in page


def test_a_lost_record_is_not_named_and_leads_nowhere(as_user: AsUser, party: Any, made: Made, session: Session):
    as_user("office").post(f"/party/{party.id}/note", {"text": "@manager secret words"})
    party.owner, party.team = made.user("manager2"), made.user("manager2").profile.team
    session.commit()
    manager = as_user("manager")
    rows = manager.get("/notification/list/").text
    assert ("Tulpen" in rows, "secret words" in rows) == (False, False)
    assert "A record that is gone, or that you no longer see" in rows
    [row] = session.scalars(select(Notification).where(Notification.user_id == made.user("manager").id))
    assert manager.post(f"/notification/{row.id}/open").headers["Location"] == "/notification/list/"


def test_all_are_read_at_once_and_listed_page_by_page(as_user: AsUser, party: Any, made: Made, session: Session):
    reader = made.user("manager").id
    session.add_all(
        Notification(user_id=reader, kind="note", entity="party", record_id=party.id, made_at=clock.now(), said=str(at),
                     read_at=clock.now() if at < 30 else None, activity_id=None) if at < 30 else
        Notification(user_id=reader, kind="note", entity="invoice", record_id=at, made_at=clock.now())
        for at in range(150)
    )  # fmt: skip
    session.commit()
    manager = as_user("manager")
    page = manager.get("/notification/list/").text
    assert page.count('<li class="is-new">') == 40
    assert ">99+</span>" in page
    earlier = re.search(r'href="(/notification/list/\?before=\d+)"', page)[1]
    assert manager.get(earlier).text.count('<li class="is-new">') == 40
    assert manager.post("/notification/read").status_code == 302
    page = manager.get("/notification/list/?before=x").text
    assert ("is-new" in page, "Mark all as read" in page) == (False, False)


def test_settings_switch_a_kind_off(as_user: AsUser, party: Any, session: Session):
    manager = as_user("manager")
    assert manager.get("/notification/settings").text.count(" checked") == len(set(NotificationKind) - ALWAYS)
    manager.post("/notification/settings", {"kind": ["mention", "assigned"]})
    assert manager.get("/notification/settings").text.count(" checked") == 2
    as_user("office").post(f"/party/{party.id}/note", {"text": "unheard"})
    assert "bell-count" not in manager.get("/home/").text
    assert 'href="/notification/settings"' in manager.get("/profile/").text


def test_the_bell_costs_one_statement(as_user: AsUser, statements: list[str]):
    manager = as_user("manager")
    manager.get("/profile/")
    statements.clear()
    manager.get("/profile/")
    assert len([one for one in statements if "notification" in one]) == 1


def test_colleagues_are_offered_for_mentions(as_user: AsUser, party: Any):
    found = as_user("office").get(f"/party/{party.id}/colleagues?q=ma").json
    assert found == {
        "results": [{"user": "manager", "text": "Mark Manager"}, {"user": "marketer", "text": "Max Marketer"}]
    }


# --- text as HTML -----------------------------------------------------------------------------------------------------


@attack(124, "markup in a note")
@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("http://x\"onclick='a'", "A(http://x)&#34;onclick=&#39;a&#39;"),
        ("(see www.example.org/a_(b)), ok", "(see A(https://www.example.org/a_(b)|www.example.org/a_(b))), ok"),
        ("mail ada@example.org.", 'mail <a href="mailto:ada@example.org">ada@example.org</a>.'),
        ("@{7} and @{8}", '<span class="mention">@Ada &lt;3</span> and @{8}'),
        ("https://example.org/<script>", "A(https://example.org/)&lt;script&gt;"),
    ],
)
def test_addresses_become_links_and_nothing_else_becomes_html(text: str, html: str):
    def link(found: re.Match[str]) -> str:
        target, _bar, shown = found[1].partition("|")
        return f'<a href="{target}" rel="noopener noreferrer nofollow" target="_blank">{shown or target}</a>'

    assert str(linked(text, {7: "Ada <3"})) == re.sub(r"A\(((?:[^()]|\([^()]*\))*)\)", link, html)
