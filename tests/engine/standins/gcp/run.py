"""Cloud Run services and jobs: what a revision is refused for.

The sizes are written by hand from Cloud Run's documentation ("CPU limits", "Memory limits"), not taken from the
platform, so that a mistake there is seen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from infra.components.protocol import Context, Created, Plain, PlainProperties, ProviderError, Resource
from tests.engine.standins.checked import CheckedKind

SERVICE: Final = "gcp:cloudrunv2/service:Service"
JOB: Final = "gcp:cloudrunv2/job:Job"
_READER: Final = "roles/secretmanager.secretAccessor"

_MEMORY_MIB: Final = {1: (512, 4096), 2: (512, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
"""vCPU -> least and most memory; the second generation takes no less than 512 MiB, the first 128."""


class RunKind(CheckedKind):
    """A service or a job. Both make a new revision whenever their template changes."""

    def make(self, context: Context, inputs: PlainProperties) -> Created:
        """Create it if its first revision can start."""
        self._must_start(inputs)
        return super().make(context, inputs)

    def change(self, context: Context, resource: Resource, inputs: PlainProperties) -> PlainProperties:
        """Change it if the new revision can start."""
        self._must_start(inputs)
        return super().change(context, resource, inputs)

    def _must_start(self, inputs: PlainProperties) -> None:
        template = _inner(inputs)
        account = template.get("serviceAccount")
        if not any(
            thing.outputs.get("email") == account for thing in self.world.things("gcp:serviceaccount/account:*")
        ):
            raise ProviderError(f"Error 400: service account {account} does not exist")
        for container in cast("list[PlainProperties]", template.get("containers", [])):
            for problem in _size_problems(container, inputs):
                raise ProviderError(f"Error 400: {problem}")
            for secret, version in _secrets(container):
                self._must_be_readable(str(account), secret, version)

    def _must_be_readable(self, account: str, secret: str, version: str) -> None:
        found = [
            thing
            for thing in self.world.things("gcp:secretmanager/secret:Secret")
            if secret in (thing.outputs["secretId"], thing.id, thing.outputs["name"])
        ]
        if not found:
            raise ProviderError(f"Error 404: secret {secret} does not exist")
        numbers = {
            str(thing.outputs["version"])
            for thing in self.world.things("gcp:secretmanager/secretVersion:*")
            if thing.inputs["secret"] == found[0].id
        }
        if version not in numbers:
            raise ProviderError(f"Error 404: secret {secret} has no version {version}, only {sorted(numbers)}")
        readers = {
            str(thing.inputs["member"])
            for thing in self.world.things("gcp:secretmanager/secretIamMember:*")
            if thing.inputs["secretId"] in (found[0].id, found[0].outputs["secretId"])
            and thing.inputs["role"] == _READER
        }
        if f"serviceAccount:{account}" not in readers:
            # Not the real refusal's words: the program tries again for minutes when it reads them.
            raise ProviderError(f"Error 403: {account} has no {_READER} on secret {secret}")


def _inner(inputs: PlainProperties) -> PlainProperties:
    template = cast("PlainProperties", inputs["template"])
    return cast("PlainProperties", template.get("template", template))


def _secrets(container: PlainProperties) -> Iterator[tuple[str, str]]:
    for variable in cast("list[PlainProperties]", container.get("envs", [])):
        source = cast("PlainProperties", variable.get("valueSource") or {})
        if reference := cast("PlainProperties | None", source.get("secretKeyRef")):
            yield str(reference["secret"]), str(reference.get("version", "latest"))


def _size_problems(container: PlainProperties, inputs: PlainProperties) -> Iterator[str]:
    names = [variable.get("name") for variable in cast("list[PlainProperties]", container.get("envs", []))]
    if "PORT" in names:
        yield "the environment variable PORT is reserved"
    if len(names) != len(set(map(str, names))):
        yield f"an environment variable is set twice: {sorted(map(str, names))}"
    resources = cast("PlainProperties", container.get("resources") or {})
    limits = cast("PlainProperties", resources.get("limits") or {})
    if not limits:
        return
    cpu, memory = limits.get("cpu"), _mib(limits.get("memory"))
    if not str(cpu).isdigit() or int(str(cpu)) not in _MEMORY_MIB:
        yield f"cpu {cpu!r} is not one of 1, 2, 4, 6 and 8"
        return
    least, most = _MEMORY_MIB[int(str(cpu))]
    if _inner(inputs).get("executionEnvironment") == "EXECUTION_ENVIRONMENT_GEN1" and int(str(cpu)) <= 2:
        least = 128
    if not least <= memory <= most:
        yield f"{cpu} vCPU takes {least} to {most} MiB of memory, not {memory}"


def _mib(text: Plain) -> int:
    match str(text):
        case gib if gib.endswith("Gi"):
            return int(gib.removesuffix("Gi")) * 1024
        case mib if mib.endswith("Mi"):
            return int(mib.removesuffix("Mi"))
        case _:
            return -1


__all__ = ["JOB", "SERVICE", "RunKind"]
