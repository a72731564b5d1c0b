"""Row 49: what threads share that they should not."""

import unittest

import row
from row import Row, Server
from turn_client import Client


class LocalTime(Row, unittest.TestCase):
    ROW, ID = 49, "localtime race"

    def is_affected(self, binary):
        with Server(binary, ["-z", "--new-log-timestamp"], preload="shared_time") as server:
            with Client(server.port, "tcp") as client:
                self.assertEqual(client.allocate().kind, 2)
            row.turn_server.wait_for(lambda: "session 0" in server.output() and "closed" in server.output(),
                                     "a relay thread logs")
            self.assertRegex(server.output(), r"(?m)^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\S*: (: )?session 0")
            return "localtime() on a second thread" in server.output()


if __name__ == "__main__":
    unittest.main()
