"""What every store must do: whoever writes one subclasses `StoreConformance` in their tests and says how to open it."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from agentkit.journal.records import Entry, QuestionRecord, ReplyRecord, RunRecord
from agentkit.journal.store import Store, Transaction

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


class StoreConformance(ABC):
    """Tests for pytest with pytest-asyncio in auto mode. Each one opens stores of its own and closes them."""

    @abstractmethod
    async def open(self, tenant: str = "default") -> Store:
        """Open a store on the data of this test: stores of one tenant, opened in one test, see the same.

        A store that ends with its process may return the same one again, and need not tell tenants apart.
        """

    tells_tenants_apart = True

    async def test_what_was_added_is_there_just_as_it_was(self) -> None:
        """Times keep their zone and microseconds, JSON its types, and what is not there is None."""
        store = await self.open()
        answer = {"text": "Grüße 🙂", "list": [1, None, True]}
        run = _run("r-1", budget={"tool_calls": 3, "money": "1.50"}, answer=answer)

        await store.write(lambda tx: tx.add(run))
        found = await store.read(lambda tx: tx.get(RunRecord, "r-1"))
        missing = await store.read(lambda tx: tx.get(RunRecord, "r-2"))

        assert found == run
        assert found is not None
        assert found.created_at.utcoffset() == UTC.utcoffset(None)
        assert missing is None
        await store.close()

    async def test_a_key_of_two_parts_names_one_record(self) -> None:
        """Neither part alone is enough."""
        store = await self.open()

        await store.write(lambda tx: [tx.add(ReplyRecord("r-1", turn, {"turn": turn}, NOON)) for turn in (0, 1)])
        second = await store.read(lambda tx: tx.get(ReplyRecord, "r-1", 1))

        assert second == ReplyRecord("r-1", 1, {"turn": 1}, NOON)
        await store.close()

    async def test_nothing_is_added_twice(self) -> None:
        """The first one stays."""
        store = await self.open()
        await store.write(lambda tx: tx.add(_run("r-1", goal="first")))

        raised = await _error(store, lambda tx: tx.add(_run("r-1", goal="second")))
        found = await store.read(lambda tx: tx.get(RunRecord, "r-1"))

        assert isinstance(raised, ValueError), raised
        assert found == _run("r-1", goal="first")
        await store.close()

    async def test_only_what_exists_is_saved(self) -> None:
        """Saving replaces every column; saving what is not there is a mistake, not an addition."""
        store = await self.open()
        await store.write(lambda tx: tx.add(_run("r-1", reason="one", answer="old")))

        await store.write(lambda tx: tx.save(_run("r-1", reason="two", answer=None)))
        raised = await _error(store, lambda tx: tx.save(_run("r-2")))
        found = await store.read(lambda tx: tx.find(RunRecord))

        assert found == [_run("r-1", reason="two", answer=None)]
        assert isinstance(raised, ValueError), raised
        await store.close()

    async def test_what_fails_leaves_nothing_behind(self) -> None:
        """Neither records nor changes nor entries, whatever the error."""
        store = await self.open()
        await store.write(lambda tx: tx.add(_run("r-1", reason="before")))

        def work(tx: Transaction) -> None:
            tx.add(_run("r-2"))
            tx.save(_run("r-1", reason="during"))
            tx.save(_run("r-1", reason="twice"))
            tx.append(Entry("r-1", None, "noted", NOON, {}))
            raise _Failure

        raised = await _error(store, work)
        runs = await store.read(lambda tx: tx.find(RunRecord))
        lines = await store.read(lambda tx: tx.entries("r-1"))

        assert isinstance(raised, _Failure)
        assert runs == [_run("r-1", reason="before")]
        assert lines == []
        await store.close()

    async def test_a_transaction_sees_its_own_changes(self) -> None:
        """What was added and saved a line above counts already."""
        store = await self.open()

        def work(tx: Transaction) -> tuple[Any, int]:
            tx.add(_run("r-1", reason="new"))
            tx.save(_run("r-1", reason="newer"))
            tx.append(Entry("r-1", "a-1", "noted", NOON, {}))
            return tx.get(RunRecord, "r-1"), len(tx.entries("r-1", "a-1"))

        seen, lines = await store.write(work)

        assert (seen, lines) == (_run("r-1", reason="newer"), 1)
        await store.close()

    async def test_found_are_those_with_all_these_values_in_their_own_order(self) -> None:
        """A tuple means any of its values, None means none at all."""
        store = await self.open()
        late = NOON.replace(hour=13)
        runs = [
            _run("r-3", status="finished"),
            _run("r-1", status="waiting", created_at=late),
            _run("r-2", status="waiting", undoes="r-3"),
        ]
        await store.write(lambda tx: [tx.add(run) for run in runs])

        async def ids(**equals: Any) -> list[str]:
            return [run.id for run in await store.read(lambda tx: tx.find(RunRecord, **equals))]

        assert await ids() == ["r-2", "r-3", "r-1"]
        assert await ids(status="waiting") == ["r-2", "r-1"]
        assert await ids(status=("finished", "failed")) == ["r-3"]
        assert await ids(undoes=None) == ["r-3", "r-1"]
        assert await ids(status="waiting", undoes="r-3") == ["r-2"]
        assert await ids(status=()) == []
        await store.close()

    async def test_entries_are_told_oldest_first(self) -> None:
        """In the order in which they were appended, even at one time; of one run, or of one action in it."""
        store = await self.open()
        written = [
            Entry("r-1", "a-1", "proposed", NOON, {"n": 1}),
            Entry("r-2", "a-1", "proposed", NOON, {"n": 2}),
            Entry("r-1", None, "noted", NOON, {"n": 3}),
            Entry("r-1", "a-1", "done", NOON, {"n": 4}),
        ]
        for entry in written:
            await store.write(partial(_append, entry))

        of_run = await store.read(lambda tx: tx.entries("r-1"))
        of_action = await store.read(lambda tx: tx.entries("r-1", "a-1"))

        assert of_run == [written[0], written[2], written[3]]
        assert of_action == [written[0], written[3]]
        await store.close()

    async def test_nobody_changes_the_journal_through_what_he_was_given(self) -> None:
        """Neither through what was handed in nor through what came out."""
        store = await self.open()
        body, shown = {"n": 1}, {"arguments": {"to": "ann"}}
        await store.write(lambda tx: (tx.append(Entry("r-1", None, "noted", NOON, body)), tx.add(_question(shown))))

        body["n"] = 2
        shown["arguments"]["to"] = "eve"
        for found in await store.read(lambda tx: tx.entries("r-1")):
            found.body["n"] = 3
        for found in await store.read(lambda tx: tx.find(QuestionRecord)):
            found.shown["arguments"]["to"] = "eve"

        lines = await store.read(lambda tx: tx.entries("r-1"))
        question = await store.read(lambda tx: tx.get(QuestionRecord, "q-1"))
        assert lines[0].body == {"n": 1}
        assert question == _question({"arguments": {"to": "ann"}})
        await store.close()

    async def test_tasks_write_one_after_another(self) -> None:
        """A read followed by a write in one transaction loses no update."""
        store = await self.open()
        await store.write(lambda tx: tx.add(_run("r-1", spent={"n": 0})))

        await asyncio.gather(*(store.write(_count) for _ in range(50)))

        run = await store.read(lambda tx: tx.get(RunRecord, "r-1"))
        assert run == _run("r-1", spent={"n": 50})
        await store.close()

    async def test_stores_on_the_same_data_write_one_after_another(self) -> None:
        """As from several processes: each thread has a store and a loop of its own."""
        first = await self.open()
        await first.write(lambda tx: tx.add(_run("r-1", spent={"n": 0})))
        stores = [await self.open() for _ in range(3)]

        async def count(store: Store) -> None:
            for _ in range(10):
                await store.write(_count)

        await asyncio.gather(*(asyncio.to_thread(asyncio.run, count(store)) for store in stores))

        run = await first.read(lambda tx: tx.get(RunRecord, "r-1"))
        assert run == _run("r-1", spent={"n": 30})
        for store in {id(store): store for store in [first, *stores]}.values():
            await store.close()

    async def test_tenants_do_not_see_each_other(self) -> None:
        """Not even under the same keys."""
        if not self.tells_tenants_apart:
            return
        ours, theirs = await self.open("us"), await self.open("them")
        await ours.write(lambda tx: tx.add(_run("r-1", goal="ours")))
        await ours.write(partial(_append, Entry("r-1", None, "noted", NOON, {})))
        await theirs.write(lambda tx: tx.add(_run("r-1", goal="theirs")))

        await ours.write(lambda tx: tx.save(_run("r-1", goal="still ours")))

        assert await theirs.read(lambda tx: tx.find(RunRecord)) == [_run("r-1", goal="theirs")]
        assert await theirs.read(lambda tx: tx.entries("r-1")) == []
        await ours.close()
        await theirs.close()


class _Failure(Exception):
    pass


async def _error(store: Store, work: Callable[[Transaction], object]) -> BaseException | None:
    try:
        await store.write(work)
    except Exception as error:  # whatever the store raises is what the test is about
        return error
    return None


def _run(id: str, **changes: Any) -> RunRecord:
    return replace(RunRecord(id, "goal", "a goal", "agent:desk", "running", NOON, NOON), **changes)


def _question(shown: dict[str, Any]) -> QuestionRecord:
    return QuestionRecord("q-1", "r-1", "a-1", "approve", "d", "p", 1, shown, NOON, None)


def _append(entry: Entry, tx: Transaction) -> None:
    tx.append(entry)


def _count(tx: Transaction) -> None:
    run = tx.get(RunRecord, "r-1")
    assert run is not None
    tx.save(replace(run, spent={"n": run.spent["n"] + 1}))
