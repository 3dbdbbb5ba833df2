"""What a pretix shop keeps when its buyers cancel, by the shop's own rules, and until when it lets them."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from agentkit.effects import Quote
from agentkit_tools.booking.pretix.documents import Document, EventDocument, OrderDocument

KEPT_FEES = ("payment", "shipping", "service", "cancellation")


class Rules(Document):
    """The settings of the event that say what cancelling a paid order costs."""

    cancel_allow_user_paid: bool = False
    cancel_allow_user_paid_until: str | None = None
    cancel_allow_user_paid_keep: Decimal | None = None
    cancel_allow_user_paid_keep_fees: bool | None = False
    cancel_allow_user_paid_keep_percentage: Decimal | None = None
    cancel_allow_user_paid_require_approval: bool | None = False


@dataclass(frozen=True)
class Terms:
    """The rules as they are for one paid order."""

    rules: Rules
    event: EventDocument
    date: EventDocument
    """The date that the order is for: the event itself if there is only one."""
    returnable: bool
    """Whether all its items may be given back at all."""

    def quote(self, order: OrderDocument) -> Quote:
        """What cancelling costs now; no cost if the shop does not allow it (any more)."""
        if refusal := self._refusal():
            return Quote(None, self.event.currency, note=refusal)
        return Quote(self.fee(order), self.event.currency, self.until)

    @property
    def allowed(self) -> bool:
        """Whether a buyer may cancel now."""
        return self._refusal() is None

    @property
    def until(self) -> datetime | None:
        """The last moment, if there is one.

        Raises:
            ValueError: a rule that this reader does not know.
        """
        rule = self.rules.cancel_allow_user_paid_until
        return None if not rule else moment(rule, self.date, self.event)

    def fee(self, order: OrderDocument) -> Decimal:
        """What the shop keeps: fees, a part of the rest, an amount; never more than was paid for."""
        fee = Decimal(0)
        if self.rules.cancel_allow_user_paid_keep_fees:
            fee += sum((each.value for each in order.fees if each.fee_type in KEPT_FEES), Decimal(0))
        fee += (self.rules.cancel_allow_user_paid_keep_percentage or Decimal(0)) / 100 * (order.total - fee)
        fee += self.rules.cancel_allow_user_paid_keep or Decimal(0)
        return min(fee, order.total).quantize(order.total, ROUND_HALF_UP)

    def _refusal(self) -> str | None:
        if not self.rules.cancel_allow_user_paid or not self.returnable:
            return "the shop does not let its buyers cancel this"
        if self.rules.cancel_allow_user_paid_require_approval:
            return "the shop decides each cancellation itself: ask it"
        try:
            until = self.until
        except ValueError as error:
            return f"until when the shop lets its buyers cancel is not clear: {error}"
        if until is not None and until <= datetime.now(UTC):
            return f"the shop let its buyers cancel until {until.isoformat(timespec='minutes')}"
        return None


def moment(rule: str, date: EventDocument, event: EventDocument) -> datetime:
    """When `RELDATE/minutes/1440/event__date_from/`, `RELDATE/1/23:59:59/event__date_from/` or an ISO date is.

    Raises:
        ValueError: none of these.
    """
    zone = ZoneInfo(event.timezone)
    if not rule.startswith("RELDATE/"):
        absolute = datetime.fromisoformat(rule)
        return absolute if absolute.tzinfo else absolute.replace(tzinfo=zone)
    parts = rule.split("/")
    if len(parts) < 4:
        raise ValueError(f"{rule!r} is not a relative date")
    sign = 1 if parts[4:5] == ["after"] else -1
    base = _base(parts[3], date, event).astimezone(zone)
    if parts[1] == "minutes":
        return base + sign * timedelta(minutes=int(parts[2]))
    day = base + sign * timedelta(days=int(parts[1]))
    if parts[2] == "-":
        return day
    clock = time.fromisoformat(parts[2])
    return day.replace(hour=clock.hour, minute=clock.minute, second=clock.second)


def _base(name: str, date: EventDocument, event: EventDocument) -> datetime:
    """What `event__date_to` stands for; a date that lacks it takes the event's, or its own beginning."""
    whose, _, field = name.rpartition("__")
    if whose not in ("", "event") or field not in EventDocument.model_fields:
        raise ValueError(f"{name!r} is nothing that a date has")
    found = getattr(date, field) or getattr(event, field) or date.date_from
    if not isinstance(found, datetime):
        raise ValueError(f"the shop does not say when {name!r} is")
    return found
