"""The safe HTML and the subset of CSS in which templates of documents are written.

What is not on the lists is refused with its line; whatever gets past is taken away, on every save. Pictures, scripts,
forms, addresses of files and everything that would be fetched are not on the lists.
"""

import re
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

import nh3
import tinycss2

from app.errors import DomainError
from app.i18n import gettext as _

LONGEST = 200_000
LONGEST_STYLE = 20_000
MOST_RULES = 300
DEEPEST = 60
TAGS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "br", "hr", "b", "strong", "i", "em", "u", "s", "sub", "sup", "small", "blockquote"}
    | {"ul", "ol", "li", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "colgroup", "col", "div", "span", "a"}
)
VOID = frozenset({"br", "hr", "col"})
EVERYWHERE = frozenset({"class", "style", "data-if", "data-unless"})
ATTRIBUTES: dict[str, set[str]] = {
    "*": set(EVERYWHERE),
    "span": {"data-field"},
    "div": {"data-block", "data-each"},
    "table": {"data-each"},
    "ul": {"data-each"},
    "ol": {"data-each"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "col": {"span"},
    "a": {"href"},
}
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}(\.[a-z][a-z0-9_]{0,39}){0,3}")
_CLASS = re.compile(r"[A-Za-z0-9 _-]{1,120}")
_SPAN = re.compile(r"[1-9][0-9]?")
_PROPERTY = re.compile(
    r"(color|background-color|opacity|font-(size|weight|style|variant)|text-(align|decoration|transform|indent)"
    r"|line-height|letter-spacing|word-spacing|(margin|padding)(-(top|right|bottom|left))?"
    r"|border(-(top|right|bottom|left))?(-(width|style|color))?|border-(collapse|spacing|radius)"
    r"|(min-|max-)?(width|height)|vertical-align|white-space|hyphens|overflow-wrap"
    r"|(page-)?break-(before|after|inside)|widows|orphans|display|float|clear|list-style-type|table-layout)"
)
_DISPLAYS = frozenset({"none", "block", "inline", "inline-block", "table", "table-row", "table-cell", "list-item"})
_UNITS = frozenset({"mm", "cm", "in", "pt", "px", "em", "rem"})
_FUNCTIONS = frozenset({"rgb", "rgba", "hsl", "hsla"})
_PSEUDO = frozenset({"first-child", "last-child", "first-of-type", "last-of-type"})
_LARGEST = 2_000
_PLAIN = ("whitespace", "comment", "ident", "number", "percentage", "hash", "string")


