"""Which sizes exist: the pairs that Fargate accepts and the combinations that Cloud Run accepts.

Pure facts about the two clouds, used by the catalog and by the overrides in a stack's config, so that a size that no
cloud has stops before the first resource. Sources: AWS "task-cpu-memory-error", Google "Configure CPU limits" and
"Configure memory limits" for services, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum, unique
from typing import Final

FARGATE_MEMORY_MB: Final[dict[int, tuple[int, ...]]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
"""CPU units (1024 = one vCPU) -> memory sizes in MB that can go with them."""

CLOUD_RUN_MEMORY_MIB: Final[dict[int, tuple[int, int]]] = {
    1: (128, 4096),
    2: (128, 8192),
    4: (2048, 16384),
    6: (4096, 24576),
    8: (4096, 32768),
}
"""vCPU -> smallest and largest memory in MiB. Fractions of a vCPU exist, but only with one request at a time."""

CLOUD_RUN_CONCURRENCY: Final = range(1, 1001)

_SECOND_GENERATION_MINIMUM_MIB: Final = 512


@unique
class Generation(StrEnum):
    """Execution environments of Cloud Run, with the values that its API uses."""

    FIRST = "EXECUTION_ENVIRONMENT_GEN1"
    SECOND = "EXECUTION_ENVIRONMENT_GEN2"


def fargate_problem(cpu: int, memory_mb: int) -> str | None:
    """What is wrong with a Fargate size and what to choose instead; None when Fargate has it."""
    if cpu not in FARGATE_MEMORY_MB:
        return f"Fargate has no {cpu} CPU units: use one of {_listed(FARGATE_MEMORY_MB)}"
    memories = FARGATE_MEMORY_MB[cpu]
    if memory_mb in memories:
        return None
    fitting = [units for units, sizes in FARGATE_MEMORY_MB.items() if memory_mb in sizes]
    other = f", or keep {memory_mb} MB with {_listed(fitting)} CPU units" if fitting else ""
    return f"Fargate has no {memory_mb} MB with {cpu} CPU units: use {_shortened(memories)} MB{other}"


def cloud_run_problem(cpu: int, memory_mib: int, concurrency: int) -> str | None:
    """What is wrong with a Cloud Run size and what to choose instead; None when Cloud Run has it."""
    if cpu not in CLOUD_RUN_MEMORY_MIB:
        return f"Cloud Run has no {cpu} vCPU: use one of {_listed(CLOUD_RUN_MEMORY_MIB)}"
    smallest, largest = CLOUD_RUN_MEMORY_MIB[cpu]
    if not smallest <= memory_mib <= largest:
        return f"Cloud Run has no {memory_mib} MiB with {cpu} vCPU: use {smallest} to {largest} MiB, or other vCPUs"
    if concurrency not in CLOUD_RUN_CONCURRENCY:
        return f"Cloud Run has no concurrency of {concurrency}: use 1 to {CLOUD_RUN_CONCURRENCY[-1]} requests at once"
    return None


def cloud_run_generation(memory_mib: int) -> Generation:
    """The newest execution environment that accepts this much memory: the second one starts at 512 MiB."""
    return Generation.SECOND if memory_mib >= _SECOND_GENERATION_MINIMUM_MIB else Generation.FIRST


def cloud_run_memory(memory_mib: int) -> str:
    """Memory as Cloud Run writes it: whole `Gi` where possible, otherwise `Mi`."""
    return f"{memory_mib // 1024}Gi" if memory_mib % 1024 == 0 else f"{memory_mib}Mi"


def _listed(values: Iterable[int]) -> str:
    return ", ".join(str(value) for value in values)


def _shortened(values: tuple[int, ...]) -> str:
    if len(values) <= 4:
        return _listed(values)
    return f"{values[0]} to {values[-1]} in steps of {values[1] - values[0]}"
