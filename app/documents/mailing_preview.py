"""What one recipient will read, as those see it who write it: the same layout, with marks where words fell back."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from app.documents import mailing as documents
from app.services import sms_length
from app.services.mail_place import Part, Slot, filled, parts
from app.services.mailing_frame import UNSUBSCRIBE, Around
from app.services.sms_length import Length

NOWHERE = "#"  # where the way out of a letter leads that was sent to nobody
_MARK = ('<mark style="background:#fde68a;color:#1f2933">', "</mark>")
_NOTHING = Markup()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A letter as it is shown; `fallen` are the places that fell back, each with the words given for it, once.

    Shape: `subject`, `preheader` and `text` are safe as HTML, with marks; a text message has `text` and `length` alone.
    """

    subject: Markup = _NOTHING
    preheader: Markup = _NOTHING
    text: Markup = _NOTHING
    fallen: tuple[Slot, ...] = ()
    size: int = 0
    is_clipped: bool = False
    length: Length | None = None


def letter(said: Mapping[str, Any], around: Around, words: Mapping[str, str]) -> Seen:
    """Return a mail as it is shown."""
    layout = documents.laid_out(said, around)
    known = with_nowhere(words)
    made = documents.written(layout, known)
    before = parts(said["preheader"] or "")
    return Seen(
        subject=_marked(layout.subject, known),
        preheader=_marked(before, known),
        text=_marked(layout.text, known),
        fallen=_fallen((*layout.subject, *before, *layout.html), known),
        size=len(made.html.encode()),
        is_clipped=made.is_clipped,
    )


def message(text: str, words: Mapping[str, str], *, way_out: str = "") -> Seen:
    """Return a text message as it is shown; `way_out` stands for the link that ends marketing."""
    found = parts(text)
    whole = filled(found, words).strip() + (f"\n{way_out}" if way_out else "")
    shown = _marked(found, words).strip() + (Markup("\n") + way_out if way_out else Markup())
    return Seen(text=shown, fallen=_fallen(found, words), length=sms_length.of(whole))


def page(said: Mapping[str, Any], around: Around, words: Mapping[str, str]) -> str:
    """Return the page of a mail, with marks in what is read; in attributes and in the head there are none."""
    known, made = with_nowhere(words), ""
    for part in documents.laid_out(said, around).html:
        if isinstance(part, str):
            made += part
            continue
        has_fallen = _has_fallen(part, known)
        text = str(escape(known.get(part.name) or part.fallback))
        is_read = "<body" in made and made.rfind("<") < made.rfind(">")
        made += f"{_MARK[0]}{text}{_MARK[1]}" if has_fallen and is_read else text
    return made


def with_nowhere(words: Mapping[str, str]) -> dict[str, str]:
    """Return the same words with a way out that leads nowhere: a letter that is only shown unsubscribes nobody."""
    return {**words, UNSUBSCRIBE: NOWHERE}


def within(content: bytes, media_type: str) -> str:
    """Return a picture as an address that holds all of it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def _marked(found: Sequence[Part], words: Mapping[str, str]) -> Markup:
    made = Markup()
    for part in found:
        if isinstance(part, str):
            made += part
        elif _has_fallen(part, words):
            made += Markup("<mark>{}</mark>").format(part.fallback)
        else:
            made += words.get(part.name) or part.fallback
    return made


def _fallen(found: Sequence[Part], words: Mapping[str, str]) -> tuple[Slot, ...]:
    slots = (part for part in found if isinstance(part, Slot) and _has_fallen(part, words))
    return tuple(dict.fromkeys(slots))


def _has_fallen(part: Slot, words: Mapping[str, str]) -> bool:
    """Say whether a place of a person is filled with the words for whoever has none; links are no such places."""
    return not part.name.startswith("@") and not words.get(part.name) and bool(part.fallback)
