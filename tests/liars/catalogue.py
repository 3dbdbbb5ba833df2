"""Tools that lie about themselves, each beside the claim it breaks, and honest ones: the conformance kit's examiners.

They were written without looking at the kit. `LIARS` names each staging and the claim that it breaks; every staging in
`HONEST` keeps all it declares, though it may be slow, late, moody or unordered.
"""

from agentkit_tools.testing import Staging
from tests.liars import cancellations, drawer, orders, probes, restorations, things

_BY_CLAIM: dict[str, list[type[Staging]]] = {
    "ReadOnly": [things.ReadCounts, things.ReadCountsRarely, things.ReadCreates, things.ReadTidies, drawer.FileSeen],
    "Idempotent": [
        things.BumpsRevision,
        things.TagsTwiceRarely,
        things.SignsTheAttempt,
        things.LooksThenAdds,
        drawer.LedgerKeepsHistory,
    ],
    "Keyed": [
        orders.KeyedByPayload,
        orders.KeyForgotten,
        orders.KeyExpires,
        orders.KeyRaces,
        orders.KeySlips,
        orders.KeyCollides,
        orders.ReplayDiffers,
        orders.KeyPerAttempt,
    ],
    "Checkable": [
        probes.QueuedLonger,
        probes.ProbeDiffers,
        probes.ProbeByPayload,
        probes.ProbeByPrefix,
        probes.ProbeBlindSpot,
        probes.ProbeTakesDraft,
    ],
    "Findable": [
        probes.FindsAnother,
        probes.FindsDraft,
        probes.FindsNumberOfLatest,
        probes.FindsWishes,
        drawer.FindsInOutbox,
    ],
    "marked": [
        probes.MarksAfterwards,
        probes.MarksAfterwardsRarely,
        probes.MarksAlongside,
        probes.ReservesBeforeMark,
        drawer.FileMarksLate,
    ],
    "ExactInverse": [
        restorations.ForgetsColour,
        restorations.ForgetsTextRarely,
        restorations.SortsTags,
        restorations.OverwritesEdit,
        restorations.GuardsBySecond,
        restorations.GuardsTwoFields,
        restorations.LooksThenRestores,
        restorations.RestoresWithResultOnly,
        restorations.AddingStock,
        drawer.FileModeForgotten,
    ],
    "Compensable": [
        cancellations.SurchargeUnsaid,
        cancellations.SurchargeRarely,
        cancellations.OldPriceList,
        cancellations.CancelsWithResultOnly,
        cancellations.CancelsLatest,
        cancellations.OneItemStays,
    ],
    "ToolFailed": [
        orders.FailsOnSilence,
        orders.FailsOnServerError,
        orders.FailsOnGarbage,
        orders.FailsOnConflict,
        orders.FailsHalfway,
        drawer.LedgerFailsAfterwards,
    ],
}

LIARS: dict[str, tuple[type[Staging], str]] = {
    staging.__name__: (staging, claim) for claim, stagings in _BY_CLAIM.items() for staging in stagings
}
"""Name -> the staging, and the claim that it breaks."""

HONEST: dict[str, type[Staging]] = {
    staging.__name__: staging
    for staging in (
        things.ReadsUnordered,
        things.RewritesBusily,
        restorations.Restoring,
        restorations.RestoresSlowly,
        orders.Ordering,
        orders.SlowKeyed,
        orders.BusyKeyed,
        orders.Held,
        probes.Checked,
        probes.Drafted,
        probes.LateChecked,
        probes.Found,
        probes.Marked,
        probes.SlowMarkedBlind,
        cancellations.Cancellable,
        drawer.FileRestored,
        drawer.LedgerPosts,
    )
}
"""Name -> a staging whose tool keeps all that it declares."""
