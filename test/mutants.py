"""Small changes of a source, one at a time: what `mutation.py` tries."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.RShift: ast.LShift,
    ast.LShift: ast.RShift,
}
CALLED = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "cos": "sin",
    "sin": "cos",
    "floor": "ceil",
    "ceil": "floor",
}
UNEVALUATED = ("annotation", "returns", "decorator_list")


@dataclass(frozen=True)
class Mutant:
    """One change.

    nth: of those on its line that read alike, from 0. function: first line of the function that
    it is in, None for what is outside of all; name: that function's, or "".
    """

    line: int
    before: str
    after: str
    nth: int
    function: int | None
    name: str

    def __str__(self) -> str:
        nth = f" (no. {self.nth + 1})" if self.nth else ""
        return f"{self.line}: {self.before}  ->  {self.after}{nth}"


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Every change of one node that is tried."""
    changed = copy.deepcopy(node)
    match changed:
        case ast.Compare():
            for place, operator in enumerate(changed.ops):
                if type(operator) in COMPARED:
                    changed = copy.deepcopy(changed)
                    changed.ops[place] = COMPARED[type(operator)]()
                    yield changed
                    changed = copy.deepcopy(node)
        case ast.BinOp() | ast.AugAssign() if type(changed.op) in COMPUTED:
            changed.op = COMPUTED[type(changed.op)]()
            yield changed
        case ast.BoolOp():
            changed.op = ast.Or() if isinstance(changed.op, ast.And) else ast.And()
            yield changed
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield changed.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.If() | ast.IfExp():
            changed.test = ast.UnaryOp(ast.Not(), changed.test)
            yield changed
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            changed.func = ast.Name(CALLED[name], ast.Load())
            yield changed
        case ast.Call(func=ast.Attribute(attr=name)) if name in CALLED:
            changed.func.attr = CALLED[name]
            yield changed
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Every change of a module. While one is looked at, the tree is changed by it."""
    alike: Counter[tuple[int, str, str]] = Counter()
    for parent, field, place, node, function in _places(tree, None):
        first, name = (function.first, function.name) if function else (None, "")
        for changed in changes(node):
            ast.copy_location(changed, node)
            _put(parent, field, place, changed)
            ast.fix_missing_locations(tree)
            key = getattr(node, "lineno", 0), _head(node), _head(changed)
            yield Mutant(*key, alike[key], first, name)
            alike[key] += 1
            _put(parent, field, place, node)


@dataclass(frozen=True)
class _Function:
    first: int
    name: str


_Place = tuple[ast.AST, str, "int | None", ast.AST, "_Function | None"]


def _places(parent: ast.AST, function: _Function | None) -> Iterator[_Place]:
    """Every node that is evaluated, with where it hangs and the function that it is in."""
    for field, value in ast.iter_fields(parent):
        if field in UNEVALUATED:
            continue
        within = function
        if within is None and field == "body" and isinstance(parent, ast.FunctionDef):
            first = min(node.lineno for node in (parent, *parent.decorator_list))
            within = _Function(first, parent.name)
        children = enumerate(value) if isinstance(value, list) else ((None, value),)
        for place, node in list(children):
            if isinstance(node, ast.AST):
                yield parent, field, place, node, within
                yield from _places(node, within)


def _put(parent: ast.AST, field: str, place: int | None, node: ast.AST) -> None:
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node


def _head(node: ast.AST) -> str:
    """The first line of a node's source."""
    return ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).splitlines()[0]
