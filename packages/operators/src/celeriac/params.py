"""Parameters against a manifest's JSON Schema.

The schema is written once, in the manifest, and read by two programs: the API validates documents with it and this
module validates again what a task brings, whoever sent it. Only the part of draft 2020-12 that manifests use is
implemented (a test compares it with the `jsonschema` package); an unknown keyword in a manifest is an error, so that
nothing is silently left unchecked.

`x-message` beside a composite keyword replaces the generic message of that keyword.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .errors import InvalidParams, did_you_mean


class Problem(NamedTuple):
    """One violation: `path` is dotted (`ext1`, `strategies.age`), empty for the whole object."""

    path: str
    message: str


def prepare(algo_name: str, schema: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Parameters with defaults filled in and whole floats turned into integers where an integer is meant.

    Raises InvalidParams that names every problem. Parameters of the user interface (`x-ui`) are checked and left out.
    """
    if not isinstance(given, dict):
        raise InvalidParams(f"{algo_name}: params must be an object, got {_kind(given)}")
    properties = schema["properties"]
    params = {name: spec["default"] for name, spec in properties.items() if "default" in spec}
    for name in schema.get("required", ()):
        if name not in given:
            params.pop(name, None)
    params.update(given)
    params = {name: _as_integer(value) for name, value in params.items()}
    problems = list(check(schema, params))
    if problems:
        text = "; ".join(f"{p.path}: {p.message}" if p.path else p.message for p in problems)
        details = [{"param": p.path, "message": p.message} for p in problems]
        raise InvalidParams(f"{algo_name}: {text}", problems=details)
    return {name: value for name, value in params.items() if not properties[name].get("x-ui")}


def check(schema: Any, value: Any, path: str = "") -> Iterator[Problem]:
    """Every violation of `schema` by `value`."""
    if schema is True:
        return
    if schema is False:
        yield Problem(path, "is not allowed here")
        return
    for keyword, argument in schema.items():
        rule = _RULES.get(keyword)
        if rule is None:
            if keyword not in _ANNOTATIONS and not keyword.startswith("x-"):
                raise ValueError(f'manifest schema keyword "{keyword}" is not supported')
            continue
        yield from rule(argument, value, path, schema)


def is_valid(schema: Any, value: Any) -> bool:
    return next(check(schema, value), None) is None


def equal(a: Any, b: Any) -> bool:
    """Equality of JSON values: 1 equals 1.0 but not true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    return a == b


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if float(value).is_integer() else "number"
    return {str: "string", list: "array", dict: "object"}.get(type(value), type(value).__name__)


def _has_type(value: Any, name: str) -> bool:
    kind = _kind(value)
    return kind == name or (name == "number" and kind == "integer")


def _as_integer(value: Any) -> Any:
    """JSON has one kind of number: 3.0 means 3, a count."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _show(value: Any) -> str:
    text = {None: "null", True: "true", False: "false"}.get(value) if not isinstance(value, list | dict) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)
    text = text if text is not None else repr(value).replace("'", '"')
    return text if len(text) <= 80 else text[:79] + "…"


def _type(names: str | list[str], value: Any, path: str, _: dict) -> Iterator[Problem]:
    allowed = [names] if isinstance(names, str) else names
    if not any(_has_type(value, name) for name in allowed):
        yield Problem(path, f"must be {' or '.join(allowed)}, got {_kind(value)} {_show(value)}")


def _enum(options: list[Any], value: Any, path: str, schema: dict) -> Iterator[Problem]:
    if any(equal(option, value) for option in options):
        return
    for rejected in schema.get("x-rejected", ()):
        if "value" in rejected and equal(rejected["value"], value):
            yield Problem(path, f"{_show(value)} is not supported: {rejected['reason']}")
            return
    hint = did_you_mean(value, [o for o in options if isinstance(o, str)]) if isinstance(value, str) else ""
    yield Problem(path, f"must be one of {', '.join(map(_show, options))}; got {_show(value)}{hint}")


def _maximum(limit: float, value: Any, path: str, schema: dict) -> Iterator[Problem]:
    if not _has_type(value, "number") or value <= limit:
        return
    for rejected in schema.get("x-rejected", ()):
        if "greater_than" in rejected and value > rejected["greater_than"]:
            yield Problem(path, f"{_show(value)} is not supported: {rejected['reason']}")
            return
    yield Problem(path, f"must be at most {limit}, got {_show(value)}")


