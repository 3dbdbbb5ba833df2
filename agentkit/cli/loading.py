"""From `MODULE:NAME` on the command line to an agent."""

import difflib
import importlib
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from agentkit.agent import Agent
from agentkit.cli.words import listed
from agentkit.errors import AgentkitError, DeveloperMistake
from agentkit.tool import Tool


def load_agent(reference: str) -> Agent:
    """The agent of that name, or what a function of that name returns. The working directory can be imported.

    Raises:
        DeveloperMistake: there is none; the message says what there is.
    """
    module_name, colon, name = reference.partition(":")
    if not (colon and module_name and name):
        raise DeveloperMistake(f"'{reference}' does not name an agent: write MODULE:NAME, such as 'app:agent'")
    if module_name.endswith(".py"):
        better = module_name.removesuffix(".py").replace("/", ".")
        raise DeveloperMistake(f"name the module, not its file: '{better}:{name}'")
    module = _module(module_name)
    found = _attribute(module, name)
    if isinstance(found, Tool):
        raise DeveloperMistake(f"{reference} is a tool; agents are {listed(_agents(module))}")
    return _as_agent(found, reference)


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise DeveloperMistake(f"there is no module '{name}'{_modules_instead(name)}") from None
        raise _broken(f"importing '{name}'", error) from error
    except AgentkitError:
        raise
    except (Exception, SystemExit) as error:  # Somebody's program: it may raise anything while it is imported.
        raise _broken(f"importing '{name}'", error) from error


def _modules_instead(name: str) -> str:
    here = Path.cwd()
    files = {file.stem for file in here.glob("*.py")} | {file.parent.name for file in here.glob("*/__init__.py")}
    return _near(name, files) or f"; in {here} there are {listed(files)}"


def _attribute(module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        if not hasattr(found, name):
            agents = _agents(module)
            others = {each for each in vars(module) if not each.startswith("_")}
            instead = _near(name, agents | others) or f"; its agents are {listed(agents)}"
            raise DeveloperMistake(f"the module '{module.__name__}' has no '{path}'{instead}")
        found = getattr(found, name)
    return found


def _agents(module: ModuleType) -> set[str]:
    return {each for each, value in vars(module).items() if isinstance(value, Agent)}


def _as_agent(found: Any, reference: str) -> Agent:
    if isinstance(found, Agent):
        return found
    if not callable(found):
        raise DeveloperMistake(f"{reference} is {_kind(found)}, not an Agent or a function that returns one")
    if needed := _needed(found):
        raise DeveloperMistake(f"{reference} cannot be called without {listed(needed)}; give them defaults")
    try:
        made = found()
    except AgentkitError:
        raise
    except Exception as error:  # Somebody's function: it may raise anything.
        raise _broken(f"{reference}()", error) from error
    if not isinstance(made, Agent):
        raise DeveloperMistake(f"{reference}() returned {_kind(made)}, not an Agent{_close(made)}")
    return made


def _needed(function: Any) -> list[str]:
    """The arguments that a call cannot do without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in optional]


def _close(made: Any) -> str:
    """A coroutine that nobody awaits would warn."""
    if not inspect.iscoroutine(made):
        return ""
    made.close()
    return "; write it as a plain `def`"


def _broken(what: str, error: BaseException) -> DeveloperMistake:
    """The last place in the program itself, not in the import system."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    if isinstance(error, SyntaxError) and error.filename:
        where = f" ({Path(error.filename).name}, line {error.lineno})"
    else:
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    problem = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}".removesuffix(": ")
    return DeveloperMistake(f"{what} failed{where}: {problem}")


def _is_own(file: str) -> bool:
    return not file.startswith("<") and Path(file) not in (Path(__file__), Path(importlib.__file__ or ""))


def _near(name: str, names: set[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def _kind(found: object) -> str:
    return f"a {type(found).__name__}"
