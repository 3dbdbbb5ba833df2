"""Writing only over what we know: somebody else's edit is never overwritten, and our own earlier write is recognised.

What is known is a version (an etag that the server named) or, where an answer was lost, what was written (its
fingerprint). All of it blocks.
"""

from agentkit.errors import ToolFailed
from agentkit_tools.calendar.collection import Collection, Stored, Written
from agentkit_tools.calendar.fingerprint import fingerprint, says
from agentkit_tools.calendar.stored import is_ours

CHANGED = "somebody changed the event since that version; list it again and look"


def store_new(collection: Collection, url: str, content: str) -> str | None:
    """Store an object at a URL made from the action's key: what lies there already is of an earlier attempt.

    Returns:
        The etag of what we wrote; None when somebody has changed it since, or the server rewrites what it stores.
    """
    written = collection.create(url, content)
    return written.etag if written and written.etag else _etag_if_unchanged(collection, url, content)


def store_change(collection: Collection, url: str, content: str, etag: str, action: str) -> str | None:
    """Store an object in the place of a version.

    Returns:
        The etag of what we wrote; None as for `store_new`.

    Raises:
        ToolFailed: somebody changed it.
    """
    written = collection.replace(url, content, etag)
    if written is None:
        return _earlier_write(collection, url, action)
    return written.etag or _etag_if_unchanged(collection, url, content)


def delete_version(collection: Collection, url: str, etag: str) -> bool:
    """Delete what is there, if it is this version; False when it was gone already.

    Raises:
        ToolFailed: somebody changed it.
    """
    ended = collection.delete(url, etag)
    if ended == "changed" and collection.fetch(url) is not None:
        raise ToolFailed(CHANGED)
    return ended == "deleted"


def put_back(collection: Collection, url: str, content: str, etag: str | None, written: str | None) -> str | None:
    """Store what was there before, in the place of what we wrote or, without both, in that of nothing.

    Returns:
        The etag of it; None when the server names none.

    Raises:
        ToolFailed: somebody has changed it since, or made or deleted it.
    """
    there = collection.fetch(url)
    if there is not None and says(there.text, fingerprint(content)):
        return there.etag
    if etag is None and written is None:
        stored = collection.create(url, content) if there is None else None
    elif there is None:
        raise ToolFailed("somebody deleted the event since it was changed; nothing was restored")
    else:
        stored = collection.replace(url, content, known_etag(there, etag, written))
    return stored.etag if stored and stored.etag else _etag_of_restored(collection, url, content, stored)


def known_etag(there: Stored, etag: str | None, written: str | None) -> str:
    """The version of what is there, if it is the one that is known or says the same as what was written.

    Raises:
        ToolFailed: it is another, or the server names no version that a condition can rest on.
    """
    if there.etag is None:
        raise ToolFailed("the server names no version of the event, so that nothing can be changed safely")
    if there.etag != etag and not says(there.text, written):
        raise ToolFailed(CHANGED)
    return there.etag


def _earlier_write(collection: Collection, url: str, action: str) -> str | None:
    """A condition that fails may be our own doing: a request of ours that arrived late."""
    there = collection.fetch(url)
    if there is None or not is_ours(there.text, action):
        raise ToolFailed(CHANGED)
    return there.etag


def _etag_of_restored(collection: Collection, url: str, content: str, stored: Written | None) -> str | None:
    """Where our write was refused, an earlier one of ours may have come first."""
    etag = _etag_if_unchanged(collection, url, content)
    if stored is None and etag is None:
        raise ToolFailed("somebody changed the event, or made another in its place; nothing was restored")
    return etag


def _etag_if_unchanged(collection: Collection, url: str, content: str) -> str | None:
    """To know the etag is not worth a failure: an undo then goes by the content."""
    try:
        there = collection.fetch(url)
    except ToolFailed:
        return None
    unchanged = there is not None and says(there.text, fingerprint(content))
    return there.etag if there is not None and unchanged else None
