"""Sizes that the clouds have and do not have."""

import pytest

from infra.components.sizing import (
    FARGATE_MEMORY_MB,
    Generation,
    cloud_run_generation,
    cloud_run_memory,
    cloud_run_problem,
    fargate_problem,
)


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [(256, 512), (256, 2048), (512, 4096), (1024, 2048), (2048, 16384), (4096, 30720), (8192, 61440), (16384, 122880)],
)
def test_pairs_that_fargate_has(cpu: int, memory: int) -> None:
    assert fargate_problem(cpu, memory) is None


@pytest.mark.parametrize(
    ("cpu", "memory", "remedy"),
    [
        (128, 512, "use one of 256, 512, 1024"),
        (256, 4096, "use 512, 1024, 2048 MB, or keep 4096 MB with 512, 1024, 2048 CPU units"),
        (512, 512, "use 1024, 2048, 3072, 4096 MB, or keep 512 MB with 256"),
        (1024, 2500, "use 2048 to 8192 in steps of 1024 MB"),
        (8192, 18432, "use 16384 to 61440 in steps of 4096 MB"),
    ],
)
def test_pairs_that_fargate_lacks_come_with_a_remedy(cpu: int, memory: int, remedy: str) -> None:
    problem = fargate_problem(cpu, memory)
    assert problem is not None
    assert remedy in problem


def test_the_number_of_fargate_sizes() -> None:
    assert [len(sizes) for sizes in FARGATE_MEMORY_MB.values()] == [3, 4, 7, 13, 23, 12, 12]


@pytest.mark.parametrize(
    ("cpu", "memory", "concurrency"), [(1, 256, 80), (1, 4096, 1), (2, 1024, 250), (4, 2048, 1000), (8, 32768, 80)]
)
def test_combinations_that_cloud_run_has(cpu: int, memory: int, concurrency: int) -> None:
    assert cloud_run_problem(cpu, memory, concurrency) is None


@pytest.mark.parametrize(
    ("cpu", "memory", "concurrency", "remedy"),
    [
        (3, 512, 80, "use one of 1, 2, 4, 6, 8"),
        (1, 64, 80, "use 128 to 4096 MiB"),
        (4, 1024, 80, "use 2048 to 16384 MiB"),
        (1, 512, 1001, "use 1 to 1000 requests"),
    ],
)
def test_combinations_that_cloud_run_lacks_come_with_a_remedy(
    cpu: int, memory: int, concurrency: int, remedy: str
) -> None:
    problem = cloud_run_problem(cpu, memory, concurrency)
    assert problem is not None
    assert remedy in problem


def test_little_memory_means_the_first_generation() -> None:
    assert cloud_run_generation(256) is Generation.FIRST
    assert cloud_run_generation(512) is Generation.SECOND


def test_memory_is_written_as_cloud_run_writes_it() -> None:
    assert [cloud_run_memory(mib) for mib in (256, 512, 1024, 1536, 2048)] == ["256Mi", "512Mi", "1Gi", "1536Mi", "2Gi"]
