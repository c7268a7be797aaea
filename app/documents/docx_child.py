"""The program that fills a DOCX with plain data, in a process of its own that may be killed any time.

Like `child`, it is run by path and knows nothing of the product. A template may print names, repeat rows and ask
whether something is there; every other statement is refused before anything runs, by its syntax tree.

Shape: it reads JSON from its standard input, {"docx": base64, "names": [name], "rows": {name: [column]}, "data": {…} or
null to only check, "seconds", "most"}, and writes {"unknown": [name]}, {"reason": code, "name": text} or
{"docx": base64}.
"""

import base64
import io
import json
import re
import resource
import sys
import zipfile
from typing import Any

from docxtpl import DocxTemplate
from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_MEMORY = 1 << 30  # address space
MOST_PARTS = 1_000
MOST_UNPACKED = 60 << 20
PLAIN = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.For, nodes.If, nodes.Not, nodes.And),
    *(nodes.Or, nodes.Compare, nodes.Operand, nodes.Const, nodes.Getattr),
)
REFUSED_PARTS = re.compile(r"(vbaProject|activeX|/embeddings/|\.bin$)", re.IGNORECASE)
RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")


class Refused(Exception):
    """The file cannot be used: why, as `docx` has words for it, and what is meant."""

    def __init__(self, code: str, name: str = "") -> None:
        super().__init__(code)
        self.code, self.name = code, name


class Plain(ImmutableSandboxedEnvironment):
    """Runs templates that only print, repeat and ask; names are looked up in dictionaries, and nowhere else."""

    def __init__(self, names: list[str], rows: dict[str, list[str]]) -> None:
        super().__init__(autoescape=True, undefined=StrictUndefined)
        self._known, self._rows = set(names), {name: set(columns) for name, columns in rows.items()}
        self.unknown: list[str] = []

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        self._judge(tree, {})
        return tree

    def _judge(self, node: nodes.Node, repeated: dict[str, str]) -> None:
        if type(node) not in PLAIN:
            raise Refused("more", type(node).__name__)
        if isinstance(node, nodes.For):
            self._judge_rows(node, repeated)
            return
        if isinstance(node, nodes.Getattr):
            row = node.node.name if isinstance(node.node, nodes.Name) else ""
            if row not in repeated:
                raise Refused("no_row", f".{node.attr}")
            if node.attr not in self._rows[repeated[row]]:
                self.unknown.append(f"{row}.{node.attr}")
            return
        if isinstance(node, nodes.Name) and node.name not in self._known | set(self._rows):
            self.unknown.append(node.name)
        for each in node.iter_child_nodes():
            self._judge(each, repeated)

    def _judge_rows(self, node: nodes.For, repeated: dict[str, str]) -> None:
        if not isinstance(node.target, nodes.Name) or node.recursive or node.test or node.else_ or repeated:
            raise Refused("nested")
        if not isinstance(node.iter, nodes.Name):
            raise Refused("rows_only")
        if node.iter.name not in self._rows:
            self.unknown.append(node.iter.name)
            return
        if node.target.name in self._known | set(self._rows):
            raise Refused("field", node.target.name)
        for each in node.body:
            self._judge(each, {node.target.name: node.iter.name})

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401
        """Look into a dictionary."""
        return obj[attribute] if isinstance(obj, dict) and attribute in obj else self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401
        """Look into a dictionary."""
        return self.getattr(obj, argument)


def look(content: bytes) -> None:
    """Raise Refused for what is no DOCX, or one that brings programs, or fetches something when it is opened."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
            if len(parts) > MOST_PARTS or sum(each.file_size for each in parts) > MOST_UNPACKED:
                raise Refused("bomb")
            if "word/document.xml" not in packed.namelist():
                raise Refused("none")
            for each in parts:
                if REFUSED_PARTS.search(each.filename):
                    raise Refused("program", each.filename[:80])
                if each.filename.endswith((".xml", ".rels")):
                    _look_into(each.filename, packed.read(each))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError):
        raise Refused("none") from None


def _look_into(name: str, text: bytes) -> None:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text or text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise Refused("entities")
    for link in RELATION.findall(text) if name.endswith(".rels") else ():
        if b"External" in link and not re.search(rb'Type="[^"]*/hyperlink"', link):
            raise Refused("fetches")


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what comes of a request."""
    content = base64.b64decode(asked["docx"])
    try:
        look(content)
        environment = Plain(asked["names"], asked["rows"])
        template = DocxTemplate(io.BytesIO(content))
        if asked["data"] is None:
            template.init_docx()
            for text in _texts(template):
                environment._parse(template.patch_xml(text), None, None)  # noqa: SLF001 -- our own
            return {"unknown": sorted(set(environment.unknown))}
        template.render(asked["data"], jinja_env=environment, autoescape=True)
        target = io.BytesIO()
        template.save(target)
    except Refused as refusal:
        return {"reason": refusal.code, "name": refusal.name}
    except TemplateError as problem:
        return {"reason": "template", "name": str(problem)[:300]}
    except MemoryError:
        return {"reason": "memory", "name": ""}
    except Exception as problem:  # noqa: BLE001 -- the outermost edge: the libraries fail in many ways on bad input
        return {"reason": "other", "name": f"{type(problem).__name__}: {problem}"[:300]}
    return {"docx": base64.b64encode(target.getvalue()).decode()}


def _texts(template: DocxTemplate) -> list[str]:
    """Return the parts in which something is printed: the body, heads and feet."""
    found = [template.get_xml()]
    for uri in (template.HEADER_URI, template.FOOTER_URI):
        found += [template.get_part_xml(part) for _key, part in template.get_headers_footers(uri)]
    return found


def confine(seconds: int, most: int) -> None:
    """Give up what a document never needs."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    confine(given["seconds"], given["most"])
    json.dump(answer(given), sys.stdout)
