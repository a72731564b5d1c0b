"""Rows 49 and 56: what threads share that they should not."""

import contextlib
import re
import socket
import unittest

import row
from row import Row, Server
from turn_client import Client


def without_sanitizer():
    """What is preloaded has to come before a sanitizer, which does not let it."""
    if row.turn_server.SANITIZED:
        raise unittest.SkipTest("nothing can be preloaded into a sanitized server")


class LocalTime(Row, unittest.TestCase):
    ROW, ID = 49, "localtime race"

    def is_affected(self, binary):
        without_sanitizer()
        with Server(binary, ["-z", "--new-log-timestamp"], preload="shared_time") as server:
            with Client(server.port, "tcp") as client:
                self.assertEqual(client.allocate().kind, 2)
            row.turn_server.wait_for(lambda: "session 0" in server.output() and "closed" in server.output(),
                                     "a relay thread logs")
            self.assertRegex(server.output(), r"(?m)^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\S*: (: )?session 0")
            return "localtime() on a second thread" in server.output()


class ServerWithCli(Server):
    """Of the unpatched server: its command line is the only way to make it stop by itself."""

    always = []

    def __init__(self, binary, options, **more):
        self.cli_port = row.turn_server.free_port()
        cli = ["--cli-ip=127.0.0.1", f"--cli-port={self.cli_port}", "--cli-password=secret"]
        super().__init__(binary, [*options, *cli], **more)

    def halt(self):
        with socket.create_connection(("127.0.0.1", self.cli_port), timeout=20) as cli:
            cli.sendall(b"secret\r\n")
            seen = b""
            while b"> " not in seen:
                more = cli.recv(4096)
                if not more:
                    break
                seen += more
            cli.sendall(b"halt\r\n")
            with contextlib.suppress(ConnectionResetError):
                while cli.recv(4096):
                    pass
        return self.wait_exit()


class ExitRaces(Row, unittest.TestCase):
    """Ours stops by itself only with a plugin: that its threads have ended then is tested in tests/abi."""

    ROW, ID = 56, "exit-time races"

    def is_affected(self, binary):
        without_sanitizer()
        options = ["-z", "-r", "example"]
        if binary == row.OURS:
            with Server(binary, options, preload="late_exit") as server:
                # Nothing is taken away from anybody: the signal ends it.
                self.assertEqual(server.stop(), -15)
                return "late_exit" in server.output()
        with ServerWithCli(binary, options, preload="late_exit") as server:
            server.halt()
            threads = re.search(r"late_exit: (\d+) threads", server.output())
            # One relay thread, an administrator's, and two for authentication.
            return int(threads[1]) > 1


if __name__ == "__main__":
    unittest.main()
