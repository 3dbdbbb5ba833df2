"""Real processes, started quickly: they are forked from one that has everything imported."""

import asyncio
import multiprocessing
from collections.abc import Callable
from typing import Any

FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["agentkit.agent", "tests.execution.world"])


async def in_a_process(work: Callable[..., None], *arguments: Any) -> int | None:
    """Run it to its end, or its death, in a process of its own; returns its exit code."""
    return (await in_processes((work, *arguments)))[0]


async def in_processes(*works: tuple[Any, ...]) -> list[int | None]:
    """Run all of them at the same time."""
    processes = [FORK.Process(target=work, args=arguments) for work, *arguments in works]
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.join, 30)
    return [process.exitcode for process in processes]
