"""A calendar server on the loopback: Radicale (CalDAV) with one account, each account its own collections."""
