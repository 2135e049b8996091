"""Whether a port of this machine can be listened on, and if not, who has it."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that listens on a port, as far as this user may know."""

    pid: int | None
    command: str
    folder: str

    def __str__(self) -> str:
        """One phrase for an error message."""
        if self.pid is None:
            return "a process of another user"
        where = f", in {self.folder}" if self.folder else ""
        return f"process {self.pid} ({self.command}{where})"


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a predecessor that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    # macOS lets a second server bind 127.0.0.1 while another one has 0.0.0.0; only a connection tells.
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(0.5)
        return client.connect_ex((host, port)) != 0


def base_url(host: str, port: int) -> str:
    """The URL of a server there, without a final slash."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def holder(port: int) -> Holder:
    """Who listens on that port. Its pid is None where the system does not tell."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if listens(process.pid, port):
                folder = ""
                with suppress(psutil.Error, OSError):
                    folder = process.cwd()
                return Holder(process.pid, " ".join(" ".join(process.cmdline()).split())[:160], folder)
    return Holder(None, "", "")


def listens(pid: int, port: int) -> bool:
    """Whether the process listens on that port; psutil.Error if it is gone or belongs to somebody else."""
    connections = psutil.Process(pid).net_connections(kind="tcp")
    return any(item.status == psutil.CONN_LISTEN and item.laddr and item.laddr[1] == port for item in connections)


def owned_by(pid: int, port: int) -> bool:
    """Whether the listener of `port` is that process or a descendant; True where the system does not tell."""
    try:
        family = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        return any(listens(member, port) for member in family)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


__all__ = ["Holder", "base_url", "holder", "is_free", "listens", "owned_by"]
