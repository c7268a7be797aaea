"""The conversation with providers of text messages over HTTP: one request, and an answer that says what became of it.

Both providers are spoken with by one interface, the one that mail servers have (smtp_talk): the provider's words when
it took the message, `Refused` when it never will, `Later` when it did not now, `Away` when the next would fare no
better, and `Unclear` when the request had left and no answer came: perhaps the message is on its way. Nobody but the
provider is asked: its address comes from the program or its settings, and no redirect is followed.

Source: the providers' own descriptions of their interfaces, SMSC HTTP/HTTPS and Twilio Messages 2010-04-01.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from app.exchange.smtp import Away, Later, Refused, Unclear
from app.models.sms_provider import SmsProviderKind
from app.services.gate import Answer
from app.services.sms_provider import Outgoing

HOSTS = {SmsProviderKind.smsc: "smsc.ru", SmsProviderKind.twilio: "api.twilio.com"}
SETTINGS = {SmsProviderKind.smsc: "CRM_SMSC_URL", SmsProviderKind.twilio: "CRM_TWILIO_URL"}
TIMES = (10.0, 30.0)  # seconds to connect, and between two bytes
MOST_BYTES = 65_536  # of an answer
_PORTION = 8_192
_LONGEST = 600  # characters of an answer that are kept
_FINE, _MULTIPLE, _WRONG, _BROKEN = 200, 300, 400, 500
_TOO_MANY, _UNAVAILABLE = 429, 503
_CLOSED = frozenset({401, 403})  # the account, not the message
# What SMSC means by its numbers: the account, or its money; too often. All others are about the message.
_SMSC_AWAY, _SMSC_LATER = frozenset({2, 3, 4}), frozenset({9})
_TWILIO_AWAY = frozenset({20003, 20005, 20006, 20008})
_TWILIO_LATER = frozenset({20429, 14107, 30022})


class Way(Protocol):
    """How one message is handed over: to a mail server, or to a provider of text messages."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def deliver(self, *, sender: str, passed: Answer, content: bytes, mark: str = "") -> str:
        """Hand one message over to the address that the gate has passed, and return what was answered.

        A provider names `mark` when it tells what became of it; mail servers have no use for one.
        """


def callback_of(settings: Mapping[str, Any]) -> str:
    """Return where a provider tells what became of a message: at our public address, "" where that is none."""
    place = str(settings.get("CRM_PUBLIC_URL") or "").rstrip("/")
    return place if place.startswith("https://") else ""


def place_of(kind: SmsProviderKind, settings: Mapping[str, Any]) -> str:
    """Return where a provider is reached: at its own address, or where the installation says."""
    return str(settings.get(SETTINGS[kind]) or "").rstrip("/") or f"https://{HOSTS[kind]}"


class Talk:
    """Requests to one provider, over connections that are kept while the block lasts."""

    def __init__(
        self, provider: Outgoing, *, place: str, callback: str = "", times: tuple[float, float] = TIMES
    ) -> None:
        self._provider = provider
        self._callback = callback
        self._place = place
        self._times = times
        self._web = requests.Session()
        self._web.trust_env = False  # no credentials or proxies from elsewhere

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._web.close()

    def deliver(self, *, sender: str, passed: Answer, content: bytes, mark: str = "") -> str:
        """Hand one message, UTF-8, over to the number that the gate has passed, and return the provider's words.

        Raises Refused, Later, Away or Unclear (see smtp).
        """
        if not passed.ok or passed.address is None:
            raise ValueError("the gate has not passed this message")
        text = content.decode()
        if self._provider.kind is SmsProviderKind.twilio:
            return self._twilio(sender, passed.address, text, mark)
        return self._smsc(sender, passed.address, text, mark)

    def _smsc(self, sender: str, to: str, text: str, mark: str) -> str:
        given = {"login": self._provider.login, "psw": self._provider.password, "phones": to, "mes": text}
        given |= {"charset": "utf-8", "fmt": "3"} | ({"sender": sender} if sender else {})
        given |= {"id": mark} if mark else {}
        status, said = self._ask("/sys/send.php", given)
        code = said.get("error_code")
        if code is None and said.get("id") is not None:
            return f"{status} id {said['id']}"[:_LONGEST]
        words = f"{code} {said.get('error', '')}".strip()[:_LONGEST]
        if code is None:
            raise Unclear(f"{status}: {_words(said)}")
        if code in _SMSC_AWAY:
            raise Away(words)
        if code in _SMSC_LATER:
            raise Later(words)
        raise Refused(words)

    def _twilio(self, sender: str, to: str, text: str, mark: str) -> str:
        path = f"/2010-04-01/Accounts/{quote(self._provider.login, safe='')}/Messages.json"
        by = "MessagingServiceSid" if sender.startswith("MG") and len(sender) == len("MG") + 32 else "From"
        given = {"To": to, by: sender, "Body": text}
        if mark and self._callback:
            given["StatusCallback"] = f"{self._callback}/t/{mark}"
        status, said = self._ask(path, given, auth=(self._provider.login, self._provider.password))
        if _FINE <= status < _MULTIPLE and said.get("sid"):
            return f"{status} {said['sid']} {said.get('status', '')}".strip()[:_LONGEST]
        code = said.get("code")
        words = f"{code or status} {said.get('message', '')}".strip()[:_LONGEST]
        if status in _CLOSED or code in _TWILIO_AWAY:
            raise Away(words)
        if code in _TWILIO_LATER:
            raise Later(words)
        if _WRONG <= status < _BROKEN:
            raise Refused(words)
        raise Unclear(f"{status}: {_words(said)}")

    def _ask(
        self, path: str, given: Mapping[str, str], *, auth: tuple[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Return status and content of the answer; what says nothing of the message is raised here."""
        try:
            answer = self._web.post(
                self._place + path, data=given, auth=auth, timeout=self._times, allow_redirects=False, stream=True
            )
            with answer:
                read = b""
                for part in answer.iter_content(_PORTION):
                    read += part
                    if len(read) > MOST_BYTES:
                        break
        except (requests.RequestException, OSError) as error:
            raise (Away if _never_left(error) else Unclear)(f"{self._host}: {type(error).__name__}") from None
        status = answer.status_code
        if status in {_TOO_MANY, _UNAVAILABLE}:
            raise Later(f"{self._host}: {status}")
        if _MULTIPLE <= status < _WRONG:
            raise Away(f"{self._host}: {status}, which leads elsewhere")
        said: Any = None
        with suppress(ValueError, RecursionError):
            said = json.loads(read)
        if isinstance(said, dict):
            return status, said
        if status in _CLOSED:
            raise Away(f"{self._host}: {status}")
        raise (Refused if _WRONG <= status < _BROKEN else Unclear)(f"{self._host}: {status}")

    @property
    def _host(self) -> str:
        return self._place.rpartition("//")[2]


def _never_left(error: Exception) -> bool:
    """Say whether the request cannot have reached the provider: no connection, or none that is trusted."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return True
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _words(said: Mapping[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False)[:_LONGEST]
