"""config/kubernetes: each object is what its schema says, and they fit each other, the configuration
that they carry, and what the daemon does. Never tried on a cluster: docs/kubernetes.md."""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))
from manifests import (FOLDER, config, container, documents, folders, objects,  # noqa: E402,F401
                       pod, tools)

CORE = {"Namespace", "ServiceAccount", "Deployment", "Service", "PodDisruptionBudget",
        "NetworkPolicy"}
OLDEST, NEWEST = "1.29", "1.37"
NAME = {"app.kubernetes.io/name": "sparsed"}
LABEL = NAME | {"app.kubernetes.io/component": "daemon"}
# s, what the daemon's end takes beyond service.stop_limit: the group is left (LEAVE_TIMEOUT_MS), what
# is given up, the last metrics and decisions; and as much again for a machine that is busy
AFTER_STOP_S = 10


def seconds(text: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+) (ms|s|min)", text).groups()
    return float(number) * {"ms": 1e-3, "s": 1, "min": 60}[unit]


def validate(tools, version, *paths):
    return subprocess.run([tools / "kubernetes-validate", "--strict", "-k", f"{version}.0", *paths],
                          capture_output=True, text=True)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_schemas(tools, tmp_path, version):
    """Kubernetes drops keys that it does not know, in silence where nobody asks it not to: a
    misspelt securityContext was once no securityContext."""
    kinds = {path: {one["kind"] for one in documents(path)} for path in FOLDER.rglob("*.yaml")}
    known = [path for path in sorted(kinds) if kinds[path] <= CORE]
    assert set().union(*(kinds[path] for path in known)) == CORE
    done = validate(tools, version, *known)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("passed") == len(known)
    wrong = (FOLDER / "base/deployment.yaml").read_text().replace("runAsNonRoot", "runAsNoRoot")
    (tmp_path / "wrong.yaml").write_text(wrong)
    done = validate(tools, version, tmp_path / "wrong.yaml")
    assert done.returncode != 0 and "runAsNoRoot" in done.stdout + done.stderr


def keys(value, known, where: str = "") -> list[str]:
    """Paths in an object that a tree of known keys does not have. A leaf of the tree is a type."""
    if isinstance(known, type):
        return [] if type(value) is known else [f"{where} is no {known.__name__}: {value!r}"]
    if isinstance(known, list):
        return [w for i, one in enumerate(value) for w in keys(one, known[0], f"{where}[{i}]")]
    return [w for key, one in value.items() for w in (
        keys(one, known[key], f"{where}.{key}") if key in known else [f"{where}.{key}"])]


# Written down from the operators' published definitions, as far as they are used here.
DEFINED = {
    "ServiceMonitor": ("monitoring.coreos.com/v1", {
        "selector": {"matchLabels": {"app.kubernetes.io/name": str}},
        "endpoints": [{"port": str, "path": str, "interval": str, "scrapeTimeout": str}]}),
    "ScaledObject": ("keda.sh/v1alpha1", {
        "scaleTargetRef": {"name": str},
        "pollingInterval": int, "minReplicaCount": int, "maxReplicaCount": int,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": {
            "scaleUp": {"stabilizationWindowSeconds": int},
            "scaleDown": {"stabilizationWindowSeconds": int,
                          "policies": [{"type": str, "value": int, "periodSeconds": int}]}}}},
        "triggers": [{"type": str, "authenticationRef": {"name": str}, "metadata": {
            "bootstrapServers": str, "consumerGroup": str, "topic": str, "lagThreshold": str,
            "offsetResetPolicy": str, "allowIdleConsumers": str}}]}),
    "TriggerAuthentication": ("keda.sh/v1alpha1", {
        "secretTargetRef": [{"parameter": str, "name": str, "key": str}]}),
}


def test_objects_of_operators():
    """Their schemas are in no package: known keys and types, by hand. KEDA's metadata are texts,
    numbers too."""
    found = {}
    for (kind, name), one in objects("operators").items():
        version, spec = DEFINED[kind]
        assert one["apiVersion"] == version
        assert keys(one["spec"], spec, f"{kind} {name}") == []
        found[kind] = one
    assert found.keys() == DEFINED.keys()
    assert keys({"triggers": [{"metadata": {"lagThreshold": 5}}]},
                DEFINED["ScaledObject"][1]) == [".triggers[0].metadata.lagThreshold is no str: 5"]
    assert keys({"minReplicas": 1}, DEFINED["ScaledObject"][1]) == [".minReplicas"]


