"""What is done to a message before it is sent: to its attributes, before or after it is signed, and to its octets."""

import struct

import stun

INTERESTING = (b"", b"\0", b"\xff" * 4, b"\0" * 8, b"\x80" * 20, b"%s%n%s%n", b"\xff" * 763, b"a" * 1500, b"\r\n::1 evil")
KINDS = (1, 3, 6, 8, 9, 0xC, 0xD, 0x10, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x20, 0x22, 0x24,
         0x26, 0x27, 0x2A, 0x7FFF, 0x8000, 0x8001, 0x8010, 0x8022, 0x8023, 0x8028, 0x802B, 0x802E, 0x802F, 0x8030,
         0xFFFF)


def any_value(rng):
    if rng.random() < 0.5:
        return rng.choice(INTERESTING)
    return rng.randbytes(rng.choice((1, 2, 3, 4, 7, 8, 12, 20, 21, 32, 64, 255, 256, 512, 1024)))


def mutate_attributes(rng, attributes):
    """One change: an attribute twice, gone, moved, of another value, length or kind, or one more."""
    attributes = list(attributes)
    at = rng.randrange(len(attributes)) if attributes else 0
    choice = rng.randrange(8)
    if choice == 0 or not attributes:
        attributes.insert(at, (rng.choice(KINDS), any_value(rng)))
    elif choice == 1:
        attributes.insert(rng.randrange(len(attributes) + 1), attributes[at])
    elif choice == 2:
        del attributes[at]
    elif choice == 3:
        rng.shuffle(attributes)
    elif choice == 4:
        attributes[at] = (attributes[at][0], any_value(rng))
    elif choice == 5:
        kind, value = attributes[at]
        attributes[at] = (kind, value[:rng.randrange(len(value) + 1)] if rng.random() < 0.5 else value + any_value(rng))
    elif choice == 6:
        attributes[at] = (rng.choice(KINDS), attributes[at][1])
    else:
        kind, value = attributes[at]
        if value:
            octets = bytearray(value)
            octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
            attributes[at] = (kind, bytes(octets))
    return attributes


def behind_integrity(rng, octets, more):
    """Attributes behind MESSAGE-INTEGRITY, in a length that has them in or not."""
    tail = b"".join(stun.attribute(*each) for each in more)
    length = len(octets) - 20 + len(tail)
    if rng.random() < 0.8:
        octets = octets[:2] + struct.pack(">H", length & 0xFFFF) + octets[4:]
    return octets + tail


def mutate_octets(rng, octets):
    """One change to what is sent, whatever it means."""
    data = bytearray(octets)
    choice = rng.randrange(9)
    if choice == 0:
        for _ in range(rng.randrange(1, 9)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif choice == 1:
        data = data[:rng.randrange(len(data) + 1)]
    elif choice == 2:
        data += rng.randbytes(rng.randrange(1, 64))
    elif choice == 3 and len(data) >= 4:
        data[2:4] = struct.pack(">H", rng.choice((0, 1, 3, 4, len(data), 0x7FFF, 0xFFFC, 0xFFFF, rng.randrange(65536))))
    elif choice == 4 and len(data) >= 24:
        at = 20 + 4 * rng.randrange((len(data) - 20) // 4)
        data[at + 2:at + 4] = struct.pack(">H", rng.choice((0, 1, 5, 0xFF, 0x7FFF, 0xFFFF, rng.randrange(65536))))
    elif choice == 5 and len(data) >= 2:
        data[0:2] = struct.pack(">H", rng.randrange(65536))
    elif choice == 6 and len(data) >= 8:
        data[4:8] = rng.randbytes(4)
    elif choice == 7:
        at = rng.randrange(len(data) + 1)
        data[at:at] = data[rng.randrange(len(data) + 1):][:64]
    else:
        at = rng.randrange(len(data) + 1)
        del data[at:at + rng.randrange(1, 32)]
    return bytes(data)
