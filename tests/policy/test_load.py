"""A policy that is wrong does not load, and says where, what, and what there is instead."""

from pathlib import Path

import pytest

from agentkit.effects import Idempotent
from agentkit.errors import InvalidPolicy
from agentkit.policy import Policy, PolicyText
from agentkit.tool import ToolContext, tool
from agentkit.toolbox import Toolbox

from .conftest import Decide, make


@tool("email.send")
async def send(ctx: ToolContext, to: list[str], subject: str, size: float, cc: str | None = None) -> None: ...


@tool("email.flag", repeat=Idempotent())
async def flag(ctx: ToolContext, uid: int) -> None: ...


BOX = Toolbox([send, flag])


def refusal(text: str) -> str:
    with pytest.raises(InvalidPolicy) as caught:
        Policy.from_text(text, BOX, name="mine")
    return str(caught.value)


def test_a_tool_that_does_not_exist_is_named_with_its_place_and_the_nearest():
    text = '// one\n@id("mail")\npermit (\n  principal,\n  action == Action::"email.sned",\n  resource\n);'
    assert refusal(text) == (
        "mine:5: rule 'mail': there is no tool or group named 'email.sned'; there are the tools "
        "['email.flag', 'email.send'] and the groups ['read', 'write', 'reversible', 'compensable', "
        "'irreversible', 'blind', 'undeclared']; did you mean 'email.send'?"
    )


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ('forbid (principal, action in Action::"wirte", resource);', "did you mean 'write'?"),
        (
            'forbid (principal, action, resource) when { action == Action::"email.sned" };',
            "did you mean 'email.send'?",
        ),
        (
            'forbid (principal, action, resource) when { action in [Action::"wirte"] };',
            "did you mean 'write'?",
        ),
        (
            'permit (principal == Agnet::"a", action, resource);',
            "there are ['Agent', 'Run']; did you mean 'Agent'?",
        ),
        ("permit (principal, action, resource is Agent);", "it can never apply: the principal is an Agent"),
        ("permit (principal, action, resource) when { context.aprovals > 0 };", "did you mean 'approvals'?"),
        (
            'permit (principal, action, resource) when { context.approvals == "1" };',
            "Long and String are not comp",
        ),
    ],
)
def test_a_word_that_does_not_exist_is_refused(rule: str, sentence: str):
    assert sentence in refusal(rule)


def on_mail(condition: str, effect: str = "forbid") -> str:
    return f'@id("x") {effect} (principal, action == Action::"email.send", resource) when {{ {condition} }};'


@pytest.mark.parametrize(
    "condition", ["context.args.subjct == 1", "context.args has subjct", "context has args.subjct"]
)
def test_a_field_that_does_not_exist_is_refused_with_the_fields_there_are(condition: str):
    assert refusal(on_mail(condition)) == (
        "mine:1: rule 'x': 'email.send' has no 'args.subjct'; there are ['args.cc', 'args.subject', "
        "'args.to']; did you mean 'args.subject'?"
    )


@pytest.mark.parametrize("condition", ["context.args.size == 1", "context.args has size"])
def test_a_field_whose_type_cedar_lacks_is_refused_and_says_so(condition: str):
    assert "'args.size' of 'email.send' has a type that a policy cannot compare: a float" in refusal(on_mail(condition))


def test_a_field_that_may_be_missing_has_to_be_asked_for_first():
    assert "write `context.args has cc && ...`" in refusal(on_mail('context.args.cc == "x"'))
    Policy.from_text(on_mail('context.args has cc && context.args.cc == "x"'), BOX)


@pytest.mark.parametrize("condition", ["principal has name", "resource has owner"])
def test_a_test_that_is_always_false_is_refused_because_a_forbid_behind_it_would_never_match(condition: str):
    assert "is always false: Agents, Runs and actions have no attributes" in refusal(on_mail(condition))


def test_a_test_of_a_field_that_cannot_be_followed_is_refused():
    condition = "(if context.undoes then context.args else context.args) has cc"
    assert "ask `has` of a path that begins with `context`" in refusal(on_mail(condition))


def test_a_test_of_a_field_that_only_some_of_the_rules_tools_have_is_legal():
    Policy.from_text("forbid (principal, action, resource) when { context.args has cc };", BOX)
    assert "'email.flag' has no 'args.cc'" in refusal(
        'forbid (principal, action == Action::"email.flag", resource) when { context.args has cc };'
    )


