"""Row 43: the quotas of realms, while the database is read again and fails."""

import contextlib
import os
import sqlite3
import unittest

import row
from row import Row, Server
from turn_client import Client
from turn_server import wait_for

USERS = ["-a", "-r", "example", "-u", "alice:secret"]


def database(server):
    return sqlite3.connect(os.path.join(server.directory.name, "turndb"), isolation_level=None)


@contextlib.contextmanager
def held(server):
    """The database cannot be read meanwhile."""
    with contextlib.closing(database(server)) as db:
        db.execute("BEGIN EXCLUSIVE")
        yield
        db.execute("ROLLBACK")


def set_user_quota(server, quota):
    with contextlib.closing(database(server)) as db:
        db.execute("CREATE TABLE IF NOT EXISTS turn_realm_option (realm varchar(127) default '', opt varchar(32), "
                   "value varchar(128), primary key (realm, opt))")
        db.execute("INSERT OR REPLACE INTO turn_realm_option VALUES ('example', 'user-quota', ?)", (quota,))


def refused(server):
    """What an Allocate is refused with, or None; what it got is given back."""
    with Client(server.port, "tcp") as client:
        return client.allocate().error


class RealmQuotaRace(Row, unittest.TestCase):
    ROW, ID = 43, "realm-quota-race"

    def is_affected(self, binary):
        server = Server(binary, USERS)
        set_user_quota(server, 1)
        with server, Client(server.port) as one:
            self.assertEqual(one.allocate().kind, 2)
            self.assertEqual(refused(server), 486)
            with held(server):
                before = server.output().count("Error retrieving SQLite DB information")
                # Of one round: the origins, the options, two lists of peers.
                wait_for(lambda: server.output().count("Error retrieving SQLite DB information") >= before + 4,
                         "the database is read in vain")
                while_it_fails = refused(server)
            if while_it_fails is None:
                return True
            self.assertEqual(while_it_fails, 486)
            # What is changed afterwards comes into force, more as well as less.
            set_user_quota(server, 2)
            wait_for(lambda: refused(server) is None, "the quota grows")
            set_user_quota(server, 1)
            wait_for(lambda: refused(server) == 486, "the quota shrinks")
            with contextlib.closing(database(server)) as db:
                db.execute("DELETE FROM turn_realm_option")
            wait_for(lambda: refused(server) is None, "the quota is gone")
            return False


class Defaults(unittest.TestCase):
    def test_the_servers_own_quota_holds_where_the_database_says_nothing(self):
        for text in (None, "x", "null"):
            server = Server(row.OURS, [*USERS, "--user-quota=1"])
            if text:
                set_user_quota(server, 5)
                with contextlib.closing(database(server)) as db:
                    db.execute("UPDATE turn_realm_option SET realm = 'another', value = ?",
                               (None if text == "null" else text,))
            with server, Client(server.port) as one:
                self.assertEqual(one.allocate().kind, 2)
                self.assertEqual(refused(server), 486)

    def test_a_quota_is_of_one_realm(self):
        server = Server(row.OURS, ["-a", "-u", "alice:secret", "-r", "example", "--total-quota=1"])
        set_user_quota(server, 0)
        with contextlib.closing(database(server)) as db:
            db.execute("INSERT INTO turn_realm_option VALUES ('example', 'total-quota', 2)")
        with server, Client(server.port) as one, Client(server.port) as two:
            self.assertEqual(one.allocate().kind, 2)
            self.assertEqual(two.allocate().kind, 2)
            self.assertEqual(refused(server), 486)


if __name__ == "__main__":
    unittest.main()
