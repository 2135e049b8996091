"""Google Cloud as a place where an exchange runs: ten Cloud Run services, found by the names the stack gives them.

Owns the commands and edits of this cloud, and puts together what the files beside it know.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from infra.components.naming import Kind, physical_name
from infra.config.gcp import LATEST, Access
from infra.ops.clouds import gcp_doctor, gcp_operations, gcp_status, gcp_teardown
from infra.ops.clouds.cloud import Place, Say
from infra.ops.clouds.gcp_api import GcpApi, identity_token
from infra.ops.clouds.gcp_status import Region, run_name
from infra.ops.clouds.pins import pinned
from infra.ops.clouds.scaling import scaled
from infra.ops.config_file import Edit
from infra.ops.faults import OpsError, Unreachable, UsageFault
from infra.ops.model import Finding, Leftover, Loss, ServiceState, Version

_ALL: Final = 100


class Gcp:
    """The exchange on Google Cloud."""

    name = "gcp"

    def __init__(self, place: Place) -> None:
        """Take the stack; its config has `gcp:project` and `gcp:region`."""
        self._place = place
        settings = place.settings
        self._region = Region(GcpApi(settings.gcp_project or ""), place.stack, settings.gcp_region or "")

    def doctor(self) -> Iterator[Finding]:
        """Programs, login, project, billing, APIs, permissions, quotas, clashes."""
        return gcp_doctor.findings(self._place, self._region)

    def status(self) -> list[ServiceState]:
        """What Cloud Run says."""
        return gcp_status.states(self._region)

    def logs_command(self, service: str, *, follow: bool) -> list[str]:
        """`gcloud run services logs`."""
        name = run_name(service, self._place.stack)
        if follow:
            return self._cli(["beta", "run", "services", "logs", "tail", name])
        return self._cli(["run", "services", "logs", "read", name, "--limit", "100"])

    def exec_command(self, service: str) -> list[str]:
        """Cloud Run gives no shell to an instance."""
        raise UsageFault(
            f"no shell can be opened in {service}: Cloud Run has none, and no switch for it",
            f"Look with `aexctl logs {service}`; `aexctl check` and `export` run where the data is.",
        )

    def versions(self, service: str) -> list[Version]:
        """Its revisions."""
        return gcp_status.versions(self._region, service)

    def go_to(self, targets: Mapping[str, Version]) -> list[Edit]:
        """All requests to a revision that exists, which takes seconds; a digest without one is deployed."""
        edits: list[Edit] = []
        for service, version in targets.items():
            if version.revision.startswith(f"{service}-"):
                edits += self._traffic(service, {version.revision: _ALL})
        digests = {
            service: each.digest for service, each in targets.items() if not each.revision.startswith(f"{service}-")
        }
        return edits + (pinned(self._place, self.name, digests, self.status) if digests else [])

    def go_on(self, services: Sequence[str], percent: int) -> list[Edit]:
        """A share for the newest revision, the rest for what serves now; all of it needs no key."""
        edits: list[Edit] = []
        for service in services:
            if percent == _ALL:
                edits.append(Edit(f"gcp.traffic.{service}", None))
                continue
            shares = gcp_status.shares(self._region.api.get("run", f"v2/{self._region.service(service)}"))
            if not shares:
                raise OpsError(f"nothing of {service} takes requests", "`aexctl status` says why.")
            stable = max(shares, key=lambda each: shares[each])
            edits += self._traffic(service, {stable: _ALL - percent, LATEST: percent})
        return edits

    def scale(self, service: str, *, fixed: int | None, minimum: int | None, maximum: int | None) -> list[Edit]:
        """Keys of `gcp.scaling`."""
        return scaled(self.name, service, fixed=fixed, minimum=minimum, maximum=maximum)

    def restart(self, service: str, token: str) -> list[Edit]:
        """A key of `gcp.restart`, which makes a new revision."""
        return [Edit(f"gcp.restart.{service}", token)]

    def end(self, services: Sequence[str]) -> list[str]:
        """Nothing: the key does it, one instance after the other."""
        return []

    def export_path(self, name: str) -> str:
        """A file of the bucket of exports, as the job sees it."""
        if "/" in name:
            raise UsageFault(f"{name!r} is not the name of a file in the bucket", "Leave folders out.")
        return f"/exports/{name}"

    def fetch_command(self, name: str) -> list[str] | None:
        """`gcloud storage cp`."""
        bucket = self._place.output(self.name, "exports")
        return ["gcloud", "storage", "cp", f"gs://{bucket}/{name}", ".", "--project", self._region.api.project]

    def operate(self, arguments: Sequence[str], say: Say) -> int:
        """The operators' job."""
        job = physical_name(gcp_teardown.OPERATIONS, self._place.stack, Kind.CLOUD_RUN)
        return gcp_operations.operate(self._region, job, arguments, say)

    def headers(self) -> Mapping[str, str]:
        """Where IAM guards the gateway, who one is, beside the exchange's own key."""
        if self._place.settings.gcp_access is not Access.IAM:
            return {}
        gateway = self._place.output(self.name, "gatewayUrl")
        return {"X-Serverless-Authorization": f"Bearer {identity_token(gateway) or _token_of_gcloud()}"}

    def losses(self) -> list[Loss]:
        """The database, buckets, images, secrets."""
        return gcp_teardown.losses(self._place, self._region)

    def obstacles(self) -> list[str]:
        """None that can be seen before: a subnet is in use for up to two hours after its last revision."""
        return []

    def make_way(self) -> Iterator[str]:
        """Cancels what the operators' job still does."""
        return gcp_teardown.make_way(self._region)

    def leftovers(self) -> list[Leftover]:
        """What has the stack's labels or names."""
        return gcp_teardown.leftovers(self._region, self._place.settings.environment.value)

    def _traffic(self, service: str, shares: Mapping[str, int]) -> list[Edit]:
        path = f"gcp.traffic.{service}"
        return [Edit(path, None), *(Edit(f"{path}.{revision}", percent) for revision, percent in shares.items())]

    def _cli(self, words: list[str]) -> list[str]:
        return ["gcloud", *words, "--region", self._region.region, "--project", self._region.api.project]


def _token_of_gcloud() -> str:
    try:
        command = ["gcloud", "auth", "print-identity-token"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise Unreachable(
            "IAM guards the gateway, and there is no identity to show it",
            "`gcloud auth login` as a member of gcp.invokers, or use a service account's credentials.",
        ) from None


__all__ = ["Gcp"]
