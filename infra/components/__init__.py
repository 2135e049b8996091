"""Cloud-neutral parts of the platform. Nothing in here imports `infra.aws`, `infra.gcp` or `infra.local`."""
