"""What other people fell into on Google Cloud, one test each; those about one concern are with it.

Numbers are those of the list of traps; docs/gcp.md has for each what is done, and which test holds it.
"""

import pytest

from infra.components.image import content_hash, image_tag
from infra.gcp.propagation import worth_another_try
from infra.gcp.traces import ENDPOINT
from tests.infra.components.expected import PORTS
from tests.infra.gcp.stacks import SERVICE, container, environment, run_of, settings_of, stack
from tests.infra.mocks import StrictError, declared

STACKS = ("production", "staging", "pr-12", "bootstrap")

API = (
    "googleapi: Error 403: Cloud Firestore API has not been used in project 123456789012 before or it is disabled. "
    "Enable it by visiting https://console.developers.google.com/... then retry."
)
MEMBER = "Error 400: Service account aex-gateway-pr-12@acme.iam.gserviceaccount.com does not exist., badRequest"
SECRET = (
    "spec.template.spec.containers[0].env[3].value_from.secret_key_ref.name: Permission denied on secret: x for ..."
)


def test_4_an_unchanged_image_deploys_nothing() -> None:
    """Digests only; and no build argument, token or time that differs from run to run."""
    run = run_of(settings_of("dev-x", image={"source": "build"}))
    built = {image.name: image.inputs for image in run.of("docker:index/image:Image")}
    content = content_hash("linux/amd64")
    tags = {name: image["imageName"].rpartition(":")[2] for name, image in built.items()}
    assert tags == {service: image_tag(content, service) for service in PORTS}
    for service in run.of(SERVICE):
        assert container(service)["image"].endswith(f"@{service.name}.repoDigest")
    for image in built.values():
        assert "registry" not in image, "a token of the registry would be another one each time"


@pytest.mark.parametrize("name", STACKS)
def test_5_a_preview_needs_no_registry_and_no_docker(name: str) -> None:
    assert not [each for each in stack(name).resources if each.type.startswith("docker:")]


def test_10_a_registry_goes_with_its_images_unless_the_stack_is_protected() -> None:
    """Artifact Registry deletes images with their repository: there is nothing to force, only something to forbid."""
    for name, protect in (("production", True), ("staging", False), ("pr-12", False)):
        assert stack(name).one("gcp:artifactregistry/repository:Repository").options.protect is protect


def test_17_a_second_run_declares_the_same_to_the_letter() -> None:
    """No time, no order of a set, nothing drawn by lot: else every `up` would find a change."""
    again = run_of(settings_of("pr-12"))
    assert {each.urn: each.inputs for each in again.resources} == {
        each.urn: each.inputs for each in stack("pr-12").resources
    }


@pytest.mark.parametrize("name", STACKS)
def test_18_nothing_is_declared_only_once_values_are_known(name: str) -> None:
    assert stack(name).resources  # the mocks compare a preview, in which they are not, with an update


def test_19_the_mocks_do_not_pass_silently() -> None:
    def program() -> None:
        import pulumi
        import pulumi_gcp as gcp

        parent = pulumi.ComponentResource("x:y:Z", "z", None)
        template = {"containers": [{"image": "x", "limits": {}}]}
        gcp.cloudrunv2.Service("s", location="here", template=template, opts=pulumi.ResourceOptions(parent=parent))  # pyright: ignore[reportArgumentType]  (what is to be found out)
        parent.register_outputs({})

    with pytest.raises(StrictError, match="limits is not an argument"):
        declared(program)


@pytest.mark.parametrize("message", [API, MEMBER, SECRET, '{"reason": "SERVICE_DISABLED"}'])
def test_what_google_does_not_know_yet_is_tried_again(message: str) -> None:
    assert worth_another_try([message])
    assert worth_another_try([message, "another one before"])
    assert not worth_another_try([message] * 9), "not for ever"


@pytest.mark.parametrize(
    "message",
    [
        "Error 409: Database already exists",
        "Error 400: The CPU value is not valid",
        "Error 403: The caller does not have permission",
        "Error 429: Quota exceeded",
        "Error 403: Billing account is disabled",
    ],
)
def test_everything_else_is_reported_at_once(message: str) -> None:
    assert not worth_another_try([message])
    assert not worth_another_try([message, API]), "only the latest error counts"


