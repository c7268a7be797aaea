"""The worker mails links: made when the letter leaves, to the owner of the address alone, anew after a breakdown."""

import logging
import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from app import clock, outbox
from app.errors import NotFound
from app.models.letter import Letter
from app.models.password import PasswordLink
from app.outbox import Errand, Outbox
from app.services import password_link as links
from app.tasks import registry, running
from tests.mail import mail_server, office

LINK = re.compile(r"/password/link/([\w-]{43})\s")


@pytest.fixture(scope="module", autouse=True)
def handlers():
    registry.load()


@pytest.fixture(autouse=True)
def mail_is_set_up(made):
    with office():
        made.organisation("Grachten Handel", email="office@grachten.example", series=False)
        yield


@pytest.fixture(scope="module")
def server():
    with mail_server() as started:
        yield started


@pytest.fixture(autouse=True)
def forgetful(server):
    server.will.clear()
    server.taken.clear()


@pytest.fixture
def do(app, session, server):
    """Write a job, and run it as a worker would; or run it again."""

    def act(row_id=None, *, url=None, **about):
        if row_id is None:
            row_id = outbox.enqueue(session, links.TOPIC, **about).id
        session.execute(update(Outbox).where(Outbox.id == row_id).values(due_at=clock.now() - timedelta(seconds=1)))
        session.commit()
        with app.app_context():
            running.run_row(row_id, settings={**app.config, "CRM_SMTP_URL": server.url if url is None else url})
        session.expire_all()
        return session.get_one(Outbox, row_id)

    return act


def mailed(server):
    """Return the random part of the newest letter's link."""
    body = server.taken[-1].message.get_body(("plain",)).get_content()
    (found,) = LINK.findall(body)
    return found


def test_the_owner_of_an_address_gets_a_letter_with_a_live_link(app, do, made, server, session):
    job = do(email="marketer@example.org")
    assert (job.state, job.error) == (Errand.done, None)
    (letter,) = server.taken
    assert (letter.sender, letter.recipients) == ("office@grachten.example", ["marketer@example.org"])
    assert letter.message["From"] == "Countinghouse <office@grachten.example>"
    assert letter.message["Subject"] == "Choose a password for Countinghouse"
    assert links.find(session, mailed(server), at=clock.now()).user_id == made.user("marketer").id
    body = letter.message.get_body(("plain",)).get_content().splitlines()
    assert f"{app.config['CRM_PUBLIC_URL']}/password/link/{mailed(server)}" in body
    assert "with this link you choose the password of your account “marketer”:" in body


@pytest.mark.parametrize("about", [{"email": "nobody.at.all@example.org"}, {"user_id": 99_999}, {}])
def test_an_address_that_is_nobodys_gets_nothing_and_nobody_learns_it(do, server, session, about):
    assert do(**about).state is Errand.done
    assert server.taken == []
    assert session.scalars(select(PasswordLink)).all() == []


def test_an_account_that_is_locked_meanwhile_gets_nothing(do, made, server):
    made.user("marketer").active = False
    assert do(user_id=made.user("marketer").id).state is Errand.done
    assert server.taken == []


def test_a_letter_that_did_not_leave_is_tried_again_with_a_new_link(do, made, server, session):
    server.will += ["451 later", "hang up at end", ""]
    job = do(email="marketer@example.org")
    assert (job.state, job.tries, server.taken) == (Errand.pending, 1, [])
    job = do(job.id)  # the server has it, and did not say so
    assert (job.state, job.tries) == (Errand.pending, 2)
    perhaps = mailed(server)
    job = do(job.id)
    assert (job.state, job.tries) == (Errand.done, 3)
    assert mailed(server) != perhaps
    with pytest.raises(NotFound):
        links.find(session, perhaps, at=clock.now())
    assert links.find(session, mailed(server), at=clock.now()).user is made.user("marketer")


def test_a_refused_letter_fails_for_good_and_says_why(do, server):
    server.will.append("550 no such mailbox")
    job = do(email="marketer@example.org")
    assert (job.state, job.error) == (Errand.failed, "550 no such mailbox")


def test_the_link_stands_in_no_job_letter_or_log(do, server, session, caplog):
    caplog.set_level(logging.DEBUG)
    server.will += ["hang up at end", ""]
    job = do(do(email="marketer@example.org").id)
    tokens = [LINK.findall(one.message.get_body(("plain",)).get_content())[0] for one in server.taken]
    assert len(tokens) == 2
    kept = [str(vars(row)) for table in (Outbox, PasswordLink) for row in session.scalars(select(table)).all()]
    assert job.payload == {"email": "marketer@example.org"}
    for token in tokens:
        assert token not in caplog.text
        assert token not in "".join(kept)
    assert session.scalars(select(Letter)).all() == []
