"""Plugins whose hooks answer late, twice, never, or nonsense."""

import time
import unittest

import token_client
from turn_client import ALLOCATE, BINDING, INTEGRITY, NONCE, REALM, REQUESTED_TRANSPORT, Client, Message, NoAnswer
from turn_server import Server, wait_for

OK, UNKNOWN_ID, INVALID = 0, 1, 2


class Credentials(unittest.TestCase):
    def test_the_first_password_that_fits_counts(self):
        with Server("scripted", "realm x.example\npasswords no nope secret\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            asked = server.wait_event("credential_wanted")
            self.assertEqual((asked["user"], asked["realm"], asked["transport"]), ("alice", "x.example", 1))
            self.assertEqual(asked["client"], "127.0.0.1:%d" % client.address[1])
            self.assertEqual(asked["server"], "127.0.0.1:%d" % server.port)
            self.assertEqual(server.wait_event("allocation_wanted")["by_plugin"], 1)

    def test_passwords_that_do_not_fit_are_challenged(self):
        with Server("scripted", "realm x\npasswords no nope\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate().error, 401)
            self.assertEqual(server.events("allocation_wanted"), [])

    def test_a_password_count_out_of_range_reads_no_further_than_the_table(self):
        with Server("scripted", "realm x\npasswords no\npasswords_count 60000\n") as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().error, 401)
            self.assertEqual(server.stop(), 0)

    def test_the_plugin_is_asked_once_while_the_key_fits(self):
        with Server("scripted", "realm x\n") as server, Client(server.port) as client:
            client.allocate()
            for _ in range(5):
                self.assertEqual(client.refresh(600).kind, 2)
            self.assertEqual(len(server.events("credential_wanted")), 1)

    def test_the_plugin_is_asked_again_when_the_key_does_not_fit(self):
        with Server("scripted", "realm x\n") as server, Client(server.port) as client:
            client.allocate()
            client.password = "other"
            self.assertEqual(client.refresh(600).error, 401)
            server.wait_event("credential_wanted", 2)

    def test_rejected_is_challenged_by_default(self):
        with Server("scripted", "realm x\ncredential reject\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate().error, 401)

    def test_rejected_with_a_code_has_that_code(self):
        with Server("scripted", "realm x\ncredential reject\nerror_code 403\n") as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().error, 403)

    def test_rejected_with_a_code_out_of_range_is_challenged(self):
        for code in (1, 299, 700, 65535):
            with Server("scripted", f"realm x\ncredential reject\nerror_code {code}\n") as server, \
                    Client(server.port) as client:
                self.assertEqual(client.allocate().error, 401)

    def test_a_verdict_that_is_none_is_a_rejection(self):
        with Server("scripted", "realm x\ncredential nonsense\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate().error, 401)

    def test_deferred_is_decided_by_the_server(self):
        with Server("scripted", "realm x\ncredential defer\n", ["-a", "-u", "alice:secret"]) as server:
            with Client(server.port) as client:
                self.assertEqual(client.allocate().kind, 2)
                self.assertEqual(server.wait_event("allocation_wanted")["by_plugin"], 0)
            with Client(server.port, password="wrong") as client:
                self.assertEqual(client.allocate().error, 401)

    def test_without_authentication_the_plugin_is_not_asked_for_credentials(self):
        with Server("scripted", "", ["-z"]) as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(server.events("credential_wanted"), [])


class Pending(unittest.TestCase):
    def test_a_credential_may_be_answered_later_once(self):
        for transport in ("udp", "tcp"):
            with Server("scripted", "realm x\ncredential pending\n") as server, \
                    Client(server.port, transport) as client:
                client.challenge()
                request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
                client.send(client.sign(request))
                asked = server.wait_event("credential_wanted")
                server.command("credential", asked["request"], "allow", "wrong", "secret")
                self.assertEqual(client.answer_to(request.transaction).kind, 2)
                self.assertEqual(server.wait_event("completed")["result"], OK)
                server.command("credential", asked["request"], "allow", "secret")
                self.assertEqual(server.wait_event("completed", 2)["result"], UNKNOWN_ID)
                self.assertEqual(client.refresh(600).kind, 2)

    def test_users_who_wait_on_one_session_do_not_shut_each_other_out(self):
        with Server("scripted", "realm x\ncredential pending\n") as server, Client(server.port) as client:
            client.challenge()
            requests, asked = [], []
            for number, name in enumerate(("eve", "alice"), 1):
                client.username = name
                requests.append(Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0"))
                client.send(client.sign(requests[-1]))
                asked.append(server.wait_event("credential_wanted", number))
                self.assertEqual(asked[-1]["user"], name)
            for request, question, password, error in ((requests[0], asked[0], "hers", 401),
                                                       (requests[1], asked[1], "secret", None)):
                server.command("credential", question["request"], "allow", password)
                self.assertEqual(client.answer_to(request.transaction).error, error)
            self.assertEqual(client.refresh(600).kind, 2)
            # Now it is alice's, and nobody else is asked about.
            client.username = "eve"
            self.assertEqual(client.refresh(600).error, 441)
            self.assertEqual(server.wait_event("allocation_wanted")["user"], "alice")
            self.assertEqual(len(server.events("credential_wanted")), 2)

    def test_two_answers_at_once_are_one(self):
        with Server("scripted", "realm x\ncredential pending\n") as server, Client(server.port) as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            client.send(client.sign(request))
            asked = server.wait_event("credential_wanted")
            server.command("credential", asked["request"], "reject")
            server.command("credential", asked["request"], "allow", "secret")
            self.assertEqual(client.answer_to(request.transaction).error, 401)
            self.assertEqual(server.wait_event("completed", 2)["result"], UNKNOWN_ID)

    def test_an_answer_that_comes_before_the_hook_returns_counts(self):
        with Server("scripted", "realm x\ncredential early\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            self.assertEqual(server.wait_event("completed")["result"], OK)

    def test_a_later_answer_may_leave_it_to_the_server(self):
        with Server("scripted", "realm x\ncredential pending\n", ["-a", "-u", "alice:secret"]) as server, \
                Client(server.port) as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            client.send(client.sign(request))
            server.command("credential", server.wait_event("credential_wanted")["request"], "defer")
            self.assertEqual(client.answer_to(request.transaction).kind, 2)

    def test_answers_that_are_none_are_invalid(self):
        with Server("scripted", "realm x\ncredential pending\n") as server, Client(server.port) as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            client.send(client.sign(request))
            identity = server.wait_event("credential_wanted")["request"]
            for number, words in enumerate((("pending",), ("nonsense",), ("allow",)), 1):
                server.command("credential", identity, *words)
                self.assertEqual(server.wait_event("completed", number)["result"], INVALID)
            for number, other in enumerate((identity + 1, identity + (9 << 48), 2**64 - 1), 4):
                server.command("credential", other, "allow", "secret")
                self.assertEqual(server.wait_event("completed", number)["result"], UNKNOWN_ID)
            server.command("allocation", identity, "allow")
            self.assertEqual(server.wait_event("completed", 7)["result"], UNKNOWN_ID)
            server.command("credential", identity, "allow", "secret")
            self.assertEqual(client.answer_to(request.transaction).kind, 2)

    def test_an_allocation_may_be_answered_later_and_retransmissions_do_not_ask_twice(self):
        with Server("scripted", "realm x\nallocation pending\ncredit 1000\n") as server, Client(server.port) as client:
            client.challenge()
            message = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            octets = client.sign(message)
            client.send(octets)
            asked = server.wait_event("allocation_wanted")
            for _ in range(3):
                client.send(octets)
            server.command("allocation", asked["request"], "allow")
            self.assertEqual(client.answer_to(message.transaction).kind, 2)
            # What was sent again while it waited was dropped; the next is answered from the allocation.
            client.waiting.clear()
            client.send(octets)
            self.assertEqual(client.answer_to(message.transaction).kind, 2)
            self.assertEqual(len(server.events("allocation_wanted")), 1)
            self.assertEqual(server.wait_event("created")["id"], asked["session"])

    def test_an_allocation_with_a_token_of_another_realm_may_be_answered_later(self):
        for transport in ("udp", "tcp"):
            server = Server("scripted", "credential defer\nallocation pending\n", token_client.OPTIONS)
            with token_client.add_key(server, "other"), token_client.TokenClient(server.port, transport) as client:
                client.challenge()
                told = client.nonce
                request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
                client.send(client.sign(request))
                server.command("allocation", server.wait_event("allocation_wanted")["request"], "allow")
                self.assertEqual(client.answer_to(request.transaction).kind, 2)
                self.assertEqual(client.refresh(600).kind, 2)
                self.assertEqual((client.realm, client.nonce), ("example", told))

    def test_a_later_rejection_has_its_code(self):
        with Server("scripted", "realm x\nallocation pending\n") as server, Client(server.port) as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            client.send(client.sign(request))
            server.command("allocation", server.wait_event("allocation_wanted")["request"], "reject", 508)
            self.assertEqual(client.answer_to(request.transaction).error, 508)
            self.assertEqual(server.events("closed"), [])

    def test_an_allocation_is_logged_as_processed_when_it_is_answered_and_not_while_it_waits(self):
        with Server("scripted", "realm x\nallocation pending\n") as server, Client(server.port) as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            octets = client.sign(request)
            client.send(octets)
            asked = server.wait_event("allocation_wanted")
            client.send(octets)
            # This is answered after them, on the same thread: what there is to log of them is logged.
            self.assertEqual(client.request(BINDING).kind, 2)
            self.assertEqual(server.output().count("ALLOCATE processed"), 0)
            server.command("allocation", asked["request"], "allow")
            self.assertEqual(client.answer_to(request.transaction).kind, 2)
            wait_for(lambda: server.output().count("ALLOCATE processed, success") == 1, "the line in the log")

    def leave_while_it_waits(self, server):
        """A client that wants an allocation and leaves; returns the request."""
        with Client(server.port, "tcp") as client:
            client.challenge()
            request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
            client.send(client.sign(request))
            return server.wait_event("allocation_wanted")["request"]

    def test_an_answer_for_a_client_that_has_left_is_too_late(self):
        with Server("scripted", "realm x\nallocation pending\ncredit 1000\n") as server:
            request = self.leave_while_it_waits(server)
            wait_for(lambda: "closed (2nd stage)" in server.output(), "the session is gone")
            server.command("allocation", request, "allow")
            self.assertEqual(server.wait_event("completed")["result"], UNKNOWN_ID)
            self.assertEqual(server.stop(), 0)
            self.assertEqual(server.events("closed"), [])

    def test_an_answer_for_a_client_that_is_leaving_is_closed_once_if_it_was_taken(self):
        for _ in range(10):
            with Server("scripted", "realm x\nallocation pending\ncredit 1000\n") as server:
                server.command("allocation", self.leave_while_it_waits(server), "allow")
                result = server.wait_event("completed")["result"]
                self.assertEqual(server.stop(), 0)
                self.assertEqual([event["created"] for event in server.events("closed")],
                                 [len(server.events("created"))] if result == OK else [])

    def test_what_is_never_answered_is_answered_with_500_after_ten_seconds(self):
        with Server("scripted", "realm x\ncredential pending\n") as first, \
                Server("scripted", "realm x\nallocation pending\n") as second, \
                Client(first.port) as one, Client(second.port) as two:
            waiting = []
            for client in (one, two):
                client.challenge()
                request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
                waiting.append((client, request, time.monotonic()))
                client.send(client.sign(request))
            for client, request, began in waiting:
                self.assertEqual(client.answer_to(request.transaction, 20).error, 500)
                self.assertGreater(time.monotonic() - began, 9)
                self.assertLess(time.monotonic() - began, 12)
            first.command("credential", first.wait_event("credential_wanted")["request"], "allow", "secret")
            self.assertEqual(first.wait_event("completed")["result"], UNKNOWN_ID)
            second.command("allocation", second.wait_event("allocation_wanted")["request"], "allow")
            self.assertEqual(second.wait_event("completed")["result"], UNKNOWN_ID)
            self.assertEqual(second.events("closed"), [])


class Allocations(unittest.TestCase):
    def test_rejected_has_its_code(self):
        with Server("scripted", "realm x\nallocation reject\nerror_code 486\n") as server, \
                Client(server.port) as client:
            self.assertEqual(client.allocate().error, 486)
            self.assertEqual(client.allocate().error, 486)
            self.assertEqual(server.events("closed"), [])

    def test_rejected_with_a_code_out_of_range_is_486(self):
        for code in (0, 299, 700, 65535):
            with Server("scripted", f"realm x\nallocation reject\nerror_code {code}\n") as server, \
                    Client(server.port) as client:
                self.assertEqual(client.allocate().error, 486)

    def test_rejected_with_401_is_a_challenge_and_not_signed(self):
        for transport in ("udp", "tcp"):
            for how in ("reject", "pending"):
                with Server("scripted", f"realm x\nallocation {how}\nerror_code 401\n") as server, \
                        Client(server.port, transport) as client:
                    client.challenge()
                    request = Message(ALLOCATE).add(REQUESTED_TRANSPORT, b"\x11\0\0\0")
                    client.send(client.sign(request))
                    asked = server.wait_event("allocation_wanted")
                    if how == "pending":
                        server.command("allocation", asked["request"], "reject", 401)
                    response = client.answer_to(request.transaction)
                    self.assertEqual((response.error, response.get(REALM), response.get(INTEGRITY)), (401, b"x", None))
                    # The nonce is one that the server takes.
                    client.nonce = response.get(NONCE)
                    self.assertEqual(client.refresh(600).error, 437)

    def test_a_401_of_a_server_that_asks_for_no_credentials_has_no_challenge(self):
        with Server("scripted", "allocation reject\nerror_code 401\n", ["-z"]) as server, \
                Client(server.port) as client:
            response = client.allocate()
            self.assertEqual((response.error, response.get(NONCE)), (401, None))

    def test_a_verdict_that_is_none_is_a_rejection(self):
        with Server("scripted", "realm x\nallocation nonsense\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate().error, 486)

    def test_deferred_is_none_of_the_plugins_business(self):
        with Server("scripted", "realm x\nallocation defer\n") as server, Client(server.port) as client:
            self.assertEqual(client.allocate().kind, 2)
            client.permit(("127.0.0.1", 9))
            self.assertEqual(server.stop(), 0)
            names = [event["event"] for event in server.events()]
            for name in ("created", "closed", "permission_bound"):
                self.assertNotIn(name, names)


class Throws(unittest.TestCase):
    def test_a_hook_that_throws_ends_the_server_with_a_message(self):
        for hook in ("credential_wanted", "allocation_wanted", "allocation_created"):
            with Server("scripted", f"realm x\nthrow {hook}\n") as server, Client(server.port) as client:
                with self.assertRaises((NoAnswer, ConnectionError)):
                    client.allocate(seconds=3)
                self.assertEqual(server.wait_exit(), -6)
                self.assertIn(f"thrown by {hook}", server.output())


if __name__ == "__main__":
    unittest.main()
