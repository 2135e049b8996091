"""Cloud-neutral parts of the platform. Nothing in here imports a cloud package (`infra.aws`, `infra.gcp`, `infra.local`)."""
