"""Handles in the journal: identifiers that one action's result brought in and a later action uses."""

from collections.abc import Iterator, Mapping
from typing import Any

from agentkit.action import Action, Outcome
from agentkit.canonical import digest
from agentkit.journal.records import ActionRecord, HandleRecord
from agentkit.journal.store import Transaction
from agentkit.label import Label, leaves

MANY = 500
"""So many values are looked up in one question."""


def remember_handles(tx: Transaction, record: ActionRecord, action: Action, outcome: Outcome) -> None:
    """Write down which identifiers a result brought into the run; the first to bring one in stays its source."""
    for path, value in leaves(outcome.result):
        pattern = ".".join("*" if part.isdigit() else part for part in path.split("."))
        marker = action.tool.result_markers.get(pattern)
        if marker and marker.name == "handle" and isinstance(value, str):
            handle = HandleRecord(record.run, digest(value), record.id, path)
            if tx.get(HandleRecord, handle.run, handle.value) is None:
                tx.add(handle)


def labels_of(tx: Transaction, run: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The source of each argument that is, whole and exactly, an identifier that an earlier action brought in."""
    texts = {path: digest(value) for path, value in leaves(dict(arguments)) if isinstance(value, str) and value}
    known = {handle.value: handle for handle in _handles(tx, run, sorted(set(texts.values())))}
    return {
        path: Label("tool", known[value].action, known[value].path).as_data()
        for path, value in texts.items()
        if value in known
    }


def _handles(tx: Transaction, run: str, values: list[str]) -> Iterator[HandleRecord]:
    for start in range(0, len(values), MANY):
        yield from tx.find(HandleRecord, run=run, value=tuple(values[start : start + MANY]))


def depends_on(labels: Mapping[str, Any]) -> list[str]:
    """The actions whose identifiers flowed into the arguments."""
    return sorted({label["action"] for label in labels.values()})
