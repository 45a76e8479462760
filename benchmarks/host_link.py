"""Two hosts on one machine, and the link between them, which can be slow, lose packets, or be cut.

A host is a network namespace with an address, a name and a table of mounts of its own. It ends with
the process that holds it, so that nothing is left if this program is killed. The link is a TUN
device in each namespace; a thread passes packets from one to the other. A TUN device leaves
checksums and the size of packets to the kernel, which a packet socket on a `veth` would have to
mend, and `tc netem` is missing from many kernels.
"""

import errno
import fcntl
import heapq
import itertools
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

DEVICE = Path("/dev/net/tun")
# From linux/if_tun.h: make a device of IP packets, without four bytes before each.
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
# Name of the device of each host, and its largest packet in bytes.
CABLE, MTU = "cable0", 1500
# What holds the namespaces of a host; it ends when its standard input does.
HOLD = (
    'hostname "$0" && ip link set lo up && mount --bind "$1" /etc/hosts && echo ready && exec cat'
)
ENTER = 'cd "$0" && exec "$@"'

_numbers = itertools.count()


def missing() -> str:
    """Return why no hosts can be made on this machine; empty if they can."""
    if not sys.platform.startswith("linux"):
        return "only Linux has network namespaces"
    for program in ("ip", "unshare", "nsenter", "mount", "hostname"):
        if shutil.which(program) is None:
            return f"the program {program} is missing"
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    try:
        os.close(os.open(DEVICE, os.O_RDWR))
    except OSError as error:
        return f"{DEVICE} cannot be opened: {error.strerror}"
    command = ["unshare", "--net", "--uts", "--mount", "true"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr.strip()


class Host:
    """A host with an address and a name of its own.

    Attributes:
        name: its name.
        address: its address.
    """

    def __init__(self, name: str, address: str, hosts_file: Path) -> None:
        """Make the host.

        Args:
            name: its name.
            address: its address.
            hosts_file: what its `/etc/hosts` is.
        """
        self.name, self.address = name, address
        self._holder = subprocess.Popen(
            ["unshare", "--net", "--uts", "--mount", "sh", "-c", HOLD, name, str(hosts_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"

    def inside(self, command: Sequence[str], folder: Path) -> list[str]:
        """Return the command that runs another one on this host.

        Args:
            command: the other command.
            folder: folder in which it is started.
        """
        enter = ["nsenter", "--target", str(self._holder.pid), "--net", "--uts", "--mount"]
        return [*enter, "--", "sh", "-c", ENTER, str(folder), *command]

    def run(self, *command: str) -> None:
        """Run a command on this host, and wait for its end."""
        subprocess.run(self.inside(command, Path("/")), check=True)

    def attach(self) -> int:
        """Give the host a device, and return the file descriptor of its packets."""
        name = f"link{os.getpid()}.{next(_numbers)}"[:15]
        device = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI)
        fcntl.ioctl(device, TUNSETIFF, request)
        holder = str(self._holder.pid)
        subprocess.run(["ip", "link", "set", name, "netns", holder], check=True)
        # Only now does the name tell the device from all others of the host.
        self.run("ip", "link", "set", name, "name", CABLE, "mtu", str(MTU))
        self.run("ip", "address", "add", f"{self.address}/24", "dev", CABLE)
        self.run("ip", "link", "set", CABLE, "up")
        return device

    def close(self) -> None:
        """End the host."""
        self._holder.communicate()


class Link:
    """Two hosts, and the link between them; a context that ends both.

    Attributes:
        hosts: the two hosts.
        seconds: time that a packet takes.
        loss: share of the packets that is lost, in [0, 1].
        passed: number of packets that have come to the other side.
    """

    def __init__(self, folder: Path, *, seconds: float = 0.0, loss: float = 0.0) -> None:
        """Make the hosts.

        Args:
            folder: where their `/etc/hosts` are kept.
            seconds: time that a packet takes.
            loss: share of the packets that is lost.
        """
        self.seconds, self.loss, self.passed = seconds, loss, 0
        self._over = threading.Event()
        names = {"left": "10.99.0.1", "right": "10.99.0.2"}
        self.hosts = []
        for own in names:
            # As Debian writes it: the name of a host is an address that no other host can reach.
            lines = [f"{'127.0.1.1' if own == name else names[name]} {name}\n" for name in names]
            path = folder / f"hosts-of-{own}"
            path.write_text("127.0.0.1 localhost\n" + "".join(lines))
            self.hosts.append(Host(own, names[own], path))
        self._devices = [host.attach() for host in self.hosts]
        self._relay = threading.Thread(target=self._pass_on, daemon=True)
        self._relay.start()

    def __enter__(self) -> "Link":
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._relay.join()
        for device in self._devices:
            os.close(device)
        for host in self.hosts:
            host.close()

    def lose_all(self) -> None:
        """Lose all packets from now on, which neither side is told."""
        self.loss = 1.0

    def unplug(self) -> None:
        """Take the device of the second host down, which that host is told."""
        self.hosts[1].run("ip", "link", "set", CABLE, "down")

    def plug(self) -> None:
        """Mend the link."""
        self.loss = 0.0
        self.hosts[1].run("ip", "link", "set", CABLE, "up")

    def _pass_on(self) -> None:
        source, order = random.Random(0), itertools.count()
        waiting: list[tuple[float, int, int, bytes]] = []
        while not self._over.is_set():
            pause = min(0.1, max(0.0, waiting[0][0] - time.monotonic())) if waiting else 0.1
            ready, _, _ = select.select(self._devices, [], [], pause)
            for device in ready:
                target = self._devices[1 - self._devices.index(device)]
                with suppress(OSError):  # the device is down
                    packet = os.read(device, MTU)
                    if source.random() >= self.loss:
                        due = time.monotonic() + self.seconds
                        heapq.heappush(waiting, (due, next(order), target, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                self._deliver(*heapq.heappop(waiting)[2:])

    def _deliver(self, device: int, packet: bytes) -> None:
        try:
            os.write(device, packet)
            self.passed += 1
        except OSError as error:
            # A device that is down takes none; one that is full loses one, as any network does.
            if error.errno not in (errno.EIO, errno.EAGAIN, errno.ENOBUFS):
                raise
