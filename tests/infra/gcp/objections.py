"""What Google's APIs would object to, as far as it can be known without them: a stand-in for `pulumi preview` and `up`.

Two sources: the values that the installed SDK's own documentation lists for an argument, and rules that the references
of the APIs state (limits, and arguments that exclude or need each other), each written down here with the arguments it
is about. It says nothing about quotas, permissions, or what an API checks and does not document.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pulumi import _types as sdk

from tests.infra import arguments
from tests.infra.mocks import Resource

Inputs = Mapping[str, Any]
Rule = Callable[[Inputs], Iterator[str]]

_LISTED = re.compile(r"[Pp]ossible values(?: are| include)?:? ((?:`[^`]*`(?:,? and |,? or |, )?)+)")
_LONGEST = {
    # type, argument: characters. From the argument's documentation, or the API's reference where that is silent.
    ("cloudrunv2/service:Service", "description"): 512,
    ("cloudscheduler/job:Job", "description"): 500,
    ("serviceaccount/account:Account", "description"): 256,
    ("serviceaccount/account:Account", "displayName"): 100,
    ("iam/workloadIdentityPool:WorkloadIdentityPool", "displayName"): 32,
    ("iam/workloadIdentityPool:WorkloadIdentityPool", "description"): 256,
    ("iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", "displayName"): 32,
    ("iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", "attributeCondition"): 4096,
    ("projects/iAMCustomRole:IAMCustomRole", "title"): 100,
    ("billing/budget:Budget", "displayName"): 60,
    ("monitoring/alertPolicy:AlertPolicy", "displayName"): 512,
    ("monitoring/uptimeCheckConfig:UptimeCheckConfig", "displayName"): 512,
    ("monitoring/notificationChannel:NotificationChannel", "displayName"): 512,
    ("monitoring/slo:Slo", "displayName"): 512,
    ("organizations/project:Project", "name"): 30,
}
_RESERVED = re.compile(r"PORT|K_(SERVICE|REVISION|CONFIGURATION)|X_GOOGLE_.*")


def objections(resource: Resource) -> Iterator[str]:
    """Everything that is wrong with one resource of Google Cloud, as sentences."""
    described = arguments.resource_class(resource.type)
    taken = arguments.arguments_class(described) if described else None
    if taken is None:
        yield "no installed SDK describes it"
        return
    token = resource.type.removeprefix("gcp:")
    found = [*_against_documentation("", resource.inputs, taken), *_labels(resource.inputs)]
    for (kind, argument), longest in _LONGEST.items():
        if kind == token and len(str(resource.inputs.get(argument, ""))) > longest:
            found.append(f"{argument} is longer than {longest} characters")
    found += RULES.get(token, lambda _: iter(()))(resource.inputs)
    yield from (f"{token} {resource.name}: {problem}" for problem in found)


@functools.cache
def _documented(described: type) -> Mapping[str, frozenset[str]]:
    """Argument -> the values that its documentation lists."""
    translated = sdk.input_type_py_to_pulumi_names(described)
    found: dict[str, frozenset[str]] = {}
    for name, member in inspect.getmembers(described, lambda value: isinstance(value, property)):
        listed = _LISTED.search(" ".join((inspect.getdoc(member) or "").split()))
        if listed:
            found[translated.get(name, name)] = frozenset(re.findall(r"`([^`]*)`", listed[1]))
    return found


@functools.cache
def _known(described: type) -> Mapping[str, Any]:
    return sdk.input_type_types(described)


def _against_documentation(path: str, inputs: Inputs, described: type) -> Iterator[str]:
    listed, known = _documented(described), _known(described)
    for name, value in inputs.items():
        if name in listed and isinstance(value, str) and value not in listed[name]:
            yield f"{path}{name} is {value!r}, and the documentation lists {', '.join(sorted(listed[name]))}"
        for choice in arguments._choices(known.get(name)):
            inner = get_args(choice)[0] if isinstance(value, list) and get_args(choice) else choice
            for each in value if isinstance(value, list) else [value]:
                for kind in arguments._choices(inner):
                    if isinstance(each, Mapping) and isinstance(kind, type) and sdk.is_input_type(kind):
                        yield from _against_documentation(f"{path}{name}.", each, kind)


def _labels(inputs: Inputs) -> Iterator[str]:
    for argument in ("labels", "userLabels"):
        labels = inputs.get(argument) or {}
        if "email_address" in labels:  # a channel's settings, which are called so
            continue
        if len(labels) > 64:
            yield f"{argument} has more than 64 entries"
        for key, value in labels.items():
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) or not re.fullmatch(r"[a-z0-9_-]{0,63}", str(value)):
                yield f"{argument}.{key} = {value!r} has characters or a length that labels do not have"


def _seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def _container(container: Inputs) -> Iterator[str]:
    for each in container.get("envs", []):
        if _RESERVED.fullmatch(each["name"]):
            yield f"the variable {each['name']} is Cloud Run's own"
        if ("value" in each) == ("valueSource" in each):
            yield f"the variable {each['name']} has a value and a source, or neither"
        if len(str(each.get("value", ""))) > 32768:
            yield f"the variable {each['name']} is longer than 32768 characters"
    names = [each["name"] for each in container.get("envs", [])]
    if len(names) != len(set(names)):
        yield "a variable is there twice"
    limits = container["resources"]["limits"]
    if limits["cpu"] not in ("1", "2", "4", "6", "8"):
        yield f"there is no CPU of {limits['cpu']}"
    if ":latest" in container["image"]:
        yield "the image can change"


def _access(template: Inputs) -> Iterator[str]:
    access = template.get("vpcAccess")
    if access and ("connector" in access) == ("networkInterfaces" in access):
        yield "one and only one of connector and network_interfaces must be set"


def _service(inputs: Inputs) -> Iterator[str]:
    template = inputs["template"]
    yield from _access(template)
    for container in template["containers"]:
        yield from _container(container)
        probe = container["startupProbe"]
        if probe["periodSeconds"] * probe["failureThreshold"] > 240:
            yield "a start may take 240 s at most"
        for each in (probe, container["livenessProbe"]):
            if each["timeoutSeconds"] > each["periodSeconds"]:
                yield "a probe's timeout is longer than its period"
        mebi = {"Mi": 1, "Gi": 1024}[container["resources"]["limits"]["memory"][-2:]]
        memory = int(container["resources"]["limits"]["memory"][:-2]) * mebi
        if template["executionEnvironment"].endswith("GEN2") and memory < 512:
            yield "the second generation starts at 512 MiB"
    if sum(each["percent"] for each in inputs["traffics"]) != 100:
        yield "shares of traffic do not make 100 per cent"
    if any(not each["percent"] for each in inputs["traffics"]):
        yield "a share of zero needs a tag"
    if not 1 <= template["maxInstanceRequestConcurrency"] <= 1000:
        yield "concurrency is 1 to 1000"
    manual = inputs["scaling"].get("scalingMode") == "MANUAL"
    if manual != ("manualInstanceCount" in inputs["scaling"]) or (manual and "scaling" in template):
        yield "manual scaling has a count and no range"


def _job(inputs: Inputs) -> Iterator[str]:
    template = inputs["template"]["template"]
    yield from _access(template)
    for container in template["containers"]:
        yield from _container(container)
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in {volume["name"] for volume in template["volumes"]}:
                yield f"nothing is mounted at {mount['mountPath']}"
    if (
        any("gcs" in volume for volume in template.get("volumes", []))
        and "GEN2" not in template["executionEnvironment"]
    ):
        yield "buckets are mounted in the second generation only"


def _alert(inputs: Inputs) -> Iterator[str]:
    if len(inputs["conditions"]) > 6:
        yield "a policy has at most six conditions"
    if _seconds(inputs["alertStrategy"]["autoClose"]) < 1800:
        yield "an incident stays open for 30 minutes at least"
    for condition in inputs["conditions"]:
        threshold = condition["conditionThreshold"]
        if len(threshold["filter"]) > 2048:
            yield "a filter has at most 2048 characters"
        if _seconds(threshold["duration"]) % 60:
            yield "a duration is whole minutes"
        if "evaluationMissingData" in threshold and not _seconds(threshold["duration"]):
            yield "missing data is judged only where there is a duration"
        if threshold["comparison"] not in ("COMPARISON_GT", "COMPARISON_LT"):
            yield f"the API has no {threshold['comparison']}"
        for each in threshold.get("aggregations", []):
            if _seconds(each["alignmentPeriod"]) < 60:
                yield "the shortest alignment period is a minute"
        if threshold["filter"].startswith("select_slo_") and threshold.get("aggregations"):
            yield "a burn rate is not aggregated"


def _slo(inputs: Inputs) -> Iterator[str]:
    if not 0 < inputs["goal"] <= 0.9999 or not 1 <= inputs["rollingPeriodDays"] <= 30:
        yield "a goal is below 0.9999, over at most 30 days"
    if len(inputs["requestBasedSli"]["goodTotalRatio"]) != 2:
        yield "exactly two of good, bad and total are given"


def _firewall(inputs: Inputs) -> Iterator[str]:
    if bool(inputs.get("allows")) == bool(inputs.get("denies")):
        yield "a rule allows or denies"
    wanted = "sourceRanges" if inputs["direction"] == "INGRESS" else "destinationRanges"
    if wanted not in inputs or len({"sourceRanges", "destinationRanges"} & set(inputs)) != 1:
        yield f"{inputs['direction']} needs {wanted}, and nothing else"


def _armor(inputs: Inputs) -> Iterator[str]:
    rules = inputs["rules"]
    if len({rule["priority"] for rule in rules}) != len(rules):
        yield "two rules have one priority"
    if not any(rule["priority"] == 2147483647 for rule in rules):
        yield "there is no last rule"
    for rule in rules:
        if len(rule.get("description", "")) > 64:
            yield f"the description of rule {rule['priority']} is longer than 64 characters"
        if ("expr" in rule["match"]) == ("versionedExpr" in rule["match"]):
            yield "a rule has an expression or ranges"
        if len(rule["match"].get("expr", {}).get("expression", "")) > 2048:
            yield "an expression has at most 2048 characters"
        limits = rule.get("rateLimitOptions")
        if (rule["action"] == "throttle") != bool(limits):
            yield "throttling needs limits, and nothing else has them"
        if limits and limits["rateLimitThreshold"]["intervalSec"] not in (10, 30, 60, 120, 180, 240, 270, 300, 600):
            yield "there is no such interval"


def _backend(inputs: Inputs) -> Iterator[str]:
    for argument in ("healthChecks", "timeoutSec", "portName", "sessionAffinity"):
        if argument in inputs:
            yield f"a serverless backend has no {argument}"


def _bucket(inputs: Inputs) -> Iterator[str]:
    kept = inputs["softDeletePolicy"]["retentionDurationSeconds"]
    if kept and not 604800 <= kept <= 7776000:
        yield "what is deleted is kept for 7 to 90 days, or not at all"


def _budget(inputs: Inputs) -> Iterator[str]:
    if len(inputs.get("allUpdatesRule", {}).get("monitoringNotificationChannels", [])) > 5:
        yield "a budget tells five channels at most"


def _connector(inputs: Inputs) -> Iterator[str]:
    if not 2 <= inputs["minInstances"] < inputs["maxInstances"] <= 10:
        yield "a connector has 2 to 9 instances at least and 3 to 10 at most"


RULES: Mapping[str, Rule] = {
    "cloudrunv2/service:Service": _service,
    "cloudrunv2/job:Job": _job,
    "monitoring/alertPolicy:AlertPolicy": _alert,
    "monitoring/slo:Slo": _slo,
    "compute/firewall:Firewall": _firewall,
    "compute/securityPolicy:SecurityPolicy": _armor,
    "compute/backendService:BackendService": _backend,
    "storage/bucket:Bucket": _bucket,
    "billing/budget:Budget": _budget,
    "vpcaccess/connector:Connector": _connector,
}
