"""Text of what arrives by mail, whatever it claims to be: decoded with known code pages only, and HTML without markup.

Nothing here refuses or raises: what makes no sense becomes the sign for it.
"""

import codecs
import re
import unicodedata
from html import unescape

from charset_normalizer import from_bytes

LONGEST = 10_000  # characters of a text that are kept; the whole of it is in the raw mail
LONGEST_HTML = 200_000  # characters that are looked at
_BYTES = 800_000
_KNOWN = re.compile(
    r"ascii|utf-?(7|8|16|32).*|iso8859-\d+|cp\d+|koi8-[rtu]|mac-.*|gb2312|gbk|gb18030|big5.*|hz"
    r"|euc_(jp|kr).*|shift_jis.*|iso2022_.*|johab|tis-620|ptcp154|kz1048"
)
_SILENT = frozenset({"script", "style", "template", "title", "noscript", "iframe", "object", "svg", "math"})
_BLOCKS = frozenset(
    {
        *("address", "article", "blockquote", "center", "dd", "div", "dl", "dt", "footer", "form", "h1", "h2", "h3"),
        *("h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tr", "ul"),
    }
)
_BLANKS = re.compile(r"\s+")
_NAME = re.compile(r"<(/?)([a-z][a-z0-9]{0,15})(?=[\s/>])")
_MANY_BREAKS = re.compile(r"\n{3,}")


def decoded(content: bytes, charset: str | None) -> str:
    """Return bytes as text: by their charset where it is a code page, else as they look."""
    some = content[:_BYTES]
    try:
        name = codecs.lookup(charset).name if charset else ""
    except (LookupError, ValueError):
        name = ""
    if name and _KNOWN.fullmatch(name):
        return some.decode(name, "replace")
    try:
        return some.decode("utf-8")
    except UnicodeDecodeError:
        best = from_bytes(some[:20_000]).best()
        return some.decode(best.encoding if best is not None else "latin-1", "replace")


def clean(text: str, *, most: int = LONGEST) -> str:
    """Return a text that every column keeps: without control characters and halves of pairs, and not too long."""
    some = text[: most * 4]
    kept = "".join(char if char in "\t\n\r" or unicodedata.category(char) not in {"Cc", "Cs"} else "�" for char in some)
    told = _MANY_BREAKS.sub("\n\n", "\n".join(part.rstrip() for part in kept.splitlines())).strip()
    return told if len(told) <= most else told[: most - 1].rstrip() + "…"


def line(text: str, *, most: int = 250) -> str:
    """Return a text as one line of the length of its column."""
    return " ".join(clean(text, most=most * 2).split())[:most]


def of_html(html: str) -> str:
    """Return what somebody would read of a page, as plain text: no markup, no scripts, no pictures that are fetched.

    Tag by tag and once through: parsers that build the page need minutes for one that is nested or broken on purpose.
    """
    text, at, found = html[:LONGEST_HTML], 0, []
    small = text.lower() if len(text.lower()) == len(text) else text  # places must be the same in both
    while at < len(text):
        begin = text.find("<", at)
        end = text.find(">", begin) if begin >= 0 else -1
        if begin < 0 or end < 0:  # no tag ends any more
            found.append(_said(text[at:]))
            break
        found.append(_said(text[at:begin]))
        name = _NAME.match(small, begin)
        if text.startswith("<!--", begin):
            at = _behind(text, "-->", begin)
        elif name is None:
            found.append(_said(text[begin : begin + 1]) if text[begin + 1] not in "!?/" else "")
            at = begin + 1 if text[begin + 1] not in "!?/" else end + 1
        else:
            found.append(_edge(name[2], is_end=bool(name[1])))
            at = _behind(small, f"</{name[2]}", begin) if not name[1] and name[2] in _SILENT else end + 1
    return clean("\n".join(part.strip() for part in "".join(found).split("\n")))


def _behind(text: str, sign: str, at: int) -> int:
    """Return the place behind the next sign, the end of the text where there is none."""
    found = text.find(sign, at)
    if found < 0:
        return len(text)
    return found + len(sign) if sign == "-->" else text.find(">", found) + 1 or len(text)


def _edge(tag: str, *, is_end: bool) -> str:
    """Return what a tag does to the lines of a text."""
    if tag == "br" or tag in _BLOCKS:
        return "\n\n" if is_end and tag in {"p", "blockquote"} else "\n"
    return " " if is_end and tag in {"td", "th"} else ""


def _said(text: str) -> str:
    return unescape(_BLANKS.sub(" ", text))
