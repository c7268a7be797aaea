"""The conversation with a real mail server: what it said decides, and a doubt is only a doubt when text has left."""

import socket
import ssl
import subprocess
import threading

import pytest

from app.exchange import smtp
from app.exchange.smtp import Away, Later, Patience, Refused, Security, Server, Unclear
from app.models.suppression import ContactChannel, ContactKind
from app.services.gate import Answer
from tests.mail import mail_server
from tests.servers import free_port

CONTENT = b"Subject: x\r\n\r\n.\r\n..two\r\nlast\r\n"
PASSED = Answer(ok=True, channel=ContactChannel.email, kind=ContactKind.personal, address="inkoop@tulpen.example")
SHORT = Patience(step=1.0, text=1.0, end=1.0)


@pytest.fixture
def server():
    with mail_server() as started:
        yield started


def deliver(to, **values):
    told = []
    given = {
        "sender": "office@grachten.example",
        "passed": PASSED,
        "content": CONTENT,
        "before_data": lambda: told.append("data"),
        "patience": SHORT,
    } | values
    try:
        return smtp.deliver(Server.of(to), **given), told
    except smtp.SmtpError as problem:
        return problem, told


# --- endings ----------------------------------------------------------------------------------------------------------


def test_a_letter_is_handed_over_as_it_is(server):
    answer, told = deliver(server.url)
    assert (answer, told) == ("250 2.0.0 queued as 4711", ["data"])
    [taken] = server.taken
    assert (taken.sender, taken.recipients) == ("office@grachten.example", ["inkoop@tulpen.example"])
    assert taken.content == CONTENT


@pytest.mark.parametrize(
    ("will", "ending", "words", "before_text"),
    [
        ("451 4.3.0 try later", Later, "451 4.3.0 try later", True),
        ("550 5.1.1 no such user", Refused, "550 5.1.1 no such user", True),
        ("421 4.7.0 too many", Later, "421 4.7.0 too many", True),
        ("end 452 4.2.2 mailbox full", Later, "452 4.2.2 mailbox full", False),
        ("end 554 5.7.1 looks like spam", Refused, "554 5.7.1 looks like spam", False),
        ("hang up", Later, "Connection unexpectedly closed", True),
        ("hang up at data", Later, "Connection unexpectedly closed", False),
        ("hang up in text", Unclear, "Connection", False),
        ("hang up at end", Unclear, "Connection unexpectedly closed", False),
        ("stall", Later, "timed out", True),
        ("stall at end", Unclear, "timed out", False),
    ],
)
def test_the_answer_or_its_absence_decides(server, will, ending, words, before_text):
    server.will.append(will)
    problem, told = deliver(server.url)
    assert type(problem) is ending
    assert words in str(problem)
    assert told == ([] if before_text else ["data"])
    assert len(server.taken) == (1 if will in {"hang up at end", "stall at end"} else 0)


def test_a_server_that_is_not_there_is_one_for_later():
    problem, told = deliver(f"smtp://127.0.0.1:{free_port()}")
    assert (type(problem), told) == (Away, [])
    assert "Connection refused" in str(problem)
    problem, told = deliver("smtp://no-such-host.invalid:25?starttls=never")
    assert (type(problem), told) == (Away, [])


@pytest.mark.parametrize(
    ("greeting", "ending"),
    [
        (b"", Away),
        (b"421 closing\r\n", Later),
        (b"554 go away\r\n", Refused),
        (b"hello\r\n", Later),
        (b"2" * 9000, Later),
    ],
)
def test_a_strange_greeting_hands_nothing_over(greeting, ending):
    """A server that speaks no SMTP, and one that does not want us."""
    listening = socket.create_server(("127.0.0.1", 0))

    def greet():
        connection, _address = listening.accept()
        with connection:
            connection.sendall(greeting)
            connection.settimeout(1)
            if greeting.startswith(b"2"):
                connection.recv(100)

    thread = threading.Thread(target=greet)
    thread.start()
    problem, told = deliver(f"smtp://127.0.0.1:{listening.getsockname()[1]}")
    thread.join()
    listening.close()
    assert told == []
    assert type(problem) is ending


