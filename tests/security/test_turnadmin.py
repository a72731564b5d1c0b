"""Rows 18, 53 and 54: what turnadmin, which is the server under another name, makes of what it is given."""

import base64
import contextlib
import glob
import os
import re
import sqlite3
import stat
import subprocess
import tempfile
import unittest

import row
from row import Row
from turn_server import SANITIZED, SANITIZER_REPORT, plugin

# Names of users may not have quotes, those of realms may.
QUOTES = "nowhere' or '1'='1"
LOG_LINE = re.compile(r"\d+: : ")


class Turnadmin:
    """A directory with a database, and turnadmin in it."""

    def __init__(self, binary):
        self.directory = tempfile.TemporaryDirectory(prefix="turnadmin-")
        self.program, self.database = self.path("turnadmin"), self.path("turndb")
        os.symlink(binary, self.program)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def run(self, *arguments, preload=None, check=True):
        # It ends right away: what it has not given back by then does not matter.
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        if preload:
            environment["LD_PRELOAD"] = plugin(preload)
        run = subprocess.Popen([self.program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", env=environment, cwd=self.directory.name)
        run.stdout, run.stderr = run.communicate(timeout=60)
        # What it logs goes to a file that no option names, in the first of these places that it can write to.
        for place in ("/var/log/turnserver", "/var/log", "/var/tmp", "/tmp"):
            for log in glob.glob(f"{place}/turn_{run.pid}_*.log"):
                os.remove(log)
        run.stdout = "".join(line for line in run.stdout.splitlines(True) if not LOG_LINE.match(line))
        if check and (run.returncode or SANITIZER_REPORT.search(run.stderr)):
            raise AssertionError(f"{arguments}: {run.returncode}\n{run.stdout}{run.stderr}")
        return run

    def with_database(self, *arguments):
        return self.run("-b", self.database, *arguments).stdout

    def rows(self, query):
        with contextlib.closing(sqlite3.connect(self.database)) as db:
            return db.execute(query).fetchall()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.directory.cleanup()


class SqlInjection(Row, unittest.TestCase):
    ROW, ID = 18, "admin-sql-injection"

    def is_affected(self, binary):
        with Turnadmin(binary) as turnadmin:
            for name in ("alice", "bob"):
                turnadmin.with_database("-a", "-u", name, "-r", "example", "-p", "secret")
            turnadmin.with_database("-d", "-u", "nobody", "-r", QUOTES)
            users = turnadmin.rows("select name from turnusers_lt order by name")
            self.assertIn(users, ([], [("alice",), ("bob",)]))
            return not users


class Administration(unittest.TestCase):
    """Every command that writes, with names that need quotes and without, and what it leaves in the tables."""

    def test_what_is_written_can_be_listed_and_deleted(self):
        for realm in ("example", "o'hara's \"realm\" ?1 %s"):
            with Turnadmin(row.OURS) as turnadmin:
                run = turnadmin.with_database
                run("-a", "-u", "alice", "-r", realm, "-p", "secret")
                run("-a", "-u", "bob", "-r", realm, "-p", "secret")
                run("-s", "it's secret", "-r", realm)
                run("-O", "-o", "https://a.example", "-r", realm)
                run("-g", "-r", realm, "--max-bps=1000", "--total-quota=7", "--user-quota=3")
                run("-A", "-u", "root", "-p", "secret", "-r", realm)
                self.assertEqual(run("-l", "-r", realm), f"alice[{realm}]\nbob[{realm}]\n")
                self.assertIn("it's secret", run("-S", "-r", realm))
                self.assertIn("https://a.example", run("-I", "-r", realm))
                self.assertEqual(sorted(turnadmin.rows("select realm, opt, value from turn_realm_option")),
                                 [(realm, "max-bps", "1000"), (realm, "total-quota", "7"), (realm, "user-quota", "3")])
                self.assertIn(f"total-quota[{realm}]=7", run("-G", "-r", realm))
                self.assertIn("root", run("-L"))
                run("-d", "-u", "bob", "-r", realm)
                self.assertEqual(run("-l", "-r", realm), f"alice[{realm}]\n")
                run("-X", "it's secret", "-r", realm)
                run("-R", "-o", "https://a.example")
                run("-D", "-u", "root")
                for table in ("turn_secret", "turn_origin_to_realm", "admin_user"):
                    self.assertEqual(turnadmin.rows(f"select * from {table}"), [], table)


class StoredPassword(Row, unittest.TestCase):
    """The driver for MySQL decrypted its password with a copy of this code, and ours calls the same function."""

    ROW, ID = 53, "mysql password decrypt"

    def is_affected(self, binary):
        with Turnadmin(binary) as turnadmin:
            with open(turnadmin.path("key"), "w", encoding="ascii") as file:
                file.write("0123456789abcdef")
            for size in (1, 16, 255, 256, 257, 700, 3000):
                text = base64.b64encode(bytes(size)).decode()
                run = turnadmin.run("-f", turnadmin.path("key"), "-v", text, check=False)
                if run.returncode < 0 or SANITIZER_REPORT.search(run.stderr):
                    return True
                self.assertEqual(run.returncode, 0, size)
            return False


class KeyFile(Row, unittest.TestCase):
    ROW, ID = 54, "weak AES key file"

    def is_affected(self, binary):
        if SANITIZED:
            raise unittest.SkipTest("nothing can be preloaded into a sanitized program")
        with Turnadmin(binary) as turnadmin:
            keys = set()
            for number in range(8):
                path = turnadmin.path(f"key{number}")
                turnadmin.run("-x", path, preload="stuck_seed")
                with open(path, encoding="ascii") as file:
                    key = file.read()
                self.assertRegex(key, r"^[A-Za-z0-9]{16}$")
                keys.add((key, stat.S_IMODE(os.stat(path).st_mode) & 0o077))
            return len(keys) == 1 or any(mode for _, mode in keys)


class Passwords(unittest.TestCase):
    def test_what_is_encrypted_is_decrypted_also_what_4_6_1_encrypted(self):
        with Turnadmin(row.OURS) as ours, Turnadmin(row.UNPATCHED) as theirs:
            ours.run("-x", ours.path("key"))
            for turnadmin in (ours, theirs):
                for password in ("a", "fifteen octets.", "sixteen octets..", "p" * 100):
                    encrypted = turnadmin.run("-f", ours.path("key"), "-E", "-p", password).stdout.strip()
                    self.assertNotIn(password, encrypted)
                    self.assertEqual(ours.run("-f", ours.path("key"), "-v", encrypted).stdout, password + "\n")

    def test_what_is_no_encrypted_password_and_no_place_for_a_key_is_refused(self):
        with Turnadmin(row.OURS) as turnadmin:
            for text in ("", "x", "not base64!!", "====", "\xff\xff\xff\xff"):
                run = turnadmin.run("-v", text, check=False)
                self.assertGreater(run.returncode, 0)
                self.assertIn("no encrypted password", run.stderr)
            run = turnadmin.run("-x", "/nonexistent/key", check=False)
            self.assertGreater(run.returncode, 0)
            self.assertIn("/nonexistent/key", run.stderr)


if __name__ == "__main__":
    unittest.main()
