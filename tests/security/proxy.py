"""A path between a UDP client and a server that loses what it is told to."""

import select
import socket
import threading


class Proxy:
    """Carries the datagrams of one client; those whose number in order is among lost, of both directions, are not."""

    def __init__(self, server_port, lost=()):
        self.lost, self.seen = set(lost), []
        self.near, self.far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.near.bind(("127.0.0.1", 0))
        self.far.connect(("127.0.0.1", server_port))
        self.port = self.near.getsockname()[1]
        self.client = None
        self.end, self.ended = socket.socketpair()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.close()
        self.thread.join()
        for one in (self.near, self.far, self.ended):
            one.close()

    def _run(self):
        while True:
            ready, _, _ = select.select([self.near, self.far, self.ended], [], [])
            if self.ended in ready:
                return
            for one in ready:
                if one is self.near:
                    octets, self.client = one.recvfrom(65536)
                else:
                    octets = one.recv(65536)
                self.seen.append(octets)
                if len(self.seen) - 1 in self.lost:
                    continue
                if one is self.near:
                    self.far.send(octets)
                else:
                    self.near.sendto(octets, self.client)
