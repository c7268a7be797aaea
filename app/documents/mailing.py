"""What a mailing looks like: a template's content in, the parts of a mail out, ready for each recipient's words.

A mail is laid out once for each language, in tables of 600 pixels with styles of their own, as programs that read
mail want it; for each recipient words are put in their places, and nothing is worked out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from app.services.mail_place import Part, Slot, filled, parts
from app.services.mail_template import PARTING
from app.services.mailing_frame import LINK, OPENED, UNSUBSCRIBE, Around

CLIPPED = 102_000  # bytes: what is longer is cut off by a large mail service
_ADDRESS = re.compile(r"https?://[^\s<>\"“”]+[^\s<>\"“”.,;:!?)]")
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_HEAD = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<style>
@media (prefers-color-scheme: dark){{
.page{{background:#14171a!important}}.card{{background:#1f2429!important}}
.ink{{color:#e8eaed!important}}.soft{{color:#aab2ba!important}}.rule{{border-color:#3a424a!important}}
a.plain{{color:#8ab4f8!important}}}}
@media (max-width: 620px){{.half{{display:block!important;width:100%!important}}}}
</style><title>"""
_OPEN = """</title></head><body class="page" style="margin:0;padding:0;background:#f2f4f6">"""
_PREHEADER = """<div style="display:none;max-height:0;overflow:hidden;opacity:0">"""
_TABLE = """
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#f2f4f6">
<tr><td align="center" style="padding:16px 8px">
<table role="presentation" class="card" width="600" cellpadding="0" cellspacing="0"
 style="width:100%;max-width:600px;background:#ffffff;border-radius:8px">"""