def _number(wording: str, holds: Callable[[Any, Any], bool]) -> Callable:
    def rule(limit: float, value: Any, path: str, _: dict) -> Iterator[Problem]:
        if _has_type(value, "number") and not holds(value, limit):
            yield Problem(path, f"must be {wording} {limit}, got {_show(value)}")

    return rule


def _size(kind: type, wording: str, holds: Callable[[int, int], bool]) -> Callable:
    def rule(limit: int, value: Any, path: str, _: dict) -> Iterator[Problem]:
        if isinstance(value, kind) and not holds(len(value), limit):
            yield Problem(path, f"must have {wording} {limit}, has {len(value)}")

    return rule


def _pattern(expression: str, value: Any, path: str, _: dict) -> Iterator[Problem]:
    if isinstance(value, str) and not re.search(expression, value):
        yield Problem(path, f"{_show(value)} does not match {expression}")


def _items(schema: Any, value: Any, path: str, _: dict) -> Iterator[Problem]:
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from check(schema, item, f"{path}[{index}]")


def _unique(wanted: bool, value: Any, path: str, _: dict) -> Iterator[Problem]:
    if not wanted or not isinstance(value, list):
        return
    if all(isinstance(item, str) for item in value):
        repeated = (
            [item for item in dict.fromkeys(value) if value.count(item) > 1] if len(set(value)) < len(value) else []
        )
    else:
        repeated = [item for i, item in enumerate(value) if any(equal(item, other) for other in value[:i])]
    if repeated:
        yield Problem(path, f"repeats {_show(repeated[0])}")


def _properties(specs: dict[str, Any], value: Any, path: str, _: dict) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name, spec in specs.items():
            if name in value:
                yield from check(spec, value[name], f"{path}.{name}" if path else name)


def _required(names: list[str], value: Any, path: str, _: dict) -> Iterator[Problem]:
    if isinstance(value, dict):
        for name in names:
            if name not in value:
                yield Problem(f"{path}.{name}" if path else name, "is required")


def _additional(spec: Any, value: Any, path: str, schema: dict) -> Iterator[Problem]:
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    for name in value:
        if name in known:
            continue
        where = f"{path}.{name}" if path else name
        if spec is False:
            yield Problem(where, f"is not a parameter{did_you_mean(name, known)}")
        else:
            yield from check(spec, value[name], where)


def _any_of(schemas: list[Any], value: Any, path: str, schema: dict) -> Iterator[Problem]:
    if not any(is_valid(option, value) for option in schemas):
        yield Problem(path, schema.get("x-message") or f"{_show(value)} fits none of the allowed forms")


def _one_of(schemas: list[Any], value: Any, path: str, schema: dict) -> Iterator[Problem]:
    if sum(is_valid(option, value) for option in schemas) != 1:
        yield Problem(path, schema.get("x-message") or f"{_show(value)} fits none or several of the allowed forms")


def _all_of(schemas: list[Any], value: Any, path: str, _: dict) -> Iterator[Problem]:
    for part in schemas:
        yield from check(part, value, path)


def _if(condition: Any, value: Any, path: str, schema: dict) -> Iterator[Problem]:
    branch = schema.get("then", True) if is_valid(condition, value) else schema.get("else", True)
    if "x-message" in schema:
        if not is_valid(branch, value):
            yield Problem(path, schema["x-message"])
    else:
        yield from check(branch, value, path)


_ANNOTATIONS = frozenset({"$schema", "title", "description", "default", "format", "then", "else"})
_RULES: dict[str, Callable] = {
    "type": _type,
    "enum": _enum,
    "const": lambda wanted, value, path, schema: _enum([wanted], value, path, schema),
    "minimum": _number("at least", lambda v, m: v >= m),
    "maximum": _maximum,
    "exclusiveMinimum": _number("greater than", lambda v, m: v > m),
    "exclusiveMaximum": _number("less than", lambda v, m: v < m),
    "minLength": _size(str, "a length of at least", lambda n, m: n >= m),
    "maxLength": _size(str, "a length of at most", lambda n, m: n <= m),
    "minItems": _size(list, "a number of items of at least", lambda n, m: n >= m),
    "minProperties": _size(dict, "a number of entries of at least", lambda n, m: n >= m),
    "pattern": _pattern,
    "items": _items,
    "uniqueItems": _unique,
    "properties": _properties,
    "required": _required,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
    "if": _if,
}
