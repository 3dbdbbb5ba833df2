"""From `MODULE:NAME` to an agent: every mistake is told with what there is instead."""

import pytest

from tests.cli.commands import Invoke, Program, Shell

AGENT = """
    agent = Agent(ScriptedModel(["Hello."]), tools=[mark], policy=RUN)
    number = 3

    def make():
        return agent

    def needs(what):
        return agent

    async def later():
        return agent

    def nothing():
        pass

    def breaks():
        return {}["key"]

    class Desk:
        inner = agent
"""


@pytest.mark.parametrize("name", ["agent", "make", "Desk.inner"])
def test_an_agent_is_found_by_its_name_by_a_function_that_returns_it_and_inside_of_a_class(
    invoke: Invoke, program: Program, name: str
):
    program(AGENT)
    assert invoke("run", f"app:{name}", "Say hello.").stdout.endswith("answer  Hello.\n")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("app", "'app' does not name an agent: write MODULE:NAME, such as 'app:agent'"),
        (":agent", "':agent' does not name an agent"),
        ("app.py:agent", "name the module, not its file: 'app:agent'"),
        ("desk/app.py:agent", "'desk.app:agent'"),
        ("ap:agent", "there is no module 'ap'; did you mean 'app'?"),
        ("zebra:agent", "there is no module 'zebra'; in "),
        ("app:agnt", "the module 'app' has no 'agnt'; did you mean 'agent'?"),
        ("app:zebra", "the module 'app' has no 'zebra'; its agents are ['agent']"),
        ("app:mark", "app:mark is a tool; agents are ['agent']"),
        ("app:number", "app:number is a int, not an Agent or a function that returns one"),
        ("app:needs", "app:needs cannot be called without ['what']; give them defaults"),
        ("app:later", "app:later() returned a coroutine, not an Agent; write it as a plain `def`"),
        ("app:nothing", "app:nothing() returned a NoneType, not an Agent"),
        ("app:breaks", "app:breaks() failed (app.py, line "),
        ("app:breaks", "KeyError: 'key'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(invoke: Invoke, program: Program, reference: str, said: str):
    program(AGENT)

    refused = invoke("run", reference, "Say hello.")

    assert refused.exit_code == 1
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def f(:", "SyntaxError: "),
        ("1 / 0", "importing 'app' failed (app.py, line "),
        ("raise SystemExit('no')", "SystemExit: no"),
        ("Agent(tools=[], policy='nonsense')", "no policy pack named 'nonsense'; there are ["),
    ],
)
def test_a_program_that_does_not_import_is_named_with_the_place(invoke: Invoke, program: Program, text: str, said: str):
    program(text)

    refused = invoke("run", "app:agent", "Say hello.")

    assert refused.exit_code == 1
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_with_the_debug_switch_there_is_the_traceback(shell: Shell, program: Program):
    program("1 / 0")

    assert "Traceback" not in shell("run", "app:agent", "Go.").stderr
    assert "Traceback" in shell("run", "app:agent", "Go.", AGENTKIT_DEBUG="1").stderr
