"""Cedar decides: the policy of an agent, and the only door to cedarpy.

The decision is the smallest number of approvals at which Cedar permits the action: none is allow, one or two
is ask, more is deny. Whatever goes wrong on the way is a deny with the reason.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import cedarpy

from agentkit.action import Action
from agentkit.canonical import digest
from agentkit.decision import Decision, Obligations, Verdict
from agentkit.errors import InvalidPolicy
from agentkit.policy import advice, canary, packs
from agentkit.policy.facts import Facts
from agentkit.policy.packs import PolicyText
from agentkit.policy.rules import rules_of
from agentkit.policy.schema import Schema, context_of, groups_of
from agentkit.policy.text import find_fault, place
from agentkit.policy.values import Inexpressible
from agentkit.toolbox import Toolbox

MOST_APPROVALS: Final = 2
"""No policy can ask for more people."""


class Policy:
    """Rules that have met the tools they decide about."""

    name: str
    digest: str
    """Of the rules' text and of the schema generated from the tools: what consent is bound to."""

    def __init__(self, source: PolicyText, toolbox: Toolbox) -> None:
        schema = Schema.of(toolbox)
        self.name = source.name
        self.digest = digest({"policy": source.text, "schema": schema.as_data()})
        self._source = source
        self._schema = schema
        self._rules = rules_of(source, _parsed(source))
        self._cedar = _Cedar.of(source.text, schema)
        self._refuse_unsound_rules()
        canary.sing(self._cedar, schema, _request)

    @classmethod
    def load(cls, source: "str | Path | PolicyText | Policy", toolbox: Toolbox) -> "Policy":
        """Make a policy for these tools from a pack's name, or from a path that ends in `.cedar`.

        A policy that was made for other tools is made anew.

        Raises:
            InvalidPolicy: it is not there, does not parse, or names a tool or a field that does not exist.
        """
        if isinstance(source, Policy):
            return cls(source._source, toolbox)
        return cls(source if isinstance(source, PolicyText) else packs.read(source), toolbox)

    @classmethod
    def from_text(cls, text: str, toolbox: Toolbox, name: str = "inline") -> "Policy":
        """Make a policy from Cedar text.

        Raises:
            InvalidPolicy: it does not parse, or names a tool or a field that does not exist.
        """
        return cls(PolicyText(name, text, name), toolbox)

    def decide(self, action: Action, facts: Facts) -> Decision:
        """Allow, ask one or two people, or deny."""
        given = min(facts.approvals, MOST_APPROVALS)
        try:
            context = self._context(action, facts)
            answer = self._answer(action, facts, context, given)
            if answer.permitted:
                return self._allow(action, facts, context, answer)
            for more in range(given + 1, MOST_APPROVALS + 1):
                refused, answer = answer, self._answer(action, facts, context, more)
                if answer.permitted:
                    return self._ask(action, facts, answer, refused)
        except _Undecided as error:
            return self._decision("deny", f"{self.name}/(error)", str(error))
        return self._deny(action, answer)

    def _context(self, action: Action, facts: Facts) -> dict[str, Any]:
        tool = action.tool
        kind = self._schema.tools.get(tool.name)
        if kind is None or kind.groups != groups_of(tool):
            known = sorted(self._schema.tools)
            raise _Undecided(f"policy '{self.name}' was loaded for {known}, not for this '{tool.name}'")
        try:
            return context_of(action, facts, kind)
        except Inexpressible as error:
            raise _Undecided(f"{error}; so policy '{self.name}' cannot decide it") from None

    def _answer(self, action: Action, facts: Facts, context: Mapping[str, Any], approvals: int) -> "_Answer":
        told = {**context, "approvals": approvals}
        answer = self._cedar.answer(_request(action.tool.name, told, facts.agent, action.slot.run))
        if answer.error:
            raise _Undecided(f"policy '{self.name}' could not be evaluated: {answer.error}")
        return answer

    def _allow(self, action: Action, facts: Facts, context: Mapping[str, Any], answer: "_Answer") -> Decision:
        """Rest the permission on as few approvals as will do, so that the claim consumes no more."""
        while answer.approvals > 0:
            fewer = self._answer(action, facts, context, answer.approvals - 1)
            if not fewer.permitted:
                break
            answer = fewer
        reason = self._reasons(answer) or f"{self._names(answer)} permits it."
        return self._permission("allow", answer, reason)

    def _ask(self, action: Action, facts: Facts, answer: "_Answer", refused: "_Answer") -> Decision:
        """Say why one person fewer is not enough: what would permit it, and what forbids it until then."""
        answer = replace(answer, rules=answer.rules + refused.rules)
        people = "one person" if answer.approvals == 1 else "two people"
        reason = self._reasons(answer) or f"{self._names(answer)} permits it once {people} approved."
        if not action.tool.declared and not facts.undoes:
            reason = f"{reason} {_how_to_be_asked_less(action.tool.name)}"
        return self._permission("ask", answer, reason)

    def _deny(self, action: Action, answer: "_Answer") -> Decision:
        if not answer.rules:
            reason = f"No rule of policy '{self.name}' permits '{action.tool.name}'."
            return self._decision("deny", f"{self.name}/(no rule)", reason)
        names = self._names(answer)
        return self._decision("deny", names, self._reasons(answer) or f"{names} forbids it.")

    def _permission(self, verdict: Verdict, answer: "_Answer", reason: str) -> Decision:
        hold = max((self._rules[rule].hold for rule in answer.rules), default=timedelta(0))
        decision = self._decision(verdict, self._names(answer), reason)
        return replace(decision, approvals=answer.approvals, obligations=Obligations(hold=hold))

    def _decision(self, verdict: Verdict, rule: str, reason: str) -> Decision:
        return Decision(verdict, rule, reason, policy=self.digest)

    def _names(self, answer: "_Answer") -> str:
        return ", ".join(f"{self.name}/{self._rules[rule].id}" for rule in answer.rules)

    def _reasons(self, answer: "_Answer") -> str:
        """The sentences that the rules' authors wrote, each once."""
        written = [self._rules[rule].reason for rule in answer.rules]
        return " ".join(dict.fromkeys(reason for reason in written if reason))

    def _refuse_unsound_rules(self) -> None:
        complaints = self._cedar.complaints(self._source.text)
        found = [
            f"{self._source.file}:{line}: rule '{rule.id}': {sentence}"
            for number, rule in self._rules.items()
            for line, sentence in advice.problems(rule, complaints.pop(number, []), self._schema)
        ]
        found += [f"{self._source.file}: {said}" for rest in complaints.values() for said in rest]
        if found:
            raise InvalidPolicy("\n".join(found))


