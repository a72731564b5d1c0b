"""Without a plugin the patched server is coturn: the same options but for those of parts taken out, the same answers."""

import os
import re
import subprocess
import unittest

from turn_client import Client, Peer
from turn_server import Server

UNPATCHED = os.environ["UNPATCHED_TURNSERVER"]
PATCHED = os.environ["TURNSERVER"]


# What tests/security/test_surface.py is about.
REMOVED = {"--acme-redirect", "--cli-ip", "--cli-max-output-sessions", "--cli-password", "--cli-port", "--web-admin",
           "--web-admin-ip", "--web-admin-listen-on-workers", "--web-admin-port"}
ADDED = {
    "--plugin", "--plugin-config",
    "--challenge-limit", "--stream-limit", "--nonce-secret-file",
    "--allow-private-peers", "--dtls", "--tcp-relay",
    "--no-tlsv1_3", "--rfc5780", "--software-attribute", "--stun-backward-compatibility",
}
# Entries of the help that say something else: what these options do by default is not what it was.
OTHER_DEFAULTS = {
    "--no-multicast-peers", "--no-dtls", "--no-tcp-relay",
    "--no-cli", "--allowed-peer-ip", "--denied-peer-ip",
    "--tls-listening-port", "--cipher-list", "--no-tlsv1", "--no-tlsv1_1",
    "--no-rfc5780", "--no-software-attribute", "--no-stun-backward-compatibility", "--response-origin-only-with-rfc5780",
}


# With these the unpatched server does what ours does without.
SAME_DEFAULTS = ["--no-software-attribute"]


def help_of(binary):
    return subprocess.run([binary, "-h"], capture_output=True, text=True, timeout=20, check=False).stdout


def options_of(text):
    return set(re.findall(r"--[A-Za-z][A-Za-z0-9_-]*", text))


def entries_of(text):
    """The help's entries by the long option that each begins with, in their order."""
    entries, name = {}, ""
    for line in text.split("\n"):
        if re.match(r" +-", line):
            name = re.search(r"--[A-Za-z0-9_-]+|-\w", line)[0]
        entries.setdefault(name, []).append(line)
    return entries


class StillCoturn(unittest.TestCase):
    def test_the_options_are_the_same_but_for_those_added_and_removed(self):
        ours, theirs = options_of(help_of(PATCHED)), options_of(help_of(UNPATCHED))
        self.assertGreater(len(theirs), 100)
        self.assertEqual(ours - theirs, ADDED)
        self.assertEqual(theirs - ours, REMOVED)

    def test_the_help_is_the_same_but_for_these_entries(self):
        ours, theirs = entries_of(help_of(PATCHED)), entries_of(help_of(UNPATCHED))
        self.assertGreater(len(theirs), 80)
        self.assertEqual({name for name in ours if ours[name] != theirs.get(name)}, ADDED | OTHER_DEFAULTS)
        kept = [name for name in theirs if name not in REMOVED]
        self.assertEqual([name for name in ours if name not in ADDED], kept)

    def test_the_unpatched_server_knows_no_plugin(self):
        run = subprocess.run([UNPATCHED, "-n", "--plugin=/tmp/x"], capture_output=True, text=True, timeout=20, check=False)
        self.assertNotEqual(run.returncode, 0)

    def answers(self, binary, options, *plugin):
        """What a client sees, without what is different each time."""
        server = Server(*plugin, options=[*options, *SAME_DEFAULTS])
        server.binary = binary
        seen = []
        with server, Client(server.port) as client, Client(server.port, "tcp") as stream, Peer() as peer:
            for one in (client, stream):
                for response in (one.allocate(lifetime=777), one.permit(peer.address), one.permit(("0.0.0.0", 5)),
                                 one.bind_channel(0x4000, peer.address), one.bind_channel(0x5000, peer.address),
                                 one.bind_channel(0x3fff, peer.address), one.refresh(10), one.allocate(),
                                 one.refresh(0)):
                    seen.append((response.method, response.kind, response.error,
                                 [kind for kind, _ in response.attributes]))
        return seen

    def test_clients_get_the_same_answers(self):
        for options in (["-z"], ["-a", "-u", "alice:secret", "-r", "x.example"], ["-a", "-r", "x.example"],
                        ["-a", "-u", "alice:secret", "-r", "x.example", "--mobility", "-f"]):
            with self.subTest(options=options):
                self.assertEqual(self.answers(PATCHED, options), self.answers(UNPATCHED, options))

    def test_a_plugin_with_no_opinion_changes_no_answer(self):
        for options in (["-z"], ["-a", "-u", "alice:secret", "-r", "x.example"]):
            config = "requires_credentials 0\ncredential defer\nallocation defer\n"
            with self.subTest(options=options):
                self.assertEqual(self.answers(PATCHED, options, "scripted", config), self.answers(UNPATCHED, options))


if __name__ == "__main__":
    unittest.main()
