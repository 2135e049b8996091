"""The policy pack as the engine starts it: `pulumi preview --policy-pack infra/policy`."""

from infra.policy.pack import serve

if __name__ == "__main__":
    serve()
