"""The platform: the service catalog and the places it is deployed to. Never imports `aex`, the code of the services."""