def test_autoscaling_looks_at_our_group(config):
    """Lag of another topic or group would scale for somebody else; a start that differs would
    count another lag before the first commit."""
    found = objects()
    scaled = found["ScaledObject", "sparsed"]["spec"]
    (trigger,) = scaled["triggers"]
    kafka = config["readout"]["kafka"]
    assert ("Deployment", scaled["scaleTargetRef"]["name"]) in found
    assert trigger["metadata"]["bootstrapServers"] == kafka["brokers"]
    assert trigger["metadata"]["consumerGroup"] == kafka["group"]
    assert trigger["metadata"]["topic"] == kafka["topic"]
    assert trigger["metadata"]["offsetResetPolicy"] == kafka.get("start", "earliest")
    authentication = found["TriggerAuthentication", trigger["authenticationRef"]["name"]]["spec"]
    volumes = found["Deployment", "sparsed"]["spec"]["template"]["spec"]["volumes"]
    (secret,) = [v["secret"]["secretName"] for v in volumes if "secret" in v]
    assert {row["name"] for row in authentication["secretTargetRef"]} == {secret}
    assert 1 < scaled["minReplicaCount"] < scaled["maxReplicaCount"]


def test_selectors_and_ports_meet(container, config):
    """A selector that selects nothing is no error to Kubernetes: there are just no numbers, or no
    protection."""
    found = objects()
    deployment, service = found["Deployment", "sparsed"], found["Service", "sparsed"]
    assert deployment["spec"]["template"]["metadata"]["labels"] == LABEL
    assert deployment["spec"]["selector"]["matchLabels"] == LABEL
    assert service["spec"]["selector"] == service["metadata"]["labels"] == LABEL
    assert found["ServiceMonitor", "sparsed"]["spec"]["selector"]["matchLabels"] == NAME  # all tiers
    assert found["PodDisruptionBudget", "sparsed"]["spec"]["selector"]["matchLabels"] == LABEL
    assert found["NetworkPolicy", "sparsed"]["spec"]["podSelector"]["matchLabels"] == LABEL
    (port,) = container["ports"]
    assert config["service"]["http"] == f"0.0.0.0:{port['containerPort']}"
    names = {service["spec"]["ports"][0]["name"], service["spec"]["ports"][0]["targetPort"],
             found["ServiceMonitor", "sparsed"]["spec"]["endpoints"][0]["port"],
             found["NetworkPolicy", "sparsed"]["spec"]["ingress"][0]["ports"][0]["port"]}
    names |= {container[probe]["httpGet"]["port"]
              for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert names == {port["name"]}
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_tiers_keep_apart():
    """base/ and decision/ in one namespace: a Service or a budget of one that takes the other's pods
    mixes their numbers, and a Deployment would fight over them."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl (1.21 or newer)")
    labels, selected = {}, {}
    for name in ("base", "decision"):
        built = {one["kind"]: one for one in yaml.safe_load_all(subprocess.run(
            ["kubectl", "kustomize", FOLDER / name], capture_output=True, check=True).stdout)}
        labels[name] = built["Deployment"]["spec"]["template"]["metadata"]["labels"]
        selected[name] = [built["Service"]["spec"]["selector"],
                          built["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
                          *(built[kind]["spec"]["selector"]["matchLabels"]
                            for kind in ("Deployment", "PodDisruptionBudget"))]
    for name, other in (("base", "decision"), ("decision", "base")):
        for selector in selected[name]:
            assert selector.items() <= labels[name].items()
            assert not selector.items() <= labels[other].items()


def test_tiers_meet_at_a_topic(config):
    """The second tier reads its own topic as its own group, and is otherwise configured alike: other
    planes or models would refuse the first tier's windows."""
    second = tomllib.loads((FOLDER / "decision" / "trigger.toml").read_text())
    differ = {"topic", "group", "dead_letter", "in_flight"}
    ours, theirs = second["readout"].pop("kafka"), config["readout"].pop("kafka")
    assert {key for key in ours if ours[key] != theirs[key]} == differ and ours.keys() == theirs.keys()
    assert second["service"].pop("stages") == "decision"
    assert second == config


def test_kafka_may_be_reached(config):
    """Brokers on a port that the policy forbids: every pod would wait for them for ever."""
    policy = objects()["NetworkPolicy", "sparsed"]["spec"]
    open_ports = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    for table in (config["readout"]["kafka"], config["output"]["kafka"]):
        assert {int(b.rpartition(":")[2]) for b in table["brokers"].split(",")} <= open_ports


def test_time_to_drain(pod, config):
    """A pod that is killed before its drain ends leaves undecided what it had begun: it comes
    again elsewhere, for nothing. And a budget of the drain that is no longer than a rebalance."""
    stop_limit_s = seconds(config["service"]["stop_limit"])
    assert pod["terminationGracePeriodSeconds"] >= stop_limit_s + AFTER_STOP_S
    assert "preStop" not in str(pod)  # SIGTERM comes at once


def test_rollout_needs_no_extra_partition():
    """With as many pods as partitions an extra one never becomes ready: the rollout would hang."""
    deployment = objects()["Deployment", "sparsed"]["spec"]
    scaled = objects()["ScaledObject", "sparsed"]["spec"]
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}
    assert deployment["replicas"] <= scaled["maxReplicaCount"]


