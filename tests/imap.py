"""A real IMAP server on 127.0.0.1 for tests: Debian's Dovecot, as an ordinary user, in a folder of its own."""

import imaplib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import CannotStart, Server, _folder, _sigterm_unwinds, _unprivileged

LOGIN = "sales@us.example"


def program() -> str | None:
    """Return where Dovecot is, None where it is not installed."""
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Post:
    """The running server, and the way to put mails into its mailbox and to look at it."""

    def __init__(self, server: Server, password: str) -> None:
        self.server = server
        self.password = password

    @property
    def port(self) -> int:
        return self.server.port

    @contextmanager
    def talk(self, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """A signed-in conversation of the mailbox's own reader."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        try:
            client.login(LOGIN, self.password)
            client.many = int(client.select(f'"{folder}"')[1][0])  # type: ignore[attr-defined]
            yield client
        finally:
            client.shutdown()

    def put(self, *mails: bytes) -> None:
        """Let mails arrive."""
        with self.talk() as client:
            for each in mails:
                assert (
                    client.append("INBOX", None, None, each.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))[0] == "OK"
                )

    def flags(self, folder: str = "INBOX") -> list[str]:
        """The flags of all mails of a folder, in its order, without \\Recent."""
        with self.talk(folder) as client:
            found = client.fetch("1:*", "(FLAGS)")[1] if client.many else []
        return [each.decode().partition("FLAGS (")[2].replace("\\Recent", "").strip(" )") for each in found if each]

    def clear(self, *folders: str) -> None:
        """Empty the mailbox, and delete other folders."""
        with self.talk() as client:
            if client.many:
                client.store("1:*", "+FLAGS", "\\Deleted")
                client.expunge()
            for each in folders:
                client.delete(f'"{each}"')


@contextmanager
def dovecot() -> Iterator[Post]:
    """Run a private Dovecot. Raises CannotStart."""
    binary = program()
    if binary is None:
        raise CannotStart("no IMAP server (Dovecot) is installed")
    account, password = _unprivileged("nobody"), secrets.token_urlsafe(18)
    with _sigterm_unwinds(), _folder("dovecot") as folder:
        name = account.pw_name if account else _own_name()
        group = _group_of(account.pw_gid if account else os.getgid())
        for each in ("run", "state", "mail"):
            (folder / each).mkdir()
        (folder / "users").write_text(f"{LOGIN}:{{PLAIN}}{password}::::{folder}/mail::\n")

        def argv(port: int) -> list[str]:
            (folder / "dovecot.conf").write_text(_settings(folder, name, group, port))
            if account:
                for each in (folder, *folder.rglob("*")):
                    os.chown(each, account.pw_uid, account.pw_gid)
            return [binary, "-F", "-c", str(folder / "dovecot.conf")]

        server = Server("Dovecot", folder, argv, _answers, account=account)
        try:
            server.start()
            yield Post(server, password)
        finally:
            server.stop()


def _settings(folder: Path, name: str, group: str, port: int) -> str:
    return f"""
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = countinghouse-test-{port}
log_path = /dev/stderr
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {name}
default_internal_group = {group}
default_login_user = {name}
mail_location = maildir:{folder}/mail
first_valid_uid = 1
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={name} gid={group} home={folder}/mail
}}
"""


def _own_name() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _group_of(gid: int) -> str:
    import grp

    return grp.getgrgid(gid).gr_name


def _answers(port: int) -> bool:
    try:
        imaplib.IMAP4("127.0.0.1", port, timeout=2).shutdown()
    except (OSError, imaplib.IMAP4.error):
        return False
    return True
