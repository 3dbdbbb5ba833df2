"""The planner as a state machine: plan -> act -> observe -> ... -> finish. The only door to LangGraph."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import AsyncGenerator
from typing import Any

os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")  # before the import: checkpoints revive plain data only

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph  # pyright: ignore[reportMissingTypeStubs]  # a namespace package

from agentkit.execution.forward import Standing
from agentkit.planner.pursuit import Pursuit
from agentkit.planner.state import PlannerState, at_start

log = logging.getLogger("agentkit")

STEPS = 100_000
"""LangGraph's own step limit, set out of the way: the budget is what stops a run."""


@contextlib.asynccontextmanager
async def checkpoints(path: str | None) -> AsyncGenerator[BaseCheckpointSaver[Any]]:
    """Where planner states are cached; None for memory alone. Losing them loses nothing."""
    if path is None:
        yield InMemorySaver()
    else:
        async with contextlib.AsyncExitStack() as opened:
            yield await _opened(path, opened)


async def _opened(path: str, opened: contextlib.AsyncExitStack) -> BaseCheckpointSaver[Any]:
    try:
        saver = await opened.enter_async_context(AsyncSqliteSaver.from_conn_string(path))
        await saver.setup()
        await saver.aget_tuple({"configurable": {"thread_id": ""}})  # tables of those names may be somebody else's
    except sqlite3.Error as error:
        log.warning("cannot use %s (%s): planner states are kept in memory, and nothing is lost by it", path, error)
        return InMemorySaver()
    return saver


async def pursue(pursuit: Pursuit, saver: BaseCheckpointSaver[Any]) -> Standing:
    """Take a run from where it stands as far as it can go now."""
    graph = _built(pursuit).compile(checkpointer=saver)
    config: RunnableConfig = {"configurable": {"thread_id": pursuit.run}, "recursion_limit": STEPS}
    stored = (await graph.aget_state(config)).values
    known = bool(stored) and await pursuit.knows(stored)  # a journal from a backup may be behind its cache
    await graph.ainvoke(_taken_up(stored if known else at_start()), config, durability="sync")
    return await pursuit.standing((await graph.aget_state(config)).values)


def _built(pursuit: Pursuit) -> Any:
    graph: Any = StateGraph(PlannerState)
    graph.add_node("plan", pursuit.plan)
    graph.add_node("act", pursuit.act)
    graph.add_node("observe", pursuit.observe)
    graph.add_conditional_edges(START, _next, ["plan", "act", "observe", END])
    graph.add_conditional_edges("plan", _next, ["plan", "act", END])
    graph.add_conditional_edges("act", _next, ["act", "observe", END])
    graph.add_edge("observe", "plan")
    return graph


def _taken_up(state: PlannerState) -> PlannerState:
    """What paused or stopped is taken up again: blocked calls are performed once more."""
    if state["phase"] in ("paused", "stopped"):
        todo = sorted({*state["todo"], *state["blocked"]})
        return {**state, "phase": "act" if todo else "plan", "todo": todo, "blocked": []}
    return state


def _next(state: PlannerState) -> str:
    return state["phase"] if state["phase"] in ("plan", "act", "observe") else END
