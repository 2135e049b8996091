"""Exports in a bucket of S3: `s3://<bucket>/<key>` where a command takes a file.

Both directions stream, since a task of ECS has no disk of its own to speak of. Parts go up as they are written, and the
object appears only when it is whole, as a file does. Encryption is the bucket's own, so nothing is said about it here.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, cast
from urllib.parse import urlsplit

SCHEME: Final = "s3://"
PART_BYTES: Final = 16 * 1024 * 1024
"""S3 takes 10,000 parts of an object: this many bytes each make 156 GiB."""


class ObjectError(OSError):
    """The object cannot be read or written; the message says why and what to do."""


class Body(Protocol):
    """What S3 sends."""

    def iter_lines(self, chunk_size: int = ...) -> Iterator[bytes]:
        """Line by line, without their ends."""
        ...


class S3(Protocol):
    """What is used of boto3's client."""

    def get_object(self, *, Bucket: str, Key: str, IfMatch: str = ...) -> Mapping[str, object]:
        """See boto3."""
        ...

    def create_multipart_upload(self, *, Bucket: str, Key: str) -> Mapping[str, str]:
        """See boto3."""
        ...

    def upload_part(self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: bytes) -> Mapping[str, str]:
        """See boto3."""
        ...

    def complete_multipart_upload(
        self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: Mapping[str, Sequence[Mapping[str, object]]]
    ) -> object:
        """See boto3."""
        ...

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> object:
        """See boto3."""
        ...


class Upload:
    """An object that is being written, part by part."""

    def __init__(self, client: S3, bucket: str, key: str) -> None:
        self._client, self._bucket, self._key = client, bucket, key
        self._id = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        self._buffer = bytearray()
        self._parts: list[Mapping[str, object]] = []

    def write(self, data: bytes) -> int:
        """Takes bytes; sends them on as soon as they make a part."""
        self._buffer += data
        if len(self._buffer) >= PART_BYTES:
            self._send()
        return len(data)

    def finish(self) -> None:
        """Sends the rest; from now on the object exists."""
        if self._buffer or not self._parts:
            self._send()
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=self._key, UploadId=self._id, MultipartUpload={"Parts": self._parts}
        )

    def abandon(self) -> None:
        """Drops what has been sent: half an export is none, and its parts would be billed."""
        self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)

    def _send(self) -> None:
        number = len(self._parts) + 1
        answer = self._client.upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=self._id, PartNumber=number, Body=bytes(self._buffer)
        )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._buffer.clear()


@contextmanager
def written(url: str) -> Generator[Upload]:
    """The object `url`, to write. It appears when the block ends well, and not at all otherwise."""
    bucket, key = parts_of(url)
    client = _client()
    with _explained(url):
        upload = Upload(client, bucket, key)
        try:
            yield upload
            upload.finish()
        except BaseException:
            upload.abandon()
            raise


class Lines:
    """The lines of an object, as often as one asks for them; the same object each time, or an error."""

    def __init__(self, url: str) -> None:
        self._url, (self._bucket, self._key) = url, parts_of(url)
        self._client = _client()
        self._tag = ""

    def __iter__(self) -> Iterator[bytes]:
        """Reads the object anew."""
        with _explained(self._url):
            only: dict[str, str] = {"IfMatch": self._tag} if self._tag else {}
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key, **only)
            self._tag = str(answer["ETag"])
            yield from cast("Body", answer["Body"]).iter_lines(chunk_size=1024 * 1024)


def parts_of(url: str) -> tuple[str, str]:
    """Bucket and key of `s3://<bucket>/<key>`. Raises `ObjectError` where one is missing."""
    split = urlsplit(url)
    key = split.path.lstrip("/")
    if not split.netloc or not key:
        raise ObjectError(f"{url} names no object: write {SCHEME}<bucket>/<name>, such as {SCHEME}bucket/today.jsonl")
    return split.netloc, key


@contextmanager
def _explained(url: str) -> Generator[None]:
    from botocore.exceptions import BotoCoreError, ClientError  # pyright: ignore[reportMissingTypeStubs]

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ObjectError(
            f"{url}: {error}: the operators' task may use its own stack's bucket only, which output `exports` names"
        ) from error


def _client() -> S3:
    import boto3  # pyright: ignore[reportMissingTypeStubs] - a third of a second, and only where it is needed

    return cast("S3", boto3.client("s3"))  # pyright: ignore[reportUnknownMemberType]


__all__ = ["PART_BYTES", "SCHEME", "Lines", "ObjectError", "Upload", "parts_of", "written"]
