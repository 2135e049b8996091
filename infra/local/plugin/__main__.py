"""What the executable `pulumi-resource-aex` runs."""

from __future__ import annotations

from infra.components.protocol import Provider, serve
from infra.local.plugin.folder import FolderKind
from infra.local.plugin.process import ProcessKind
from infra.local.plugin.secrets import SecretKind, SigningKeyKind

PROVIDER = Provider("aex", "1.0.0", [ProcessKind(), FolderKind(), SecretKind(), SigningKeyKind()])

if __name__ == "__main__":
    serve(PROVIDER)
