"""The Firestore database of a stack: native mode, its indexes, TTL fields and backups.

One database for the ten services; which collections a service reaches is the store port's business, because Google's
permissions end at the database. Does not own the collections (the services make them by writing) nor the permissions
(`identity.py`).
"""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_gcp as gcp

from infra.gcp.context import Context
from infra.gcp.indexes import DECLARATION, TTL_FIELD, CompositeIndex, composite_indexes, expiring_collections

_DAY_SECONDS: Final = 86400
_INDEX_TIMEOUT: Final = "60m"
"""Google builds an index over all documents before it is ready, and does few at a time."""


class Database(pulumi.ComponentResource):
    """Database, indexes, TTL fields, backup schedule."""

    database: gcp.firestore.Database
    name: pulumi.Output[str]
    ready: list[pulumi.Resource]
    """What queries need beyond the database."""

    def __init__(self, ctx: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare them, from the file that the application reads too."""
        super().__init__("agent-exchange:gcp:Database", "database", None, opts)
        self._ctx = ctx
        self.database = self._database()
        self.name = self.database.name
        declaration = DECLARATION.read_text("utf-8")
        self.ready = [self._index(index) for index in composite_indexes(declaration)]
        for collection in expiring_collections(declaration):
            self._expiry(collection)
        if ctx.protect:
            self._backups(ctx.gcp.firestore.backup_days)
        self.register_outputs({"name": self.name})

    def _database(self) -> gcp.firestore.Database:
        ctx = self._ctx
        return gcp.firestore.Database(
            "database",
            name=ctx.database,
            location_id=ctx.gcp.firestore.location or ctx.region,
            type="FIRESTORE_NATIVE",
            database_edition="STANDARD",
            concurrency_mode="OPTIMISTIC",
            app_engine_integration_mode="DISABLED",
            point_in_time_recovery_enablement=(
                "POINT_IN_TIME_RECOVERY_ENABLED" if ctx.protect else "POINT_IN_TIME_RECOVERY_DISABLED"
            ),
            delete_protection_state="DELETE_PROTECTION_ENABLED" if ctx.protect else "DELETE_PROTECTION_DISABLED",
            # The provider's default forgets the database and leaves it alive, so that the next `up` meets it again.
            deletion_policy="PREVENT" if ctx.protect else "DELETE",
            opts=ctx.stateful(self),
        )

    def _index(self, index: CompositeIndex) -> gcp.firestore.Index:
        return gcp.firestore.Index(
            index.name,
            database=self.name,
            collection=index.collection,
            query_scope="COLLECTION",
            api_scope="ANY_API",
            fields=[
                gcp.firestore.IndexFieldArgs(field_path=field, order=direction) for field, direction in index.fields
            ],
            opts=pulumi.ResourceOptions.merge(
                self._ctx.child(self, deleted_with=self.database, replace_by_deleting=True),
                pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=_INDEX_TIMEOUT)),
            ),
        )

    def _expiry(self, collection: str) -> None:
        gcp.firestore.Field(
            f"{collection}-expiry".replace("_", "-"),
            database=self.name,
            collection=collection,
            field=TTL_FIELD,
            ttl_config=gcp.firestore.FieldTtlConfigArgs(),
            # Nobody queries it, and an index over times that grow is a hot spot.
            index_config=gcp.firestore.FieldIndexConfigArgs(),
            opts=pulumi.ResourceOptions.merge(
                self._ctx.child(self, deleted_with=self.database),
                pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=_INDEX_TIMEOUT)),
            ),
        )

    def _backups(self, days: int) -> None:
        gcp.firestore.BackupSchedule(
            "daily-backups",
            database=self.name,
            retention=f"{days * _DAY_SECONDS}s",
            daily_recurrence=gcp.firestore.BackupScheduleDailyRecurrenceArgs(),
            opts=self._ctx.child(self, deleted_with=self.database),
        )


__all__ = ["Database"]