@pytest.mark.parametrize("name", STACKS)
def test_every_resource_of_google_is_tried_again(name: str) -> None:
    for each in stack(name).resources:
        if each.type.startswith("gcp:"):
            assert list(each.options.hooks.on_error) == ["google-knows-it-later"], each.urn
            assert not each.options.hooks.before_delete, "destroy would demand the program"


@pytest.mark.parametrize("name", STACKS)
def test_a_replaced_membership_is_taken_away_before_it_is_given_again(name: str) -> None:
    members = [each for each in stack(name).resources if each.type.endswith(("IamMember", "IAMMember"))]
    assert members
    for each in members:
        assert each.options.deleteBeforeReplace, each.urn


@pytest.mark.parametrize("name", STACKS)
def test_a_membership_goes_with_what_it_is_on_and_leaves_no_trace_in_the_project(name: str) -> None:
    for each in stack(name).resources:
        if each.type == "gcp:projects/iAMMember:IAMMember":
            # Deleted by itself, and before its account: else `deleted:serviceAccount:` stays in the project's policy.
            assert not each.options.deletedWith
            accounts = each.options.propertyDependencies["member"].urns
            assert any("serviceaccount/account:Account" in urn for urn in accounts), each.urn
        elif each.type.endswith(("IamMember", "IAMMember")):
            assert each.options.deletedWith, each.urn


def test_services_of_a_stack_call_only_services_of_that_stack() -> None:
    for name in ("production", "staging", "pr-12"):
        run = stack(name)
        own = {environment(each)["AEX_SERVICE_URL"] for each in run.of(SERVICE)}
        assert len(own) == 10
        for each in run.of(SERVICE):
            for variable, value in environment(each).items():
                if value.startswith("https://") and value != ENDPOINT:  # of Google's own, for traces
                    assert value in own, (each.name, variable)


def test_no_service_runs_a_shell_tool_and_each_says_which_service_it_is() -> None:
    for each in stack("staging").of(SERVICE):
        found = container(each)
        assert found["commands"] == ["python"]
        assert found["args"] == ["-m", "aex", "serve", each.name]
        assert "exec" not in str(found["livenessProbe"])


def test_no_variable_carries_a_secret_or_the_path_of_one() -> None:
    for each in stack("production").of(SERVICE):
        for variable, value in environment(each).items():
            assert not variable.endswith(("_SECRET", "_SALT", "_KEY", "_TOKEN", "_PASSWORD", "_URI"))
            assert "secrets/" not in value


def test_everything_that_can_carry_labels_says_whose_it_is() -> None:
    for name in ("production", "staging", "pr-12"):
        labelled = 0
        for each in stack(name).resources:
            labels = each.inputs.get("labels") or each.inputs.get("userLabels")
            if each.type.startswith("gcp:") and isinstance(labels, dict) and "host" not in labels:
                if "email_address" in labels:
                    labels = each.inputs["userLabels"]
                assert labels["project"] == "agent-exchange", each.urn
                assert labels["stack"] == name
                labelled += 1
        assert labelled > 15
    assert stack("pr-12").of(SERVICE)[0].inputs["labels"]["time-to-live-hours"] == "72"


def test_services_start_what_the_application_accepts() -> None:
    """The settings of the code, with what each revision is given, come up without an error."""
    from aex.core.settings import Settings

    for each in stack("production").of(SERVICE):
        variables = {name.lower(): value for name, value in environment(each).items()}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(each).items():
                patch.setenv(name, value)
            settings = Settings()
        assert settings.service_url == variables["aex_service_url"]
        assert settings.duties == ("external" if each.name in _WITH_DUTIES else "off")
        assert not settings.relaxed


_WITH_DUTIES = {
    "aex-telemetry",
    "aex-settlement",
    "aex-work-publisher",
    "aex-bid-gateway",
    "aex-bid-evaluator",
    "aex-contract-engine",
}
