"""For every rule what keeps it and what breaks it. Property names are checked against the SDKs."""

from tests.infra.policy.examples import containers, data, exposure, operations, permissions

EXAMPLES = (
    *data.EXAMPLES,
    *exposure.EXAMPLES,
    *permissions.EXAMPLES,
    *containers.EXAMPLES,
    *operations.EXAMPLES,
)
