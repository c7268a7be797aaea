"""Formulas that an administrator writes: a small language of exact numbers, read as a tree and never run as a program.

`(width * height / 1000000) * 120 + (35 if opens > 0 else 0)`: numbers, names of parameters, + - * /, comparisons,
`and`, `or`, `not`, `a if b else c`, and min, max, ceil, floor, round(x, decimals). There are no powers, texts,
attributes, indexes, or calls of anything else. What a formula may cost is bounded before it is worked out: its length,
its parts, its depth, and the size of every number on the way.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, localcontext

from app.errors import DomainError
from app.i18n import gettext as _

LONGEST, MOST_PARTS, DEEPEST = 1000, 200, 20
MOST_DIGITS = 15  # of a number in a formula
LARGEST = Decimal(10) ** 12  # beyond it nothing is a price
FUNCTIONS = ("min", "max", "ceil", "floor", "round")
RESERVED = frozenset(
    {*FUNCTIONS, "if", "else", "and", "or", "not", "in", "is", "lambda", "for", "none", "true", "false"}
)
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}", re.ASCII)

_ALLOWED = re.compile(r"[A-Za-z0-9_ .,+\-*/()<>=!]*", re.ASCII)
_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)
_STUCK = re.compile(r"\d[A-Za-z_]|(?<![A-Za-z0-9_])\.\d|\d\.(?!\d)", re.ASCII)  # 1e9, 0x1f, 1_000, 1if, .5, 5.
_CONTEXT = Context(prec=40, rounding=ROUND_HALF_UP)
_COUNTING: dict[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARING: dict[type[ast.cmpop], Callable[[Decimal, Decimal], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True)
class Formula:
    """A formula that has been read and judged; `names` are the parameters that it asks for."""

    text: str
    tree: ast.expr
    names: frozenset[str]

    def value(self, given: Mapping[str, Decimal]) -> Decimal:
        """Return what the formula comes to with the given numbers, not rounded.

        Raises DomainError when it divides by zero, grows too large, or asks for what is not given.
        """
        with localcontext(_CONTEXT):
            return _Counting(self.text, given).number(self.tree)


def read(text: str) -> Formula:
    """Read a formula. Raises DomainError that says what is not possible in it."""
    words = " ".join(text.split())
    if not words:
        raise DomainError(_("Write a formula"))
    if len(words) > LONGEST:
        raise DomainError(_("A formula has at most %(most)s characters", most=LONGEST))
    if not _ALLOWED.fullmatch(words):
        odd = next(sign for sign in words if not _ALLOWED.fullmatch(sign))
        raise _impossible(odd)
    if stuck := _STUCK.search(words):
        raise _impossible(stuck[0])
    try:
        tree = ast.parse(words, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise DomainError(_("This formula cannot be read; look at its brackets and signs")) from None
    judge = _Judge(words)
    judge.number(tree, 1)
    return Formula(words, tree, frozenset(judge.names))


def _impossible(part: str) -> DomainError:
    return DomainError(_("“%(part)s” is not possible in a formula", part=part[:60]))


class _Judge:
    """Walks a tree once: only what the language knows, numbers where numbers belong, and not too much of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        self.parts = 0

    def refuse(self, node: ast.AST) -> DomainError:
        return _impossible(ast.get_source_segment(self.text, node) or type(node).__name__)

    def _count(self, depth: int) -> None:
        self.parts += 1
        if self.parts > MOST_PARTS or depth > DEEPEST:
            raise DomainError(_("This formula is too complicated"))

    def number(self, node: ast.expr, depth: int) -> None:
        """Judge what must be a number."""
        self._count(depth)
        match node:
            case ast.Constant():
                _literal(self.text, node)
            case ast.Name(id=name) if NAME.fullmatch(name) and name not in RESERVED:
                self.names.add(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
                self.number(inner, depth + 1)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _COUNTING:
                self.number(left, depth + 1)
                self.number(right, depth + 1)
            case ast.IfExp(test=test, body=body, orelse=other):
                self.truth(test, depth + 1)
                self.number(body, depth + 1)
                self.number(other, depth + 1)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
                self._call(node, name, args, depth)
            case _:
                raise self.refuse(node)

    def _call(self, node: ast.expr, name: str, args: list[ast.expr], depth: int) -> None:
        most = {"min": MOST_PARTS, "max": MOST_PARTS, "round": 2}.get(name, 1)
        if not 1 <= len(args) <= most:
            raise self.refuse(node)
        if name == "round" and len(args) == 2:  # noqa: PLR2004 -- the number and its decimals
            places = args[1]
            if not isinstance(places, ast.Constant) or not 0 <= _literal(self.text, places) <= 6:  # noqa: PLR2004
                raise self.refuse(node)
        for each in args:
            self.number(each, depth + 1)

    def truth(self, node: ast.expr, depth: int) -> None:
        """Judge what must be true or false."""
        self._count(depth)
        match node:
            case ast.BoolOp(values=values):
                for each in values:
                    self.truth(each, depth + 1)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                self.truth(inner, depth + 1)
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARING for op in ops):
                for each in (left, *others):
                    self.number(each, depth + 1)
            case _:
                raise self.refuse(node)


