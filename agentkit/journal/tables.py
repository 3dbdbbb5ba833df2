"""The tables of the journal."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Index, Integer, MetaData, String, Table, Text, TypeDecorator
from sqlalchemy.engine import Dialect

from agentkit.journal.records import (
    ActionRecord,
    ConsentRecord,
    HandleRecord,
    QuestionRecord,
    ReplyRecord,
    RunRecord,
)

SCHEMA_VERSION = 1


class UtcText(TypeDecorator[datetime]):
    """A UTC time as text that sorts and that a person can read."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Refuses a naive time: it would not say what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        return None if value is None else datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


metadata = MetaData()


def _tenant() -> Column[str]:
    return Column("tenant", String(64), primary_key=True)


def _key(name: str, kind: Any = None) -> Column[Any]:
    return Column(name, kind or String(64), primary_key=True)


def _text(name: str, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _json(name: str, null: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=null)


def _time(name: str, null: bool = False) -> Column[datetime]:
    return Column(name, UtcText, nullable=null)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


meta = Table("agentkit_meta", metadata, _key("name"), _text("value"))

entries = Table(
    "agentkit_entries", metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("tenant", String(64), nullable=False),
    _text("run"), _text("action", null=True), _text("kind"), _time("at"), _json("body"),
    Index("agentkit_entries_of_run", "tenant", "run", "action"),
    sqlite_autoincrement=True,
)  # fmt: skip

runs = Table(
    "agentkit_runs", metadata,
    _tenant(), _key("id"), _text("kind"), _text("goal"), _text("agent"), _text("status"),
    _time("created_at"), _time("updated_at"), _text("reason"), _json("answer", null=True), _json("budget"),
    _json("spent"), _text("undoes", null=True), _json("plan", null=True), _text("traceparent", null=True),
    _text("owner", null=True), _time("lease_until", null=True), _text("frozen_by", null=True),
    Index("agentkit_runs_by_status", "tenant", "status"),
    Index("agentkit_runs_undoing", "tenant", "undoes"),
)  # fmt: skip

actions = Table(
    "agentkit_actions", metadata,
    _tenant(), _key("id"), Column("run", String(64), nullable=False), _count("turn"), _count("index"),
    _text("fingerprint"), _json("call"), _text("tool"), Column("digest", String(64), nullable=False),
    _json("arguments"), Column("state", String(16), nullable=False), _count("revision"),
    _json("decision", null=True), _json("labels"), _json("depends_on"), _time("held_until", null=True),
    _text("key", null=True), _text("request", null=True), _json("repeat", null=True),
    _json("before", null=True), _json("inverse", null=True), _json("quote", null=True),
    _count("epoch"), _text("owner", null=True), _time("lease_until", null=True),
    _time("again_at", null=True),
    _time("may_land_until", null=True), Column("marked", Boolean, nullable=False), _count("attempts"),
    _time("started_at", null=True), _time("ended_at", null=True), _json("outcome", null=True),
    Column("undoes", String(64), nullable=True), _text("undone_by", null=True),
    Index("agentkit_actions_of_run", "tenant", "run", "digest"),
    Index("agentkit_actions_by_state", "tenant", "state"),
    Index("agentkit_actions_undoing", "tenant", "undoes"),
)  # fmt: skip

questions = Table(
    "agentkit_questions", metadata,
    _tenant(), _key("id"), _text("run"), Column("action", String(64), nullable=False), _text("kind"),
    _text("digest"), _text("policy"), _count("needed"), _json("shown"), _time("asked_at"),
    _time("expires_at", null=True), Column("status", String(16), nullable=False),
    Index("agentkit_questions_by_status", "tenant", "status"),
    Index("agentkit_questions_of_action", "tenant", "action"),
)  # fmt: skip

consents = Table(
    "agentkit_consents", metadata,
    _tenant(), _key("id"), _text("question"), _text("run"), Column("action", String(64), nullable=False),
    _text("digest"), _text("policy"), _text("verdict"), _text("by"), _text("proof"), _text("reason"),
    _time("at"), _time("expires_at", null=True), _time("spent_at", null=True),
    Index("agentkit_consents_of_action", "tenant", "action"),
)  # fmt: skip

replies = Table(
    "agentkit_replies", metadata,
    _tenant(), _key("run"), _key("turn", Integer), _json("reply"), _time("at"),
)  # fmt: skip

handles = Table(
    "agentkit_handles", metadata,
    _tenant(), _key("run"), _key("value"), _text("action"), _text("path"),
)  # fmt: skip

TABLES: dict[type[Any], Table] = {
    RunRecord: runs,
    ActionRecord: actions,
    QuestionRecord: questions,
    ConsentRecord: consents,
    ReplyRecord: replies,
    HandleRecord: handles,
}