class _Looking(HTMLParser):
    """Finds what is not on the lists, each with its line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[tuple[int, str]] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line = self.getpos()[0]
        if tag not in TAGS:
            self.wrong.append((line, f"<{tag}>"))
            return
        if tag not in VOID:
            self.depth += 1
            if self.depth > DEEPEST:
                self.wrong.append((line, f"<{tag}>"))
        for name, value in attrs:
            if not _is_fine(tag, name, value or ""):
                self.wrong.append((line, f"{name}=“{(value or '')[:60]}”"))

    def handle_endtag(self, tag: str) -> None:
        if tag in TAGS and tag not in VOID:
            self.depth = max(0, self.depth - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 -- comments go, they are no refusal
        return

    def handle_decl(self, decl: str) -> None:
        self.wrong.append((self.getpos()[0], f"<!{decl[:40]}>"))

    def unknown_decl(self, data: str) -> None:
        self.wrong.append((self.getpos()[0], f"<![{data[:40]}"))

    def handle_pi(self, data: str) -> None:
        self.wrong.append((self.getpos()[0], f"<?{data[:40]}"))


def _is_fine(tag: str, name: str, value: str) -> bool:
    if name not in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, set()):
        return False
    if name == "class":
        return not value or _CLASS.fullmatch(value) is not None
    if name == "style":
        return not _wrong_in(tinycss2.parse_blocks_contents(value, skip_comments=True, skip_whitespace=True))
    if name == "href":
        return re.match(r"(https://|mailto:)[^\s]{1,500}$", value) is not None
    if name in {"colspan", "rowspan", "span"}:
        return _SPAN.fullmatch(value) is not None
    return NAME.fullmatch(value) is not None


def safe(html: str, *, field: str) -> str:
    """Return HTML of a template in its safe form. Raises DomainError at the field, with line and reason."""
    if len(html) > LONGEST:
        raise DomainError(
            _("At most %(limit)s characters are possible here; this has %(found)s", limit=LONGEST, found=len(html)),
            field=field,
        )
    text = html.replace("\r\n", "\n").replace("\r", "\n").strip()
    looking = _Looking()
    looking.feed(text)
    looking.close()
    if looking.wrong:
        line, what = looking.wrong[0]
        raise DomainError(_("Line %(line)s: %(what)s is not possible here", line=line, what=what), field=field)
    return nh3.clean(
        text,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        attribute_filter=lambda tag, name, value: value if _is_fine(tag, name, value) else None,
        clean_content_tags={"script", "style"},
        url_schemes={"https", "mailto"},
        link_rel=None,
        strip_comments=True,
    )


def safe_style(css: str, *, field: str = "style") -> str:
    """Return a style sheet of a template. Raises DomainError at the field, with line and reason."""
    text = css.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > LONGEST_STYLE:
        limit = LONGEST_STYLE
        raise DomainError(
            _("At most %(limit)s characters are possible here; this has %(found)s", limit=limit, found=len(text)),
            field=field,
        )
    rules = tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True)
    wrong = _wrong_rules(rules)
    if "<" in text and not wrong:
        wrong = [(1 + text.partition("<")[0].count("\n"), "<")]
    if len(rules) > MOST_RULES:
        wrong = [(rules[MOST_RULES].source_line, _("more than %(most)s rules", most=MOST_RULES))]
    if wrong:
        line, what = wrong[0]
        raise DomainError(_("Line %(line)s: %(what)s is not possible here", line=line, what=what), field=field)
    return text


def _wrong_rules(rules: Iterable[Any]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for rule in rules:
        if rule.type != "qualified-rule":
            found.append((rule.source_line, f"@{rule.at_keyword}" if rule.type == "at-rule" else str(rule.type)))
            continue
        before = ""
        for token in rule.prelude:
            fine = token.type in {"whitespace", "ident", "hash"} or (token.type == "literal" and token.value in ".,>:")
            if before == ":" and not (token.type == "ident" and token.value in _PSEUDO):
                fine = False
            if not fine:
                found.append((token.source_line, token.serialize()[:60]))
            before = token.value if token.type == "literal" else ""
        content = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
        found += _wrong_in(content)
    return found


def _wrong_in(declarations: Iterable[Any]) -> list[tuple[int, str]]:
    """Return what is not on the lists among declarations: (line, what)."""
    found: list[tuple[int, str]] = []
    for each in declarations:
        if each.type != "declaration" or _PROPERTY.fullmatch(each.lower_name) is None:
            found.append((each.source_line, getattr(each, "name", each.type)[:60]))
            continue
        words = [token.lower_value for token in each.value if token.type == "ident"]
        if each.lower_name == "display" and not set(words) <= _DISPLAYS:
            found.append((each.source_line, f"display: {' '.join(words)}"[:60]))
        found += [(token.source_line, token.serialize()[:60]) for token in each.value if not _is_plain(token)]
    return found


def _is_plain(token: Any) -> bool:  # noqa: ANN401 -- of tinycss2
    if token.type == "dimension":
        return str(token.lower_unit) in _UNITS and abs(float(token.value)) <= _LARGEST
    if token.type in {"number", "percentage"}:
        return abs(float(token.value)) <= _LARGEST
    if token.type == "function":
        plain = all(_is_plain(each) or (each.type == "literal" and each.value in ",/") for each in token.arguments)
        return plain and str(token.lower_name) in _FUNCTIONS
    return str(token.type) in _PLAIN or (str(token.type) == "literal" and str(token.value) == ",")
