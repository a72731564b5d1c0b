"""Rows 3, 17, 29, 32, 39, 42, 51 and 58: what no client can see, shown with the source."""

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


if __name__ == "__main__":
    unittest.main()
