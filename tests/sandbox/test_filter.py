"""What an intruder finds who runs code of his own in a relay: a thread of the server tries it."""

import errno
import os
import platform
import signal
import unittest

from sandboxed import IS_ROOT, NEEDS_ROOT, Broker
from turn_server import SANITIZED, run_to_end, wait_for

DEADLY = ["execve", "execveat", "fork", "namespace", "unshare", "ptrace", "process-memory", "mount", "bpf", "module",
          "setuid", "setgroups", "io-uring", "perf", "userfaultfd", "keyctl", "chroot"]
if platform.machine() == "x86_64":
    DEADLY.append("abi-x32")

REFUSED = {"socket-packet": errno.ENOSYS, "socket-raw": errno.ENOSYS, "socket-sctp": errno.ENOSYS,
           "socket-netlink-audit": errno.ENOSYS, "socket-alg": errno.ENOSYS, "socket-vsock": errno.ENOSYS,
           "mmap-exec": errno.EACCES, "mprotect-exec": errno.EACCES, "ioctl-tiocsti": errno.ENOSYS,
           "dumpable": errno.ENOSYS, "another-filter": errno.ENOSYS, "core-limit": errno.ENOSYS,
           "kill-parent": errno.ENOSYS, "clone3": errno.ENOSYS, "unknown": errno.ENOSYS}

ALLOWED = ["socket-udp", "socket-tcp", "socket-unix", "thread", "localhost", "no-host", "interfaces", "syslog"]


@unittest.skipIf(SANITIZED, "a sanitized server is not confined")
class Filter(unittest.TestCase):
    def test_what_only_an_intruder_does_ends_the_server(self):
        for call in DEADLY:
            with self.subTest(call=call), Broker(probe=[call, "thread"], ready=False) as server:
                self.assertEqual(server.wait_exit(), -signal.SIGSYS, server.output()[-2000:])
                self.assertEqual(server.probed(), ({}, False))

    @unittest.skipUnless(platform.machine() == "x86_64", "another ABI of x86-64")
    def test_the_32_bit_abi_ends_the_server(self):
        with Broker(probe=["abi-32", "thread"], ready=False) as server:
            # A kernel without that ABI knows no such interrupt.
            self.assertIn(server.wait_exit(), (-signal.SIGSYS, -signal.SIGSEGV))
            self.assertEqual(server.probed(), ({}, False))

    def test_other_calls_fail_and_the_server_goes_on(self):
        with Broker(probe=[*REFUSED, *ALLOWED]) as server:
            wait_for(lambda: server.probed()[1] or server.process.poll() is not None, "all is probed")
            self.assertEqual(server.probed(), ({**REFUSED, **dict.fromkeys(ALLOWED, 0)}, True))
            with server.client() as client:
                self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(server.stop(), 0)

    def test_without_the_filter_the_same_calls_do_something(self):
        calls = ["mmap-exec", "mprotect-exec"]
        # The probe waits for a filter, which "log" is, too.
        with Broker('[broker.sandbox]\nseccomp = "log"', user=None, probe=calls) as server:
            server.log("seccomp: only logs what it would refuse")
            wait_for(lambda: server.probed()[1], "all is probed")
            self.assertEqual(server.probed()[0], dict.fromkeys(calls, 0))

    def test_off_is_off(self):
        with Broker('[broker.sandbox]\nseccomp = "off"') as server:
            self.assertEqual({status["Seccomp"] for status in server.statuses()}, {"0"})
            self.assertEqual({status["NoNewPrivs"] for status in server.statuses()}, {"1"})
            self.assertIn("seccomp: off, as configured", server.output())

    def test_required_is_on(self):
        with Broker('[broker.sandbox]\nseccomp = "required"') as server:
            self.assertEqual({status["Seccomp"] for status in server.statuses()}, {"2"})


class Sanitized(unittest.TestCase):
    @unittest.skipUnless(SANITIZED, "a server that is not sanitized is confined")
    def test_a_sanitized_server_says_that_it_is_not_confined(self):
        with Broker() as server:
            server.log("seccomp: off, as this is a build with a sanitizer")


@unittest.skipIf(SANITIZED, "a sanitized server is not confined")
class Process(unittest.TestCase):
    @unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
    def test_no_thread_has_more_than_it_needs(self):
        with Broker('[broker.http]\nlisten = "127.0.0.1:0"', threads=2) as server:
            statuses = server.statuses()
            # main, two relay threads, listeners and auth threads; broker, API, webhooks.
            self.assertGreaterEqual(len(statuses), 8)
            for status in statuses:
                with self.subTest(thread=status["Name"], id=status["Pid"]):
                    self.assertEqual(status["NoNewPrivs"], "1")
                    self.assertEqual(status["Seccomp"], "2")
                    for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                        self.assertEqual(int(status[kind], 16), 0, kind)
                    self.assertEqual(set(status["Uid"].split()), {"65534"})
                    self.assertEqual(set(status["Gid"].split()), {"65534"})
                    self.assertEqual(status["Groups"].split(), ["65534"])

    def test_it_cannot_be_dumped(self):
        with Broker() as server:
            # What is not dumpable belongs to root, so that its user cannot trace it or read its memory.
            self.assertEqual(os.stat(f"/proc/{server.process.pid}/mem").st_uid, 0)
            with open(f"/proc/{server.process.pid}/limits", encoding="ascii") as limits:
                self.assertRegex(limits.read(), r"Max core file size +0 +0 ")

    @unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
    def test_core_dumps_can_be_asked_for(self):
        with Broker("[broker.sandbox]\ncore_dumps = true") as server:
            self.assertEqual(os.stat(f"/proc/{server.process.pid}/mem").st_uid, 65534)
            with open(f"/proc/{server.process.pid}/limits", encoding="ascii") as limits:
                self.assertNotRegex(limits.read(), r"Max core file size +0 +0 ")

    @unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
    def test_root_is_warned_and_loses_its_capabilities(self):
        with Broker(user=None) as server:
            server.log("runs as root: name a user of its own with --proc-user")
            for status in server.statuses():
                self.assertEqual(int(status["CapEff"], 16), 1 << 1)  # CAP_DAC_OVERRIDE
                self.assertEqual(status["Seccomp"], "2")


class Configuration(unittest.TestCase):
    def refusal(self, broker):
        server = Broker(broker, ready=False).start()
        try:
            self.assertNotEqual(server.wait_exit(), 0)
            return server.output()
        finally:
            server.__exit__()

    def test_a_mistake_names_the_line(self):
        output = self.refusal('[broker.sandbox]\nseccomp = "yes"')
        self.assertIn('turnbroker.toml:6: broker.sandbox.seccomp: "yes"; allowed: "on", "required", "log" or "off"',
                      output)
        self.assertIn("broker.sandbox.user", self.refusal('[broker.sandbox]\nuser = "nobody"'))

    @unittest.skipUnless(SANITIZED, "a server that is not sanitized has it")
    def test_required_and_not_there_is_no_start(self):
        self.assertIn("build with a sanitizer", self.refusal('[broker.sandbox]\nseccomp = "required"'))

    def test_a_user_that_does_not_exist(self):
        status, output = run_to_end(options=["-z", "--proc-user=turnbroker-nobody-knows"])
        self.assertNotEqual(status, 0)
        self.assertIn("--proc-user=turnbroker-nobody-knows: there is no such user", output)


if __name__ == "__main__":
    unittest.main()
