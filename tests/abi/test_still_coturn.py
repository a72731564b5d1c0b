"""Without a plugin the patched server is coturn: the same options, the same answers."""

import os
import re
import subprocess
import unittest

from turn_client import Client, Peer
from turn_server import Server

UNPATCHED = os.environ["UNPATCHED_TURNSERVER"]
PATCHED = os.environ["TURNSERVER"]


def help_of(binary):
    return subprocess.run([binary, "-h"], capture_output=True, text=True, timeout=20, check=False).stdout


def options_of(text):
    return set(re.findall(r"--[A-Za-z][A-Za-z0-9_-]*", text))


class StillCoturn(unittest.TestCase):
    def test_the_options_are_the_same_but_for_two(self):
        ours, theirs = options_of(help_of(PATCHED)), options_of(help_of(UNPATCHED))
        self.assertGreater(len(theirs), 100)
        self.assertEqual(ours - theirs, {"--plugin", "--plugin-config"})
        self.assertEqual(theirs - ours, set())

    def test_the_help_is_the_same_but_for_two_entries(self):
        theirs = help_of(UNPATCHED).split("\n")
        ours = help_of(PATCHED).split("\n")
        added = [line for line in ours if line not in theirs]
        self.assertEqual(len(added), 3, added)
        self.assertEqual([line for line in ours if line not in added], theirs)

    def test_the_unpatched_server_knows_no_plugin(self):
        run = subprocess.run([UNPATCHED, "-n", "--plugin=/tmp/x"], capture_output=True, text=True, timeout=20, check=False)
        self.assertNotEqual(run.returncode, 0)

    def answers(self, binary, options, *plugin):
        """What a client sees, without what is different each time."""
        server = Server(*plugin, options=options)
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
