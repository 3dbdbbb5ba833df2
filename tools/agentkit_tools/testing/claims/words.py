"""What the kinds of faults are called in a list of checks."""

from agentkit_tools.testing.bench import Kind
from agentkit_tools.testing.faults import Death, HungUp, LateRequest, LostAnswer, Silence, Undelivered

UNDER: dict[Kind | None, str] = {
    None: "without a fault",
    LostAnswer: "the answer lost",
    HungUp: "hung up on the server",
    Undelivered: "the request undelivered",
    LateRequest: "the request late",
    Silence: "no answer in time",
    Death: "the process killed",
}
