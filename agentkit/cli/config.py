"""`agentkit config show`: every setting, and where it comes from."""

from agentkit.cli.ending import OK
from agentkit.cli.reach import AsJson, JournalUrl, settings_with
from agentkit.cli.screen import columns, print_json


def show(journal: JournalUrl = None, as_json: AsJson = False) -> int:
    """Show every setting and where it comes from: argument, environment, agentkit.toml or default.

    Example: agentkit config show
    """
    settings = settings_with(journal).explain()
    if as_json:
        print_json([setting._asdict() for setting in settings])
    else:
        columns([("SETTING", "VALUE", "FROM"), *settings])
    return OK
