"""What Cyrus is told: short-lived, on the loopback, with JMAP, and keeping every submission it was given."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.servers.cyrus.packages import Programs

DOMAIN = "example.test"
FOLDERS = ("Archive", "Drafts", "Sent", "Trash")
LONGEST_HOLD = "30d"
DATA = ("conf", "mail/stage.", "proc", "lock", "sock", "sieve")
STATE = ("db", "log", "msg", "proc", "quota", "socket", "sync", "user", "stage.", "lock")

# `deleteonsend: no` keeps what was sent or cancelled, so that a missing submission proves that there was none.
# Passwords are looked up under the server's name, not under the domain of the addresses.
IMAPD = """\
configdirectory: {place}/conf
proc_path: {place}/proc
mboxname_lockpath: {place}/lock
defaultpartition: default
partition-default: {place}/mail
sievedir: {place}/sieve
cyrus_user: {user}
cyrus_group: {group}
virtdomains: userid
defaultdomain: {domain}
servername: localhost
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {place}/sasldb2
sasl_mech_list: PLAIN
autocreate_quota: 0
autocreate_users: anyone
autocreate_post: yes
autocreate_inbox_folders: {folders}
autocreate_subscribe_folders: {folders}
{roles}
specialusealways: yes
altnamespace: yes
unixhierarchysep: yes
httpmodules: jmap
conversations: yes
duplicatesuppression: no
jmap_max_delayed_send: {hold}
jmapsubmission_deleteonsend: no
smtp_backend: host
smtp_host: 127.0.0.1:{smtp_port}
lmtpsocket: {place}/sock/lmtp
idlesocket: {place}/sock/idle
notifysocket: {place}/sock/notify
skiplist_unsafe: yes
"""

# calalarmd, the clock of the calendar, is what releases held mail.
SERVICES = """\
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {conf} -r"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {conf}" listen="127.0.0.1:{imap_port}" prefork=0
  http cmd="{bin}/httpd -C {conf}" listen="127.0.0.1:{http_port}" prefork=0
  lmtp cmd="{bin}/lmtpd -C {conf}" listen="{place}/sock/lmtp" prefork=0
}}
DAEMON {{
  calalarmd cmd="{bin}/calalarmd -C {conf}"
}}
"""


def write_configuration(
    place: Path, programs: Programs, who: tuple[str, str], ports: Mapping[str, int], smtp_port: int
) -> None:
    """Write both files, the users' folders and no mail.

    Args:
        place: with a short path, as sockets lie in it.
        who: the user and the group that Cyrus runs as.
        ports: `imap_port` and `http_port`.
        smtp_port: who takes the mail that Cyrus sends.
    """
    for folder in (*DATA, *(f"conf/{each}" for each in STATE)):
        (place / folder).mkdir(parents=True, exist_ok=True)
    settings = IMAPD.format(
        place=place,
        user=who[0],
        group=who[1],
        domain=DOMAIN,
        folders="|".join(FOLDERS),
        roles="\n".join(f"xlist-{folder.lower()}: {folder}" for folder in FOLDERS),
        hold=LONGEST_HOLD,
        smtp_port=smtp_port,
    )
    conf = place / "imapd.conf"
    conf.write_text(settings)
    (place / "cyrus.conf").write_text(SERVICES.format(place=place, bin=programs.program(""), conf=conf, **ports))


def set_passwords(place: Path, programs: Programs, passwords: Mapping[str, str]) -> None:
    """Let the users in, by their address."""
    for address, password in passwords.items():
        user = address.partition("@")[0]
        subprocess.run(
            [programs.password_setter, "-p", "-c", "-f", place / "sasldb2", "-u", "localhost", user],
            input=password.encode(),
            env=dict(programs.environment),
            check=True,
            capture_output=True,
        )
