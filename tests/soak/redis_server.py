"""A Redis on loopback that keeps what it is told, and can be stopped and started again on its port."""

import os
import socket
import subprocess

import turn_server


class Redis:
    """Its directory is the caller's; every write is on the disk before it is answered."""

    def __init__(self, directory):
        self.directory, self.port, self.process = directory, turn_server.free_port(), None
        os.makedirs(directory, exist_ok=True)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as stream:
                stream.sendall(b"PING\r\n")
                return stream.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory, "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        turn_server.wait_for(self.answers, "Redis answers", 60)
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
