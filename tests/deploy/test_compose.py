"""Compose for one machine: its files, and its instance under real Dagster with a real Postgres."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from resources.kubernetes.pods import USER
from resources.settings import REPOSITORY_ROOT
from tests.deploy.files import DEPLOY, Json, load
from tests.deploy.shapes import COMPOSE, misfits
from tests.deploy.test_dockerfile import in_all

FILES = ("docker-compose.yaml", "proxy/docker-compose.yaml")


def compose(name: str) -> Json:
    return {key: value for key, value in load(DEPLOY / name).items() if not key.startswith("x-")}


def together() -> Json:
    """Services of the machine and of the proxy, as `docker compose -f … -f …` joins them."""
    found: Json = {"services": {}, "volumes": {}, "networks": {}}
    for name in FILES:
        for part in found:
            found[part] |= compose(name).get(part) or {}
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_field_is_one_of_compose(name: str) -> None:
    assert list(misfits(compose(name), COMPOSE)) == []


def test_a_wrong_field_fails() -> None:
    wrong = copy.deepcopy(compose("docker-compose.yaml"))
    wrong["services"]["daemon"]["enviroment"] = {}
    wrong["services"]["code"]["cap_drop"] = ["NET_ADMIN"]
    found = list(misfits(wrong, COMPOSE))
    assert len(found) == 2
    assert any("daemon.enviroment: no such field" in fault for fault in found)


def test_the_file_for_a_gpu_changes_the_code_server_alone() -> None:
    found = compose("docker-compose.gpu.yaml")
    (service,) = found["services"].values()
    assert list(found["services"]) == ["code"]
    assert service["build"]["target"] == "gpu"
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_only_the_proxy_has_a_port_and_nothing_is_root_or_writable() -> None:
    services = together()["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"proxy"}
    for name, service in services.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"]), name
        assert ":" in service["image"], name
        assert not service["image"].endswith(":latest"), name
    for name in ("code", "daemon", "webserver", "webserver-read-only"):
        assert services[name]["user"] == f"{USER}:{USER}"
    assert "--read-only" in services["webserver-read-only"]["command"]
    assert "--read-only" not in services["webserver"]["command"]


def test_everything_has_a_health_check_and_waits_for_what_it_needs() -> None:
    services = together()["services"]
    image = any(step.word == "HEALTHCHECK" for step in in_all("cpu"))
    for name, service in compose("docker-compose.yaml")["services"].items():
        if service.get("restart") == "on-failure":
            continue  # it does one thing and ends; others wait for that
        assert "healthcheck" in services[name] or (name == "code" and image), name
    for service in services.values():
        for needed in service.get("depends_on", {}):
            assert needed in services
    assert services["daemon"]["depends_on"] == {
        "code": {"condition": "service_healthy"},
        "pools": {"condition": "service_completed_successfully"},
    }


def test_web_servers_and_the_database_have_no_way_out() -> None:
    found = together()
    inside = {name for name, net in found["networks"].items() if (net or {}).get("internal")}
    outside = {
        name for name, service in found["services"].items() if set(service["networks"]) - inside
    }
    assert outside == {"code", "proxy", "oauth2-proxy"}
    assert found["services"]["postgres"]["networks"] == ["database"]


def test_what_is_mounted_and_named_exists() -> None:
    found = together()
    named = set()
    for service in found["services"].values():
        assert set(service["networks"]) <= set(found["networks"])
        for mount in service.get("volumes", []):
            source = re.sub(r"\$\{\w+(:-([^}]*))?\}", r"\2", mount).split(":")[0]
            if not source.startswith("."):
                assert source in found["volumes"], mount
            elif "TLS_FOLDER" not in mount and "LANDING_FOLDER" not in mount:
                assert (DEPLOY / source).exists(), mount
        named |= set(re.findall(r"\$\{(\w+)", yaml.safe_dump(service)))
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    for name in named:
        if not name.startswith("PROXY_") or ":?" in yaml.safe_dump(found):
            continue
        assert f"{name}=" in example, name
    required = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / FILES[0]).read_text()))
    required |= set(re.findall(r"\$\{(\w+):\?", (DEPLOY / FILES[1]).read_text()))
    assert required <= set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert load(DEPLOY / "workspace.yaml")["load_from"][0]["grpc_server"]["host"] == "code"


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """A real Postgres, as the variables of the Compose file name it."""
    pytest.importorskip("dagster_postgres", reason="needs the extra k8s")
    from tests.cluster.postgres import PASSWORD, postgres_server
    from tests.cluster.postgres import USER as NAME

    with postgres_server() as server:
        yield {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_USERNAME": NAME,
            "DAGSTER_PG_PASSWORD": PASSWORD,
            "DAGSTER_PG_DB": server.database(),
            "port": str(server.port),
        }


def test_real_dagster_keeps_its_records_in_a_real_postgres(
    database: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = set(compose("docker-compose.yaml")["services"]["daemon"]["environment"])
    assert variables == {name for name in database if name != "port"}
    for name in variables:
        monkeypatch.setenv(name, database[name])
    config = load(DEPLOY / "dagster.yaml")
    config["storage"]["postgres"]["postgres_db"]["port"] = int(database["port"])
    config["compute_logs"]["config"]["base_dir"] = str(tmp_path / "logs")
    config["local_artifact_storage"]["config"]["base_dir"] = str(tmp_path / "storage")
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    @dg.asset
    def one() -> int:
        return 1

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert dg.materialize([one], instance=instance).success
    with dg.DagsterInstance.from_config(str(tmp_path)) as again:
        (run,) = again.get_runs()
        assert run.is_success
        assert type(again.run_storage).__name__ == "PostgresRunStorage"
        assert again.run_monitoring_enabled
        again.event_log_storage.set_concurrency_slots("gpu", 1)
        (pool,) = again.event_log_storage.get_pool_limits()
        assert (pool.name, pool.limit) == ("gpu", 1)
        found: Any = again.get_concurrency_config().pool_config
        assert found.default_pool_limit is None
    assert not list(tmp_path.rglob("*.db"))


def test_it_differs_from_a_laptops_instance_in_places_alone() -> None:
    ours, theirs = load(DEPLOY / "dagster.yaml"), load(REPOSITORY_ROOT / "dagster.yaml")
    places = {"storage", "run_launcher", "compute_logs", "local_artifact_storage"}
    assert theirs["concurrency"]["pools"].pop("default_limit") == 1  # not on Postgres: set by hand
    assert {name: value for name, value in ours.items() if name not in places} == theirs
