"""The resource types of the provider `aex` (`plugin/`), as a program declares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi


class Folder(pulumi.CustomResource):
    """The folder of a stack. `keep` decides whether its content survives the stack."""

    path: pulumi.Output[str]

    def __init__(self, name: str, *, path: str, owner: str, keep: bool, opts: pulumi.ResourceOptions) -> None:
        """`path` is absolute; `owner` names the stack, so that two stacks never share a folder."""
        super().__init__("aex:local:Folder", name, {"path": path, "owner": owner, "keep": keep}, opts)


class Secret(pulumi.CustomResource):
    """A random value, generated once: `prefix` and hexadecimal digits of `bytes` bytes."""

    value: pulumi.Output[str]
    """The version in use."""
    versions: pulumi.Output[str]
    """What services are given: `<version>:<value>,...`, the one in use first, then its predecessor."""

    def __init__(
        self, name: str, *, file: str, rotation: int, prefix: str = "", bytes: int = 32, opts: pulumi.ResourceOptions
    ) -> None:
        """`file` keeps the value beside the data; another `rotation` (the version) makes a new one."""
        given = {"file": file, "rotation": rotation, "prefix": prefix, "bytes": bytes}
        inputs = {**given, "value": None, "versions": None}
        options = pulumi.ResourceOptions(additional_secret_outputs=["value", "versions"])
        super().__init__("aex:local:Secret", name, inputs, pulumi.ResourceOptions.merge(opts, options))


class SigningKey(pulumi.CustomResource):
    """An Ed25519 key pair, generated once; seed and public key are base64 of 32 bytes."""

    seed: pulumi.Output[str]
    public_key: pulumi.Output[str]

    def __init__(self, name: str, *, file: str, opts: pulumi.ResourceOptions) -> None:
        """`file` keeps the seed beside the data."""
        inputs = {"file": file, "seed": None, "public_key": None}
        options = pulumi.ResourceOptions(additional_secret_outputs=["seed"])
        super().__init__("aex:local:SigningKey", name, inputs, pulumi.ResourceOptions.merge(opts, options))

    def translate_output_property(self, prop: str) -> str:
        """Python's name of an output."""
        return "public_key" if prop == "publicKey" else prop


class Process(pulumi.CustomResource):
    """A background process that is healthy once it is created or updated. Times in seconds."""

    log: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str],
        directory: str,
        environment: Mapping[str, pulumi.Input[str]],
        host: str,
        port: int,
        health_path: str,
        folder: str,
        code: str,
        start_timeout: float,
        stop_timeout: float,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """See `infra.local.processes.Spec`."""
        inputs = {
            "name": name,
            "command": list(command),
            "directory": directory,
            "environment": dict(environment),
            "host": host,
            "port": port,
            "healthPath": health_path,
            "folder": folder,
            "code": code,
            "startTimeout": start_timeout,
            "stopTimeout": stop_timeout,
            "log": None,
        }
        super().__init__("aex:local:Process", name, inputs, opts)


__all__ = ["Folder", "Process", "Secret", "SigningKey"]
