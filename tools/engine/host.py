"""The engine's language host for Python: `pulumi-language-python` where no Pulumi release is installed.

The engine starts it, reads the port from its first line of output, and speaks the language protocol with it. It runs
programs and plugins in their own virtual environment and reports which provider plugins the installed SDKs want. It
owns neither dependencies (`make setup` installs them) nor code generation. It ends when the engine does: a program
whose engine died would wait for it for ever.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import IO

# A server that starts processes: grpc's own handlers around fork would only get in the way.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc
from google.protobuf import empty_pb2
from google.protobuf.message import Message


def _import_stubs_only() -> None:
    """Let the protocol's stubs be imported without running the SDK around them, which costs 0.4 s a command."""
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.origin is None:
        sys.exit(f"{sys.executable} has no Pulumi SDK: run `make setup`")
    root = Path(spec.origin).parent
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package


_import_stubs_only()

from pulumi.runtime.proto import language_pb2 as pb  # noqa: E402 - needs the packages made above
from pulumi.runtime.proto import plugin_pb2  # noqa: E402 - likewise

from tools.engine import programs  # noqa: E402 - likewise

ALREADY_REPORTED = 32  # the program's exit code for "the engine knows the error already"
PARENT_CHECK_SECONDS = 1.0
TERM_SECONDS = 5.0  # between SIGTERM and SIGKILL
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

Process = subprocess.Popen[bytes]