def _literal(text: str, node: ast.Constant) -> Decimal:
    """Return a number as it is written: never through a float."""
    written = ast.get_source_segment(text, node) or ""
    if not _NUMBER.fullmatch(written) or len(written) > MOST_DIGITS:
        raise _impossible(written or "?")
    return Decimal(written)


class _Counting:
    """Works out a tree that has been judged."""

    def __init__(self, text: str, given: Mapping[str, Decimal]) -> None:
        self.text = text
        self.given = given

    def number(self, node: ast.expr) -> Decimal:
        found = self._number(node)
        if abs(found) > LARGEST:
            raise DomainError(_("This formula comes to a number that is too large"))
        return found

    def _number(self, node: ast.expr) -> Decimal:
        match node:
            case ast.Constant():
                return _literal(self.text, node)
            case ast.Name(id=name):
                if name not in self.given:
                    raise DomainError(_("The formula needs “%(name)s”", name=name))
                return self.given[name]
            case ast.UnaryOp(op=op, operand=inner):
                return -self.number(inner) if isinstance(op, ast.USub) else self.number(inner)
            case ast.BinOp(left=left, op=op, right=right):
                one, other = self.number(left), self.number(right)
                if isinstance(op, ast.Div) and not other:
                    raise DomainError(_("The formula divides by zero with these numbers"))
                return _COUNTING[type(op)](one, other)
            case ast.IfExp(test=test, body=body, orelse=other_body):
                return self.number(body if self.truth(test) else other_body)
            case ast.Call(func=ast.Name(id=name), args=args):
                return _called(name, [self.number(each) for each in args])
        raise _impossible(type(node).__name__)  # the judge lets nothing else through

    def truth(self, node: ast.expr) -> bool:
        match node:
            case ast.BoolOp(op=op, values=values):
                parts = (self.truth(each) for each in values)
                return all(parts) if isinstance(op, ast.And) else any(parts)
            case ast.UnaryOp(operand=inner):
                return not self.truth(inner)
            case ast.Compare(left=left, ops=ops, comparators=others):
                numbers = [self.number(each) for each in (left, *others)]
                pairs = zip(ops, numbers, numbers[1:], strict=False)
                return all(_COMPARING[type(op)](one, other) for op, one, other in pairs)
        raise _impossible(type(node).__name__)


def _called(name: str, values: list[Decimal]) -> Decimal:
    if name == "min":
        return min(values)
    if name == "max":
        return max(values)
    if name == "round":
        places = int(values[1]) if len(values) > 1 else 0
        return values[0].quantize(Decimal((0, (1,), -places)), rounding=ROUND_HALF_UP)
    return values[0].to_integral_value(ROUND_CEILING if name == "ceil" else ROUND_FLOOR)
