"""A mailing on paper for real: found out, printed letter by letter into one file, posted, and what comes back."""

import io
from datetime import date, timedelta

import pikepdf
import pypdfium2
import pytest
from sqlalchemy import func, select, update

from app import clock
from app.documents import labels
from app.errors import DomainError, Refusals
from app.models.attachment import Attachment
from app.models.document_bundle import BundleForm, BundleState, DocumentBundle
from app.models.document_template import DocumentTemplate
from app.models.mail_template import MailingChannel
from app.models.mailing import Mailing, MailingKind, MailingParty, MailingRecipient, MailingState, RecipientPhase
from app.models.party import AddressUsage, PartyAddress
from app.models.suppression import ContactChannel, ContactMade, NoContact, SuppressionReason
from app.outbox import Outbox
from app.services import access, gate_address, mailing_audience, paper_run, suppression
from app.services import attachment as attachments
from app.services import document_bundle as bundles
from app.services import document_template as templates
from app.services import mailing as mailings
from app.services import mailing_ledger as ledger
from app.tasks import registry, running
from tests.attack import attack
from tests.mail import office

PAPER = ContactChannel.paper


@pytest.fixture(autouse=True)
def handlers(app, tmp_path):
    registry.load()
    app.config["CRM_VAR"], before = tmp_path, app.config["CRM_VAR"]
    with office(public_url="https://crm.example.org"):
        yield
    app.config["CRM_VAR"] = before


@pytest.fixture
def us(made):
    return made.organisation("Grachten Handel", legal_name="Grachten Handel B.V.")


@pytest.fixture
def letter(session):
    return session.scalars(select(DocumentTemplate).where(DocumentTemplate.supplied == "letter.nl")).one()


def at_home(street, city, code="2161 AB", country="NL", usage=AddressUsage.postal):
    return PartyAddress(usage=usage, street=street, postal_code=code, city=city, country=country)


@pytest.fixture
def parties(made):
    return [
        made.party("Tulpen", addresses=[at_home("Heereweg 10", "Lisse"), at_home("Elders 1", "Ede", usage="legal")]),
        made.party("Tulpen Twee", addresses=[at_home("HEEREWEG  10,", "lisse")]),
        made.party("Nergens"),
        made.party("Blumen", addresses=[at_home("Marktplatz 1", "Köln", code="50667", country="DE")]),
        made.party("Rozen", addresses=[at_home("Zandpad 3", "Boskoop", code="2771 AA", usage=AddressUsage.legal)]),
    ]


@pytest.fixture
def mailing(session, us, letter, parties):
    found = Mailing(name="Spring", channel=MailingChannel.paper, organisation=us, letter=letter)
    found.parties = [MailingParty(party_id=each.id) for each in parties]
    mailings.save(session, found)
    session.flush()
    return found


@pytest.fixture
def do(app, session):
    """Run the newest job of a topic as a worker would; it is due, and so is every row."""

    def act(topic):
        session.commit()
        row_id = session.scalars(select(Outbox.id).where(Outbox.topic == topic).order_by(Outbox.id.desc())).first()
        now = clock.now() - timedelta(seconds=1)
        for table in (Outbox, MailingRecipient):
            session.execute(update(table).where(table.due_at > now).values(due_at=now))
        session.commit()
        with app.app_context():
            done = running.run_row(row_id, settings=dict(app.config))
        session.expire_all()
        return done

    return act


@pytest.fixture
def checked(session, mailing, do):
    mailings.check(session, mailing, by=access.SYSTEM, at=clock.now())
    assert do(mailings.CHECK) is True
    return mailing


@pytest.fixture
def printed(session, checked, do):
    mailings.start(session, checked, at=clock.now())
    assert do(mailings.SEND) is True
    return checked


def phases(session):
    rows = session.scalars(select(MailingRecipient).order_by(MailingRecipient.id))
    return {each.name: each.phase.value for each in rows}


