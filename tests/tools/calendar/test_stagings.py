"""The stagings that the conformance kit uses tell what is on the server."""

import pytest

from tests.tools.calendar.act import Act
from tests.tools.stagings import calendar as stagings

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("radicale")]

CHANGES = [stagings.UpdateEvent, stagings.MoveOccurrence, stagings.DeleteOccurrence]
EXACT = [stagings.CreateEvent, *CHANGES, stagings.DeleteEvent]
OUTBOUND = [stagings.CreateMeeting, stagings.UpdateMeeting]
LAST = [stagings.CancelMeeting, stagings.RestoreEvent, stagings.RestoreMeeting]
READING = [stagings.ListEvents, stagings.GetEvent, stagings.QuoteCancellation]


@pytest.mark.parametrize("made", [*EXACT, *OUTBOUND])
async def test_a_staging_counts_what_is_on_the_server(made):
    async with made() as staging:
        act, other = [Act(staging.kit, await staging.call(n)) for n in (1, 2)]
        before = await staging.world()
        assert [await staging.count(n) for n in (1, 2)] == [0, 0]
        result = await act.attempt()
        assert [await staging.count(n) for n in (1, 2)] == [1, 0]
        await other.attempt()
        assert [await staging.count(n) for n in (1, 2)] == [1, 1]
        await act.undo(result).attempt()
        await other.undo().attempt()
        assert [await staging.count(n) for n in (1, 2)] == [0, 0]
        assert (await staging.world() == before) == (made is not stagings.UpdateMeeting)  # its SEQUENCE is a newer one


@pytest.mark.parametrize("made", EXACT)
async def test_a_staging_can_be_edited_behind_a_tools_back(made):
    async with made() as staging:
        act = Act(staging.kit, await staging.call(1))
        result = await act.attempt()
        await staging.edit(1)
        edited = await staging.world()
        with pytest.raises(Exception, match="somebody"):
            await act.undo(result).attempt()
        assert await staging.world() == edited


@pytest.mark.parametrize("made", LAST)
async def test_a_staging_counts_what_nothing_takes_back(made):
    async with made() as staging:
        act = Act(staging.kit, await staging.call(1))
        assert await staging.count(1) == 0
        await act.attempt()
        assert await staging.count(1) == 1


@pytest.mark.parametrize("made", READING)
async def test_reading_changes_nothing(made):
    async with made() as staging:
        act = Act(staging.kit, await staging.call(1))
        before = await staging.world()
        assert await act.attempt()
        assert await staging.world() == before
