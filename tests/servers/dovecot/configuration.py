"""Dovecot's configuration: IMAP alone, all of it as one ordinary user, mail in Maildirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.servers.dovecot.imap import identity

NAME = "dovecot.conf"


def write_configuration(
    place: Path, tls: Path, passwords: Mapping[str, str], oauth_introspection_url: str | None
) -> None:
    """Write everything Dovecot reads into `place`; the ports come later, when it starts."""
    for name in ("certificate.pem", "key.pem"):
        (place / name).touch(mode=0o600)
        (place / name).write_bytes((tls / name).read_bytes())
    (place / "users").write_text("".join(f"{user}:{{PLAIN}}{word}\n" for user, word in passwords.items()))
    bearer = ""
    if oauth_introspection_url:
        (place / "oauth2.conf").write_text(OAUTH2.format(url=oauth_introspection_url))
        bearer = BEARER.format(place=place)
    who = identity()
    written = CONFIGURATION.format(
        place=place,
        user=who.user,
        group=who.group,
        uid=who.uid,
        gid=who.gid,
        mechanisms="plain login xoauth2 oauthbearer" if oauth_introspection_url else "plain login",
        bearer=bearer,
    )
    (place / NAME).write_text(written)


CONFIGURATION = """\
base_dir = {place}/run
state_dir = {place}/run
log_path = {place}/dovecot.log
protocols = imap
listen = 127.0.0.1

ssl = required
ssl_cert = <{place}/certificate.pem
ssl_key = <{place}/key.pem
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
# A wrong password is answered at once: nobody is guessing here.
auth_failure_delay = 0

default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{place}/mail/%u
{bearer}
passdb {{
  driver = passwd-file
  mechanisms = plain login
  args = {place}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={place}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    special_use = \\Drafts
    auto = subscribe
  }}
  mailbox Sent {{
    special_use = \\Sent
    auto = subscribe
  }}
  mailbox Trash {{
    special_use = \\Trash
    auto = subscribe
  }}
  mailbox Archive {{
    special_use = \\Archive
    auto = subscribe
  }}
}}
# An ordinary user cannot change the root directory.
service imap-login {{
  chroot =
  # one process serves many: a fork for each connection would be most of a short session
  service_count = 0
  inet_listener imap {{
    port = $IMAP_PORT
  }}
  inet_listener imaps {{
    port = $IMAPS_PORT
    ssl = yes
  }}
}}
service imap {{
  service_count = 256
  process_limit = 100
}}
service anvil {{
  chroot =
  # A wrong password is not punished by waiting, either.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
# All of these tests come from one address and one user.
mail_max_userip_connections = 100
"""

BEARER = """
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {place}/oauth2.conf
}}
"""

OAUTH2 = """\
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
"""
