"""What the pipelines may do, as tables: deployments, previews, and which roles a deployment may grant to others.

Pure data; the accounts are in `github.py`. No basic roles (owner, editor, viewer) and nothing that can read a secret's
value or a document, but for a deployment, which writes secrets.
"""

from __future__ import annotations

from typing import Final

from infra.gcp.iam import Condition
from infra.gcp.identity import DATABASE_ROLE, OBSERVABILITY_ROLES

DEPLOY_ROLES: Final = {
    "roles/run.admin": "services, jobs, their invokers",
    "roles/artifactregistry.admin": "the repository and its images",
    "roles/datastore.owner": "the database, its indexes and backups",
    "roles/secretmanager.admin": "secrets, their versions and readers",
    "roles/iam.serviceAccountAdmin": "accounts of the services",
    "roles/iam.serviceAccountUser": "letting services run as them",
    "roles/compute.networkAdmin": "network, subnet, load balancer's parts",
    "roles/compute.loadBalancerAdmin": "load balancer, certificate",
    "roles/compute.securityAdmin": "firewall rules, Cloud Armor, TLS policy",
    "roles/dns.admin": "private names, the domain's record",
    "roles/vpcaccess.admin": "connector",
    "roles/cloudscheduler.admin": "background duties",
    "roles/monitoring.admin": "alerts, objectives, dashboards, channels",
    "roles/logging.configWriter": "metrics made of log lines",
    "roles/storage.admin": "the bucket of exports",
    "roles/serviceusage.serviceUsageConsumer": "using the project's APIs",
}
"""Predefined role -> what a deployment needs it for."""

PREVIEW_ROLES: Final = {
    "roles/run.viewer": "services and jobs",
    "roles/artifactregistry.reader": "images",
    "roles/secretmanager.viewer": "that secrets exist, never what is in them",
    "roles/iam.securityReviewer": "who may do what",
    "roles/compute.viewer": "network and load balancer",
    "roles/dns.reader": "names",
    "roles/vpcaccess.viewer": "connector",
    "roles/cloudscheduler.viewer": "background duties",
    "roles/monitoring.viewer": "alerts, objectives, dashboards",
    "roles/serviceusage.serviceUsageConsumer": "using the project's APIs",
}
"""Predefined role -> what a preview looks at with it."""

PREVIEW_PERMISSIONS: Final = {
    "datastore.databases.getMetadata": "settings of the database",
    "datastore.databases.list": "settings of the database",
    "datastore.indexes.get": "indexes; `datastore.viewer` would read documents too",
    "datastore.indexes.list": "indexes",
    "datastore.backupSchedules.get": "backups",
    "datastore.backupSchedules.list": "backups",
    "logging.logMetrics.get": "the metric made of log lines; `logging.viewer` would read the lines too",
    "logging.logMetrics.list": "the same",
    "storage.buckets.get": "the bucket of exports, not what is in it",
    "storage.buckets.getIamPolicy": "the bucket of exports",
}
"""What no predefined role gives without giving data."""

GRANTABLE_ROLES: Final = (*sorted(OBSERVABILITY_ROLES.values()), DATABASE_ROLE)
"""All that a stack grants on the project itself; the rest it grants on its own resources."""


def only_grantable() -> Condition:
    """Limits who may change the project's permissions to the roles that a stack grants.

    Otherwise a deployment could make itself the owner. Google's own form of a delegated grant.
    """
    roles = ", ".join(f"'{role}'" for role in GRANTABLE_ROLES)
    return Condition(
        "only roles of services",
        f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{roles}])",
    )


__all__ = ["DEPLOY_ROLES", "GRANTABLE_ROLES", "PREVIEW_PERMISSIONS", "PREVIEW_ROLES", "only_grantable"]
