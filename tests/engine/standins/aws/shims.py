"""What moto needs to know in addition, so that it can stand in for the AWS of this project:

* **DocumentDB.** moto's RDS code serves the whole DocumentDB API, but its lists of engines lack `docdb`. They get it,
  with its version, port and (no) preset storage. All rules of clusters, instances, members, snapshots and managed
  passwords are then moto's. It cannot restore a cluster whose password AWS manages; here it can, and manages none until
  it is told to.
* **One-off tasks end.** moto runs no container: a task that was started stays RUNNING, and its network interface stays
  behind for ever. Here a task has stopped, with the exit code that the test ordered (0), by the time that somebody asks
  for it, and its interface is gone. This proves that the task *can be started* as the program asks for (cluster,
  definition, subnets and groups exist) and that the program understands the answer; nothing about what the task does.

* **No task belongs to a service.** moto starts none for a service, and lists every other task as if it were one.

What moto refuses less than AWS does is not here, but in the kinds (`guards.py`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moto.ecs.models import EC2ContainerServiceBackend, Task
from moto.moto_api import state_manager
from moto.rds import models as rds
from moto.rds.utils import ClusterEngine, DbInstanceEngine

_ENGINE, _LIKE, _VERSION, _PORT = "docdb", "neptune", "5.0.0", 27017
_installed: list[bool] = []


@dataclass
class OneOff:
    """How one-off tasks end; tests set it."""

    exit_code: int = 0
    started: int = 0
    """How many were started."""


ONE_OFF = OneOff()


def install() -> None:
    """Teach moto, once per process; and tasks succeed again."""
    ONE_OFF.exit_code, ONE_OFF.started = 0, 0
    if _installed:
        return
    _installed.append(True)
    _engines(ClusterEngine, "list_cluster_engines")
    _engines(DbInstanceEngine, "valid_db_instance_engine")
    for kind in (rds.DBCluster, rds.DBInstance):
        _for_engine(kind, "default_port", lambda *_: _PORT)
        _for_engine(kind, "default_allocated_storage", lambda *_: 0)
    _for_engine(rds.DBCluster, "default_engine_version", lambda *_: _VERSION)
    rds.DBInstance.default_engine_versions[_ENGINE] = _VERSION
    _let_managed_clusters_be_restored()
    state_manager.set_transition("ecs::task", {"progression": "immediate"})
    _end_tasks()
    _keep_one_off_tasks_out_of_services()


def _engines(kind: Any, name: str) -> None:
    known = getattr(kind, name)()
    setattr(kind, name, classmethod(lambda _: sorted([*known, _ENGINE])))


def _for_engine(kind: Any, name: str, answer: Callable[..., object]) -> None:
    original = getattr(kind, name)

    @functools.wraps(original)
    def asked(engine: str, *arguments: object, **named: object) -> object:
        return answer(engine) if engine == _ENGINE else original(engine, *arguments, **named)

    setattr(kind, name, staticmethod(asked))


def _let_managed_clusters_be_restored() -> None:
    original = rds.DBCluster.get_cfg

    @functools.wraps(original)
    def get_cfg(self: rds.DBCluster) -> dict[str, Any]:
        vars(self).setdefault("_master_user_password", "known to the snapshot only")
        return original(self) | {"manage_master_user_password": False}

    setattr(rds.DBCluster, original.__name__, get_cfg)


def _end_tasks() -> None:
    original = EC2ContainerServiceBackend.run_task

    @functools.wraps(original)
    def run_task(self: EC2ContainerServiceBackend, *arguments: Any, **named: Any) -> list[Task]:
        tasks = original(self, *arguments, **named)
        for task in tasks:
            ONE_OFF.started += 1
            _end(self, task)
        return tasks

    setattr(EC2ContainerServiceBackend, original.__name__, run_task)


def _keep_one_off_tasks_out_of_services() -> None:
    original = EC2ContainerServiceBackend.list_tasks

    @functools.wraps(original)
    def list_tasks(self: EC2ContainerServiceBackend, *arguments: Any, **named: Any) -> list[Task]:
        asked = inspect.signature(original).bind(self, *arguments, **named)
        return [] if asked.arguments.get("service_name") else original(self, *arguments, **named)

    setattr(EC2ContainerServiceBackend, original.__name__, list_tasks)


def _end(backend: EC2ContainerServiceBackend, task: Task) -> None:
    from moto.ec2.models import ec2_backends

    ec2 = ec2_backends[backend.account_id][backend.region_name]
    for attachment in task.attachments:
        for detail in attachment["details"]:
            if detail["name"] == "networkInterfaceId":
                ec2.enis.pop(detail["value"], None)
    containers: list[Any] = task.containers
    for container in containers:
        container.exitCode = ONE_OFF.exit_code
        container.last_status = "STOPPED"
    task.desired_status = "STOPPED"
    task.stopped_reason = "Essential container in task exited"


__all__ = ["ONE_OFF", "OneOff", "install"]