def test_everything_that_is_wrong_is_said_at_once():
    lines = refusal('permit (principal, action == Action::"a.b", resource);\n' + on_mail("context.args has tow")).split(
        "\n"
    )
    assert [line.split(": ")[0] for line in lines] == ["mine:1", "mine:2"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("permit (principal, action resource);", "mine:1:27: unexpected token `resource`"),
        ("permit (principal, action, resource) when {\n  context.a ==\n};", "mine:3:1: unexpected token `}`"),
        ("permit (principal, action, resource)", "mine:1:37: unexpected end of input"),
        (
            '// a; "b\npermit (principal, action, resource);\npemit (principal);',
            "mine:3:1: invalid policy effect: pemit",
        ),
        ("permit (principal, action, resource);;", "mine:1:38: unexpected token `;`"),
        ('@id("x)\npermit (principal, action, resource);', "mine:1:5: invalid token"),
        ('@id("a") @id("b") permit (principal, action, resource);', "mine:1:2: duplicate annotation: @id"),
        (
            "permit (principal, action, resource) when { context.to.holds(1) };",
            "mine:1:56: `holds` is not a valid method",
        ),
        (
            "permit (principal, action, resource) when { true }\npermit (principal, action, resource);",
            "mine:2:8: unexpected token `(`",
        ),
    ],
)
def test_a_text_that_does_not_parse_is_refused_with_line_and_column(text: str, place: str):
    assert refusal(text).startswith(place)


def test_a_policy_without_rules_is_refused():
    assert refusal("// nothing here yet\n") == "mine: there are no rules in it, so it denies everything; write a permit"


def test_a_template_is_refused_because_it_would_never_apply():
    assert "mine:2: rule 'line-2' is a template" in refusal("\nforbid (principal == ?principal, action, resource);")


@pytest.mark.parametrize(
    ("annotation", "sentence"),
    [
        ('@hodl("2m")', "nothing is known about @hodl; there are @hold, @id, @reason"),
        ('@hold("soon")', "'soon' is not a time to hold; write '120s', '2m', '1h', '1d' or 'PT2M'"),
        ('@hold("0s")', "'0s' is not a time to hold"),
        ('@hold("-PT2M")', "'-PT2M' is not a time to hold"),
        ('@hold("99999999999d")', "is not a time to hold"),
        ("@hold", '@hold is empty; write @hold("...") or leave it out'),
        ('@reason(" ")', "@reason is empty"),
        ('@id("a/b")', "an @id consists of letters, digits, '.', '-' and '_'"),
    ],
)
def test_an_annotation_that_is_not_understood_is_refused(annotation: str, sentence: str):
    assert sentence in refusal(f"{annotation} permit (principal, action, resource);")


def test_a_hold_on_a_forbid_is_refused():
    assert "@hold belongs on a permit" in refusal('@hold("2m") forbid (principal, action, resource);')


def test_two_rules_of_one_name_are_refused():
    rule = '@id("twice") permit (principal, action, resource);\n'
    assert refusal(rule + rule) == "mine:2: a rule named 'twice' already stands in line 1; names must differ"


def test_a_file_is_read_and_named_in_its_errors(tmp_path: Path):
    file = tmp_path / "ours.cedar"
    file.write_text("\ufeffpermit (principal, action, resource);", encoding="utf-8")
    assert Policy.load(file, BOX).name == Policy.load(str(file), BOX).name == "ours"
    file.write_text("permit")
    with pytest.raises(InvalidPolicy, match=rf"^{file}:1:7: unexpected end of input$"):
        Policy.load(file, BOX)
    file.write_bytes(b"// \xff")
    with pytest.raises(InvalidPolicy, match="is not UTF-8 text"):
        Policy.load(file, BOX)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path):
    with pytest.raises(InvalidPolicy, match=r"cannot read the policy .*gone\.cedar: No such file or directory"):
        Policy.load(tmp_path / "gone.cedar", BOX)


def test_cedar_text_is_not_taken_for_a_name():
    with pytest.raises(InvalidPolicy, match=r"Cedar text through Policy\.from_text"):
        Policy.load("permit (principal, action, resource);", BOX)


def test_a_policy_that_was_made_for_other_tools_is_made_anew(toolbox: Toolbox, decide: Decide):
    first = Policy.load(PolicyText("mine", "permit (principal, action, resource);", "mine"), BOX)
    again = Policy.load(first, toolbox)
    assert decide(again, "world.read").verdict == "allow"
    assert decide(first, "world.read").reason == (
        "policy 'mine' was loaded for ['email.flag', 'email.send'], not for this 'world.read'"
    )


def test_a_tool_that_now_declares_something_else_is_not_decided_by_the_old_policy(decide: Decide):
    old = Policy.load(
        "supervised", Toolbox([make("world.unknown", None, None), make("world.read", Idempotent(), None)])
    )
    assert decide(old, "world.unknown").verdict == "ask"
    assert (decide(old, "world.read").verdict, decide(old, "world.read").rule) == (
        "deny",
        "supervised/(error)",
    )


def test_the_digest_changes_with_the_text_and_with_the_tools(toolbox: Toolbox):
    text = "permit (principal, action, resource);"
    digests = {
        Policy.from_text(text, BOX).digest,
        Policy.from_text(text, Toolbox([send])).digest,
        Policy.from_text(text, toolbox).digest,
        Policy.from_text(text.replace("permit", "forbid"), BOX).digest,
    }
    assert len(digests) == 4
    assert Policy.from_text(text, BOX).digest == Policy.from_text(text, Toolbox([send, flag])).digest
