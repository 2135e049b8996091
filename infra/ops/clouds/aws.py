"""AWS as a place where an exchange runs: ten ECS services on Fargate, found by the names that the stack gives them.

Owns the commands and edits of this cloud, and puts together what the files beside it know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from infra.components.naming import Kind, physical_name
from infra.config.aws import Database
from infra.ops.clouds import aws_doctor, aws_operations, aws_status, aws_teardown
from infra.ops.clouds.answers import items, texts
from infra.ops.clouds.aws_api import AwsApi
from infra.ops.clouds.cloud import Place, Say
from infra.ops.clouds.pins import pinned
from infra.ops.clouds.scaling import scaled
from infra.ops.config_file import Edit
from infra.ops.faults import OpsError, UsageFault
from infra.ops.model import Finding, Leftover, Loss, ServiceState, Version

_SHELL_DAYS: Final = 7


class Aws:
    """The exchange on AWS."""

    name = "aws"

    def __init__(self, place: Place) -> None:
        """Take the stack; its config has `aws:region`, and maybe `aws:profile`."""
        self._place = place
        profile = place.config.get("aws:profile")
        self._api = AwsApi(place.settings.aws_region or "us-east-1", profile if isinstance(profile, str) else None)

    def doctor(self) -> Iterator[Finding]:
        """Programs, login, account, permissions, quotas, clashes."""
        return aws_doctor.findings(self._place, self._api)

    def status(self) -> list[ServiceState]:
        """What ECS says."""
        return aws_status.states(self._api, self._place.stack, self._cluster)

    def logs_command(self, service: str, *, follow: bool) -> list[str]:
        """`aws logs tail`."""
        group = physical_name(f"/ecs/agent-exchange/{service}", self._place.stack, Kind.LOG_GROUP)
        return self._cli(["logs", "tail", group, "--since", "1h", *(["--follow"] if follow else [])])

    def exec_command(self, service: str) -> list[str]:
        """`aws ecs execute-command`, where the stack has opened it. The image has no shell: Python is one."""
        name = aws_status.ecs_name(service, self._place.stack)
        found = items(self._api.call("ecs", "describe_services", cluster=self._cluster, services=[name]), "services")
        if not found or found[0].get("enableExecuteCommand") is not True:
            day = (datetime.now(UTC) + timedelta(days=_SHELL_DAYS)).date()
            raise UsageFault(
                f"no shell can be opened in {service}: its switch is off",
                f"`pulumi config set --path agent-exchange:aws.executeCommand.{service} {day}` and `pulumi up --stack "
                f"{self._place.stack}` open it until that day; everything typed is logged.",
            )
        tasks = self._api.call("ecs", "list_tasks", cluster=self._cluster, serviceName=name, desiredStatus="RUNNING")
        arns = texts(tasks, "taskArns")
        if not arns:
            raise OpsError(f"no task of {service} runs", "`aexctl status` says why the last one stopped.")
        words = ["--cluster", self._cluster, "--task", arns[0], "--container", service]
        return self._cli(["ecs", "execute-command", *words, "--interactive", "--command", "python"])

    def versions(self, service: str) -> list[Version]:
        """Its task definitions."""
        return aws_status.versions(self._api, self._place.stack, self._cluster, service)

    def go_to(self, targets: Mapping[str, Version]) -> list[Edit]:
        """Pins digests: those of the targets, and for the others what runs now, so that they stay as they are."""
        digests = {service: each.digest for service, each in targets.items()}
        return pinned(self._place, self.name, digests, self.status)

    def go_on(self, services: Sequence[str], percent: int) -> list[Edit]:
        """ECS replaces tasks one after the other; there are no shares to set."""
        raise UsageFault(
            f"on AWS a rollout of {', '.join(services)} needs to be told of what",
            "Give one service and its --digest; or, to build from app/ again after a rollback, `pulumi config rm-all "
            "--path agent-exchange:image.source agent-exchange:image.digests` and `pulumi up`.",
        )

    def scale(self, service: str, *, fixed: int | None, minimum: int | None, maximum: int | None) -> list[Edit]:
        """Keys of `aws.scaling`."""
        return scaled(self.name, service, fixed=fixed, minimum=minimum, maximum=maximum)

    def restart(self, service: str, token: str) -> list[Edit]:
        """A key of `aws.restart`, which forces a new deployment."""
        return [Edit(f"aws.restart.{service}", token)]

    def end(self, services: Sequence[str]) -> list[str]:
        """Nothing: the key does it, one instance after the other."""
        return []

    def export_path(self, name: str) -> str:
        """An object of the bucket of exports."""
        return f"s3://{self._place.output(self.name, 'exports')}/{name}"

    def fetch_command(self, name: str) -> list[str] | None:
        """`aws s3 cp`."""
        return self._cli(["s3", "cp", self.export_path(name), "."])

    def operate(self, arguments: Sequence[str], say: Say) -> int:
        """The operators' task."""
        return aws_operations.operate(self._api, self._place.output(self.name, "operations"), arguments, say)

    def headers(self) -> Mapping[str, str]:
        """Nothing: the load balancer lets everybody through to the gateway, which asks for its own key."""
        return {}

    def losses(self) -> list[Loss]:
        """The database, buckets, images, secrets, logs."""
        return aws_teardown.losses(self._place, self._api)

    def obstacles(self) -> list[str]:
        """Other stacks in this one's network."""
        return aws_teardown.obstacles(self._place, self._api)

    def make_way(self) -> Iterator[str]:
        """Stops one-off tasks, which hold addresses in the subnets; drops what is in a cluster of another stack."""
        yield from aws_teardown.make_way(self._api, self._cluster, self._place.stack)
        settings = self._place.settings.aws
        if settings is not None and settings.database.kind is Database.SHARED:
            yield self._dropped(settings.database.owner)

    def _dropped(self, owner: str) -> str:
        """What became of the stack's databases. Those that stay are in nobody's way, so the teardown goes on."""
        said: list[str] = []
        try:
            code = self.operate(["drop"], said.append)
        except OpsError as error:
            return f"its users and databases stay in {owner}'s cluster: {error.what}"
        if code:
            return f"its users and databases stay in {owner}'s cluster: {said[-1] if said else f'exit code {code}'}"
        return f"dropped its users and databases in {owner}'s cluster"

    def leftovers(self) -> list[Leftover]:
        """What has the stack's tags."""
        return aws_teardown.leftovers(self._api, self._place.stack)

    @cached_property
    def _cluster(self) -> str:
        return physical_name("aex-cluster", self._place.stack, Kind.ECS)

    def _cli(self, words: list[str]) -> list[str]:
        profile = self._place.config.get("aws:profile")
        named = ["--profile", profile] if isinstance(profile, str) else []
        return ["aws", *words, "--region", self._api.region, *named]


__all__ = ["Aws"]