def texts(app, file):
    content = attachments.path_of(file, files=app.config["CRM_VAR"] / "files").read_bytes()
    found = pypdfium2.PdfDocument(io.BytesIO(content))
    return [page.get_textpage().get_text_bounded() for page in found]


def test_who_gets_a_letter_is_frozen_with_his_postal_address_and_each_house_once(session, checked, parties):
    rows = session.scalars(select(MailingRecipient).order_by(MailingRecipient.id)).all()
    assert [(row.name, row.phase.value, row.reason, row.address) for row in rows] == [
        ("Tulpen", "queued", None, "heereweg 10 2161 ab lisse nl"),
        ("Tulpen Twee", "excluded", NoContact.duplicate, None),
        ("Nergens", "excluded", NoContact.no_address, None),
        ("Blumen", "queued", None, "marktplatz 1 50667 köln de"),
        ("Rozen", "queued", None, "zandpad 3 2771 aa boskoop nl"),
    ]
    assert (rows[0].words["buyer.street"], rows[0].words["buyer.town"]) == ("Heereweg 10", "2161 AB Lisse")
    assert ("buyer.country" in rows[0].words, rows[3].words["buyer.country"]) == (False, "DUITSLAND")
    assert checked.letter_version_id == rows[0].mailing.letter.versions[0].id


def test_letters_are_printed_in_the_order_of_places_with_numbers_into_one_file(app, session, printed):
    bundle = session.scalars(select(DocumentBundle)).one()
    assert (bundle.form, bundle.state, bundle.files, bundle.done_rows) == (BundleForm.letters, BundleState.done, 3, 3)
    pages = texts(app, bundle.file)
    assert [[name in page for name in ("Tulpen", "Rozen", "Blumen")] for page in pages] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert ["DUITSLAND" in page for page in pages] == [False, False, True]
    assert all("Grachten Handel B.V. · Keizersgracht 1, 1015 CJ Amsterdam" in page for page in pages)
    rows = session.scalars(select(MailingRecipient).where(MailingRecipient.number > 0)).all()
    assert sorted((row.number, row.name, row.phase.value) for row in rows) == [
        (1, "Tulpen", "handed_over"),
        (2, "Rozen", "handed_over"),
        (3, "Blumen", "handed_over"),
    ]
    assert printed.state is MailingState.sending
    left = select(func.count()).where(Attachment.purpose == bundles.PART)
    assert session.scalar(left) == 0


def test_what_was_posted_is_sent_and_counted_and_what_was_not_may_be_tried_again(session, printed, do):
    today = clock.today("Europe/Amsterdam")
    assert paper_run.posted(session, printed, posted_on=today, all_but="3", why="Jammed", at=clock.now()) == 2
    assert phases(session)["Tulpen"] == phases(session)["Rozen"] == "sent"
    jammed = session.scalars(select(MailingRecipient).where(MailingRecipient.number == 3)).one()
    assert (jammed.phase, jammed.answer, printed.state) == (RecipientPhase.refused, "Jammed", MailingState.done)
    made = session.execute(select(ContactMade.channel, func.count()).group_by(ContactMade.channel)).all()
    assert [tuple(row) for row in made] == [(PAPER, 2)]
    mailings.retry(session, jammed, at=clock.now())
    assert do(mailings.SEND) is True
    assert (jammed.phase, jammed.number) == (RecipientPhase.handed_over, 4)
    assert [each.total_rows for each in session.scalars(select(DocumentBundle).order_by(DocumentBundle.id))] == [3, 1]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"all_but": "9", "why": "Lost"}, "all_but"),
        ({"all_but": "three", "why": "Lost"}, "all_but"),
        ({"all_but": "1-99999", "why": "Lost"}, "all_but"),
        ({"all_but": "2"}, "why"),
        ({"posted_on": date(2020, 1, 1)}, "posted_on"),
    ],
)
def test_a_wrong_word_about_the_post_changes_nothing(session, printed, given, field):
    before = phases(session)
    with pytest.raises(Refusals) as refusal:
        paper_run.posted(session, printed, **{"posted_on": clock.today("Europe/Amsterdam"), "at": clock.now()} | given)
    assert list(refusal.value.errors) == [field]
    assert phases(session) == before


