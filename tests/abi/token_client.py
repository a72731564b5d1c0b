"""A client with an OAuth token (RFC 7635), which turnutils_oauth makes."""

import base64
import json
import os
import sqlite3
import subprocess

from turn_client import Client
from turn_server import TURNSERVER

ACCESS_TOKEN = 0x1B
SERVER_NAME = "turn.example"
KID, KEY = "north", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEK"
MAC_KEY = b"twenty octets of key"
OPTIONS = ["--oauth", "-a", "-r", "example", "--server-name=" + SERVER_NAME]


def add_key(server, realm):
    """Gives the server, which does not run yet, the token's key; its clients are of that realm."""
    with sqlite3.connect(os.path.join(server.directory.name, "turndb")) as db:
        db.execute("CREATE TABLE oauth_key (kid varchar(128), ikm_key varchar(256), timestamp bigint default 0, "
                   "lifetime integer default 0, as_rs_alg varchar(64) default '', realm varchar(127) default '', "
                   "PRIMARY KEY (kid))")
        db.execute("INSERT INTO oauth_key VALUES (?, ?, 0, 0, 'A256GCM', ?)", (KID, KEY, realm))
    db.close()
    return server


def new_token():
    tool = os.path.join(os.path.dirname(TURNSERVER), "turnutils_oauth")
    run = subprocess.run([tool, "-e", "-i", SERVER_NAME, "-j", KID, "-k", KEY, "-l", "1", "-m", "1", "-n", "A256GCM",
                          "-p", base64.b64encode(MAC_KEY).decode()], capture_output=True, check=True,
                         env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    return base64.b64decode(json.loads(run.stdout)["access_token"])


class TokenClient(Client):
    def __init__(self, server_port, transport="udp"):
        super().__init__(server_port, transport, KID)
        self.token = new_token()

    def key(self):
        # coturn signs with so much of it, as with the keys of passwords.
        return MAC_KEY[:16]

    def sign(self, message):
        if self.realm:
            message.add(ACCESS_TOKEN, self.token)
        return super().sign(message)
