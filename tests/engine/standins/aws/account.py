"""An AWS account that is moto, in this process: clients for the stand-in, an endpoint for the program's own calls.

Owns where moto lives and how it is reached. There is one such account per process, because moto keeps its state in the
modules: whoever opens one finds it fresh. The stand-in's own calls never leave the process and patch nothing (requests
are answered by moto instead of being sent), which makes them about three times as quick as by HTTP. What the program
asks AWS by itself (`infra/aws/ecs_calls.py`) comes from another process, by HTTP, and meets the same account.
"""

from __future__ import annotations

import functools
import logging
import os
import tempfile
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import boto3
from moto.core.botocore_stubber import BotocoreStubber
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

from tests.engine.standins.aws import shims

ACCOUNT = "123456789012"
"""moto's."""
REGION = "us-east-1"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


class Account:
    """A fresh account. Use it as a context manager, or call `close`."""

    def __init__(self, region: str = REGION) -> None:
        """Open the account and its endpoint."""
        shims.install()
        # A second of each fresh start, for machine images that nobody here asks for.
        os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
        moto_api_backend.reset()
        self.region = region
        self.lock = threading.RLock()
        """moto is not made for threads, and the engine creates many resources at a time."""
        descriptor, self._config = tempfile.mkstemp(suffix=".aws-config")
        os.write(descriptor, b"[default]\n")
        os.close(descriptor)
        # The server announces every request on the error stream.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.baseline: frozenset[str] = frozenset()
        """What there was before any program came; `settled` sets it."""
        self.endpoint = "http://{}:{}".format(*self._server.get_host_and_port())
        self.settled()

    def client(self, service: str) -> Any:
        """boto3's client of a service; its methods are made from AWS's service models, so it has no static type."""
        with self.lock:
            return _client(service, self.region)

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes a program's own calls to AWS reach this account, and no other whatever the machine has set."""
        return {
            **_CREDENTIALS,
            "AWS_SESSION_TOKEN": "",
            # A profile that the machine has set would be looked for, and an empty one too.
            "AWS_PROFILE": "default",
            "AWS_CONFIG_FILE": self._config,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
        }

    def settled(self) -> None:
        """What is there by now was there before any program: a fresh account's own, and a test's preparations."""
        from tests.engine.standins.aws.left import everything

        self.baseline = frozenset(everything(self))

    def close(self) -> None:
        """Close the endpoint. What was in the account goes when the next one is opened."""
        self._server.stop()
        os.unlink(self._config)

    def __enter__(self) -> Self:
        """The account itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


@functools.cache
def _client(service: str, region: str) -> Any:
    """A client that moto answers. They are the same for every account, and take a second together to be made."""
    session = boto3.Session("testing", "testing", region_name=region)
    answers = BotocoreStubber()
    answers.enabled = True
    session.events.register("before-send", answers)
    return session.client(service)


__all__ = ["ACCOUNT", "REGION", "Account"]
