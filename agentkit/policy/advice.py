"""What is wrong with a rule, and what there is instead: the validator's complaints in terms of the tools."""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from agentkit.policy.rules import Rule, has_tests, scope
from agentkit.policy.schema import ENTITIES, GROUPS, Schema
from agentkit.policy.shapes import Record

_UNKNOWN_ACTION = re.compile(r'unrecognized action `Action::"(?P<name>.*)"`')
_UNKNOWN_ENTITY = re.compile(r"unrecognized entity type `(?P<name>.*)`")
_UNKNOWN_FIELD = re.compile(r'attribute `(?P<path>.*)` in context for Action::"(?P<tool>.*)" not found')
_OPTIONAL_FIELD = re.compile(r"safety of access to optional attribute `(?P<path>.*)` in context")
_NEVER_APPLIES = "unable to find an applicable action"


def problems(rule: Rule, complaints: Sequence[str], schema: Schema) -> Iterator[tuple[int, str]]:
    """Line and sentence of all that is wrong with the rule; nothing when it is sound.

    Args:
        rule: the rule.
        complaints: what Cedar's validator says about it.
        schema: the tools.
    """
    others = [said for said in complaints if _NEVER_APPLIES not in said]
    for said in dict.fromkeys(others):
        yield _translated(rule, said, schema)
    if others:
        return
    members = _members(rule, schema)
    if complaints and members:
        yield rule.line, "it can never apply: the principal is an Agent, and the resource a Run"
    for path in has_tests(rule.logic):
        if members and (sentence := _vain_test(path, members, schema)):
            yield _line(rule, path[-1]), sentence


def _translated(rule: Rule, said: str, schema: Schema) -> tuple[int, str]:
    if match := _UNKNOWN_ACTION.search(said):
        return _line(rule, match["name"]), _unknown_action(match["name"], schema)
    if match := _UNKNOWN_ENTITY.search(said):
        return _line(rule, match["name"]), _unknown_entity(match["name"])
    if match := _UNKNOWN_FIELD.search(said):
        path = match["path"].split(".")
        return _line(rule, path[-1]), _unknown_field(path, match["tool"], schema)
    if match := _OPTIONAL_FIELD.search(said):
        *outer, last = match["path"].split(".")
        test = f"{'.'.join(['context', *outer])} has {last}"
        return _line(rule, last), f"'{match['path']}' may be missing; write `{test} && ...` before it is read"
    return rule.line, re.sub(r"^for policy `\w+`, ", "", said)


def _unknown_entity(name: str) -> str:
    return f"there is no entity type '{name}'; there are {list(ENTITIES)}{_near(name, ENTITIES)}"


def _unknown_action(name: str, schema: Schema) -> str:
    tools = sorted(schema.tools)
    near = _near(name, [*tools, *GROUPS])
    there = f"there are the tools {tools} and the groups {list(GROUPS)}"
    return f"there is no tool or group named '{name}'; {there}{near}"


def _unknown_field(path: Sequence[str], tool: str, schema: Schema) -> str:
    """`path` is below `context`."""
    name = ".".join(path)
    record, prefix = schema.tools[tool].context, list[str]()
    for step in path:
        if step in record.left_out:
            return (
                f"'{name}' of '{tool}' has a type that a policy cannot compare: a float, a mixed union, an "
                "open dictionary or a recursive model; decide on another argument"
            )
        below = record.fields[step].shape if step in record.fields else None
        if not isinstance(below, Record):
            break
        record, prefix = below, [*prefix, step]
    there = sorted(".".join([*prefix, field]) for field in record.fields)
    return f"'{tool}' has no '{name}'; there are {there}{_near(name, there)}"


def _vain_test(path: Sequence[str], tools: Sequence[str], schema: Schema) -> str | None:
    """Cedar finds nothing wrong with a `has` that is always false: a forbid behind it would never match."""
    root, *rest = path
    if root in ("principal", "resource", "action"):
        return f"'{root} has {'.'.join(rest)}' is always false: Agents, Runs and actions have no attributes"
    if root != "context":
        return "ask `has` of a path that begins with `context`, so that its name can be checked"
    if any(_exists(rest, schema.tools[tool].context) for tool in tools):
        return None
    return _unknown_field(rest, tools[0], schema)


def _exists(path: Sequence[str], record: Record) -> bool:
    first, *rest = path
    if first not in record.fields:
        return False
    below = record.fields[first].shape
    return not rest or (isinstance(below, Record) and _exists(rest, below))


def _members(rule: Rule, schema: Schema) -> list[str]:
    """The tools that the rule is about. None is legal: a pack speaks of groups that may be empty here."""
    words = scope(rule)
    if words is None:
        return sorted(schema.tools)
    return sorted({tool for word in words for tool in schema.members(word)})


def _near(name: str, there: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(there), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _line(rule: Rule, word: str) -> int:
    """Where the word stands in the rule, else where the rule begins."""
    return rule.line + rule.text.count("\n", 0, max(rule.text.find(word), 0))
