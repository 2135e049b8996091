"""Calls to Firestore: where it is, deadlines, which errors are tried again, and what the others mean.

Owns the channel and the retry policy. Knows messages, but not what the store does with them.

A commit that was surely not applied (aborted by contention, quota) is tried again. One that may have been applied
(connection lost, deadline) only if its guard makes repeating harmless; `Refused.unsure` then says that the refusal may
come from its own first try.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar, cast

import grpc.aio
import stamina
from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    GoogleAPICallError,
    InternalServerError,
    NotFound,
    ResourceExhausted,
    ServiceUnavailable,
)
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1 import types
from google.cloud.firestore_v1.services.firestore import FirestoreAsyncClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcAsyncIOTransport

from aex.store.deadline import Gate
from aex.store.firestore_values import Found, RawDocument, found, raw_document
from aex.store.port import StoreMisconfigured, StoreUnavailable

T = TypeVar("T")
_Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]

_SECONDS = 5.0  # for one try; the gate bounds all of them together
_TRIES = 5
_REFUSALS = (AlreadyExists, FailedPrecondition, NotFound)
_NOT_APPLIED = (Aborted, ResourceExhausted)
_UNSURE = (ServiceUnavailable, DeadlineExceeded, InternalServerError, Cancelled)
# Without these, the channel waits up to two minutes before it connects again.
_CHANNEL = (("grpc.initial_reconnect_backoff_ms", 200), ("grpc.max_reconnect_backoff_ms", 2000))


class _Calls(Protocol):
    """The calls of the library's client that are used; its own types leave `retry` open."""

    def commit(
        self, request: types.CommitRequest, *, retry: None, timeout: float, metadata: _Metadata
    ) -> Awaitable[types.CommitResponse]: ...

    def batch_get_documents(
        self, request: types.BatchGetDocumentsRequest, *, retry: None, timeout: float, metadata: _Metadata
    ) -> Awaitable[AsyncIterable[types.BatchGetDocumentsResponse]]: ...

    def run_query(
        self, request: types.RunQueryRequest, *, retry: None, timeout: float, metadata: _Metadata
    ) -> Awaitable[AsyncIterable[types.RunQueryResponse]]: ...

    def run_aggregation_query(
        self, request: types.RunAggregationQueryRequest, *, retry: None, timeout: float, metadata: _Metadata
    ) -> Awaitable[AsyncIterable[types.RunAggregationQueryResponse]]: ...


class Refused(Exception):
    """A precondition of a commit did not hold."""

    def __init__(self, *, unsure: bool) -> None:
        self.unsure = unsure


@dataclass(frozen=True, slots=True)
class FirestoreSettings:
    """FIRESTORE_PROJECT_ID, FIRESTORE_DATABASE (default `(default)`) and FIRESTORE_EMULATOR_HOST (tests)."""

    project: str
    database: str
    emulator: str | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "FirestoreSettings":
        """Raises `StoreMisconfigured` naming the variable to set."""
        project = environ.get("FIRESTORE_PROJECT_ID", "")
        if not project:
            raise StoreMisconfigured("STORE_TYPE=firestore needs FIRESTORE_PROJECT_ID, the id of the Google project")
        database = environ.get("FIRESTORE_DATABASE") or "(default)"
        return cls(project, database, environ.get("FIRESTORE_EMULATOR_HOST") or None)


