"""A mail server on the loopback: SMTP submission delivers into Maildirs, IMAP serves them.

There is no TLS: nothing leaves the machine, and the passwords are drawn for one run.

A mail delivered while a client has the mailbox selected shows up as IMAP has it: after the client's next
NOOP, or in the second of two SEARCHes; a fresh SELECT sees it at once.
"""
