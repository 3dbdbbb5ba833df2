"""What can go wrong between a tool and its server, as data."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Death:
    """The process dies at a point where something becomes durable or leaves it."""

    at: int | str | None = None
    """The how-manieth point, or its name; None: at no point, they are only counted."""

    def __str__(self) -> str:
        return f"the process died at its cut point {self.at}"


@dataclass(frozen=True)
class LostAnswer:
    """The server has answered, and the connection breaks before the answer arrives."""

    at: int

    def __str__(self) -> str:
        return f"answer {self.at} of the server was lost, and the connection with it"


@dataclass(frozen=True)
class HungUp:
    """The request passes, and the connection breaks soon after, whether the server has answered or not."""

    at: int

    def __str__(self) -> str:
        return f"the connection broke after request {self.at} had passed"


@dataclass(frozen=True)
class Undelivered:
    """The connection breaks, and the request never arrives."""

    at: int

    def __str__(self) -> str:
        return f"the connection broke before request {self.at}, which never arrived"


@dataclass(frozen=True)
class LateRequest:
    """The connection breaks, and the request arrives when it is let go."""

    at: int

    def __str__(self) -> str:
        return f"the connection broke at request {self.at}, which arrived later"


@dataclass(frozen=True)
class Silence:
    """The request passes, and no answer ever comes: the attempt runs into its time limit."""

    at: int

    def __str__(self) -> str:
        return f"answer {self.at} of the server never came, and the attempt ran into its time limit"


@dataclass(frozen=True)
class Stopped:
    """At its point of no return the attempt is told that another worker has taken over."""

    def __str__(self) -> str:
        return "the attempt was told at its point of no return to stop (LeaseLost)"


@dataclass(frozen=True)
class DeathAtTheMark:
    """The process dies when it calls `point_of_no_return`, before that is written down."""

    def __str__(self) -> str:
        return "the process died at its point of no return"


OnTheWire: TypeAlias = LostAnswer | HungUp | Undelivered | LateRequest | Silence
InTheProcess: TypeAlias = Death | DeathAtTheMark | Stopped
Fault: TypeAlias = OnTheWire | InTheProcess
