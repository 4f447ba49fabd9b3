"""What is shipped beside nginx's configuration: manifests, settings, oauth2-proxy's file."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.proxy.place import SHIPPED, values

KUBERNETES = "1.33"


def kustomization() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((SHIPPED / "kustomization.yaml").read_text())
    return loaded


def settings() -> dict[str, str]:
    lines = (SHIPPED / "kubernetes" / "settings.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def config_maps() -> Iterator[dict[str, Any]]:
    """What kustomize makes of the files, but for the suffix of the names."""
    for entry in kustomization()["configMapGenerator"]:
        files = [SHIPPED / name for name in entry.get("files", [])]
        data = {path.name: path.read_text() for path in files}
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": entry["name"]},
            "data": data or settings(),
        }


def manifests() -> list[dict[str, Any]]:
    named = (SHIPPED / name for name in kustomization()["resources"])
    return [part for path in named for part in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [manifest for manifest in manifests() if manifest["kind"] == kind]


@pytest.fixture
def validate() -> Any:
    """Kubernetes' own schemas, where unknown fields are errors."""
    validator = pytest.importorskip("kubernetes_validate", reason="no kubernetes-validate: k8s-dev")
    return lambda manifest: validator.validate(manifest, KUBERNETES, strict=True)


def test_every_manifest_is_what_kubernetes_takes(validate: Any) -> None:
    everything = [*manifests(), *config_maps()]
    kinds = {manifest["kind"] for manifest in everything}
    assert kinds >= {"Deployment", "ConfigMap", "Service", "Ingress", "NetworkPolicy"}
    for manifest in everything:
        validate(manifest)
    in_folder = {f"kubernetes/{path.name}" for path in (SHIPPED / "kubernetes").glob("*.yaml")}
    assert in_folder == set(kustomization()["resources"])


@pytest.mark.parametrize("manifest", manifests(), ids=lambda manifest: manifest["kind"])
def test_a_wrong_field_is_found(validate: Any, manifest: dict[str, Any]) -> None:
    wrong = copy.deepcopy(manifest)
    wrong["spec"]["podSelectr"] = {}
    with pytest.raises(Exception, match="podSelectr"):
        validate(wrong)


