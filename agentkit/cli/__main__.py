"""`python -m agentkit.cli` is `agentkit`."""

from agentkit.cli.main import main

main()
