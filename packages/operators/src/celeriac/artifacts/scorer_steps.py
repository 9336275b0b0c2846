"""A chain of transforms as steps over registers.

A row is a list of numbers and a list of texts. Missing is NaN among the numbers (whose inputs are always finite), null
among the texts; booleans are 0 and 1. Each step reads one register and writes one (`to`):

{"op": "blank_number", "at", "tokens"}          missing, when it is one of the tokens
{"op": "blank_text", "at", "tokens", "spaces"}  the same; `spaces`: also when nothing but white space is there
{"op": "mark_number" | "mark_text", "at", "to"}           1 where it is missing, else 0
{"op": "fill_number" | "fill_text", "at", "value"}        `value` where it is missing
{"op": "encode_number" | "encode_text", "at", "to", "column", "values", "unknown"}
    index in `values`; else `unknown`, where null refuses the row and names the column
{"op": "standardize", "at", "to", "mean", "scale"}

The transforms' own code decides what is compared with what and what is filled in, so nothing is decided twice: this
module walks the chain once, with the types that a served row has, and writes down what would happen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa

from ..errors import InvalidParams
from ..transforms import FillMissing, LabelEncode, Rename, Standardize, Transform, fill_missing, label_encode
from .columns import is_numeric, is_text, logical_type
from .scorer_models import NotNative

# The types of `Deployment._to_table`: every number is a float64 there.
_SERVED = {"number": pa.float64(), "string": pa.string(), "boolean": pa.bool_()}


class _Column(NamedTuple):
    type: pa.DataType
    register: int


class _Walk:
    """The columns of a table on its way through the chain, and the steps so far."""

    def __init__(self, inputs: list[dict[str, Any]]) -> None:
        self.columns: dict[str, _Column] = {}
        self.steps: list[dict[str, Any]] = []
        self.count = {"numbers": 0, "texts": 0}
        for spec in inputs:
            if spec["type"] not in _SERVED:
                raise NotNative(f'the input "{spec["name"]}" is a {spec["type"]}')
            self.add(spec["name"], _SERVED[spec["type"]])

    def add(self, name: str, kind: pa.DataType) -> int:
        """A column in a register of its own; replaces a column of this name."""
        family = "texts" if is_text(kind) else "numbers"
        register = self.count[family]
        self.count[family] += 1
        self.columns[name] = _Column(kind, register)
        return register

    def step(self, op: str, at: int, **facts: Any) -> None:
        self.steps.append({"op": op, "at": at, **facts})


def describe_chain(chain: list[Transform], inputs: list[dict[str, Any]], features: list[str]) -> dict[str, Any]:
    """Inputs, registers, steps and features of `scorer.json`. Raises NotNative."""
    walk = _Walk(inputs)
    loads = [walk.columns[spec["name"]].register for spec in inputs]
    for transform in chain:
        describe = _DESCRIBERS.get(type(transform))
        if describe is None:
            raise NotNative(f"the transform {transform.kind} has no native form")
        describe(walk, transform.state)
    read = []
    for name in features:
        column = walk.columns.get(name)
        if column is None or not is_numeric(column.type):
            raise NotNative(f'the feature "{name}" is not a number after the transforms')
        read.append(column.register)
    return {
        "inputs": [{"name": spec["name"], "type": spec["type"]} for spec in inputs],
        "registers": walk.count,
        "loads": loads,
        "steps": walk.steps,
        "features": read,
        "feature_names": features,
    }


def _fill_missing(walk: _Walk, state: dict[str, Any]) -> None:
    for spec in state["columns"]:
        name, column = spec["name"], walk.columns.get(spec["name"])
        if column is None:
            continue
        at, family = column.register, "text" if is_text(column.type) else "number"
        known = fill_missing.known_tokens(column.type, state["tokens"])
        if family == "text":
            walk.step("blank_text", at, tokens=known, spaces="empty" in state["match"])
        elif known:
            walk.step("blank_number", at, tokens=[float(token) for token in known])
        if state["indicator"]:  # before the value is filled in; in Python both come from the same column
            walk.step(f"mark_{family}", at, to=walk.add(name + fill_missing.INDICATOR_SUFFIX, pa.int64()))
        if spec["strategy"] == "drop":  # what is missing stays so, and the model refuses the row
            continue
        walk.step(f"fill_{family}", at, value=_filled(name, spec["value"], column.type))
        if pa.types.is_integer(column.type) and isinstance(spec["value"], float) and not spec["value"].is_integer():
            walk.columns[name] = _Column(pa.float64(), at)


def _filled(name: str, value: Any, kind: pa.DataType) -> Any:
    try:
        filled = fill_missing.scalar(name, value, kind).as_py()
    except InvalidParams as problem:  # Python says so at the first row that needs it
        raise NotNative(problem.message) from problem
    return filled if is_text(kind) else float(filled)


def _label_encode(walk: _Walk, state: dict[str, Any]) -> None:
    suffix, refuses = state["suffix"] or "", state["unknown"] == "error"
    for spec in state["columns"]:
        column = walk.columns.get(spec["name"])
        if column is None:
            continue
        if state["inverse"]:
            raise NotNative(f'the column "{spec["name"]}" is decoded from indexes')
        compared, template = label_encode.comparable(pa.chunked_array([], column.type), spec["values"])
        if compared.type != column.type or template.null_count:
            raise NotNative(f'the values of "{spec["name"]}" are compared as text')
        is_label = is_text(column.type)
        values = template.to_pylist() if is_label else [float(value) for value in template.to_pylist()]
        to = walk.add(spec["name"] + suffix, pa.int64())
        walk.step(
            "encode_text" if is_label else "encode_number",
            column.register,
            to=to,
            column=spec["name"],
            values=values,
            unknown=None if refuses else state["unknown_code"],
        )


def _standardize(walk: _Walk, state: dict[str, Any]) -> None:
    # Columns are read before any is written, as in `Standardize.apply`.
    found = [(spec, walk.columns[spec["name"]]) for spec in state["columns"] if spec["name"] in walk.columns]
    for spec, column in found:
        if not is_numeric(column.type):
            raise NotNative(f'the column "{spec["name"]}" to be standardised is {logical_type(column.type)}')
        to = walk.add(spec["name"] + (state["suffix"] or ""), pa.float64())
        walk.step("standardize", column.register, to=to, mean=spec["mean"], scale=spec["scale"])


def _rename(walk: _Walk, state: dict[str, Any]) -> None:
    # What is renamed takes the place of a column of that name, which was dropped before; see `Rename.apply`.
    kept = {name: column for name, column in walk.columns.items() if name not in state["rename"]}
    renamed = [(new, walk.columns[old]) for old, new in state["rename"].items() if old in walk.columns]
    if len({new for new, _ in renamed}) < len(renamed):
        raise NotNative("two columns are renamed to one name")
    walk.columns = kept | dict(renamed)


_DESCRIBERS = {FillMissing: _fill_missing, LabelEncode: _label_encode, Standardize: _standardize, Rename: _rename}
