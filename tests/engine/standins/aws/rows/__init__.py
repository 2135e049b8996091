"""One table per group of services: token -> `Row`. What a property cannot do in place is from pulumi-aws's docs."""
