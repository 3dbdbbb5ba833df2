"""What rules say besides their logic, in Cedar's annotations: names, reasons and obligations."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from agentkit.errors import InvalidPolicy
from agentkit.policy.packs import PolicyText
from agentkit.policy.text import place, statements

ANNOTATIONS: Final = ("hold", "id", "reason")
_SIMPLE = re.compile(r"(\d+)\s*([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ISO = TypeAdapter(timedelta)


@dataclass(frozen=True)
class Rule:
    """One `permit` or `forbid`."""

    id: str
    line: int
    text: str
    permits: bool
    reason: str
    """For the person who is asked, and for whoever reads the journal; empty when the author wrote none."""
    hold: timedelta
    logic: Mapping[str, Any]
    """Cedar's own JSON form of the rule."""


def rules_of(source: PolicyText, policies: Mapping[str, Any]) -> dict[str, Rule]:
    """The rules by Cedar's internal ids, from the JSON form of the whole policy.

    Raises:
        InvalidPolicy: no rules, templates, an unknown or empty annotation, or two rules of one name.
    """
    logic = {**policies["staticPolicies"], **policies["templates"]}
    if not logic:
        raise InvalidPolicy(f"{source.file}: there are no rules in it, so it denies everything; write a permit")
    rules: dict[str, Rule] = {}
    for number, statement in enumerate(statements(source.text)):
        text = source.text[statement[0].start : statement[-1].end]
        line, _column = place(source.text, statement[0].start)
        before = sum(rule.line == line for rule in rules.values())
        unnamed = f"line-{line}" + (f".{before + 1}" if before else "")
        rules[f"policy{number}"] = _rule(source, line, text, logic[f"policy{number}"], unnamed)
    _refuse_templates(source, rules, policies["templates"])
    _refuse_doubles(source, rules)
    return rules


def has_tests(logic: Any) -> Iterator[tuple[str, ...]]:
    """Every path that the rule asks `has` about: `context.args has note` gives (context, args, note)."""
    if isinstance(logic, Mapping):
        node = cast("Mapping[str, Any]", logic)
        match node:
            case {"has": {"left": left, "attr": attribute}}:
                yield (*_path(left), attribute)
            case _:
                pass
        for part in node.values():
            yield from has_tests(part)
    elif isinstance(logic, list):
        for part in cast("list[Any]", logic):
            yield from has_tests(part)


def scope(rule: Rule) -> list[str] | None:
    """The tools and groups that the head of the rule names; None when it names none."""
    action = rule.logic["action"]
    if action["op"] == "All":
        return None
    entities = action.get("entities", [action.get("entity")])
    return [entity["id"] for entity in entities]


def _rule(source: PolicyText, line: int, text: str, logic: Mapping[str, Any], unnamed: str) -> Rule:
    notes = {key: value or "" for key, value in logic.get("annotations", {}).items()}
    id = notes.get("id", unnamed)
    where = f"{source.file}:{line}: rule '{id}'"
    _check_notes(notes, where, logic["effect"])
    hold = _duration(notes["hold"], where) if "hold" in notes else timedelta(0)
    return Rule(id, line, text, logic["effect"] == "permit", notes.get("reason", ""), hold, logic)


def _check_notes(notes: Mapping[str, str], where: str, effect: str) -> None:
    unknown = sorted(notes.keys() - set(ANNOTATIONS))
    if unknown:
        known = ", ".join(f"@{name}" for name in ANNOTATIONS)
        raise InvalidPolicy(f"{where}: nothing is known about @{unknown[0]}; there are {known}")
    empty = sorted(name for name, value in notes.items() if not value.strip())
    if empty:
        raise InvalidPolicy(f'{where}: @{empty[0]} is empty; write @{empty[0]}("...") or leave it out')
    if "id" in notes and not re.fullmatch(r"[\w.-]+", notes["id"]):
        raise InvalidPolicy(f"{where}: an @id consists of letters, digits, '.', '-' and '_'")
    if "hold" in notes and effect == "forbid":
        raise InvalidPolicy(f"{where}: @hold belongs on a permit; what is forbidden is never carried out")


def _duration(text: str, where: str) -> timedelta:
    simple = _SIMPLE.fullmatch(text.strip())
    try:
        if simple:
            hold = timedelta(**{_UNITS[simple[2]]: int(simple[1])})
        else:
            hold = _ISO.validate_python(text.strip() if text.strip().startswith("P") else "")
    except (ValidationError, OverflowError):
        hold = timedelta(0)
    if hold <= timedelta(0):
        raise InvalidPolicy(f"{where}: {text!r} is not a time to hold; write '120s', '2m', '1h', '1d' or 'PT2M'")
    return hold


def _path(node: Any) -> tuple[str, ...]:
    """`context.args.to` as (context, args, to); anything else begins with a question mark."""
    match node:
        case {"Var": name}:
            return (name,)
        case {".": {"left": left, "attr": attribute}}:
            return (*_path(left), attribute)
        case _:
            return ("?",)


def _refuse_templates(source: PolicyText, rules: Mapping[str, Rule], templates: Mapping[str, Any]) -> None:
    for rule in (rules[number] for number in templates):
        raise InvalidPolicy(
            f"{source.file}:{rule.line}: rule '{rule.id}' is a template (?principal or ?resource), and a "
            "template never applies; name the Agent or Run, or leave the place open"
        )


def _refuse_doubles(source: PolicyText, rules: Mapping[str, Rule]) -> None:
    first: dict[str, Rule] = {}
    for rule in rules.values():
        if rule.id in first:
            raise InvalidPolicy(
                f"{source.file}:{rule.line}: a rule named '{rule.id}' already stands in line "
                f"{first[rule.id].line}; names must differ"
            )
        first[rule.id] = rule
