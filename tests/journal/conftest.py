"""A run to act in."""

import pytest

from agentkit.journal.journal import Journal
from tests.journal.acts import Acts


@pytest.fixture
async def acts(journal: Journal) -> Acts:
    return await Acts(journal).opened()
