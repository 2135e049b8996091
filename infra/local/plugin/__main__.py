"""What the executable `pulumi-resource-aex` runs."""

from __future__ import annotations

import os

from infra.components.stubs import import_only_stubs

# A server that starts processes: gRPC's own handlers around fork would only get in the way.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
import_only_stubs()

from infra.components.protocol import Provider, serve  # noqa: E402 - needs what was just prepared
from infra.local.plugin.folder import FolderKind  # noqa: E402 - likewise
from infra.local.plugin.process import ProcessKind  # noqa: E402 - likewise
from infra.local.plugin.secrets import SecretKind, SigningKeyKind  # noqa: E402 - likewise

PROVIDER = Provider("aex", "1.0.0", [ProcessKind(), FolderKind(), SecretKind(), SigningKeyKind()])

if __name__ == "__main__":
    serve(PROVIDER)
