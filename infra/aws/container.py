"""The container of a task, written out in full: what ECS would fill in by itself is filled in here.

Owns the JSON of a container definition. Every default that ECS adds is stated and lists are sorted, so that what AWS
reads back is what was written, and a second deployment changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from infra.components.image import USER_ID

LONGEST_REQUEST_SECONDS: Final = 30
"""What a request may take at most; callers give up after it."""

DEREGISTRATION_SECONDS: Final = 30
"""How long the load balancer lets requests finish on a task that is on its way out."""

GRACE_SECONDS: Final = 45
"""How long a service finishes what it has begun after SIGTERM: the longest request, and some to spare."""

STOP_SECONDS: Final = 90
"""When ECS kills: later than deregistration and grace together. Fargate allows 120, Spot gives as many."""

_PROXY_MEMORY_MB: Final = 64
"""What the proxy of Service Connect needs at least, beside the container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerArgs:
    """One container."""

    name: str
    image: pulumi.Input[str]
    memory_mb: int
    """Of the whole task."""
    port: int | None
    """None for a task that nobody calls."""
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, pulumi.Input[str]]
    """Variable -> pinned reference."""
    command: Sequence[str]
    log_group: str
    region: str
    writable: bool = False
    """An operator's shell needs to write; AWS does not support it with a read-only root."""

    def __post_init__(self) -> None:
        """Refuse what ECS would refuse only when it registers the task."""
        if self.memory_mb <= _PROXY_MEMORY_MB:
            raise ValueError(f"{self.memory_mb} MB hold the proxy of Service Connect alone: give at least 512")
        both = sorted(set(self.environment) & set(self.secrets))
        if both:
            raise ValueError(f"{', '.join(both)} in clear and by reference: give each variable once")


def container_definitions(args: ContainerArgs) -> pulumi.Output[str]:
    """The container definitions of a task, as JSON text with sorted keys."""
    definition: dict[str, object] = {
        "name": args.name,
        "image": args.image,
        "essential": True,
        "command": list(args.command),
        "cpu": 0,
        "memory": args.memory_mb - _PROXY_MEMORY_MB,
        "user": f"{USER_ID}:{USER_ID}",
        "privileged": False,
        "readonlyRootFilesystem": not args.writable,
        "environment": [{"name": name, "value": value} for name, value in sorted(args.environment.items())],
        "secrets": [{"name": name, "valueFrom": value} for name, value in sorted(args.secrets.items())],
        "linuxParameters": {
            "initProcessEnabled": True,
            "tmpfs": [{"containerPath": "/tmp", "size": 64, "mountOptions": ["nodev", "noexec", "nosuid"]}],  # noqa: S108
        },
        "stopTimeout": STOP_SECONDS,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": args.log_group,
                "awslogs-region": args.region,
                "awslogs-stream-prefix": "task",
                # A slow CloudWatch must not stop the service; what does not fit into the buffer is lost.
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        },
        "mountPoints": [],
        "portMappings": [],
        "systemControls": [],
        "volumesFrom": [],
    }
    if args.port is not None:
        definition["portMappings"] = [
            {
                "name": args.name,
                "containerPort": args.port,
                "hostPort": args.port,
                "protocol": "tcp",
                "appProtocol": "http",
            }
        ]
        definition["healthCheck"] = {
            "command": health_command(args.port),
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 30,
        }
    return pulumi.Output.json_dumps([definition], sort_keys=True)


def health_command(port: int) -> list[str]:
    """Asks the service itself, by what is in the image anyway: there is no curl, no wget and no shell."""
    program = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/health', timeout=4).read()"
    return ["CMD", "python", "-c", program]


__all__ = [
    "DEREGISTRATION_SECONDS",
    "GRACE_SECONDS",
    "LONGEST_REQUEST_SECONDS",
    "STOP_SECONDS",
    "ContainerArgs",
    "container_definitions",
    "health_command",
]
