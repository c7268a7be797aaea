"""From safe HTML with markers to what the renderer runs: we write its statements, nobody who writes templates does.

`<span data-field="party.name">` prints a field, `data-if` and `data-unless` keep or drop an element, `data-each` on a
table repeats its body, on a list or a division its content, `<div data-block="lines">` is one of our ready parts.
Every name is looked up among the fields of the kind; braces of the text are only characters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser
from typing import NoReturn

from app.errors import DomainError
from app.i18n import gettext as _
from app.services.document_field import PAGE, PAGES, Paper
from app.services.document_markup import VOID

BLOCKS: Mapping[str, tuple[str, ...]] = {  # what a kind must have for each
    "letterhead": ("seller.name",),
    "parties": ("seller.name", "buyer.name"),
    "lines": ("lines",),
    "totals": ("gross",),
    "bank": ("seller.bank.account",),
    "signatures": ("seller.name", "buyer.name"),
    "recipient": ("buyer.name",),
}


@dataclass
class _Open:
    """One element that is not closed yet: what follows its end, and before it."""

    tag: str
    after: str = ""
    before_end: str = ""
    is_silent: bool = False
    ends_rows: bool = False


class _Writing(HTMLParser):
    """Writes the statements of one part."""

    def __init__(self, paper: Paper, *, in_margin: bool) -> None:
        super().__init__(convert_charrefs=False)
        self._names = set(paper.all_names())
        self._rows = {name: set(found) for name, found in paper.rows().items()}
        if in_margin:
            self._names |= {PAGE, PAGES}
        self._open: list[_Open] = []
        self._silent = 0
        self._in: str = ""  # the rows that are being repeated
        self._waiting = ""  # rows that the body of an open table will repeat
        self.written: list[str] = []

    def refuse(self, text: str) -> NoReturn:
        """Raise DomainError with the line that is being read."""
        line = self.getpos()[0]
        raise DomainError(_("Line %(line)s: %(reason)s", line=line, reason=text))

    def expression(self, name: str) -> str:
        """Return how a field is read. Raises DomainError for one that there is not."""
        if self._in and name.startswith(f"{self._in}."):
            column = name[len(self._in) + 1 :]
            if column in self._rows[self._in]:
                return f'r["{column}"]'
        elif name in self._names:
            return f'f["{name}"]'
        elif any(name.startswith(f"{each}.") for each in self._rows):
            self.refuse(_("“%(name)s” stands in a repeated row only", name=name))
        return self.refuse(_("There is no field “%(name)s” here", name=name))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent:
            if tag not in VOID:
                self._open.append(_Open(tag))
            return
        given = {name: value or "" for name, value in attrs}
        element, before = _Open(tag), ""
        for marker, word in (("data-if", "if"), ("data-unless", "if not")):
            if marker in given:
                before += f"{{% {word} {self.expression(given[marker])} %}}"
                element.after += "{% endif %}"
        inside = self._inside(tag, given, element)
        block = given.get("data-block")
        if block:
            given["class"] = f"studio-{block} {given.get('class', '')}".strip()
        shown = [(name, value) for name, value in given.items() if not name.startswith("data-")]
        said = "".join(f' {name}="{_plain(escape(value))}"' for name, value in shown)
        self.written.append(f"{before}<{tag}{said}>{inside}")
        if tag in VOID:
            self.written.append(element.after)
            return
        self._silent += element.is_silent
        self._open.append(element)

    def _inside(self, tag: str, given: dict[str, str], element: _Open) -> str:
        """Return what stands behind the start of an element: the field, the block, the beginning of repeated rows."""
        if "data-field" in given:
            element.is_silent = True
            return self._field(given["data-field"])
        if "data-block" in given:
            element.is_silent = True
            return self._block(given["data-block"])
        if "data-each" in given:
            return self._repeat(tag, given["data-each"], element)
        if tag == "tbody" and self._waiting:
            waiting, self._waiting = self._waiting, ""
            return self._begin(waiting, element)
        return ""

    def _field(self, name: str) -> str:
        if name in {PAGE, PAGES} and name in self._names:
            return f'<span class="studio-{name}"></span>'
        return f"{{{{ {self.expression(name)} }}}}"

    def _block(self, name: str) -> str:
        needed = BLOCKS.get(name)
        if needed is None:
            self.refuse(_("There is no block “%(name)s”", name=name))
        elif not set(needed) <= self._names or (name == "lines" and "lines" not in self._rows):
            self.refuse(_("The block “%(name)s” does not fit this kind of document", name=name))
        return f'{{% include "studio_{name}.html" %}}'

    def _repeat(self, tag: str, rows: str, element: _Open) -> str:
        if rows not in self._rows:
            self.refuse(_("There are no rows “%(name)s” here", name=rows))
        if self._in or self._waiting:
            self.refuse(_("Rows cannot be repeated within repeated rows"))
        if tag == "table":
            self._waiting = rows
            return ""
        return self._begin(rows, element)

    def _begin(self, rows: str, element: _Open) -> str:
        self._in = rows
        element.ends_rows, element.before_end = True, "{% endfor %}"
        return f'{{% for r in f["{rows}"] %}}'

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or not self._open:
            return
        element = self._open.pop()
        if element.is_silent:
            self._silent -= 1
        elif self._silent:
            return
        if element.ends_rows:
            self._in = ""
        if tag == "table":
            self._waiting = ""
        self.written.append(f"{element.before_end}</{tag}>{element.after}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.written.append(_plain(data))

    def handle_entityref(self, name: str) -> None:
        if not self._silent:
            self.written.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        if not self._silent:
            self.written.append(f"&#{name};")


def _plain(text: str) -> str:
    """Return a text in which the renderer sees no statements: braces as references, which print as braces."""
    return text.replace("{", "&#123;").replace("}", "&#125;")


def compiled(html: str, paper: Paper, *, field: str, in_margin: bool = False) -> str:
    """Return the statements of a part whose HTML is safe already. Raises DomainError at the field, with its line."""
    writing = _Writing(paper, in_margin=in_margin)
    try:
        writing.feed(html)
        writing.close()
    except DomainError as refusal:
        raise DomainError(refusal.text, field=field) from None
    if writing._open:  # noqa: SLF001 -- our own
        raise DomainError(_("An element is not closed"), field=field)
    return "".join(writing.written)
