"""The journal: what happened and what may happen next, written once over any store."""

from agentkit.journal.claims import Claims
from agentkit.journal.memory import MemoryStore
from agentkit.journal.runs import Runs
from agentkit.journal.sql import SqlStore


class Journal(Claims, Runs):
    """The single source of truth about effects. Every method is one transaction."""

    @classmethod
    def open(cls, url: str, *, tenant: str = "default", create: bool = True) -> "Journal":
        """Open `sqlite:///file.db`, or `memory:` for a journal that ends with the process.

        Raises:
            JournalUnavailable: missing, unreadable, somebody else's, or from another version.
        """
        return cls(MemoryStore() if url == "memory:" else SqlStore.open(url, tenant=tenant, create=create))

    async def close(self) -> None:
        """Let go of the database."""
        await self.store.close()
