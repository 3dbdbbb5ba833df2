"""Handles in the journal: identifiers that one action's result brought in and a later action uses."""

from collections.abc import Mapping
from typing import Any

from agentkit.action import Action, Outcome
from agentkit.canonical import digest
from agentkit.journal.records import ActionRecord, HandleRecord
from agentkit.journal.store import Transaction
from agentkit.label import Label, leaves


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
    found: dict[str, Any] = {}
    for path, value in leaves(dict(arguments)):
        handle = tx.get(HandleRecord, run, digest(value)) if isinstance(value, str) and value else None
        if handle:
            found[path] = Label("tool", handle.action, handle.path).as_data()
    return found


def depends_on(labels: Mapping[str, Any]) -> list[str]:
    """The actions whose identifiers flowed into the arguments."""
    return sorted({label["action"] for label in labels.values()})
