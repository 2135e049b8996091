"""Secrets: their rotation, and keys that services check each other with."""

import base64

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from infra.aws.secrets import public_key
from infra.components.rotation import versions
from tests.infra.aws import stacks


def test_a_rotation_uses_what_every_receiver_has_known_before() -> None:
    assert versions(1, shared=True) == (1, 2)
    assert versions(2, shared=True) == (2, 3, 1)
    assert versions(2, shared=False) == (2, 1)

    def values(rotation: int) -> set[str]:
        settings = stacks.settings_of("staging", secrets={"aex-jwt-secret": rotation})
        run = stacks.run_of(settings)
        return {each.name for each in run.of("random:index/randomBytes:RandomBytes") if "jwt" in each.name}

    assert values(2) == {f"aex-jwt-secret-{version}" for version in (1, 2, 3)}
    for each in stacks.stack("production").of("random:index/randomBytes:RandomBytes"):
        # Only what is in use: a rotation, or taking one back, drops another, which protection would not allow.
        assert each.options.protect is each.name.endswith(("-signing-key", "-1")), each.name


def test_a_public_key_checks_what_its_seed_has_signed() -> None:
    """As the services do it: EdDSA, raw keys of 32 bytes in base64."""
    seed = base64.b64encode(bytes(range(32))).decode()
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))
    token = jwt.encode({"iss": "aex-gateway"}, private, algorithm="EdDSA")
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key(seed)))
    assert jwt.decode(token, public, algorithms=["EdDSA"]) == {"iss": "aex-gateway"}
