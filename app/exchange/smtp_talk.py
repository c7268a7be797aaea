"""A conversation with a mail server that goes on over many letters, each with an ending of its own (see smtp)."""

import smtplib
from types import TracebackType
from typing import Self

from app.exchange import smtp
from app.exchange.smtp import Away, Later, Patience, Server, Unclear
from app.services.gate import Answer

MOST = 200  # letters over one connection: servers end longer ones by themselves
QUICK = Patience(step=20.0, text=60.0, end=120.0)  # one that is slower keeps all who wait behind it


class Talk:
    """One connection, opened at the first letter, and again when it has ended."""

    def __init__(self, server: Server, *, name: str, patience: Patience = QUICK, most: int = MOST) -> None:
        self._server = server
        self._name = name
        self._patience = patience
        self._most = most
        self._client: smtplib.SMTP | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take leave."""
        client, self._client, self._count = self._client, None, 0
        if client is not None:
            smtp._part(client)  # noqa: SLF001 -- one module in two files

    def deliver(self, *, sender: str, passed: Answer, content: bytes, mark: str = "") -> str:  # noqa: ARG002 -- as sms
        """Hand one letter over to the address that the gate has passed, and return the server's words.

        Raises Refused, Later, Away or Unclear as smtp.deliver does.
        """
        if not passed.ok or passed.address is None:
            raise ValueError("the gate has not passed this letter")
        if self._count >= self._most:
            self.close()
        leaving = False
        try:
            client = self._begun(sender)
            smtp._expect(client.rcpt(passed.address))  # noqa: SLF001
            smtp._expect(client.docmd("DATA"), wanted=smtp._GO_ON)  # noqa: SLF001
            leaving = True
            smtp._hand_over(client, content, self._patience)  # noqa: SLF001
            answer = smtp._last_answer(client, self._patience)  # noqa: SLF001
            client.sock.settimeout(self._patience.step)  # type: ignore[union-attr]
        except smtplib.SMTPResponseException as error:
            self.close()
            words = smtp._words(error.smtp_code, error.smtp_error)  # noqa: SLF001
            raise (Unclear if leaving else Later)(words) from error
        except OSError as error:
            was_open = self._client is not None
            self.close()
            text = f"{self._server.host}:{self._server.port}: {error or type(error).__name__}"
            raise ((Unclear if leaving else Later) if was_open else Away)(text) from error
        except smtp.SmtpError as error:
            self._reset(keep=not isinstance(error, Unclear))
            raise
        self._count += 1
        return answer

    def _begun(self, sender: str) -> smtplib.SMTP:
        """Return a connection that has accepted the sender; one that the server has ended is opened anew, once."""
        if self._client is not None:
            try:
                smtp._expect(self._client.mail(sender))  # noqa: SLF001
            except (OSError, smtp.SmtpError):
                self.close()
            else:
                return self._client
        self._client = smtp._greeted(self._server, self._name, self._patience.step)  # noqa: SLF001
        smtp._expect(self._client.mail(sender))  # noqa: SLF001
        return self._client

    def _reset(self, *, keep: bool) -> None:
        if not keep or self._client is None:
            self.close()
            return
        try:
            smtp._expect(self._client.docmd("RSET"))  # noqa: SLF001
        except (OSError, smtp.SmtpError):
            self.close()