class FirestoreClient:
    """One service's channel to its database."""

    def __init__(self, settings: FirestoreSettings, gate: Gate | None = None) -> None:
        self.database = f"projects/{settings.project}/databases/{settings.database}"
        self.documents = f"{self.database}/documents"
        self._gate = gate or Gate()
        self._metadata: list[tuple[str, str | bytes]] = [("google-cloud-resource-prefix", self.database)]
        if settings.emulator:
            self._metadata.append(("authorization", "Bearer owner"))
        self._transport = _transport(settings.emulator)
        self._service = cast("_Calls", FirestoreAsyncClient(transport=self._transport))

    async def commit(self, writes: Sequence[types.Write], *, repeatable: bool) -> list[types.WriteResult]:
        """Apply all writes or none. Raises `Refused` or `StoreUnavailable`."""
        request = types.CommitRequest(database=self.database, writes=writes)
        again = (*_NOT_APPLIED, *_UNSURE) if repeatable else _NOT_APPLIED
        unsure = False

        async def attempt() -> list[types.WriteResult]:
            nonlocal unsure
            try:
                answer = await self._service.commit(
                    request=request, retry=None, timeout=_SECONDS, metadata=self._metadata
                )
            except _REFUSALS as error:
                raise Refused(unsure=unsure) from error
            except _UNSURE:
                unsure = True
                raise
            return list(answer.write_results)

        return await self._call(attempt, again)

    async def read(self, names: Sequence[str]) -> dict[str, Found]:
        """The documents that exist among these names, by name."""
        request = types.BatchGetDocumentsRequest(database=self.database, documents=names)

        async def attempt() -> dict[str, Found]:
            answers = await self._service.batch_get_documents(
                request=request, retry=None, timeout=_SECONDS, metadata=self._metadata
            )
            messages = [raw_document(answer.found) async for answer in answers if "found" in answer]
            return {message.name: found(message) for message in messages}

        return await self._call(attempt, (*_NOT_APPLIED, *_UNSURE))

    async def query(self, query: types.StructuredQuery) -> list[Found]:
        """The documents that a query finds, in its order."""
        request = types.RunQueryRequest(parent=self.documents, structured_query=query)

        async def attempt() -> list[Found]:
            answers = await self._service.run_query(
                request=request, retry=None, timeout=_SECONDS, metadata=self._metadata
            )
            messages: list[RawDocument] = [
                raw_document(answer.document) async for answer in answers if "document" in answer
            ]
            return [found(message) for message in messages]

        return await self._call(attempt, (*_NOT_APPLIED, *_UNSURE))

    async def count(self, query: types.StructuredQuery) -> int:
        """How many documents a query finds."""
        aggregation = types.StructuredAggregationQuery.Aggregation
        request = types.RunAggregationQueryRequest(
            parent=self.documents,
            structured_aggregation_query=types.StructuredAggregationQuery(
                structured_query=query, aggregations=[aggregation(alias="n", count=aggregation.Count())]
            ),
        )

        async def attempt() -> int:
            answers = await self._service.run_aggregation_query(
                request=request, retry=None, timeout=_SECONDS, metadata=self._metadata
            )
            total = 0
            async for answer in answers:
                if "result" in answer:
                    total += answer.result.aggregate_fields["n"].integer_value
            return total

        return await self._call(attempt, (*_NOT_APPLIED, *_UNSURE))

    async def close(self) -> None:
        """Wait for running calls, then disconnect."""
        if await self._gate.close():
            await self._transport.close()

    async def _call(self, attempt: Callable[[], Awaitable[T]], again: tuple[type[Exception], ...]) -> T:
        async def tries() -> T:
            try:
                return await stamina.retry(
                    on=again, attempts=_TRIES, timeout=None, wait_initial=0.05, wait_max=1.0, wait_jitter=0.1
                )(attempt)()
            except (GoogleAPICallError, GoogleAuthError, grpc.aio.UsageError) as error:
                raise StoreUnavailable(
                    f"Firestore did not answer: {type(error).__name__}: {str(error)[:200]}"
                ) from error

        return await self._gate.run(tries)


def _transport(emulator: str | None) -> FirestoreGrpcAsyncIOTransport:
    if emulator:
        return FirestoreGrpcAsyncIOTransport(channel=grpc.aio.insecure_channel(emulator, options=_CHANNEL))

    # The library's own types leave the arguments open.
    create = cast("Callable[..., grpc.aio.Channel]", FirestoreGrpcAsyncIOTransport.create_channel)  # pyright: ignore[reportUnknownMemberType]

    def channel(host: str, **arguments: object) -> grpc.aio.Channel:
        options = cast("list[tuple[str, int]]", arguments.pop("options", []))
        return create(host, options=[*options, *_CHANNEL], **arguments)

    try:
        return FirestoreGrpcAsyncIOTransport(channel=channel)
    except GoogleAuthError as error:
        raise StoreMisconfigured(
            "no Google credentials: run with a service account, or `gcloud auth application-default login`"
        ) from error
