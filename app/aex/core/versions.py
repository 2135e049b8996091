"""Secrets that rotate: `version:secret,version:secret`, newest first; a bare secret is version 1.

The newest is used, every listed one is accepted, so that a rotation is two deployments and asks nothing of clients.
"""

from pydantic import SecretStr


def secret_versions(configured: SecretStr | str, variable: str) -> dict[str, str]:
    """Version to secret, newest first. Raises `ValueError` naming `variable` when there is none."""
    text = configured.get_secret_value() if isinstance(configured, SecretStr) else configured
    versions: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        version, separator, secret = part.partition(":")
        versions[version if separator else "1"] = secret if separator else version
    if not versions or not all(versions.values()):
        raise ValueError(f"{variable} is empty: set it to at least 32 random characters, or to version:secret pairs")
    return versions


__all__ = ["secret_versions"]
