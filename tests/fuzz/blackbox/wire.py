"""A client's connection to a TURN server over UDP, TCP, TLS or DTLS: octets out, whole frames in.

Each has a source address of its own in 127/8, as clients do. DTLS is OpenSSL's, through ctypes: Python has none.
"""

import contextlib
import ctypes
import ctypes.util
import select
import socket
import ssl
import struct
import time

TRANSPORTS = ("udp", "tcp", "tls", "dtls")
SO_LINGER_RESET = struct.pack("ii", 1, 0)


class Closed(Exception):
    """The connection has ended, or never came to be."""


def wait_readable(sock, seconds):
    return bool(select.select([sock], [], [], max(0.0, seconds))[0])


def cut_frames(buffered):
    """Whole messages and ChannelData at the beginning of a stream, and what is left of it."""
    frames = []
    while len(buffered) >= 4:
        first, length = struct.unpack(">HH", buffered[:4])
        size = 20 + length if first < 0x4000 else 4 + length + -length % 4
        if len(buffered) < size:
            break
        frames.append(buffered[:size])
        buffered = buffered[size:]
    return frames, buffered


class Udp:
    """Datagrams as they are."""

    reliable = False

    def __init__(self, port, source="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))

    @property
    def address(self):
        return self.socket.getsockname()

    def send(self, octets):
        with contextlib.suppress(OSError):
            self.socket.send(octets[:65507])

    def receive(self, seconds):
        """The frames that come within a time; at once when there are some."""
        if not wait_readable(self.socket, seconds):
            return []
        frames = []
        with contextlib.suppress(OSError):
            while True:
                frames.append(self.socket.recv(65536, socket.MSG_DONTWAIT))
        return frames

    def close(self, reset=False):
        del reset
        self.socket.close()


class Tcp:
    """A stream; send() adds no padding."""

    reliable = True

    def __init__(self, port, source="127.0.0.1"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.buffered = b""
        self.ended = False
        try:
            self.socket.settimeout(10)
            self.socket.bind((source, 0))
            self.socket.connect(("127.0.0.1", port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.begin()
        except OSError as error:
            self.socket.close()
            raise Closed(str(error)) from error

    def begin(self):
        pass

    def pending(self):
        return False

    @property
    def address(self):
        return self.socket.getsockname()

    def send(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError as error:
            self.ended = True
            raise Closed(str(error)) from error

    def receive_octets(self, seconds):
        """What has come, b"" when nothing has; Closed when nothing ever will."""
        if self.ended:
            raise Closed("ended")
        if not self.pending() and not wait_readable(self.socket, seconds):
            return b""
        # A record of TLS that is no data is readable and gives nothing.
        self.socket.settimeout(0)
        try:
            octets = self.socket.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return b""
        except OSError as error:
            self.ended = True
            raise Closed(str(error)) from error
        finally:
            self.socket.settimeout(10)
        if not octets:
            self.ended = True
            raise Closed("ended by the server")
        return octets

    def receive(self, seconds):
        frames, self.buffered = cut_frames(self.buffered + self.receive_octets(seconds))
        return frames

    def close(self, reset=False):
        with contextlib.suppress(OSError):
            if reset:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, SO_LINGER_RESET)
            self.socket.close()


class Tls(Tcp):
    """The same through TLS."""

    def begin(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def pending(self):
        return self.socket.pending() > 0


class OpenSsl:
    """What DTLS needs of the library."""

    SSL_CTRL_SET_MTU = 17
    BIO_CTRL_DGRAM_SET_CONNECTED = 32
    SSL_ERROR_ZERO_RETURN = 6

    def __init__(self):
        lib = ctypes.CDLL(ctypes.util.find_library("ssl"))
        pointer, integer, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
        for name, result, *arguments in (
                ("DTLS_client_method", pointer), ("SSL_CTX_new", pointer, pointer),
                ("SSL_new", pointer, pointer), ("SSL_free", None, pointer),
                ("SSL_set_bio", None, pointer, pointer, pointer), ("SSL_connect", integer, pointer),
                ("SSL_write", integer, pointer, ctypes.c_char_p, integer),
                ("SSL_read", integer, pointer, ctypes.c_char_p, integer), ("SSL_pending", integer, pointer),
                ("SSL_get_error", integer, pointer, integer), ("SSL_shutdown", integer, pointer),
                ("BIO_new_dgram", pointer, integer, integer), ("BIO_ctrl", long, pointer, integer, long, pointer),
                ("ERR_clear_error", None)):
            function = getattr(lib, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
        self.context = self.SSL_CTX_new(self.DTLS_client_method())


class Dtls:
    """Datagrams through DTLS."""

    reliable = False
    library = None

    def __init__(self, port, source="127.0.0.1"):
        if Dtls.library is None:
            Dtls.library = OpenSsl()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
        self.handle = self.library.SSL_new(self.library.context)
        bio = self.library.BIO_new_dgram(self.socket.fileno(), 0)
        peer = struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", port, socket.inet_aton("127.0.0.1"))
        self.library.BIO_ctrl(bio, OpenSsl.BIO_CTRL_DGRAM_SET_CONNECTED, 0, peer + b"\0" * 96)
        self.library.SSL_set_bio(self.handle, bio, bio)
        self.buffer = ctypes.create_string_buffer(65536)
        deadline = time.monotonic() + 10
        while self.library.SSL_connect(self.handle) != 1:
            self.library.ERR_clear_error()
            if time.monotonic() > deadline:
                self.close()
                raise Closed("no DTLS handshake")
        self.socket.setblocking(False)

    @property
    def address(self):
        return self.socket.getsockname()

    def send(self, octets):
        if self.handle is None:
            raise Closed("ended")
        self.library.SSL_write(self.handle, octets[:16384], min(len(octets), 16384))
        self.library.ERR_clear_error()

    def send_raw(self, octets):
        """A datagram that is no record of this connection."""
        with contextlib.suppress(OSError):
            self.socket.send(octets[:65507])

    def receive(self, seconds):
        if self.handle is None:
            raise Closed("ended")
        if not self.library.SSL_pending(self.handle) and not wait_readable(self.socket, seconds):
            return []
        frames = []
        while True:
            size = self.library.SSL_read(self.handle, self.buffer, len(self.buffer))
            if size <= 0:
                error = self.library.SSL_get_error(self.handle, size)
                self.library.ERR_clear_error()
                if error == OpenSsl.SSL_ERROR_ZERO_RETURN and not frames:
                    raise Closed("ended by the server")
                return frames
            frames.append(self.buffer.raw[:size])

    def close(self, reset=False):
        if self.handle is not None:
            if not reset:
                self.library.SSL_shutdown(self.handle)
            self.library.SSL_free(self.handle)
            self.library.ERR_clear_error()
            self.handle = None
        self.socket.close()


KINDS = {"udp": Udp, "tcp": Tcp, "tls": Tls, "dtls": Dtls}


def connect(transport, port, source="127.0.0.1"):
    try:
        return KINDS[transport](port, source)
    except OSError as error:
        raise Closed(str(error)) from error
