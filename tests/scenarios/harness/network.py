"""One network namespace per site, joined by a bridge in a namespace of its own."""

import os
import subprocess


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdout=subprocess.DEVNULL)


class Namespace:
    def __init__(self, name):
        self.name = name
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")

    def wrap(self, argv):
        # `ip netns exec` hides the cgroup mounts; nsenter does not.
        return ["nsenter", f"--net=/run/netns/{self.name}", *argv]

    def run(self, argv, **kwargs):
        return subprocess.run(self.wrap(argv), **kwargs)

    def delete(self):
        if os.path.exists(f"/run/netns/{self.name}"):
            ip("netns", "del", self.name)


class Wan:
    """What lies between the sites and the centre: 10.88.0.0/24."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.members = 0
        self.namespaces = []
        self.bridge = self._namespace("wan")
        ip("-n", self.bridge.name, "link", "add", "br0", "type", "bridge")
        ip("-n", self.bridge.name, "link", "set", "br0", "up")

    def _namespace(self, name):
        namespace = Namespace(f"{self.prefix}-{name}")
        self.namespaces.append(namespace)
        return namespace

    def join(self, name):
        """A new namespace with an address of its own on the bridge."""
        self.members += 1
        namespace = self._namespace(name)
        port = f"p{self.members}"
        ip("-n", self.bridge.name, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", namespace.name)
        ip("-n", self.bridge.name, "link", "set", port, "master", "br0", "up")
        address = f"10.88.0.{self.members}"
        ip("-n", namespace.name, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", namespace.name, "link", "set", "eth0", "up")
        namespace.address = address
        namespace.port = port
        return namespace

    def isolated(self, name):
        """A namespace whose only interface is lo."""
        namespace = self._namespace(name)
        namespace.address = "127.0.0.1"
        namespace.port = None
        return namespace

    def cut(self, namespace):
        """Packets vanish; neither side is told."""
        ip("-n", self.bridge.name, "link", "set", namespace.port, "nomaster")

    def heal(self, namespace):
        ip("-n", self.bridge.name, "link", "set", namespace.port, "master", "br0")

    def delete(self):
        for namespace in reversed(self.namespaces):
            namespace.delete()
