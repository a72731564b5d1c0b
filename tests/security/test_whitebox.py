"""Rows 3, 17, 29, 32, 39, 42, 51, 58, 67, 68 and 71: what no client can see, shown with the source."""

import unittest

from row import Whitebox


class Misaligned(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 17, "stun-misaligned-read", "unaligned"
    WHY_NOT_FROM_OUTSIDE = "undefined behaviour that amd64 does not mind; the program is built with a check for it"


class HashText(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 29, "fortify3-abort", "hash-text"
    WHY_NOT_FROM_OUTSIDE = "ends only builds with _FORTIFY_SOURCE=3, as which the program is built"


class NonceOverflow(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 3, "oauth-nonce-overflow", "nonce-length"
    WHY_NOT_FROM_OUTSIDE = "it depends on the compiler whether what is overwritten on the stack is missed"


class MacKeyLength(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 32, "oauth-mac-key-length", "key-length"
    WHY_NOT_FROM_OUTSIDE = "the overflow lies within the server's stack and is refused after it happened"


class ConstantTime(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 39, "non-constant-time-compare", "constant-time"
    WHY_NOT_FROM_OUTSIDE = "a difference of nanoseconds; the program counts who calls the right comparison"


class PortPool(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 42, "port-pool-stops-after-2^32", "port-pool"
    WHY_NOT_FROM_OUTSIDE = "it takes 2^32 allocations; the program makes the pool old"


class UnterminatedStrings(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 51, "unterminated-database-strings", "database-strings"
    WHY_NOT_FROM_OUTSIDE = "what lies behind the array is mostly a zero; of the drivers, Redis's is tried"


class EvenPort(Whitebox, unittest.TestCase):
    ROW, ID, CASE = 58, "even-port-releases-65535", "even-port"
    WHY_NOT_FROM_OUTSIDE = "it takes a nearly empty pool in a rare order; the program makes thousands of pools"


class FingerprintRoom(Whitebox, unittest.TestCase):
    """tests/fuzz/stun_build_fuzzer.cpp looks for it, too."""

    ROW, ID, CASE = 67, "fingerprint-overwrites-payload", "fingerprint-room"
    WHY_NOT_FROM_OUTSIDE = "the server reads 16 KiB of a datagram, with which no indication of its gets so large"


class ChallengeLength(Whitebox, unittest.TestCase):
    """tests/fuzz/stun_message_fuzzer.cpp looks for it, too."""

    ROW, ID, CASE = 68, "challenge-overflows-client", "challenge-length"
    WHY_NOT_FROM_OUTSIDE = "a client's: no server reads a challenge; the program is a client of a hostile server"


class SentSize(Whitebox, unittest.TestCase):
    """tests/abi/test_datagrams.py shows it with our server as it is, whose batches of datagrams make it frequent."""

    ROW, ID, CASE = 71, "size-of-freed-buffer", "sent-size"
    WHY_NOT_FROM_OUTSIDE = "the buffer is only freed while the engine keeps 64 others, and what was in it is mostly left"


if __name__ == "__main__":
    unittest.main()
