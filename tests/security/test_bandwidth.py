"""Row 83: max-bps."""

import contextlib
import time
import unittest

import row
from row import Row, Server
from turn_client import BINDING, Client, Message, Peer


class StoppedCall(Row, unittest.TestCase):
    ROW, ID = 83, "max-bps-stops-a-call"
    OCTETS_PER_SECOND, OCTETS, INTERVAL_S, SECONDS = 10_000, 100, 0.02, 15

    @staticmethod
    def arrived(peer):
        count = 0
        with contextlib.suppress(BlockingIOError):
            while peer.socket.recv(2048):
                count += 1
        return count

    def per_second(self, binary, seconds):
        """How many packets arrive in each second, of what is far below the limit; with a request before each."""
        with Server(binary, ["-z", f"--max-bps={self.OCTETS_PER_SECOND}"], loopback=True) as server, \
                Client(server.port) as client, Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(client.bind_channel(0x4000, peer.address).kind, 2)
            peer.socket.setblocking(False)
            sent, counts = 0, []
            for _ in range(seconds):
                end, sent_before = time.monotonic() + 1, sent
                while time.monotonic() < end and sent - sent_before < 50:
                    client.send(Message(BINDING).encode())
                    client.send_channel(0x4000, b"x" * self.OCTETS)
                    sent += 1
                    time.sleep(self.INTERVAL_S)
                counts.append((sent - sent_before, self.arrived(peer)))
                if not counts[-1][1]:
                    break
            return counts

    def is_affected(self, binary):
        counts = self.per_second(binary, self.SECONDS if binary == row.UNPATCHED else 5)
        print(f"\n  sent and arrived in each second: {counts}")
        return not counts[-1][1]

    def test_what_is_below_the_limit_arrives(self):
        counts = self.per_second(row.OURS, 5)
        # The last ones may be under way.
        self.assertGreaterEqual(sum(arrived for _, arrived in counts) + 3, sum(sent for sent, _ in counts))

    def test_what_is_beyond_does_not(self):
        with Server(row.OURS, ["-z", f"--max-bps={self.OCTETS_PER_SECOND}"], loopback=True) as server, \
                Client(server.port) as client, Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(client.bind_channel(0x4000, peer.address).kind, 2)
            began = time.monotonic()
            for _ in range(400):
                client.send_channel(0x4000, b"x" * 1000)
            self.assertEqual(client.request(BINDING).kind, 2)
            peer.socket.setblocking(False)
            # Seconds begin and end for the server when they do.
            self.assertLessEqual(self.arrived(peer), 10 * (time.monotonic() - began + 2))


if __name__ == "__main__":
    unittest.main()
