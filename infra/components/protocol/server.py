"""The process around a provider: a gRPC server on the loopback that lives exactly as long as its engine.

The engine starts the plugin, reads the port from its first line of output, and normally kills it in the end. When the
engine itself is killed (closed terminal, power cut, `kill -9`) nobody would; so the server watches its parent.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from infra.components.protocol.kinds import Provider
from infra.components.protocol.servicer import Servicer

_MAX_MESSAGE_BYTES = 400 * 1024 * 1024
"""What Pulumi's own plugins accept (`rpcutil.GrpcChannelOptions`)."""

_PARENT_POLL_SECONDS = 0.5
_FAREWELL_SECONDS = 20.0
"""How long operations in flight may take to undo what is half done once the engine is gone."""


def start(provider: Provider, *, workers: int = 32) -> tuple[grpc.Server, Servicer, int]:
    """A running server, its servicer, and the port that it listens on (chosen by the system)."""
    server = grpc.server(
        ThreadPoolExecutor(max_workers=workers),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            # Two plugins must never share a port by accident.
            ("grpc.so_reuseport", 0),
        ],
    )
    servicer = Servicer(provider)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, servicer, port


def serve(provider: Provider) -> None:
    """Serve until the engine is done with the provider; the main function of a plugin."""
    # Ctrl-C in a terminal reaches every process of the foreground group. The engine turns it into Cancel, after which
    # it still wants the answers of the operations in flight.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: done.set())
    parent = os.getppid()
    server, servicer, port = start(provider)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while not done.wait(_PARENT_POLL_SECONDS):
        if os.getppid() != parent:
            break
    servicer.cancelled.set()
    server.stop(_FAREWELL_SECONDS).wait()


__all__ = ["serve", "start"]