_CLOSE = "\n</table></td></tr></table>"
_END = "</body></html>"
_INK, _SOFT = "color:#1f2933", "color:#5f6b76"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A mail for everybody of one language; `links` are the addresses behind `@link 0`, `@link 1` and so on."""

    subject: tuple[Part, ...]
    html: tuple[Part, ...]
    text: tuple[Part, ...]
    links: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Written:
    """A mail for one recipient."""

    subject: str
    html: str
    text: str

    @property
    def is_clipped(self) -> bool:
        """Say whether a large mail service would cut it off."""
        return len(self.html.encode()) > CLIPPED


def written(layout: Layout, words: Mapping[str, str]) -> Written:
    """Return the mail of one recipient."""
    return Written(
        subject=" ".join(filled(layout.subject, words).split()),
        html=filled(layout.html, words, write=_safe),
        text=filled(layout.text, words),
    )


def _safe(text: str) -> str:
    return str(escape(text))


def laid_out(said: Mapping[str, Any], frame: Around) -> Layout:
    """Lay out what a template says in one language; shape: services.mail_template.content_of."""
    html, text = _Html(frame), _Text()
    html.raw(_HEAD.format(language=frame.language))
    html.say(said["subject"] or "", plain=True)
    html.raw(_OPEN)
    if said["preheader"]:
        html.raw(_PREHEADER)
        html.say(said["preheader"], plain=True)
        html.raw("</div>")
    html.raw(_TABLE)
    for block in said["blocks"]:
        html.block(block)
        text.block(block, html.links)
    html.legal()
    html.raw(_CLOSE)
    if frame.opens:
        html.out += ['<img width="1" height="1" alt="" src="', Slot(OPENED), '">']
    html.raw(_END)
    text.legal(frame)
    return Layout(
        subject=parts(said["subject"] or ""), html=_joined(html.out), text=_joined(text.out), links=tuple(html.links)
    )


def _joined(found: Sequence[Part]) -> tuple[Part, ...]:
    """Return the same with neighbouring texts made one."""
    made: list[Part] = []
    for part in found:
        if isinstance(part, str) and made and isinstance(made[-1], str):
            made[-1] += part
        else:
            made.append(part)
    return tuple(made)


class _Html:
    """Writes the page of a mail."""

    def __init__(self, frame: Around) -> None:
        self.frame = frame
        self.out: list[Part] = []
        self.links: list[str] = []

    def raw(self, text: str) -> None:
        self.out.append(text)

    def link(self, address: str) -> Slot:
        """Return the place of an address: without words it stands there itself."""
        if address not in self.links:
            self.links.append(address)
        return Slot(f"{LINK} {self.links.index(address)}", address)

    def say(self, text: str, *, plain: bool = False) -> None:
        """Write a text with its places; addresses in it become links unless it is `plain`."""
        for part in parts(text):
            if isinstance(part, Slot):
                self.out.append(part)
            elif plain:
                self.raw(_safe(part))
            else:
                self._linked(part)

    def _linked(self, text: str) -> None:
        at = 0
        for found in _ADDRESS.finditer(text):
            self.raw(_broken(text[at : found.start()]))
            self.out += ['<a class="plain" style="color:#1a5fb4" href="', self.link(found[0]), '">', _safe(found[0])]
            self.raw("</a>")
            at = found.end()
        self.raw(_broken(text[at:]))

    def row(self, style: str = "padding:12px 32px") -> None:
        self.raw(f'\n<tr><td style="{style}">')

    def block(self, block: Mapping[str, Any]) -> None:
        """Write one block."""
        kind, text, address = block["kind"], block["text"] or "", block["address"]
        match kind:
            case "heading":
                self.row("padding:24px 32px 4px")
                self.raw(f'<h1 class="ink" style="margin:0;{_FONT};font-size:24px;line-height:1.25;{_INK}">')
                self.say(text, plain=True)
                self.raw("</h1>")
            case "text":
                self.row()
                self._paragraphs(text)
            case "columns":
                self._columns(text)
            case "button":
                self._button(text, address)
            case "image":
                self._picture(block)
            case "product":
                self._product(block)
            case "divider":
                self.row()
                self.raw(
                    '<div class="rule" style="border-top:1px solid #d5dbe1;font-size:0;line-height:0">&nbsp;</div>'
                )
            case _:
                self.row("padding:8px 32px")
                self._paragraphs(text, size=13, colour=_SOFT, ink="soft")
        self.raw("</td></tr>")

    def _paragraphs(self, text: str, *, size: int = 16, colour: str = _INK, ink: str = "ink") -> None:
        for each in text.split("\n\n"):
            self.raw(f'<p class="{ink}" style="margin:0 0 12px;{_FONT};font-size:{size}px;line-height:1.5;{colour}">')
            self.say(each.strip("\n"))
            self.raw("</p>")

    def _columns(self, text: str) -> None:
        left, right = _halves(text)
        self.row("padding:12px 24px")
        self.raw('<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>')
        for half in (left, right):
            self.raw('<td class="half" width="50%" valign="top" style="padding:0 8px">')
            self._paragraphs(half)
            self.raw("</td>")
        self.raw("</tr></table>")

    def _button(self, text: str, address: str) -> None:
        self.row("padding:12px 32px 20px")
        self.raw('<table role="presentation" cellpadding="0" cellspacing="0"><tr>')
        self.raw('<td style="background:#1a5fb4;border-radius:6px">')
        self.out += ['<a href="', self.link(address), '" style="display:inline-block;padding:12px 24px;']
        self.raw(f'{_FONT};font-size:16px;font-weight:600;color:#ffffff;text-decoration:none">')
        self.say(text, plain=True)
        self.raw("</a></td></tr></table>")

    def _picture(self, block: Mapping[str, Any]) -> None:
        source = self.frame.pictures.get(block["picture"]["id"], "")
        self.row("padding:0")
        if block["address"]:
            self.out += ['<a href="', self.link(block["address"]), '">']
        self.raw(f'<img src="{_safe(source)}" width="600" style="display:block;width:100%;height:auto;border:0" alt="')
        self.say(block["text"] or "", plain=True)
        self.raw('">')
        if block["address"]:
            self.raw("</a>")

    def _product(self, block: Mapping[str, Any]) -> None:
        product = block["product"]
        self.row()
        self.raw('<table role="presentation" class="rule" width="100%" cellpadding="0" cellspacing="0"')
        self.raw(' style="border:1px solid #d5dbe1;border-radius:8px"><tr><td style="padding:16px">')
        style = f"margin:0 0 4px;{_FONT};line-height:1.4"
        self.raw(f'<p class="ink" style="{style};font-size:17px;font-weight:600;{_INK}">{_safe(product["name"])}</p>')
        if product["price"]:
            self.raw(f'<p class="ink" style="{style};font-size:16px;{_INK}">{_safe(product["price"])}</p>')
        if block["text"]:
            self._paragraphs(block["text"], size=15, colour=_SOFT, ink="soft")
        if block["address"]:
            self.out += [f'<a class="plain" style="{_FONT};color:#1a5fb4" href="', self.link(block["address"]), '">']
            self.raw(f"{_safe(product['name'])}</a>")
        self.raw("</td></tr></table>")

    def legal(self) -> None:
        """Write who has sent it, with the way out."""
        self.row("padding:16px 32px 28px")
        self.raw(f'<p class="soft" style="margin:0;{_FONT};font-size:12px;line-height:1.5;{_SOFT}">')
        self.raw(_broken(self.frame.legal))
        if self.frame.unsubscribe:
            self.out += ['<br><a class="plain" style="color:#1a5fb4" href="', Slot(UNSUBSCRIBE)]
            self.raw(f'">{_safe(self.frame.unsubscribe)}</a>')
        self.raw("</p></td></tr>")


def _broken(text: str) -> str:
    return _safe(text).replace("\n", "<br>")


def _halves(text: str) -> tuple[str, str]:
    """Return the two sides of a block of columns."""
    rows = text.split("\n")
    at = rows.index(PARTING) if PARTING in rows else (len(rows) + 1) // 2
    return "\n".join(rows[:at]), "\n".join(rows[at + (PARTING in rows) :])


class _Text:
    """Writes the plain text of a mail."""

    def __init__(self) -> None:
        self.out: list[Part] = []

    def block(self, block: Mapping[str, Any], links: Sequence[str]) -> None:
        """Write one block and an empty line."""
        kind, text, address = block["kind"], block["text"] or "", block["address"]
        if kind == "divider":
            self.out.append("--------\n\n")
            return
        if kind == "product":
            product = block["product"]
            self.out.append(" · ".join(filter(None, (product["name"], product["price"]))) + "\n")
        for half in _halves(text) if kind == "columns" else (text,):
            if half:
                self.out += [*parts(half.upper() if kind == "heading" and "{" not in half else half), "\n"]
        if address:
            self.out += [Slot(f"{LINK} {links.index(address)}", address), "\n"]
        self.out.append("\n")

    def legal(self, frame: Around) -> None:
        """Write who has sent it, with the way out."""
        self.out.append(f"-- \n{frame.legal}\n")
        if frame.unsubscribe:
            self.out += [f"{frame.unsubscribe}: ", Slot(UNSUBSCRIBE), "\n"]
