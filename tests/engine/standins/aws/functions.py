"""What the program looks up while it runs (`aws.get_...`), answered from moto."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.components.protocol import Function, PlainProperties, ProviderError
from tests.engine.standins.aws.account import ACCOUNT, Account


def functions(account: Account) -> Mapping[str, Function]:
    """Token -> function."""

    def zones(inputs: PlainProperties) -> PlainProperties:
        filters: Any = inputs.get("filters") or []
        wanted = [{"Name": each["name"], "Values": each["values"]} for each in filters]
        with account.lock:
            found = account.client("ec2").describe_availability_zones(Filters=wanted)["AvailabilityZones"]
        answer: dict[str, Any] = {
            "names": [each["ZoneName"] for each in found],
            "zoneIds": [each["ZoneId"] for each in found],
            "groupNames": sorted({str(each.get("GroupName", account.region)) for each in found}),
            "id": account.region,
            "region": account.region,
            "state": inputs.get("state"),
        }
        return answer

    def caller(_: PlainProperties) -> PlainProperties:
        with account.lock:
            found = account.client("sts").get_caller_identity()
        return {"accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"], "id": ACCOUNT}

    def zone(inputs: PlainProperties) -> PlainProperties:
        with account.lock:
            found = account.client("route53").list_hosted_zones()["HostedZones"]
        private = bool(inputs.get("privateZone"))
        for each in found:
            named = each["Name"].rstrip(".") == str(inputs["name"]).rstrip(".")
            if named and bool(each["Config"]["PrivateZone"]) == private:
                id = each["Id"].rpartition("/")[2]
                return {
                    "zoneId": id,
                    "id": id,
                    "name": each["Name"].rstrip("."),
                    "arn": f"arn:aws:route53:::hostedzone/{id}",
                }
        raise ProviderError(f"no matching Route53Zone found: {inputs['name']}")

    def secret(inputs: PlainProperties) -> PlainProperties:
        client = account.client("secretsmanager")
        try:
            with account.lock:
                found = client.describe_secret(SecretId=inputs.get("name") or inputs.get("arn"))
        except client.exceptions.ResourceNotFoundException as error:
            raise ProviderError(f"reading Secrets Manager Secret ({inputs}): {error}") from error
        return {"arn": found["ARN"], "name": found["Name"], "id": found["ARN"], "description": found.get("Description")}

    return {
        "aws:index/getAvailabilityZones:getAvailabilityZones": zones,
        "aws:index/getCallerIdentity:getCallerIdentity": caller,
        "aws:route53/getZone:getZone": zone,
        "aws:secretsmanager/getSecret:getSecret": secret,
    }


__all__ = ["functions"]
