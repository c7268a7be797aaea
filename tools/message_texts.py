"""Find the texts that people read: in our Python and Jinja files, and in the packages under us."""

import ast
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from babel.messages.extract import extract
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po
from babel.util import pathmatch
from jinja2 import TemplateSyntaxError

# which arguments are texts, as Babel counts them: None is the first one alone
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "lazy_formatter_gettext": None,
}
NAMED_ARGUMENTS = {"text": 0, "string": 0, "one": 0, "singular": 0, "many": 1, "plural": 1}

Ids = str | tuple[str, ...]


class Found(NamedTuple):
    """One text (singular and plural where it has both) and the file it stands in."""

    ids: Ids
    file: str


class BrokenSource(Exception):
    """A file cannot be read, or a text in it cannot be known before the program runs."""


def as_ids(value: Iterable[str] | str) -> Ids:
    """Return Babel's id in one shape: Babel mixes texts, lists and tuples."""
    return value if isinstance(value, str) else tuple(value)


def _literal(node: ast.expr) -> list[str] | None:
    """Return what an expression may say (both branches of a condition), None when only the run can tell."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        one, other = _literal(node.body), _literal(node.orelse)
        return one + other if one and other else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _literal(node.left), _literal(node.right)
        return [a + b for a in left for b in right] if left and right else None
    return None


def _is_built(node: ast.expr) -> bool:
    """Tell whether values are poured into a text before it is translated: no catalogue can hold such a text."""
    if _literal(node) is not None:
        return False
    if isinstance(node, ast.BinOp):
        return any(_literal(side) is not None or _is_built(side) for side in (node.left, node.right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return _literal(node.func.value) is not None
    return isinstance(node, ast.JoinedStr)


def _keyword_calls(tree: ast.AST, keywords: Iterable[str]) -> Iterator[tuple[ast.Call, str]]:
    """Yield the calls of gettext and its kin, by whatever name they were imported."""
    names = {name: name for name in keywords}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname and alias.name in names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in names:
                yield node, names[called]


def _arguments(call: ast.Call, needed: int) -> list[ast.expr | None]:
    """Return the arguments of a call that are texts, given by place or by name."""
    given: dict[int, ast.expr] = dict(enumerate(call.args[:needed]))
    for argument in call.keywords:
        place = NAMED_ARGUMENTS.get(argument.arg or "")
        if place is not None:
            given.setdefault(place, argument.value)
    return [given.get(place) for place in range(needed)]


def python_texts(
    fileobj: Any,  # noqa: ANN401 -- a binary file, as Babel hands it over
    keywords: Iterable[str],
    _comment_tags: object,
    options: dict[str, Any],
) -> Iterator[tuple[int, str, tuple[str, ...], list[str]]]:
    """Yield the texts of a Python file by its syntax tree.

    Babel's own reader loses the plural and all that follows when one call stands inside another.

    Shape: `(line, keyword, texts, comments)`, what Babel expects of an extraction method.
    Raises BrokenSource for a text built from values (unless the option `foreign` is set: not ours to mend),
    SyntaxError for a file that is no Python.
    """
    for call, keyword in _keyword_calls(ast.parse(fileobj.read()), keywords):
        arguments = _arguments(call, len(KEYWORDS[keyword] or (1,)))
        if not options.get("foreign") and any(argument and _is_built(argument) for argument in arguments):
            raise BrokenSource(f"line {call.lineno}: the text is built from values; use %(name)s placeholders")
        texts = [_literal(argument) or [] if argument else [] for argument in arguments]
        for ids in zip(*texts, strict=False):
            yield call.lineno, keyword, ids, []


FOREIGN = {"foreign": True}
METHODS: dict[str, str | Callable[..., Any]] = {"python": python_texts}


def _texts(path: Path, method: str, options: dict[str, Any], name: str) -> Iterator[Found]:
    """Yield the texts of one file."""
    with path.open("rb") as file:
        try:
            for _line, ids, _comments, _context in extract(
                METHODS.get(method, method), file, keywords=KEYWORDS, options=options
            ):
                if ids:
                    yield Found(as_ids(ids), name)
        except (SyntaxError, TemplateSyntaxError, UnicodeDecodeError, BrokenSource) as error:
            raise BrokenSource(f"{name}: {error}") from error


def app_texts(root: Path) -> Iterator[Found]:
    """Yield the product's own texts, by the map in babel.cfg."""
    with (root / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    for path in sorted((root / "app").rglob("*")):
        name = path.relative_to(root).as_posix()
        for pattern, method in methods:
            if path.is_file() and pathmatch(pattern, name):
                yield from _texts(path, method, options[pattern], name)
                break


def _package(name: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise BrokenSource(f"the package {name} is not installed")
    return Path(spec.submodule_search_locations[0])


def _raised(path: Path, exception: str) -> Iterator[str]:
    """Yield the literal texts of an exception that a package raises without marking them."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == exception:
            for argument in node.args:
                yield from _literal(argument) or ()


def _constants(path: Path, ending: str) -> Iterator[str]:
    """Yield the literal values of a module's constants with names like this."""
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").endswith(ending):
            yield from _literal(node.value) or ()


def framework_texts() -> Iterator[Found]:
    """Yield the texts that the installed Flask-AppBuilder, WTForms, Flask-WTF and Flask-Login show to people."""
    builder, forms, wtf, login = map(_package, ("flask_appbuilder", "wtforms", "flask_wtf", "flask_login"))
    packages = builder.parent
    for path in [*sorted(builder.rglob("*.py")), *sorted(forms.rglob("*.py")), wtf / "file.py"]:
        yield from _texts(path, "python", FOREIGN, path.relative_to(packages).as_posix())
    for path in sorted((builder / "templates").rglob("*.html")):
        yield from _texts(path, "jinja2", {"silent": "false"}, path.relative_to(packages).as_posix())
    with (forms / "locale" / "wtforms.pot").open("rb") as file:
        yield from (Found(as_ids(message.id), "wtforms/locale/wtforms.pot") for message in read_po(file) if message.id)
    yield from (Found(text, "flask_wtf/csrf.py") for text in _raised(wtf / "csrf.py", "ValidationError"))
    yield from (Found(text, "flask_login/config.py") for text in _constants(login / "config.py", "_MESSAGE"))
