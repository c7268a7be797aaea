"""Screens of letters on paper: a mailing from the form to the post, and address labels of a list of counterparties."""

from sqlalchemy import select

from app import clock
from app.models.document_bundle import BundleForm, DocumentBundle
from app.models.document_template import DocumentTemplate
from app.models.mail_template import MailingChannel
from app.models.mailing import Mailing, MailingRecipient, MailingState, RecipientPhase
from app.models.party import AddressUsage, PartyAddress


def party(made, name="Tulpen", **values):
    place = PartyAddress(usage=AddressUsage.postal, street="Heereweg 10", city="Lisse", country="NL")
    return made.party(name, addresses=[place], **values)


def letter(session):
    return session.scalars(select(DocumentTemplate).where(DocumentTemplate.supplied == "letter.nl")).one()


def printed(session, made):
    """A mailing of one letter that lies printed, and its row."""
    us, one = made.organisation(), party(made)
    template = letter(session)
    mailing = Mailing(name="Spring", channel=MailingChannel.paper, organisation=us, letter=template)
    mailing.state, mailing.letter_version = MailingState.sending, template.versions[0]
    mailing.started_at = clock.now()
    row = MailingRecipient(
        mailing=mailing, phase=RecipientPhase.handed_over, address="heereweg 10 lisse nl", digest="a" * 64,
        party_id=one.id, name="Tulpen", number=1, token="b" * 32, lease_until=clock.now(), handed_at=clock.now(),
        due_at=clock.now(), words={"buyer.street": "Heereweg 10"},
    )  # fmt: skip
    session.add_all([mailing, row])
    session.commit()
    return mailing, row


def test_a_mailing_on_paper_is_typed_in_and_needs_its_letter(as_user, session, made):
    us, browser = made.organisation(), as_user("admin")
    typed = {"name": "Spring", "kind": "marketing", "channel": "paper", "organisation": us.id}
    assert browser.post("/mailing/add", typed).status_code == 422
    assert session.scalars(select(Mailing)).all() == []
    browser.post("/mailing/add", typed | {"letter": letter(session).id})
    found = session.scalars(select(Mailing)).one()
    assert (found.channel, found.template_id, found.letter.supplied) == (MailingChannel.paper, None, "letter.nl")


def test_the_card_says_what_lies_printed_and_takes_the_word_of_who_posts(as_user, session, made):
    mailing, row = printed(session, made)
    browser = as_user("admin")
    page = browser.get(f"/mailing/show/{mailing.id}").text
    assert "1 letter is printed and not posted yet" in page
    assert f'action="/mailing/{mailing.id}/posted"' in page
    today = clock.today("Europe/Amsterdam").isoformat()
    wrong = browser.post(f"/mailing/{mailing.id}/posted", {"posted_on": today, "all_but": "7", "why": "Lost"})
    assert (wrong.status_code, "No letter with the number 7 is waiting" in wrong.text) == (422, True)
    browser.post(f"/mailing/{mailing.id}/posted", {"posted_on": today})
    session.expire_all()
    assert (row.phase, mailing.state) == (RecipientPhase.sent, MailingState.done)
    browser.post(f"/mailing_recipient/{row.id}/returned", {})
    session.expire_all()
    assert row.phase is RecipientPhase.bounced


def test_labels_of_the_ticked_counterparties_are_asked_for_with_their_sheet(as_user, session, made):
    made.organisation()
    one = party(made)
    session.commit()
    browser = as_user("admin")
    asked = browser.post("/party/many/labels", {"rowid": one.id})
    assert (asked.status_code, "21 on a sheet" in asked.text) == (200, True)
    wrong = browser.post("/party/many/labels", {"rowid": one.id, "sheet": "2x7", "start": "15"})
    assert (wrong.status_code, "A number from 1 to 14" in wrong.text) == (422, True)
    assert session.scalars(select(DocumentBundle)).all() == []
    browser.post("/party/many/labels", {"rowid": one.id, "sheet": "2x7", "start": "14", "sender": "1"})
    bundle = session.scalars(select(DocumentBundle)).one()
    assert (bundle.form, bundle.keys, bundle.entity) == (BundleForm.labels, [one.id], "party")
    assert bundle.settings == {
        "sheet": "2x7", "start": 14, "sender": "Grachten Handel B.V., Keizersgracht 1, 1015 CJ Amsterdam, NL",
    }  # fmt: skip
