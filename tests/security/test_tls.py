"""Row 47: what is spoken over TLS and DTLS."""

import contextlib
import os
import re
import shutil
import signal
import ssl
import subprocess
import unittest

import row
from row import Row, Server
from turn_client import Client, Peer
from turn_server import free_port, wait_for

TOOLS = os.path.dirname(row.OURS)
TLS = {"-tls1": "TLSv1", "-tls1_1": "TLSv1.1", "-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}
DTLS = {"-dtls1": "DTLSv1", "-dtls1_2": "DTLSv1.2"}
# Without these the client's library, or the server's, keeps the old versions out by itself.
ANY = "ALL:@SECLEVEL=0"
OLD_CIPHERS = ["--cipher-list", ANY]
# Over DTLS a refused client is told nothing; so long it may wait where this is expected.
UNANSWERED_SECONDS = 3
# Between two messages of the tool, attempt by attempt.
TOOL_PAUSES_MS = (150, 450, 1350)


def s_client(server, *options, seconds=20):
    """What openssl s_client says of a connection that it ends as soon as it is made, or gives up."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *options]
    with contextlib.suppress(subprocess.TimeoutExpired):
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
                             check=False)
        return run.stdout + run.stderr
    return ""


def agreed(output):
    """The cipher that was agreed on, or None."""
    found = re.search(r"^New, (\S+), Cipher is (\S+)", output, re.MULTILINE)
    return found[2] if found and found[1] != "(NONE)" else None


def versions(server, expected):
    """Which are spoken. That one is not may be known by its silence, but not of one that is expected."""
    spoken = []
    for option, name in {**TLS, **DTLS}.items():
        seconds = UNANSWERED_SECONDS if name in DTLS.values() and name not in expected else 20
        if agreed(s_client(server, option, "-cipher", ANY, seconds=seconds)):
            spoken.append(name)
    return spoken


def context_of(version):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    only = {"-tls1_2": ssl.TLSVersion.TLSv1_2, "-tls1_3": ssl.TLSVersion.TLSv1_3}[version]
    context.minimum_version = context.maximum_version = only
    return context


class Generations(Row, unittest.TestCase):
    ROW, ID = 47, "tls-generations"

    def is_affected(self, binary):
        with Server(binary, ["-z", *OLD_CIPHERS], tls=True) as server:
            ours = ["TLSv1.2", "TLSv1.3", "DTLSv1.2"]
            spoken = versions(server, ours)
            self.assertIn("TLSv1.2", spoken)
            return spoken != ours

    def test_options_leave_versions_out(self):
        for options, spoken in ((["--no-tlsv1", "--no-tlsv1_1"], ["TLSv1.2", "TLSv1.3", "DTLSv1.2"]),
                                (["--no-tlsv1_3"], ["TLSv1.2", "DTLSv1.2"]),
                                (["--no-tlsv1_2"], ["TLSv1.3"])):
            with self.subTest(options=options), Server(row.OURS, ["-z", *OLD_CIPHERS, *options], tls=True) as server:
                self.assertEqual(versions(server, spoken), spoken)

    def test_older_ones_are_there_for_who_asks(self):
        options = [*OLD_CIPHERS, "--no-tlsv1=0", "--no-tlsv1_1=no"]
        with Server(row.OURS, ["-z", *options], tls=True) as server:
            every = [*TLS.values(), *DTLS.values()]
            self.assertEqual(versions(server, every), every)

    def test_no_version_is_no_configuration(self):
        server = Server(row.OURS, ["-z", "--no-tlsv1_2", "--no-tlsv1_3"], tls=True, ready=False).start()
        try:
            self.assertNotEqual(server.wait_exit(), 0)
            self.assertIn("CONFIG ERROR: no version of TLS is left", server.output())
        finally:
            server.__exit__()


class Ciphers(unittest.TestCase):
    def test_they_authenticate_what_they_encrypt_and_keep_no_key(self):
        with Server(row.OURS, ["-z"], tls=True) as server:
            for option in ("-tls1_2", "-dtls1_2"):
                for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384",
                               "ECDHE-RSA-CHACHA20-POLY1305", "DHE-RSA-AES128-GCM-SHA256"):
                    self.assertEqual(agreed(s_client(server, option, "-cipher", cipher)), cipher)
                self.assertIsNone(agreed(s_client(server, option, "-cipher", "ALL:!AESGCM:!CHACHA20")))
                self.assertIsNone(agreed(s_client(server, option, "-cipher", "kRSA")))
            self.assertIn("TLS_AES_256_GCM_SHA384", s_client(server, "-tls1_3"))

    def test_the_list_is_the_operators(self):
        with Server(row.OURS, ["-z", "--cipher-list=AES256-SHA"], tls=True) as server:
            self.assertEqual(agreed(s_client(server, "-tls1_2")), "AES256-SHA")
            self.assertIsNone(agreed(s_client(server, "-tls1_2", "-cipher", "ECDHE+AESGCM")))

    def test_a_list_of_nothing_stops_the_start(self):
        server = Server(row.OURS, ["-z", "--cipher-list=NONSENSE"], tls=True, ready=False).start()
        try:
            self.assertNotEqual(server.wait_exit(), 0)
            self.assertIn("CONFIG ERROR: cipher-list=NONSENSE", server.output())
        finally:
            server.__exit__()

    def test_the_groups_are_the_operators(self):
        options = ["-z", "--ec-curve-name=secp384r1"]
        with Server(row.OURS, options, tls=True) as server:
            self.assertIn("DH, 2066 bits", s_client(server, "-tls1_2", "-cipher", "DHE+AESGCM"))
            for version in ("-tls1_2", "-tls1_3"):
                self.assertRegex(s_client(server, version), "Server Temp Key: ECDH, (P-384|secp384r1)")

    def test_protocols_are_negotiated(self):
        with Server(row.OURS, ["-z"], tls=True) as server:
            for version in ("-tls1_2", "-tls1_3", "-dtls1_2"):
                for protocol in ("stun.turn", "stun.nat-discovery"):
                    self.assertIn(f"ALPN protocol: {protocol}",
                                  s_client(server, version, "-alpn", f"http/1.1,{protocol}"))
                # 4.6.1 goes on without: a client may not care.
                self.assertIn("No ALPN negotiated", s_client(server, version, "-alpn", "http/1.1"))


class Relaying(unittest.TestCase):
    def test_over_each_version_of_tls(self):
        with Server(row.OURS, ["-z"], loopback=True, tls=True) as server, Peer() as peer:
            for version in ("-tls1_2", "-tls1_3"):
                with Client(server.port, "tcp") as client:
                    client.socket, client.transport = context_of(version).wrap_socket(client.socket), "tls"
                    self.assertEqual(client.socket.version(), TLS[version])
                    self.assertEqual(client.allocate().kind, 2)
                    client.bind_channel(0x4000, peer.address)
                    for size in (1, 1200, 16000):
                        client.send_channel(0x4000, b"c" * size)
                        payload, sender = peer.receive()
                        peer.socket.sendto(payload[::-1], sender)
                        self.assertEqual(client.receive_data(), b"c" * size)

    def test_with_the_tool_over_tls_and_dtls(self):
        peer_port = free_port()
        with subprocess.Popen([os.path.join(TOOLS, "turnutils_peer"), "-L", "127.0.0.1", "-p", str(peer_port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as echo:
            try:
                for transport, pauses in ((["-t"], TOOL_PAUSES_MS), ([], TOOL_PAUSES_MS[:1])):
                    with Server(row.OURS, ["-z"], loopback=True, tls=True) as server:
                        # Over TLS the tool takes what one read returns for one message, also when it was two.
                        for pause_ms in pauses:
                            got, output = self.relayed_by_the_tool(server, transport, peer_port, pause_ms)
                            if got == ("20", "20"):
                                break
                        self.assertEqual(got, ("20", "20"), output)
            finally:
                echo.kill()

    def relayed_by_the_tool(self, server, transport, peer_port, pause_ms):
        """How many of its 20 messages it says it sent and got back, and all it says."""
        run = subprocess.run(
            [os.path.join(TOOLS, "turnutils_uclient"), *transport, "-S", "-c", "-n", "20", "-m", "1", "-l", "333",
             "-z", str(pause_ms), "-e", "127.0.0.1", "-r", str(peer_port), "-p", str(server.port), "127.0.0.1"],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        self.assertEqual(run.returncode, 0, run.stdout)
        return re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", run.stdout)[-1], run.stdout


class Certificates(unittest.TestCase):
    def subject(self, server, *options):
        found = re.search(r"subject=(.*)", s_client(server, *options))
        return found[1] if found else None

    def files(self, server):
        return [os.path.join(server.directory.name, name) for name in ("cert.pem", "key.pem")]

    def make(self, server, name):
        """Another certificate, put in place of the server's one file by one."""
        cert, key = self.files(server)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={name}",
                        "-keyout", f"{key}.new", "-out", f"{cert}.new"], check=True, capture_output=True)
        for path in (cert, key):
            os.rename(f"{path}.new", path)

    def test_they_are_read_again(self):
        with Server(row.OURS, ["-z"], loopback=True, tls=True) as server, \
                Client(server.port, "tls") as client, Peer() as peer:
            self.assertEqual(client.allocate().kind, 2)
            self.make(server, "second")
            server.process.send_signal(signal.SIGUSR2)
            for version in ("-tls1_2", "-tls1_3", "-dtls1_2"):
                wait_for(lambda asked=version: "second" in (self.subject(server, asked) or ""), f"{version}: second")
            # What is connected goes on.
            client.bind_channel(0x4000, peer.address)
            client.send_channel(0x4000, b"on")
            self.assertEqual(peer.receive()[0], b"on")

    def test_a_bad_one_changes_nothing(self):
        with Server(row.OURS, ["-z"], tls=True) as server:
            before = self.subject(server, "-tls1_3")
            shutil.copy(os.devnull, self.files(server)[0])
            for count in range(1, 4):
                server.process.send_signal(signal.SIGUSR2)
                wait_for(lambda expected=count: server.output().count("no certificate found") >= 2 * expected, "read")
            for version in ("-tls1_2", "-tls1_3", "-dtls1_2"):
                self.assertEqual(self.subject(server, version), before)

    def test_who_presents_one_may_resume(self):
        server = Server(row.OURS, ["-z"], tls=True)
        cert, key = self.files(server)
        server.options += ["--CA-file", cert]
        session = os.path.join(server.directory.name, "session")
        with server:
            for version in ("-tls1_2", "-tls1_3"):
                with Client(server.port, "tcp") as stranger, contextlib.suppress(OSError):
                    stranger.socket = context_of(version).wrap_socket(stranger.socket)
                    # TLS 1.3 lets a client speak before the server has seen that it has no certificate.
                    stranger.socket.send(b"x")
                    self.assertEqual(stranger.socket.recv(1), b"")
                mine = [version, "-cert", cert, "-key", key]
                with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *mine,
                                       "-sess_out", session],
                                      stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
                    # TLS 1.3 sends the ticket after the handshake.
                    wait_for(lambda: os.path.exists(session) and os.path.getsize(session), "a session")
                    one.communicate()
                self.assertIn("Reused, TLS", s_client(server, *mine, "-sess_in", session))
                os.unlink(session)


if __name__ == "__main__":
    unittest.main()