def test_pods_ask_for_nothing(pod, container):
    """The namespace enforces the standard "restricted": a pod that does not fit is never made, and
    only its ReplicaSet says why."""
    space = objects()["Namespace", "sparsed"]["metadata"]["labels"]
    assert space["pod-security.kubernetes.io/enforce"] == "restricted"
    whole, own = pod["securityContext"], container["securityContext"]
    assert whole["runAsNonRoot"] is True and whole["runAsUser"] > 0
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own["allowPrivilegeEscalation"] is False and own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert {next(iter(v.keys() - {"name"})) for v in pod["volumes"]} <= {"configMap", "secret"}
    assert pod["automountServiceAccountToken"] is False
    assert ("ServiceAccount", pod["serviceAccountName"]) in objects()


def test_files_are_mounted_where_they_are_looked_for(pod, container, config):
    """Each path of the configuration lies in a mount, and each mount has its volume."""
    mounts = {m["mountPath"]: m["name"] for m in container["volumeMounts"]}
    assert sorted(mounts.values()) == sorted(v["name"] for v in pod["volumes"])
    volumes = {v["name"]: v for v in pod["volumes"]}
    paths = [model["file"] for model in config["engine"]["model"]]
    paths += [p[1:] for table in (config["readout"], config["output"])
              for p in table["kafka"]["properties"] if p.startswith("@")]
    paths += [container["args"][container["args"].index("--config") + 1]]
    assert len(paths) == 4
    for path in paths:
        assert path.rpartition("/")[0] in mounts, path
    # base/secret.h: root's, and nobody but the group may read it
    assert volumes["kafka"]["secret"]["defaultMode"] & 0o737 == 0o400
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]


def test_processors_and_workers(container, config):
    """Workers without a processor are dead time; a limit of processor time is, too."""
    resources = container["resources"]
    assert int(resources["requests"]["cpu"]) == config["imaging"]["workers"]
    assert "cpu" not in resources["limits"] and "memory" in resources["limits"]


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.name)
def test_kustomizations_name_every_file(folder):
    """A file that nobody names is applied by nobody."""
    (kustomization,) = documents(folder / "kustomization.yaml")
    named = {r for r in kustomization["resources"] if r.endswith(".yaml")}
    assert named == {p.name for p in folder.glob("*.yaml")} - {"kustomization.yaml"}
    for generator in kustomization.get("configMapGenerator", ()):
        assert all((folder / name.rpartition("=")[2]).is_file() for name in generator["files"])


@pytest.mark.parametrize("folder", folders(), ids=lambda path: path.name)
def test_kustomizations_build(tools, tmp_path, folder):
    """kubectl puts them together: what comes out is valid, too, and names the ConfigMap by its
    content."""
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl (1.21 or newer)")
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    (tmp_path / "core.yaml").write_text(yaml.safe_dump_all(
        one for one in built if one["kind"] in CORE | {"ConfigMap"}))
    valid = validate(tools, NEWEST, tmp_path / "core.yaml")
    assert valid.returncode == 0, valid.stdout + valid.stderr
    for deployment in (one for one in built if one["kind"] == "Deployment"):
        volumes = deployment["spec"]["template"]["spec"]["volumes"]
        (used,) = [v["configMap"]["name"] for v in volumes if v["name"] == "config"]
        assert re.fullmatch(r"sparsed-config(-decision)?-\w{10}", used)
        assert used in {one["metadata"]["name"] for one in built if one["kind"] == "ConfigMap"}
        scaled = any(one["kind"] == "ScaledObject" for one in built)
        assert ("replicas" in deployment["spec"]) != scaled