def test_what_stops_the_sender_stops_the_conversation(server):
    def lost():
        raise RuntimeError("somebody else has it")

    with pytest.raises(RuntimeError, match="somebody else"):
        deliver(server.url, before_data=lost)
    assert server.taken == []


# --- encryption and signing in ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    place = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")]
    subprocess.run(["openssl", "req", *kind, *name, *place], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context, folder / "ca.pem"


def test_a_certificate_of_ones_own_authority_is_trusted_and_no_other(certificate):
    context, ca = certificate
    with mail_server(tls=context, password="pass word@") as server:
        host = f"office:pass%20word%40@127.0.0.1:{server.port}"
        assert deliver(f"smtp://{host}?starttls=required&ca={ca}")[0] == "250 2.0.0 queued as 4711"
        assert server.encrypted == [True]
        problem, told = deliver(f"smtp://{host}?starttls=required")
        assert (type(problem), told) == (Away, [])
        assert "certificate verify failed" in str(problem)
        wrong, told = deliver(f"smtp://office:wrong@127.0.0.1:{server.port}?starttls=required&ca={ca}")
        assert (type(wrong), told) == (Refused, [])
        assert str(wrong).startswith("535 ")
        assert "wrong" not in str(wrong)
    assert len(server.taken) == 1


def test_a_server_that_cannot_encrypt_gets_nothing(server):
    problem, told = deliver(f"{server.url}?starttls=required")
    assert (type(problem), told, server.taken) == (Away, [], [])
    assert "STARTTLS" in str(problem)


# --- the setting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.org", ("mail.example.org", 587, Security.starttls, "", "")),
        ("smtp://a:b@mail.example.org:25", ("mail.example.org", 25, Security.starttls, "a", "b")),
        ("smtps://a%40x:p%2Fw@mail.example.org", ("mail.example.org", 465, Security.tls, "a@x", "p/w")),
        ("smtp://127.0.0.1:25", ("127.0.0.1", 25, Security.none, "", "")),
        ("smtp://localhost", ("localhost", 587, Security.none, "", "")),
        ("smtp://[::1]:25?starttls=required", ("::1", 25, Security.starttls, "", "")),
        ("smtp://relay.example.org:25?starttls=never", ("relay.example.org", 25, Security.none, "", "")),
    ],
)
def test_the_address_of_the_server_says_how_to_speak_with_it(url, expected):
    server = Server.of(url)
    assert (server.host, server.port, server.security, server.user, server.password) == expected
    assert "p/w" not in repr(server)
    assert smtp.problem(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "CRM_SMTP_URL"),
        ("mail.example.org:25", "smtp://"),
        ("http://mail.example.org", "smtp://"),
        ("smtp://", "names a host"),
        ("smtp://mail.example.org:99999", "out of range"),
        ("smtp://mail.example.org?starttls=maybe", "required or never"),
        ("smtp://mail.example.org?tls=1", "unknown: tls"),
        ("smtp://a:secret@mail.example.org?starttls=never", "in the clear"),
        ("smtp://a:п@mail.example.org", "ASCII"),
        ("smtp://mail.example.org?ca=/no/such/file", "no file"),
    ],
)
def test_a_wrong_address_says_what_is_wrong_with_it_and_no_password(url, why):
    problem = smtp.problem(url)
    assert why in problem
    assert "secret" not in problem


def test_the_office_is_made_of_the_settings():
    settings = {"CRM_PUBLIC_URL": "https://crm.example.org", "CRM_SMTP_URL": "", "CRM_MAIL_FROM": "a@example.org"}
    office = smtp.office(settings)
    assert (office.problem, office.sender, office.host) == (
        "No mail server is set up: CRM_SMTP_URL",
        "a@example.org",
        "crm.example.org",
    )
    assert smtp.office(settings | {"CRM_SMTP_URL": "smtps://mail.example.org"}).problem is None