class Children:
    """The processes that run on the engine's behalf, so that none of them outlives it."""

    def __init__(self) -> None:
        """Start with none."""
        self._running: set[Process] = set()
        self._lock = threading.Lock()

    def start(
        self, command: list[str], context: grpc.ServicerContext, *, cwd: str, env: dict[str, str], pipes: bool
    ) -> Process:
        """Start a command that ends with the call it serves; a program inherits our output, a plugin is read."""
        output = subprocess.PIPE if pipes else None
        child = subprocess.Popen(
            command, cwd=cwd or None, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        with self._lock:
            self._running.add(child)
        if not context.add_callback(lambda: self._stop(child)):
            self._stop(child)  # the call was over before the process was there
        return child

    def wait(self, child: Process) -> int:
        """Wait for a child's end and forget it."""
        code = child.wait()
        with self._lock:
            self._running.discard(child)
        return code

    def stop_all(self) -> None:
        """End whatever still runs."""
        with self._lock:
            running = list(self._running)
        for child in running:
            self._stop(child)

    @staticmethod
    def _stop(child: Process) -> None:
        if child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(TERM_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


class LanguageHost:
    """The methods of the protocol's LanguageRuntime service that running a program needs."""

    def __init__(self, engine: str) -> None:
        """Take the engine's address, which programs report to."""
        self._engine = engine
        self.children = Children()

    def handshake(self, request: pb.LanguageHandshakeRequest, context: grpc.ServicerContext) -> Message:
        """Note the engine's address."""
        del context
        self._engine = request.engine_address or self._engine
        return pb.LanguageHandshakeResponse()

    def plugin_info(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> Message:
        """Give the version of the SDK that this host belongs to."""
        del request, context
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def required_packages(self, request: pb.GetRequiredPackagesRequest, context: grpc.ServicerContext) -> Message:
        """List the provider plugins that the installed SDKs name in their `pulumi-plugin.json`."""
        del context
        packages = [
            plugin_pb2.PackageDependency(kind="resource", name=each.name, version=each.version, server=each.server)
            for each in programs.provider_plugins(programs.interpreter(_project(request.info)))
        ]
        return pb.GetRequiredPackagesResponse(packages=packages)

    def run(self, request: pb.RunRequest, context: grpc.ServicerContext) -> Message:
        """Run the program to its end."""
        shim = shutil.which("pulumi-language-python-exec")
        if shim is None:
            return pb.RunResponse(error="pulumi-language-python-exec is not on PATH: run `make setup`")
        python = programs.interpreter(_project(request.info))
        if not python.exists():
            return pb.RunResponse(error=f"the program's interpreter {python} does not exist: run `make setup`")
        flags = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root_directory": request.info.root_directory,
            "pwd": request.pwd,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(request.parallel),
        }
        command = [str(python), "-u", shim]
        for name, value in flags.items():
            command += [f"--{name}", value] if value else []
        command += [request.info.entry_point or ".", *request.args]
        env = programs.environment(python) | {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        child = self.children.start(command, context, cwd=request.pwd, env=env, pipes=False)
        code = self.children.wait(child)
        if code == ALREADY_REPORTED:
            return pb.RunResponse(bail=True)
        return pb.RunResponse(error=f"the program {_ending(code)}" if code else "")

    def run_plugin(self, request: pb.RunPluginRequest, context: grpc.ServicerContext) -> Iterator[Message]:
        """Run a plugin that is a Python program (policy packs start through the SDK), and pass its output on."""
        python = programs.interpreter(_project(request.info))
        program = request.info.program_directory or request.program
        command = [str(python), "-u"]
        if request.kind == "analyzer":
            command += ["-m", "pulumi.policy", *request.args, program]
        else:
            command += [program, *request.args]
        env = programs.environment(python) | dict(
            pair.split("=", 1) for pair in request.env if not pair.startswith("PATH=")
        )
        child = self.children.start(command, context, cwd=request.pwd, env=env, pipes=True)
        for is_error, chunk in _output(child):
            yield pb.RunPluginResponse(stderr=chunk) if is_error else pb.RunPluginResponse(stdout=chunk)
        yield pb.RunPluginResponse(exitcode=self.children.wait(child))

    def about(self, request: pb.AboutRequest, context: grpc.ServicerContext) -> Message:
        """Name the interpreter of a program."""
        del context
        python = str(programs.interpreter(_project(request.info)))
        version = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
        return pb.AboutResponse(executable=python, version=version)

    def dependencies(self, request: pb.GetProgramDependenciesRequest, context: grpc.ServicerContext) -> Message:
        """List the installed distributions, by default only those that no other one requires."""
        del context
        python = programs.interpreter(_project(request.info))
        found = programs.distributions(python, only_direct=not request.transitiveDependencies)
        return pb.GetProgramDependenciesResponse(
            dependencies=[pb.DependencyInfo(name=name, version=version) for name, version in found]
        )

    def install(self, request: pb.InstallDependenciesRequest, context: grpc.ServicerContext) -> Iterator[Message]:
        """Say who installs dependencies here."""
        del request, context
        yield pb.InstallDependenciesResponse(stdout=b"Dependencies are locked; `make setup` installs them.\n")

    def cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> Message:
        """End what runs."""
        del request, context
        self.children.stop_all()
        return empty_pb2.Empty()


def _project(info: pb.ProgramInfo) -> programs.Project:
    options = {name: value.string_value for name, value in info.options.fields.items()}
    return programs.Project(Path(info.root_directory or info.program_directory), options)


def _ending(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def _output(child: Process) -> Iterator[tuple[bool, bytes]]:
    """Yield what a child writes as (is it its error output, bytes), until both of its streams are closed."""
    chunks: SimpleQueue[tuple[bool, bytes]] = SimpleQueue()

    def pump(stream: IO[bytes], is_error: bool) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put((is_error, chunk))
        chunks.put((is_error, b""))

    assert child.stdout is not None and child.stderr is not None  # noqa: S101 - both were asked for as pipes
    for stream, is_error in ((child.stdout, False), (child.stderr, True)):
        threading.Thread(target=pump, args=(stream, is_error), daemon=True).start()
    open_streams = 2
    while open_streams:
        is_error, chunk = chunks.get()
        if chunk:
            yield is_error, chunk
        else:
            open_streams -= 1


def _handlers(host: LanguageHost) -> grpc.GenericRpcHandler:
    """Give the protocol's method names their functions."""

    def encode(message: Message) -> bytes:
        return message.SerializeToString()

    def one(function: Callable[..., Message], request: type[Message]) -> grpc.RpcMethodHandler[Message, Message]:
        return grpc.unary_unary_rpc_method_handler(function, request.FromString, encode)

    def many(
        function: Callable[..., Iterator[Message]], request: type[Message]
    ) -> grpc.RpcMethodHandler[Message, Message]:
        return grpc.unary_stream_rpc_method_handler(function, request.FromString, encode)

    return grpc.method_handlers_generic_handler(
        "pulumirpc.LanguageRuntime",
        {
            "Handshake": one(host.handshake, pb.LanguageHandshakeRequest),
            "GetPluginInfo": one(host.plugin_info, empty_pb2.Empty),
            "GetRequiredPackages": one(host.required_packages, pb.GetRequiredPackagesRequest),
            "Run": one(host.run, pb.RunRequest),
            "RunPlugin": many(host.run_plugin, pb.RunPluginRequest),
            "About": one(host.about, pb.AboutRequest),
            "GetProgramDependencies": one(host.dependencies, pb.GetProgramDependenciesRequest),
            "InstallDependencies": many(host.install, pb.InstallDependenciesRequest),
            "Cancel": one(host.cancel, empty_pb2.Empty),
        },
    )


def main() -> None:
    """Serve until the engine asks us to stop, or is gone."""
    parent = os.getppid()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    host = LanguageHost(engine=sys.argv[-1])
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=UNLIMITED)
    server.add_generic_rpc_handlers((_handlers(host),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    while not stop.wait(PARENT_CHECK_SECONDS) and os.getppid() == parent:
        pass
    host.children.stop_all()
    server.stop(grace=None)


if __name__ == "__main__":
    main()
