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


def help_of(binary):
    return subprocess.run([binary, "-h"], capture_output=True, text=True, timeout=20, check=False).stdout


def options_of(text):
    return set(re.findall(r"--[A-Za-z][A-Za-z0-9_-]*", text))


class StillCoturn(unittest.TestCase):
    def test_the_options_are_the_same_but_for_two_and_what_was_removed(self):
        ours, theirs = options_of(help_of(PATCHED)), options_of(help_of(UNPATCHED))
        self.assertGreater(len(theirs), 100)
        self.assertEqual(ours - theirs, {"--plugin", "--plugin-config"})
        self.assertEqual(theirs - ours, REMOVED)

    def test_the_help_is_the_same_but_for_these_entries(self):
        theirs = help_of(UNPATCHED).split("\n")
        ours = help_of(PATCHED).split("\n")
        added = [line for line in ours if line not in theirs]
        # The two options of the plugin have three lines; what --no-cli does is another.
        self.assertEqual(len(added), 4, added)
        removed, entry = [], ""
        for line in theirs:
            if re.match(r" +-", line):
                entry = line.split()[0].split("=")[0]
            if entry in REMOVED or entry == "--no-cli":
                removed.append(line)
        self.assertEqual([line for line in ours if line not in added],
                         [line for line in theirs if line not in removed])

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
