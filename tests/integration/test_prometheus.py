"""A real Prometheus scrapes a running daemon: every name that the dashboard and the alerts
use must exist there, and each of their questions must have an answer. The alerts
themselves are tested by promtool (alerts_test.yml)."""
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from conftest import SOURCE
from test_page import MODEL, PLANES, simulate
from test_sparsed import Daemon

PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
ALERTS = SOURCE / "config" / "prometheus" / "alerts.yml"
DASHBOARD = SOURCE / "config" / "grafana" / "sparsed.json"
ALERT_TESTS = SOURCE / "tests" / "integration" / "alerts_test.yml"

# What has samples only where there is a card, a disk that fills, or something to tell.
MAY_BE_EMPTY = re.compile(r"sparsed_fpga_|> 0$|unless|sparsed_shadow_")

pytestmark = pytest.mark.skipif(not (PROMETHEUS and PROMTOOL) and not os.environ.get("CI"),
                                reason="prometheus is not installed")


def questions():
    """Every PromQL expression of the dashboard, for all daemons."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [a["expr"] for a in dashboard["annotations"]["list"]]
    for panel in dashboard["panels"]:
        found += [t["expr"] for t in panel.get("targets", [])]
    assert len(found) > 30
    return [e.replace("$instance", ".*") for e in found]


def names(text):
    """Families that a text names: sparsed_x_sum and sparsed_x_count are of sparsed_x."""
    found = set(re.findall(r"\bsparsed_[a-z_]+\b", text))
    return {re.sub(r"_(sum|count)$", "", n) for n in found}


def ask(port, path, **query):
    url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as e:
        raise AssertionError(f"{query}: {e.read().decode()}") from e


def promtool(*arguments):
    done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test_and_passes_it():
    """An alert that never fires is worse than none."""
    promtool("check", "rules", ALERTS)
    promtool("check", "config", SOURCE / "config" / "prometheus" / "prometheus.yml")
    promtool("test", "rules", ALERT_TESTS)
    alerts = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    tested = re.findall(r"alertname: (\w+)\n +exp_alerts:", ALERT_TESTS.read_text())
    assert len(alerts) > 10 and set(alerts) == set(tested)


@pytest.fixture
def scraped(run, free_port, tmp_path):
    """A daemon with events in it, and a Prometheus that has scraped it twice; its port."""
    records = tmp_path / "records"
    records.mkdir()
    detector = f'[detector]\nname = "scraped"\nticks = 6400\n{PLANES}'
    daemon = Daemon(run, free_port, tmp_path, MODEL, "neutrino", detector=detector,
                    overrides=[f"output.record.directory={records}"])
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{ALERTS}"]
scrape_configs:
  - job_name: sparsed
    static_configs: [{{targets: ["127.0.0.1:{daemon.ports['http']}"]}}]
""")
    prometheus = subprocess.Popen(
        [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
         f"--web.listen-address=127.0.0.1:{port}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        simulate(run, daemon, events=5)
        deadline = time.monotonic() + 60
        seen = []
        while not seen or float(seen[0]["value"][1]) < 2:
            assert time.monotonic() < deadline and prometheus.poll() is None
            time.sleep(0.2)
            try:
                seen = ask(port, "query", query="count_over_time(sparsed_events_in_total[1m])"
                                                " and sparsed_events_in_total == 5")["result"]
            except OSError:
                continue
        yield port
    finally:
        prometheus.kill()
        prometheus.wait()
    daemon.stop()


def test_what_is_asked_for_exists(scraped):
    """A metric or a label that was renamed leaves an empty panel, and an alert that is silent
    for ever."""
    metadata = ask(scraped, "targets/metadata", match_target='{job="sparsed"}', limit=1000)
    exist = {m["metric"] for m in metadata}
    asked = names(" ".join(questions())) | names(ALERTS.read_text())
    assert len(exist) > 50 and not asked - exist
    empty = [q for q in questions() if not ask(scraped, "query", query=q)["result"]
             and not MAY_BE_EMPTY.search(q)]
    assert not empty
    rules = ask(scraped, "rules")["groups"][0]["rules"]
    assert all(r["health"] != "err" for r in rules), rules
    # and so do the labels: fate="acepted" is a panel that says 0 for ever
    text = " ".join(questions()) + ALERTS.read_text()
    pairs = set(re.findall(r'\b(fate|stage|quantile|state|cause)="([a-z0-9._]+)"', text))
    several = re.findall(r'\b(fate|state)=~"([a-z_|]+)"', text)
    pairs |= {(label, v) for label, values in several for v in values.split("|")}
    # card states and fallback causes have no samples without a card: monitor.h has them
    of_cards = {("state", "up"), ("cause", "busy")}
    assert ("fate", "no_slot") in pairs
    for label, value in sorted(pairs - of_cards):
        assert value in ask(scraped, f"label/{label}/values"), (label, value)