@attack(218, "A letter on paper that the sandbox, or nobody, has let out counts as sent")
def test_nothing_is_posted_from_the_sandbox_nor_without_a_word(session, printed):
    with office(is_sandbox=True), pytest.raises(DomainError, match="sandbox"):
        paper_run.posted(session, printed, posted_on=clock.today("Europe/Amsterdam"), at=clock.now())
    assert set(phases(session).values()) == {"handed_over", "excluded"}
    late = clock.now() + paper_run.HELD + timedelta(minutes=1)
    assert ledger.sweep(session, at=late) == 3
    row = session.scalars(select(MailingRecipient).where(MailingRecipient.number == 1)).one()
    assert (row.phase, row.answer) == (RecipientPhase.uncertain, "Nobody has said whether this letter was posted")


@attack(219, "Somebody who has objected, or whose letters come back, is written to on paper")
def test_who_has_objected_is_left_out_and_named_if_his_letter_lies_printed(session, checked, parties, do):
    place = gate_address.of_party(parties[4], PAPER)
    suppression.add(session, PAPER, place, SuppressionReason.blocked, at=clock.now())
    mailings.start(session, checked, at=clock.now())
    assert do(mailings.SEND) is True
    assert phases(session)["Rozen"] == "excluded"
    suppression.add(
        session, PAPER, gate_address.of_party(parties[0], PAPER), SuppressionReason.unsubscribed, at=clock.now()
    )
    assert paper_run.objected(session, checked, at=clock.now()) == [1]


def test_a_letter_that_came_back_ends_its_address(session, printed, parties, mailing):
    paper_run.posted(session, printed, posted_on=clock.today("Europe/Amsterdam"), at=clock.now())
    row = session.scalars(select(MailingRecipient).where(MailingRecipient.number == 1)).one()
    paper_run.returned(session, row, at=clock.now())
    assert (row.phase, row.answer) == (RecipientPhase.bounced, "Came back: unknown at this address")
    assert suppression.find(session, PAPER, row.address).reason is SuppressionReason.bounced
    refused = mailing_audience.refused_by_gate(session, mailing, [row.id], at=clock.now())
    assert refused == {NoContact.bounced: [row.id]}
    with pytest.raises(DomainError, match="state"):
        paper_run.returned(session, row, at=clock.now())


def test_a_pause_keeps_what_is_printed_and_the_end_throws_it_away(app, session, checked, do, monkeypatch):
    monkeypatch.setattr(paper_run, "PORTION", 2)
    mailings.start(session, checked, at=clock.now())
    session.flush()
    bundle = paper_run.begin(session, checked, owner_id=None, at=clock.now())
    paper_run.printed(session, bundle, bundle.keys[:2], {})
    mailings.pause(session, checked)
    assert do(mailings.SEND) is True
    assert (bundle.done_rows, bundle.state, bundle.file_id) == (2, BundleState.running, None)
    assert paper_run.begin(session, checked, owner_id=None, at=clock.now()) is None
    mailings.cancel(session, checked, at=clock.now())
    session.expire_all()
    assert (bundle.state, bundle.message) == (BundleState.failed, "The mailing was cancelled")
    assert set(phases(session).values()) == {"skipped", "excluded"}


