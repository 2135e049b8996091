"""`make certificates`: the authorities that sign DocumentDB's certificates, fetched anew from Amazon.

The images carry them (`app/certificates/`), with where they come from and a checksum beside them, which the build
verifies. A bundle is only replaced by one in which every certificate parses, is an authority's and is not there twice.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

AMAZON = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
FOLDER = Path(__file__).resolve().parents[2] / "app" / "certificates"
NAME = "aws-database-ca.pem"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)


class BundleError(ValueError):
    """What was fetched is no bundle of authorities."""


def bundle(text: str) -> str:
    """Write the certificates in `text` one after the other, each with its subject and its last day above it."""
    parts: list[str] = []
    for certificate in parse(text):
        subject = certificate.subject.rfc4514_string()
        pem = certificate.public_bytes(Encoding.PEM).decode()
        parts.append(f"# {subject}, until {certificate.not_valid_after_utc:%Y-%m-%d}\n{pem}")
    return "\n".join(parts)


def parse(text: str) -> list[x509.Certificate]:
    """Read every certificate; raise BundleError if one cannot be read, is no authority's, or is there twice."""
    found: dict[bytes, x509.Certificate] = {}
    for number, pem in enumerate(_CERTIFICATE.findall(text), 1):
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, x509.ExtensionNotFound) as error:
            raise BundleError(f"certificate {number} cannot be read: {error}") from error
        if not authority:
            raise BundleError(f"certificate {number} ({certificate.subject.rfc4514_string()}) is no authority's")
        if pem.encode() in found:
            raise BundleError(f"certificate {number} ({certificate.subject.rfc4514_string()}) is there twice")
        found[pem.encode()] = certificate
    if not found:
        raise BundleError("there is no certificate in it")
    return list(found.values())


def write(folder: Path, text: str, source: str) -> int:
    """Replace the bundle, its checksum and its origin in `folder`; give the number of certificates."""
    content = bundle(text)
    count = len(parse(content))
    checksum = hashlib.sha256(content.encode()).hexdigest()
    (folder / NAME).write_text(content)
    (folder / f"{NAME}.sha256").write_text(f"{checksum}  {NAME}\n")
    (folder / f"{NAME}.source").write_text(
        f"source: {source}\nfetched: {datetime.now(UTC):%Y-%m-%d}\ncertificates: {count}\nsha256: {checksum}\n"
    )
    return count


def main(arguments: list[str] | None = None) -> int:
    """Fetch the bundle and write it; 1 when that was not possible, and then nothing has changed."""
    parser = argparse.ArgumentParser(prog="python -m tools.image.certificates", description=__doc__)
    parser.add_argument("--source", default=AMAZON, help=f"address of the bundle (default: {AMAZON})")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if not chosen.source.startswith(("https://", "http://127.0.0.1:")):
        print(f"{chosen.source} is not https, and authorities are believed by where they came from.", file=sys.stderr)
        return 1
    try:
        with urllib.request.urlopen(chosen.source, timeout=30) as answer:
            count = write(chosen.folder, answer.read().decode(), chosen.source)
    except (OSError, ValueError) as error:
        remedy = "Nothing has changed. See that the address can be reached, or name another with --source."
        print(f"{chosen.source}: {error}\n{remedy}", file=sys.stderr)
        return 1
    print(f"{count} authorities in {chosen.folder / NAME}: look at the difference, then commit it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
