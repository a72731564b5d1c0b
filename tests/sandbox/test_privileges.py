"""Which user, groups and capabilities a server has once it serves; without the broker, too."""

import contextlib
import os
import pathlib
import re
import socket
import signal
import ssl
import subprocess
import sys
import unittest

from sandboxed import IS_ROOT, NEEDS_ROOT, USER, Broker
from turn_client import Client
from turn_server import SANITIZED, Server, wait_for

UNPATCHED = os.environ["UNPATCHED_TURNSERVER"]
NAME, ID, KEYS, KEYS_ID = "turnrelay", 64321, "turnkeys", 64322
LOW_PORTS = range(610, 1000)


def without_plugin(**more):
    options = ["-z", *more.pop("options", [])]
    return Server(options=options, **more)


def statuses(server):
    files = pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/status")
    return [dict(re.findall(r"^(\w+):\t(.*)$", file.read_text(encoding="ascii"), re.M)) for file in files]


def all_ids(server, kind):
    return {tuple(int(word) for word in status[kind].split()) for status in statuses(server)}


def changed(server, what="UID"):
    """A server answers before it has changed its user: waits until it has."""
    wait_for(lambda: f" {what}: " in server.output(), f"the server's {what}")
    return server


def under(server, *command):
    """Lets the server be started by a command that gets its whole command line."""
    script = os.path.join(server.directory.name, "start")
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec " + " ".join(command) + f' {server.binary} "$@"\n')
    os.chmod(script, 0o755)
    server.binary = script
    return server


def with_user(server):
    """The server sees a user who has a group of its own and is in the group of those who may read keys."""
    directory = server.directory.name
    os.chmod(directory, 0o755)
    for name, line in (("passwd", f"{NAME}:x:{ID}:{ID}::/:/bin/false\n"),
                       ("group", f"{NAME}:x:{ID}:\n{KEYS}:x:{KEYS_ID}:{NAME}\n")):
        with open(f"/etc/{name}", encoding="utf-8") as before, \
                open(f"{directory}/{name}", "w", encoding="utf-8") as after:
            after.write(before.read() + line)
    binds = " && ".join(f"mount --bind {directory}/{name} /etc/{name}" for name in ("passwd", "group"))
    return under(server, "unshare", "--mount", "sh", "-c", f"'{binds} && exec \"$0\" \"$@\"'")


def certificate_of(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw, context.wrap_socket(raw) as stream:
        return stream.getpeercert(binary_form=True)


def free_low_ports(count):
    ports = []
    for port in LOW_PORTS:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise AssertionError("no low ports are free")


def renew(server):
    """A new certificate in place of the old one, with the same owners and modes."""
    for name in ("cert.pem", "key.pem"):
        path = pathlib.Path(server.directory.name, name)
        text = path.with_suffix(".new").read_bytes()
        path.write_bytes(text)


def prepare_renewal(server):
    path = server.directory.name
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=new",
                    "-keyout", f"{path}/key.new", "-out", f"{path}/cert.new"], check=True, capture_output=True)


@unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
class User(unittest.TestCase):
    def ids(self, options, binary=None):
        server = without_plugin(options=options)
        server.binary = binary or server.binary
        with with_user(server):
            changed(server, "UID" if "--proc-user" in options[0] else "GID")
            return all_ids(server, "Uid"), all_ids(server, "Gid"), all_ids(server, "Groups")

    def test_a_user_brings_its_groups_along(self):
        self.assertEqual(self.ids([f"--proc-user={NAME}"]), ({(ID,) * 4}, {(ID,) * 4}, {(ID, KEYS_ID)}))

    def test_the_unpatched_server_stays_in_roots_group_and_loses_the_others(self):
        self.assertEqual(self.ids([f"--proc-user={NAME}"], UNPATCHED), ({(ID,) * 4}, {(0,) * 4}, {()}))

    def test_another_group_takes_the_place_of_its_own(self):
        self.assertEqual(self.ids([f"--proc-user={NAME}", "--proc-group=daemon"]),
                         ({(ID,) * 4}, {(1,) * 4}, {(1, KEYS_ID)}))

    def test_a_group_alone_leaves_the_user(self):
        self.assertEqual(self.ids(["--proc-group=daemon"]), ({(0,) * 4}, {(1,) * 4}, {()}))

    def test_no_thread_keeps_a_capability(self):
        with without_plugin(options=["--proc-user=nobody"], threads=2) as server:
            # The main thread keeps one until it has nothing to bind any more.
            wait_for(lambda: {status[kind] for status in statuses(changed(server))
                              for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}, "no capability")

    def test_a_server_without_user_and_plugin_is_as_it_was(self):
        with without_plugin() as server:
            self.assertEqual(all_ids(server, "Uid"), {(0,) * 4})
            self.assertTrue(all(int(status["CapEff"], 16) for status in statuses(server)))

    def test_names_nobody_has_are_refused(self):
        for option in ("user", "group"):
            with self.subTest(option=option):
                server = without_plugin(options=[f"--proc-{option}=no-such-name"], ready=False)
                with server:
                    self.assertNotEqual(server.wait_exit(), 0)
                    self.assertIn(f"--proc-{option}=no-such-name: there is no such {option}", server.output())

    def test_who_may_not_change_does_not_start(self):
        server = under(without_plugin(options=["--proc-user=daemon"], ready=False),
                       "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
        os.chmod(server.directory.name, 0o777)
        with server:
            self.assertNotEqual(server.wait_exit(), 0)
            self.assertIn("cannot take on the groups of daemon: Operation not permitted", server.output())

    def test_who_is_the_user_already_keeps_its_groups(self):
        server = under(without_plugin(options=["--proc-user=nobody"]),
                       "setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=4")
        os.chmod(server.directory.name, 0o777)
        with server:
            self.assertEqual(all_ids(changed(server), "Groups"), {(4,)})


@unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
class Ports(unittest.TestCase):
    def test_low_ports_are_bound_before_and_by_the_broker_after_the_change(self):
        port, http = free_low_ports(2)
        with Broker(f'[broker.http]\nlisten = "127.0.0.1:{http}"', options=["-p", str(port)], ready=False) as server:
            server.log(f"HTTP API on http://127.0.0.1:{http}")
            server.port = port
            with server.client("tcp") as client:
                self.assertEqual(client.allocate().kind, 2)
            server.log("seccomp: off, as this is a build with a sanitizer" if SANITIZED else "seccomp: on")
            self.assertEqual({status["CapPrm"] for status in server.statuses()}, {"0" * 16})

    @unittest.skipIf(SANITIZED, "setpriv's capabilities do not reach a sanitized server's own tools")
    def test_what_a_service_manager_gave_is_dropped_in_all_threads(self):
        server = Broker(user=None, threads=2)
        os.chmod(server.path, 0o777)
        server.give(server.state, USER)
        under(server, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=+net_bind_service",
              "--ambient-caps=+net_bind_service")
        with server:
            server.log("seccomp: on")
            self.assertEqual(all_ids(server, "Uid"), {(65534,) * 4})
            for status in server.statuses():
                self.assertEqual([int(status[kind], 16) for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb")], [0] * 4)


@unittest.skipUnless(IS_ROOT, NEEDS_ROOT)
class Files(unittest.TestCase):
    def test_a_certificate_for_a_group_of_the_user_is_read_again(self):
        server = with_user(without_plugin(options=[f"--proc-user={NAME}"], tls=True))
        prepare_renewal(server)
        key = os.path.join(server.directory.name, "key.pem")
        os.chown(key, 0, KEYS_ID)
        os.chmod(key, 0o640)
        with server:
            changed(server)
            before = certificate_of(server.port)
            renew(server)
            server.process.send_signal(signal.SIGUSR2)
            wait_for(lambda: certificate_of(server.port) != before, "the new certificate")
            self.assertNotIn("may not read it", server.output())

    def test_a_certificate_the_user_may_not_read_is_named_and_stays(self):
        server = without_plugin(options=["--proc-user=nobody"], tls=True)
        os.chmod(server.directory.name, 0o755)
        key = os.path.join(server.directory.name, "key.pem")
        os.chmod(key, 0o600)
        prepare_renewal(server)
        with server:
            warning = f"{key}: user nobody may not read it (Permission denied): SIGUSR2 will not renew it"
            wait_for(lambda: warning in server.output(), warning)
            before = certificate_of(server.port)
            renew(server)
            server.process.send_signal(signal.SIGUSR2)
            wait_for(lambda: "no valid private key found" in server.output(), "the error")
            self.assertEqual(certificate_of(server.port), before)
            with Client(server.port, "tls") as client:
                self.assertEqual(client.allocate().kind, 2)

    def test_a_configuration_the_user_may_not_read_again_is_no_start(self):
        server = Broker(ready=False)
        server.config.chmod(0o600)
        with server:
            self.assertNotEqual(server.wait_exit(), 0)
            self.assertIn("user 65534 of --proc-user could not load a change of the configuration: "
                          f"{server.config}: cannot be read: Permission denied", server.output())

    def test_neither_is_a_key_of_the_http_api(self):
        server = Broker(ready=False)
        server._certificate()  # pylint: disable=protected-access
        server.write('[broker.http]\nlisten_tls = "127.0.0.1:0"\ncertificate = "cert.pem"\nprivate_key = "key.pem"')
        with server:
            self.assertNotEqual(server.wait_exit(), 0)
            self.assertRegex(server.output(), r"user 65534 of --proc-user could not load .*key.pem.*Permission denied")


if __name__ == "__main__":
    sys.exit(unittest.main())
