"""Everything that passes the interfaces of a namespace, written to a file: as a module, and as the program that listens there."""

import os
import socket
import sys

from .processes import Program
from .waiting import wait_until

ALL_PROTOCOLS = 0x0003  # ETH_P_ALL, in network byte order below
LISTENING = b"listening\n"


class Capture:
    """Frames of all interfaces of the namespace, loopback too, from now until `stop`."""

    def __init__(self, world, namespace):
        self.path = os.path.join(world.directory("captures"), namespace.name)
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        argv = [sys.executable, "-B", "-m", "harness.capture"]
        self.program = Program("capture", argv, namespace, self.path, env={"PYTHONPATH": package})
        world.programs.append(self.program)
        wait_until(f"a capture in {namespace.name}", lambda: self.bytes().startswith(LISTENING))

    def bytes(self):
        with open(self.path, "rb") as f:
            return f.read()

    def stop(self):
        self.program.kill9()
        return self.bytes()


def listen():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS)) as frames:
        frames.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        os.write(1, LISTENING)
        while True:
            os.write(1, frames.recv(1 << 16))


if __name__ == "__main__":
    listen()
