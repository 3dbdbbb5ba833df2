"""How much a run may use. At a limit it stops cleanly and can be resumed with a larger budget."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from agentkit.errors import UnknownPrice
from agentkit.planner.conversation import Reply
from agentkit.planner.model import Model
from agentkit.settings import Settings


@dataclass(frozen=True)
class Budget:
    """None means no limit."""

    model_calls: int | None = 100
    tool_calls: int | None = None
    tokens: int | None = None
    """Input and output together."""
    money: Decimal | None = None
    """In the currency of the model's `Price`."""
    wall: timedelta | None = None
    """Time spent working; waiting for people does not count."""

    @staticmethod
    def of(settings: Settings) -> "Budget":
        """The limits that the settings name."""
        return Budget(
            model_calls=settings.max_model_calls,
            tool_calls=settings.max_tool_calls,
            tokens=settings.max_tokens,
            money=settings.max_money,
            wall=settings.max_wall,
        )

    def as_data(self) -> dict[str, Any]:
        """As JSON, for the journal; only the limits that are set."""
        limits = {
            "model_calls": self.model_calls,
            "tool_calls": self.tool_calls,
            "tokens": self.tokens,
            "money": None if self.money is None else str(self.money),
            "seconds": None if self.wall is None else str(self.wall.total_seconds()),
        }
        return {name: limit for name, limit in limits.items() if limit is not None}

    def check(self, model: Model | None) -> None:
        """Refuse a limit that could not be kept.

        Raises:
            UnknownPrice: a money budget, and nobody knows what the model costs.
        """
        if self.money is not None and model is not None and model.price is None:
            raise UnknownPrice(
                f"a money budget needs the price of {model.name}: "
                "pass price=Price(input_per_million=..., output_per_million=...) or drop the money budget"
            )


def spent_on(reply: Reply, model: Model, seconds: float) -> dict[str, Any]:
    """What one model call used up, in the journal's terms."""
    spent: dict[str, Any] = {
        "model_calls": 1,
        "tokens": reply.usage.input_tokens + reply.usage.output_tokens,
        "seconds": str(round(Decimal(seconds), 3)),
    }
    if model.price is not None:
        spent["money"] = str(model.price.of(reply.usage))
    return spent
