"""The life of one background process, with real processes."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from infra.local import launch, ports, processes, records
from infra.local.identity import Identity, alive, children, identify, send
from infra.local.processes import ProcessError, Spec
from tests.infra.local.conftest import MakeSpec

pytestmark = pytest.mark.processes


def answer(spec: Spec) -> str:
    with urllib.request.urlopen(spec.health_url, timeout=5) as response:  # noqa: S310  (our own URL)
        return response.read().decode()


def pump_of(spec: Spec) -> Identity:
    record = records.load(spec.folder, spec.name)
    assert record is not None
    return record.pump


def _release_and(cancelled: threading.Event, release: Callable[[launch.Pump], None]) -> Callable[[launch.Pump], None]:
    def released(pump: launch.Pump) -> None:
        release(pump)
        cancelled.set()

    return released


def assert_nothing_left(spec: Spec) -> None:
    assert records.load(spec.folder, spec.name) is None
    assert ports.is_free(spec.host, spec.port)
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
        except psutil.Error:
            continue
        assert str(spec.folder) not in command or process.status() == psutil.STATUS_ZOMBIE


class TestStart:
    def test_it_runs_in_a_session_of_its_own_with_a_clean_environment(
        self, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "hunter2")
        spec = make_spec()
        service = processes.ensure(spec)
        assert answer(spec) == f"{service.pid} red -"
        assert os.getsid(service.pid) not in {os.getsid(0), service.pid}
        assert os.getsid(service.pid) == pump_of(spec).pid
        assert os.getpgid(service.pid) == service.pid
        assert processes.running(spec.folder, spec.name, service)

    def test_it_ends_by_interrupt_signals_like_any_other_although_the_starter_ignores_them(self, make_spec: MakeSpec):
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            service = processes.ensure(make_spec())
        finally:
            signal.signal(signal.SIGINT, before)
        os.kill(service.pid, signal.SIGINT)
        deadline = time.monotonic() + 5
        while alive(service) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(service)

    def test_nothing_private_is_readable_by_others(self, make_spec: MakeSpec):
        spec = make_spec()
        processes.ensure(spec)
        assert spec.log.stat().st_mode & 0o077 == 0
        assert records.record_path(spec.folder, spec.name).stat().st_mode & 0o077 == 0

    def test_a_slow_start_is_waited_for(self, make_spec: MakeSpec):
        assert alive(processes.ensure(make_spec("slow")))

    def test_a_crash_quotes_the_log_and_leaves_nothing(self, make_spec: MakeSpec):
        spec = make_spec("crash")
        with pytest.raises(ProcessError) as caught:
            processes.ensure(spec)
        text = str(caught.value)
        assert "little ended with exit code 1 before it was healthy" in text
        assert "RuntimeError: the database password is missing" in text
        assert "about to fail" in text
        assert str(spec.log) in text
        assert_nothing_left(spec)

    def test_the_tail_is_of_this_start_only(self, make_spec: MakeSpec):
        first = make_spec("crash")
        with pytest.raises(ProcessError):
            processes.ensure(first)
        second = make_spec("idle", start_timeout=1.0)
        with pytest.raises(ProcessError, match="waiting for a peer") as caught:
            processes.ensure(second)
        assert "password" not in str(caught.value)

    @pytest.mark.parametrize("mode", ["idle", "unhealthy"])
    def test_a_start_that_takes_too_long_is_undone(self, make_spec: MakeSpec, mode: str):
        spec = make_spec(mode, start_timeout=1.0)
        with pytest.raises(ProcessError, match=r"not healthy within 1 s(.|\n)*startTimeoutSeconds"):
            processes.ensure(spec)
        assert_nothing_left(spec)

    def test_a_missing_program_is_said(self, make_spec: MakeSpec):
        spec = make_spec(command=("/nowhere/python", "-m", "aex"))
        with pytest.raises(ProcessError, match=r"could not be started: .*No such file(.|\n)*make setup"):
            processes.ensure(spec)
        assert_nothing_left(spec)

    def test_an_interrupted_start_is_undone(self, make_spec: MakeSpec):
        spec = make_spec("idle")
        cancelled = threading.Event()
        threading.Timer(0.5, cancelled.set).start()
        begun = time.monotonic()
        with pytest.raises(ProcessError, match="interrupted"):
            processes.ensure(spec, cancelled)
        assert time.monotonic() - begun < 5
        assert_nothing_left(spec)

    def test_the_service_must_listen_itself(self, make_spec: MakeSpec):
        # A predecessor that took the port between the check and the start would answer in the service's place.
        other = make_spec(name="other")
        processes.ensure(other)
        spec = make_spec("idle", port=other.port)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ports, "is_free", lambda _host, _port: True)
            with pytest.raises(ProcessError, match=f"does not listen on port {other.port} itself: process"):
                processes.ensure(spec)
        assert answer(other)


class TestPorts:
    def test_a_taken_port_names_the_holder_and_the_remedy(self, make_spec: MakeSpec, folder: Path):
        other = make_spec(folder=folder.parent / "other")
        holder = processes.ensure(other)
        spec = make_spec(port=other.port)
        with pytest.raises(ProcessError) as caught:
            processes.ensure(spec)
        text = str(caught.value)
        assert f"needs port {spec.port} of 127.0.0.1, but process {holder.pid} (" in text
        assert "agent-exchange:local.basePort" in text
        assert answer(other).startswith(str(holder.pid)), "the other stack's process is left alone"
        assert not records.record_path(spec.folder, spec.name).exists()

    def test_siblings_may_exchange_their_ports(self, make_spec: MakeSpec):
        one, two = make_spec(name="one"), make_spec(name="two")
        before = [processes.ensure(spec) for spec in (one, two)]
        one, two = (
            dataclasses.replace(spec, port=other.port, command=other.command)
            for spec, other in ((one, two), (two, one))
        )
        after = [processes.ensure(spec) for spec in (one, two)]
        assert not any(alive(identity) for identity in before)
        assert all(alive(identity) for identity in after)
        assert answer(one).startswith(str(after[0].pid)) and answer(two).startswith(str(after[1].pid))

    def test_a_listener_on_all_addresses_takes_the_port_too(self):
        with socket.socket() as server:
            server.bind(("0.0.0.0", 0))  # noqa: S104  (what another program may do)
            server.listen()
            port = server.getsockname()[1]
            assert not ports.is_free("127.0.0.1", port)
            assert ports.holder(port).pid == os.getpid()
        assert ports.is_free("127.0.0.1", port)


class TestAgain:
    def test_the_same_is_kept(self, make_spec: MakeSpec):
        spec = make_spec()
        assert processes.ensure(spec) == processes.ensure(spec)

    @pytest.mark.parametrize("change", [{"code": "2"}, {"environment": {"COLOUR": "blue"}}])
    def test_any_change_restarts(self, make_spec: MakeSpec, change: dict[str, object]):
        spec = make_spec()
        before = processes.ensure(spec)
        changed = dataclasses.replace(spec, **change)
        after = processes.ensure(changed)
        assert after.pid != before.pid
        assert not alive(before)
        assert not processes.running(spec.folder, spec.name, before)

    def test_a_changed_patience_does_not(self, make_spec: MakeSpec):
        spec = make_spec()
        assert processes.ensure(spec) == processes.ensure(dataclasses.replace(spec, start_timeout=60.0))

    def test_a_killed_one_is_seen_and_started_again(self, make_spec: MakeSpec):
        spec = make_spec()
        before = processes.ensure(spec)
        os.kill(before.pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while processes.running(spec.folder, spec.name, before) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not processes.running(spec.folder, spec.name, before)
        assert processes.ensure(spec).pid != before.pid
        assert '"event": "ended"' in spec.log.read_text() and '"status": -9' in spec.log.read_text()

    def test_a_starter_that_dies_leaves_what_the_next_one_takes_over(self, make_spec: MakeSpec):
        spec = make_spec()
        service = processes.ensure(spec)
        record = records.load(spec.folder, spec.name)
        assert record is not None
        # Died between the start and the health check: the record names the pump only.
        records.save(spec.folder, spec.name, dataclasses.replace(record, service=None))
        after = processes.ensure(spec)
        assert not alive(service)
        assert alive(after)

    def test_a_pump_whose_starter_dies_before_the_record_starts_nothing(self, make_spec: MakeSpec):
        spec = make_spec()
        pump = launch.spawn(spec.command, spec.directory, spec.environment, spec.log)
        identity = identify(pump.pid)
        assert identity is not None
        pump.close()
        deadline = time.monotonic() + 5
        while alive(identity) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not alive(identity)
        assert ports.is_free(spec.host, spec.port)


class TestStop:
    def test_an_interruption_before_the_service_has_started_is_no_escape(self, make_spec: MakeSpec):
        spec = make_spec("idle")
        for _ in range(5):
            cancelled = threading.Event()
            begun = time.monotonic()
            with pytest.raises(ProcessError, match="interrupted"), pytest.MonkeyPatch.context() as patch:
                patch.setattr(launch.Pump, "release", _release_and(cancelled, launch.Pump.release))
                processes.ensure(spec, cancelled)
            assert time.monotonic() - begun < 3
            assert_nothing_left(spec)

    def test_it_ends_and_a_second_stop_is_nothing(self, make_spec: MakeSpec):
        spec = make_spec()
        processes.ensure(spec)
        pump = pump_of(spec)
        processes.stop(spec.folder, spec.name, 5)
        assert not alive(pump)
        assert_nothing_left(spec)
        processes.stop(spec.folder, spec.name, 5)

    def test_one_that_ignores_the_request_is_killed_with_its_children(self, make_spec: MakeSpec):
        spec = make_spec("deaf")
        service = processes.ensure(spec)
        (child,) = children(service)
        begun = time.monotonic()
        processes.stop(spec.folder, spec.name, 0.5)
        assert time.monotonic() - begun >= 0.5
        assert not alive(service) and not alive(child)
        assert_nothing_left(spec)

    def test_a_reused_pid_is_never_signalled(self, make_spec: MakeSpec):
        bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        try:
            identity = identify(bystander.pid)
            assert identity is not None
            for stranger in (
                dataclasses.replace(identity, started="another time"),
                dataclasses.replace(identity, command=("python", "-m", "aex")),
            ):
                spec = make_spec()
                records.save(spec.folder, spec.name, records.Record("x", pump=stranger, service=stranger))
                assert not send(stranger, signal.SIGKILL)
                assert not processes.running(spec.folder, spec.name, stranger)
                processes.stop(spec.folder, spec.name, 0.2)
                assert bystander.poll() is None
                assert records.load(spec.folder, spec.name) is None
        finally:
            bystander.kill()
            bystander.wait()

    def test_a_copied_checkout_leaves_the_original_alone(self, make_spec: MakeSpec, folder: Path):
        spec = make_spec()
        service = processes.ensure(spec)
        copy = folder.parent / "copy"
        shutil.copytree(folder, copy)
        assert records.load(copy, spec.name) is None
        processes.stop(copy, spec.name, 1)
        assert not processes.running(copy, spec.name, service)
        assert alive(service)

    def test_a_copied_checkout_whose_state_names_the_original_folder_leaves_it_alone_too(
        self, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ):
        spec = make_spec()
        service = processes.ensure(spec)
        with monkeypatch.context() as patch:
            patch.setattr(records, "CHECKOUT", tmp_path)
            processes.stop(spec.folder, spec.name, 1)
            with pytest.raises(ProcessError, match="listens there"):
                processes.ensure(spec)
        assert processes.running(spec.folder, spec.name, service)

    def test_an_unreadable_record_is_no_record(self, make_spec: MakeSpec):
        spec = make_spec()
        path = records.record_path(spec.folder, spec.name)
        path.parent.mkdir(parents=True)
        for text in ("", "{", "[]", '{"owner": 1}'):
            path.write_text(text)
            assert records.load(spec.folder, spec.name) is None


class TestLogs:
    def test_files_stay_bounded_and_lines_whole(self, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(launch, "LOG_BYTES", 50_000)
        spec = make_spec("chatty")  # 450 kB of output
        processes.ensure(spec)
        files = sorted(spec.log.parent.iterdir())
        assert [file.name for file in files] == ["little.log", "little.log.1", "little.log.2", "little.log.3"]
        sizes = [file.stat().st_size for file in files]
        assert max(sizes) <= 50_000 + 2 * 64 * 1024
        numbers = [
            int(line.split()[1])
            for file in sorted(files, key=lambda file: file.name, reverse=True)
            for line in file.read_text().splitlines()
            if line.startswith("line ")
        ]
        assert numbers == list(range(numbers[0], 4000)), "no line is lost or torn by a rotation"

    def test_the_pump_is_small(self, make_spec: MakeSpec):
        spec = make_spec()
        processes.ensure(spec)
        assert psutil.Process(pump_of(spec).pid).memory_info().rss < 20 * 1024 * 1024