def test_every_reference_leads_somewhere() -> None:
    (deployment,), (service,), (ingress,) = map(of_kind, ("Deployment", "Service", "Ingress"))
    pod = deployment["spec"]["template"]
    labels = pod["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["selector"].items() <= labels.items()
    made = {config_map["metadata"]["name"]: config_map["data"] for config_map in config_maps()}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    for volume in volumes.values():
        if "configMap" in volume:
            keys = {item["key"] for item in volume["configMap"].get("items", [])}
            assert keys <= made[volume["configMap"]["name"]].keys()
    # Every file of the proxy reaches the pod, at the path where nginx.conf looks for it.
    items = volumes["nginx"]["configMap"]["items"]
    assert {item["path"] for item in items} == {
        "nginx.conf",
        *(f"templates/{path.name}" for path in SHIPPED.glob("templates/*")),
        *(f"snippets/{path.name}" for path in SHIPPED.glob("snippets/*")),
    }
    for container in pod["spec"]["containers"]:
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted <= volumes.keys()
        assert {source["configMapRef"]["name"] for source in container["envFrom"]} <= made.keys()
    ports = {port["name"] for port in service["spec"]["ports"]}
    hosts = {settings()["PROXY_HOST"], settings()["PROXY_READERS_HOST"]}
    assert {rule["host"] for rule in ingress["spec"]["rules"]} == hosts
    assert set(ingress["spec"]["tls"][0]["hosts"]) == hosts
    for rule in ingress["spec"]["rules"]:
        backend = rule["http"]["paths"][0]["backend"]["service"]
        assert backend["name"] == service["metadata"]["name"]
        assert backend["port"]["name"] in ports


def test_pods_may_do_nothing_but_their_work() -> None:
    (deployment,) = of_kind("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"memory", "ephemeral-storage"} <= container["resources"]["limits"].keys()
    # Secrets come by name, never by value.
    text = "".join(path.read_text() for path in (SHIPPED / "kubernetes").iterdir())
    assert not re.search(r"(CLIENT|COOKIE)_SECRET=", text)


def test_only_the_proxy_reaches_the_web_servers() -> None:
    (deployment,) = of_kind("Deployment")
    proxy = deployment["spec"]["template"]["metadata"]["labels"]
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind("NetworkPolicy")}
    servers = policies["quire-webservers"]
    assert servers["policyTypes"] == ["Ingress"]
    assert servers["ingress"] == [{"from": [{"podSelector": {"matchLabels": proxy}}]}]
    assert policies["quire-proxy"]["podSelector"] == {"matchLabels": proxy}
    assert set(policies["quire-proxy"]["policyTypes"]) == {"Ingress", "Egress"}
    # The way there is open from the other side too.
    assert {"podSelector": servers["podSelector"]} in [
        target for rule in policies["quire-proxy"]["egress"] for target in rule["to"]
    ]


def test_every_variable_has_a_value_wherever_the_template_is_filled_in() -> None:
    template = "".join(path.read_text() for path in SHIPPED.glob("templates/*"))
    needed = set(re.findall(r"\$\{(PROXY_\w+)\}", template))
    compose = yaml.safe_load((SHIPPED / "docker-compose.yaml").read_text())
    environment = compose["services"]["proxy"]["environment"]
    for given in (settings(), environment, values(1, 2, 3, 4)):
        assert {name for name in given if name.startswith("PROXY_")} == needed
    # All that the template's head explains, and no more.
    assert set(re.findall(r"#   (PROXY_\w+)", template)) == needed
    # The groups that may log in at all are those that may read.
    assert settings()["OAUTH2_PROXY_ALLOWED_GROUPS"] == settings()["PROXY_READERS"]


def test_compose_mounts_what_there_is() -> None:
    compose = yaml.safe_load((SHIPPED / "docker-compose.yaml").read_text())
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (SHIPPED.parent / source).exists(), source
    (deployment,) = of_kind("Deployment")
    pods = deployment["spec"]["template"]["spec"]["containers"]
    images = {service["image"] for service in compose["services"].values()}
    assert images == {container["image"] for container in pods}


def test_it_fits_the_servers_that_it_stands_before() -> None:
    rest = SHIPPED.parent
    for needed in (rest / "docker-compose.yaml", rest / "helm" / "values.yaml"):
        if not needed.is_file():
            pytest.skip(f"no {needed}")
    ours = yaml.safe_load((SHIPPED / "docker-compose.yaml").read_text())
    theirs = yaml.safe_load((rest / "docker-compose.yaml").read_text())
    networks = theirs["networks"].keys() | ours["networks"].keys()
    proxy = ours["services"]["proxy"]
    for service in ours["services"].values():
        assert set(service["networks"]) <= networks
    for variable in ("PROXY_WEBSERVER", "PROXY_READONLY"):
        name, _, port = proxy["environment"][variable].partition(":")
        server = theirs["services"][name]
        assert port in server["command"]
        assert ("--read-only" in server["command"]) == (variable == "PROXY_READONLY")
        assert set(server["networks"]) & set(proxy["networks"])
        assert "ports" not in server
        assert name in proxy["depends_on"]
    chart = yaml.safe_load((rest / "helm" / "values.yaml").read_text())
    server = chart["dagsterWebserver"]
    assert server["enableReadOnly"] is True
    name, port = f"dagster-{server['nameOverride']}", server["service"]["port"]
    assert settings()["PROXY_WEBSERVER"] == f"{name}:{port}"
    assert settings()["PROXY_READONLY"] == f"{name}-read-only:{port}"
    assert not chart.get("ingress", {}).get("enabled", False)


def test_sessions_are_bound_to_their_host_and_carry_no_token() -> None:
    given = tomllib.loads((SHIPPED / "oauth2-proxy.cfg").read_text())
    assert given["provider"] == "oidc"
    assert given["cookie_name"].startswith("__Host-")
    assert given["cookie_secure"] is True
    assert given["cookie_httponly"] is True
    assert given["cookie_samesite"] == "lax"
    assert given["code_challenge_method"] == "S256"
    assert given["insecure_oidc_skip_nonce"] is False
    assert given["session_cookie_minimal"] is True
    assert given["http_address"].startswith("127.0.0.1:")
    assert given["reverse_proxy"] is True
    assert given["trusted_proxy_ips"] == ["127.0.0.1/32"]
    # nginx's question is answered with these headers, and with nothing secret.
    assert given["set_xauthrequest"] is True
    assert not any(given[name] for name in given if name.startswith("pass_"))
    assert not {"client_secret", "cookie_secret", "skip_auth_routes", "trusted_ips"} & given.keys()
