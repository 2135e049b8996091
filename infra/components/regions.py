"""Which regions Google has Cloud Run and Cloud Scheduler in, so that a wrong one stops before the first resource.

Sources: "Cloud Run locations" (cloud.google.com/run/docs/locations), "Cloud Scheduler locations"
(cloud.google.com/scheduler/docs/locations) and its release notes, read 2026-11. Cloud Scheduler has fewer regions, and
was given new ones every few weeks in 2026: its list holds those that are certain. A region that is missing here is one
line; until then a stack can set `agent-exchange:gcp.schedulerRegion`, which is taken as it is.
"""

from __future__ import annotations

from typing import Final

CLOUD_RUN_REGIONS: Final = frozenset(
    [
        "africa-south1",
        "asia-east1",
        "asia-east2",
        "asia-northeast1",
        "asia-northeast2",
        "asia-northeast3",
        "asia-south1",
        "asia-south2",
        "asia-southeast1",
        "asia-southeast2",
        "asia-southeast3",
        "australia-southeast1",
        "australia-southeast2",
        "europe-central2",
        "europe-north1",
        "europe-north2",
        "europe-southwest1",
        "europe-west1",
        "europe-west2",
        "europe-west3",
        "europe-west4",
        "europe-west6",
        "europe-west8",
        "europe-west9",
        "europe-west10",
        "europe-west12",
        "me-central1",
        "me-central2",
        "me-west1",
        "northamerica-northeast1",
        "northamerica-northeast2",
        "northamerica-south1",
        "southamerica-east1",
        "southamerica-west1",
        "us-central1",
        "us-east1",
        "us-east4",
        "us-east5",
        "us-south1",
        "us-west1",
        "us-west2",
        "us-west3",
        "us-west4",
    ]
)

CLOUD_SCHEDULER_REGIONS: Final = frozenset(
    [
        "asia-east1",
        "asia-east2",
        "asia-northeast1",
        "asia-northeast2",
        "asia-northeast3",
        "asia-south1",
        "asia-south2",
        "asia-southeast1",
        "asia-southeast2",
        "asia-southeast3",
        "australia-southeast1",
        "europe-central2",
        "europe-west1",
        "europe-west12",
        "europe-west2",
        "europe-west3",
        "europe-west6",
        "northamerica-northeast1",
        "northamerica-northeast2",
        "southamerica-east1",
        "us-central1",
        "us-east1",
        "us-east4",
        "us-west1",
        "us-west2",
        "us-west3",
        "us-west4",
    ]
)

__all__ = ["CLOUD_RUN_REGIONS", "CLOUD_SCHEDULER_REGIONS"]