def test_a_crash_between_two_pieces_goes_on_where_it_was(app, session, checked, do, monkeypatch):
    monkeypatch.setattr(paper_run, "PORTION", 1)
    from app.tasks import paper

    real, calls = paper._piece, []

    def dies(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(*given)

    monkeypatch.setattr(paper, "_piece", dies)
    mailings.start(session, checked, at=clock.now())
    with pytest.raises(KeyboardInterrupt):
        do(mailings.SEND)
    session.expire_all()
    bundle = session.scalars(select(DocumentBundle)).one()
    assert (bundle.done_rows, bundle.state, len(bundles.parts(session, bundle))) == (2, BundleState.running, 2)
    ledger.go_on(session, checked.id, at=clock.now())
    assert do(mailings.SEND) is True
    assert (bundle.state, bundle.files, len(texts(app, bundle.file))) == (BundleState.done, 3, 3)
    assert sorted(phases(session).values()) == ["excluded", "excluded", "handed_over", "handed_over", "handed_over"]


def test_printing_again_makes_a_new_file_with_new_numbers(session, printed, do):
    assert paper_run.print_again(session, printed, at=clock.now()) == 3
    assert do(mailings.SEND) is True
    assert paper_run.waits(session, printed) == [
        (number, key) for number, (_former, key) in enumerate(paper_run.waits(session, printed), 4)
    ]


def test_a_template_must_be_a_published_letter_with_its_recipient_in_the_window(session, mailing, letter, us):
    letter.body = "<p>Beste klant</p>"
    templates.publish(session, letter, by=None, at=clock.now())
    with pytest.raises(Refusals) as refusal:
        mailings.check(session, mailing, by=access.SYSTEM, at=clock.now())
    assert list(refusal.value.errors) == ["letter"]
    assert mailing.state is MailingState.draft
    without = Mailing(name="Empty", channel=MailingChannel.paper, kind=MailingKind.service, organisation=us)
    with pytest.raises(Refusals) as refusal:
        mailings.save(session, without)
    assert refusal.value.errors == {"letter": ["This is needed"]}


def test_labels_begin_where_the_sheet_does_and_name_who_has_no_address(app, session, made, parties, do):
    office_worker = access.actor_of(session, user_id=made.user("admin").id, name="admin", roles=["Admin"])
    bundle = bundles.ask(
        session,
        "party",
        [each.id for each in parties],
        form=BundleForm.labels,
        by=office_worker,
        language="nl",
        at=clock.now(),
        settings={"sheet": labels.Sheet.three_by_seven, "start": 20, "sender": "Grachten Handel"},
    )
    assert do(bundles.TOPIC) is True
    assert (bundle.state, bundle.files, bundle.message) == (BundleState.done, 4, None)
    assert bundle.missing == [[parties[2].id, "address"]]
    pages = texts(app, bundle.file)
    assert [("Heereweg 10" in page, "Köln" in page) for page in pages] == [(True, False), (False, True)]


@pytest.mark.parametrize("sheet", list(labels.Sheet))
def test_no_label_reaches_over_the_edge_of_its_sheet(sheet):
    shape = labels.SHAPES[sheet]
    left, top = shape.place(0)
    right, bottom = shape.place(shape.count - 1)
    assert (left >= 0, top >= 0) == (True, True)
    assert (round(left + right + shape.width, 3), round(top + bottom + shape.height, 3)) == (210.0, 297.0)


def test_a_sheet_has_no_position_beyond_its_last(session):
    with pytest.raises(ValueError, match="position"):
        labels.pdf(labels.Sheet.three_by_seven, [labels.Label(["Anna"])], start=22, sender="", language="nl")


def test_the_address_stands_in_the_window_of_the_envelope(app, session, printed):
    """Source: DIN 5008, form B: a window from 45 to 90 mm, of which the upper 17.7 are for the sender."""
    bundle = session.scalars(select(DocumentBundle)).one()
    content = attachments.path_of(bundle.file, files=app.config["CRM_VAR"] / "files").read_bytes()
    page = pypdfium2.PdfDocument(io.BytesIO(content))[0]
    found = page.get_textpage()
    height, point = page.get_height(), 25.4 / 72
    places = {}
    for word in ("Heereweg 10", "2161 AB Lisse"):
        at, _count = found.search(word).get_next()
        left, _bottom, _right, top = found.get_charbox(at)
        places[word] = (left * point, (height - top) * point)
    assert all(20 <= left <= 25 and 62 <= top <= 90 for left, top in places.values()), places
    with pikepdf.open(io.BytesIO(content)) as whole:
        assert len(whole.pages) == 3
