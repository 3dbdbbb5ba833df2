"""What the servers show, held against what the journal says was done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentkit.execution.run import Run, Step
from examples.trip_desk.evidence import Effects


@dataclass(frozen=True)
class Tally:
    """Found on the servers; `lost` is what the journal has as done and not undone, and no server shows."""

    found: dict[str, list[dict[str, Any]]]
    duplicates: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """For a person."""
        return [
            *(f"mail     {m['message_id']} ({m['copies']} copy)" for m in self.found["mails"]),
            *(f"booking  {b['uuid']} {b['status']}" for b in self.found["bookings"]),
            *(f"event    {e['uid']} {e['summary']}" for e in self.found["events"]),
        ]


def tally(there: Effects, run: Run) -> Tally:
    """Count."""
    found: dict[str, list[dict[str, Any]]] = {
        "mails": [{"message_id": m.message_id, "copies": m.copies, "action": m.action} for m in there.mails],
        "bookings": [{"uuid": b.uuid, "status": b.status, "places": b.places} for b in there.bookings],
        "events": [{"uid": e.uid, "summary": e.summary} for e in there.events],
    }
    standing: dict[str, Callable[[Any], bool]] = {
        "booking.reserve": lambda r: any(b.uuid == r["uuid"] and b.is_live for b in there.bookings),
        "booking.confirm": lambda r: any(b.uuid == r["uuid"] and b.status == "CONFIRMED" for b in there.bookings),
        "calendar.create_event": lambda r: any(e.uid in r["url"] for e in there.events),
        "email.send": lambda r: any(m.message_id == r["message_id"] for m in there.mails),
    }
    done = [step for step in run.steps if _stands(step, run)]
    lost = [step.tool for step in done if not standing.get(step.tool, _found)(_result(step))]
    return Tally(found, there.duplicates, tuple(lost))


def _stands(step: Step, run: Run) -> bool:
    """Done, and neither undone nor given back since."""
    given_back = any(
        s.tool in ("booking.release", "booking.confirm_cancellation") and s.state == "done" for s in run.steps
    )
    if given_back and step.tool in ("booking.reserve", "booking.confirm"):
        return False
    return step.state == "done" and step.undone_by is None


def _found(result: Any) -> bool:
    """Reads leave nothing to find."""
    return True


def _result(step: Step) -> Any:
    return step.outcome.result if step.outcome else None