class _Undecided(Exception):
    """There is no answer, and so no permission."""


@dataclass(frozen=True)
class _Answer:
    """What Cedar says to one request."""

    permitted: bool
    approvals: int
    rules: tuple[str, ...] = ()
    """Cedar's own ids of the rules that decided, in the order of the file."""
    names: frozenset[str] = frozenset()
    error: str = ""


@dataclass(frozen=True)
class _Cedar:
    """Policy, schema and groups, each parsed once. The groups come from the schema: else there are none."""

    policies: cedarpy.PolicySet
    schema: cedarpy.Schema
    groups: cedarpy.Entities

    @staticmethod
    def of(text: str, schema: Schema) -> "_Cedar":
        try:
            parsed = cedarpy.Schema.from_json_str(json.dumps(schema.as_data()))
        except ValueError as error:
            raise InvalidPolicy(f"the tools' arguments cannot be written as a Cedar schema: {error}") from None
        groups = cedarpy.Entities.from_json_str("[]", schema=parsed)  # pyright: ignore[reportUnknownMemberType]
        return _Cedar(cedarpy.PolicySet.from_str(text), parsed, groups)

    def answer(self, request: Mapping[str, Any]) -> _Answer:
        """Decide one request; an error is never a permission, even in a rule that would not have mattered."""
        approvals = request["context"].get("approvals", 0)
        try:
            result = cedarpy.is_authorized(dict(request), self.policies, self.groups, self.schema)  # pyright: ignore[reportUnknownMemberType]
        except Exception as error:  # whatever breaks inside the engine, it is not a permission
            return _Answer(False, approvals, error=f"{type(error).__name__}: {error}")
        said = result.diagnostics
        undecided = result.decision is cedarpy.Decision.NoDecision
        error = "; ".join(said.errors) or ("no decision" if undecided else "")
        return _Answer(
            permitted=result.allowed and not error,
            approvals=approvals,
            rules=tuple(sorted(said.reasons, key=lambda id: int(id.removeprefix("policy")))),
            names=frozenset(cast("dict[str, str]", said.id_annotations_by_reason).values()),  # pyright: ignore[reportUnknownMemberType]
            error=error,
        )

    def with_rules(self, text: str) -> "_Cedar":
        """The same schema and groups, and some rules more."""
        return replace(self, policies=self.policies.with_added_str(text))

    def complaints(self, text: str) -> dict[str, list[str]]:
        """What the validator says about each rule, by Cedar's own ids."""
        result = cedarpy.validate_policies(text, self.schema)  # pyright: ignore[reportUnknownMemberType]
        found: dict[str, list[str]] = {}
        for error in result.errors:
            found.setdefault(error.policy_id, []).append(error.error)
        return found if found or result.validation_passed else {"": ["it does not fit the schema"]}


def _request(action: str, context: Mapping[str, Any], agent: str = "agent", run: str = "run") -> dict[str, Any]:
    """In the form that takes any id as it is: ids in Cedar syntax would have to be escaped."""
    return {
        "principal": {"type": "Agent", "id": agent},
        "action": {"type": "Action", "id": action},
        "resource": {"type": "Run", "id": run},
        "context": dict(context),
    }


def _parsed(source: PolicyText) -> dict[str, Any]:
    """The policy in Cedar's JSON form."""
    if _complaint(source.text):
        offset, said = find_fault(source.text, _complaint)
        line, column = place(source.text, offset)
        raise InvalidPolicy(f"{source.file}:{line}:{column}: {said}")
    return json.loads(cedarpy.policies_to_json_str(source.text))


def _complaint(text: str) -> str | None:
    try:
        cedarpy.PolicySet.from_str(text)
    except ValueError as error:
        return str(error)
    return None


def _how_to_be_asked_less(tool: str) -> str:
    return (
        f"{tool} declares neither repeat-safety nor undo, so it counts as Blind and Irreversible; "
        "say repeat=... and undo=... where the tool is declared to be asked less."
    )
