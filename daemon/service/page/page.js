/* page: takes the daemon's status once a second and shows it. Every number shown is the
   daemon's; data-value holds it as it came, for whoever reads the page by program. */
"use strict";

const $ = id => document.getElementById(id);
const OLD_S = 3;      /* numbers older than this: the connection is lost */
const MINUTE_MS = 60e3;
const SIGNS = {healthy: "✓", idle: "○", starting: "…", connecting: "…", paused: "‖", stopping: "■", degraded: "◆", trouble: "▲", gone: "✕"};

const page = {
  status: null,      /* that of the panels */
  at: 0,             /* when it came, performance.now() */
  health: null,      /* the last one heard, even while the panels are held still */
  heardAt: 0,
  held: false,       /* key space */
  spans: {},         /* name -> {interval_s, points, time_ns: [], in_hz: [], ...} */
  span: "minutes",
  fates: [], fragmentFates: [],
  latency: "minute",
  buckets: [],       /* [{at, buckets}], the last minute's statuses */
  pictures: [], picture: 0, /* number of the one shown; 0: the newest */
  newest: 0,
  source: null, triedAt: 0,
};

/* ---- metrics by name, as on /metrics ---- */

function samples(name) { return (page.status && page.status.metrics[name]) || []; }
function sum(name, where = {}, suffix = "") {
  const all = samples(name).filter(s => (s[2] || "") === suffix && Object.keys(where).every(k => s[1][k] === where[k]));
  return all.length ? all.reduce((n, s) => n + s[0], 0) : NaN;
}
function by(name, label) {
  const found = new Map();
  for (const [value, labels] of samples(name)) found.set(labels[label], (found.get(labels[label]) || 0) + value);
  return found;
}
const zero = x => known(x) ? x : 0;

function put(id, text, value) {
  const e = $(id);
  if (e.textContent !== text) e.textContent = text;
  if (value !== undefined) e.dataset.value = value;
}
function element(parent, name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  parent.appendChild(e);
  return e;
}

/* ---- the banner ---- */

function reasonsShown() {
  const age = (performance.now() - page.heardAt) / 1000;
  if (!page.health) return {state: "connecting", word: "connecting", reasons: ["waiting for the first numbers of " + location.host]};
  if (age > OLD_S) return {state: "gone", word: "no connection",
    reasons: [`sparsed at ${location.host} has not answered for ${age.toFixed(0)} s; what is below is that old`,
      `when last heard: ${page.health.state}`]};
  const h = page.health;
  return {state: h.state, word: h.state, reasons: h.reasons.length ? h.reasons : [h.means]};
}

function showBanner() {
  const shown = reasonsShown(), age = (performance.now() - page.at) / 1000, gone = shown.state === "gone";
  $("banner").dataset.state = shown.state;
  document.body.dataset.gone = gone ? "yes" : "no";
  put("word", shown.word);
  put("sign", SIGNS[shown.state] || "?");
  if ($("reasons").dataset.shown !== shown.reasons.join("\n")) {
    clear($("reasons"));
    shown.reasons.slice(0, 4).forEach(r => element($("reasons"), "li", r));
    if (shown.reasons.length > 4) element($("reasons"), "li", `and ${shown.reasons.length - 4} more reasons`);
    $("reasons").dataset.shown = shown.reasons.join("\n");
  }
  put("age", !page.status ? "none yet" : page.held ? `held still, ${age.toFixed(0)} s old` : age < 1.5 ? "now" : `${age.toFixed(0)} s old`);
  $("banner").dataset.old = page.held || age > 1.5 ? "yes" : "no";
  const instance = page.status ? page.status.instance : location.host;
  document.title = `${SIGNS[shown.state] || "?"} ${shown.word} – sparsed ${instance}`;
  const colour = {healthy: "%230f9d58", trouble: "%23d93025", gone: "%23d93025", degraded: "%23e8a600"}[shown.state] || "%235b7aa8";
  const icon = `data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='${colour}'/></svg>`;
  if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
}

function showWho() {
  const s = page.status, number = s.run.number;
  put("instance", s.instance);
  put("run-number", number ? String(number) : "–", number);
  put("run-state", s.run.state + (known(s.run.seconds) ? " " + clock(s.run.seconds) : ""), s.run.state);
  $("run-state").title = s.run.means;
  put("event-run", String(zero(sum("sparsed_run"))), sum("sparsed_run"));
  put("uptime", clock(sum("sparsed_uptime_seconds")));
  put("version", "sparsed " + s.version);
}

/* ---- figures ---- */

function showFigures() {
  const r = page.status.rate || {}, any = zero(sum("sparsed_stage_seconds", {stage: "latency"}, "_count")) > 0;
  const quantileOf = q => any ? sum("sparsed_stage_seconds", {stage: "latency", quantile: q}) : NaN;
  put("in-hz", rate(r.in_hz), r.in_hz);
  put("accepted-hz", rate(r.accepted_hz), r.accepted_hz);
  put("lost-hz", rate(r.lost_hz), r.lost_hz);
  put("live", known(r.live) ? (100 * r.live).toFixed(2) + " %" : "–", r.live);
  put("p50", seconds(quantileOf("0.5")), quantileOf("0.5"));
  put("p99", seconds(quantileOf("0.99")), quantileOf("0.99"));
  $("lost-box").classList.toggle("bad", r.lost_hz > 0);
  $("live-box").classList.toggle("bad", r.live < 0.99);
}

function showRates() {
  const h = page.spans[page.span];
  if (!h) return;
  const times = h.time_ns.map(t => t / 1e6), row = (name, colour, key) => ({name, unit: " Hz", colour, values: h[key]});
  drawRates($("rate-chart"), [row("in", "var(--in)", "in_hz"), row("accepted", "var(--accepted)", "accepted_hz"),
    row("lost", "var(--lost)", "lost_hz")], times, h.interval_s * h.points * 1000);
  put("span", page.span === "day" ? "last 24 hours" : "last 12 minutes");
}

/* ---- ledger ---- */

function showLedger() {
  const total = zero(sum("sparsed_events_in_total")), fates = by("sparsed_events_total", "fate"), parts = [];
  const flight = zero(sum("sparsed_events_in_flight"));
  let lost = 0;
  for (const f of page.fates) {
    const n = fates.get(f.name) || 0;
    lost += f.lost ? n : 0;
    if (n > 0 || f.name === "accepted" || f.name === "rejected")
      parts.push({name: f.name, means: f.means, count: n, kind: f.lost ? "lost" : f.name === "accepted" ? "accepted" : "rest"});
  }
  parts.push({name: "in flight", means: "not decided yet", count: flight, kind: "flight"});
  parts.sort((a, b) => (a.kind === "lost") - (b.kind === "lost"));
  drawFlow($("flow"), total, parts);
  const decided = page.fates.filter(f => !f.lost && (f.name !== "forwarded" || fates.get(f.name) > 0)).map(f => `${f.name} ${count(fates.get(f.name) || 0)}`).join(" + ");
  put("ledger-text", `in ${count(total)} = ${decided} + lost ${count(lost)} + in flight ${count(flight)}`, total);
  for (const f of page.fates) $("ledger-text").dataset[f.name] = fates.get(f.name) || 0;
  $("ledger-text").dataset.lost = lost;
  const why = [...by("sparsed_events_timed_out_total", "cause")].filter(c => c[1] > 0), late = why.reduce((n, c) => n + c[1], 0);
  put("incomplete-text", late ? `timed out with wires missing ${count(late)}: ${why.map(c => `${c[0]} ${count(c[1])}`).join(", ")}` : "");
  const pieces = page.fragmentFates.map(f => [f, by("sparsed_fragments_total", "fate").get(f.name) || 0]).filter(p => p[0].lost && p[1] > 0);
  put("fragments-text", pieces.length ? "fragments lost: " + pieces.map(p => `${p[0].name} ${count(p[1])}`).join(", ") : "no fragment lost");
  $("fragments-text").title = pieces.map(p => `${p[0].name}: ${p[0].means}`).join("\n");
}

/* ---- latency ---- */

function recentBuckets() {
  const now = page.status.latency_buckets, old = page.buckets.length ? page.buckets[0].buckets : [];
  if (page.latency !== "minute") return now;
  const before = new Map(old);
  return now.map(([ns, n]) => [ns, Math.max(0, n - (before.get(ns) || 0))]);
}

function showLatency() {
  const b = recentBuckets(), all = b.reduce((n, x) => n + x[1], 0), q = f => seconds(quantile(b, f) / 1e9);
  drawLatency($("latency-chart"), b, [{name: "median", ns: quantile(b, 0.5)}, {name: "99 %", ns: quantile(b, 0.99)}]);
  const heard = page.buckets.length ? (performance.now() - page.buckets[0].at) / 1000 : 0; /* a page just opened */
  put("latency-span", page.latency !== "minute" ? "since the start" : heard > 58 ? "last minute" : `last ${heard.toFixed(0)} s`);
  const most = b.filter(x => x[1] > 0).map(x => x[0]).pop();
  put("latency-text", all ? `${count(all)} events · median ${q(0.5)} · 99 % ${q(0.99)} · 99.9 % ${q(0.999)} · largest ${seconds(most / 1e9)}` : "");
}

/* ---- sources ---- */

function sourceRows() {
  const number = (name, id) => zero(sum(name, {source: id}));
  return [...by("sparsed_fragments_received_total", "source").keys()].filter(id => id !== "unknown" || number("sparsed_fragments_received_total", id) > 0).map(id => {
    const silent = sum("sparsed_source_silent_seconds", {source: id});
    const lost = samples("sparsed_fragments_total").filter(s => s[1].source === id && s[1].fate !== "assembled").reduce((n, s) => n + s[0], 0);
    return {id, silent, lost, received: number("sparsed_fragments_received_total", id), missed: number("sparsed_source_missed_total", id),
      wires: number("sparsed_source_missing_wires_total", id), bad: silent > 5};
  });
}

function showSources() {
  const rows = sourceRows(), shown = 12, silent = rows.filter(r => r.bad).length;
  const odd = r => (r.bad ? 4 : 0) + (r.lost > 0 ? 2 : 0) + (r.missed > 0 ? 1 : 0);
  rows.sort((a, b) => odd(b) - odd(a) || a.id.localeCompare(b.id, "en", {numeric: true}));
  clear($("source-rows"));
  for (const r of rows.slice(0, shown)) {
    const tr = element($("source-rows"), "tr", undefined, r.bad ? "bad" : "");
    const state = r.id === "unknown" ? "unreadable" : r.bad ? `▲ silent ${r.silent < 90 ? r.silent.toFixed(0) + " s" : clock(r.silent)}` : "✓ sends";
    [r.id, state, count(r.received), count(r.lost), count(r.missed), count(r.wires)].forEach(t => element(tr, "td", t));
    tr.dataset.source = r.id; tr.dataset.received = r.received;
  }
  const known = rows.filter(r => r.id !== "unknown").length;
  put("sources-summary", !known ? "none has sent yet" : `${known - silent} of ${known} send` + (rows.length > shown ? `, ${rows.length - shown} more not shown` : ""), known);
}

/* ---- engine, disk, queues ---- */

function lines() {
  const r = page.status.rate || {}, info = (samples("sparsed_info")[0] || [0, {}])[1], free = sum("sparsed_disk_free_bytes");
  const windows = zero(sum("sparsed_windows_total")), cut = zero(sum("sparsed_windows_truncated_total"));
  const fired = [...by("sparsed_rule_fired_total", "rule")].map(([name, n]) => `${name} ${count(n)}` +
    (by("sparsed_rule_prescaled_total", "rule").get(name) ? ` (${count(by("sparsed_rule_prescaled_total", "rule").get(name))} prescaled away)` : ""));
  const queues = [...by("sparsed_queue_depth", "queue")].map(([name, n]) => `${name} ${count(n)}`).join(", ");
  const failing = sum("sparsed_record_failing") > 0, unrecorded = zero(sum("sparsed_record_lost_total"));
  const recordedRate = recordRate(), hours = recordedRate > 0 ? free / recordedRate / 3600 : NaN;
  const list = [["engine", `${info.engine || "–"} · ${rate(r.windows_hz)} windows/s · ${bytes(r.bytes_hz)}/s read`, false],
    ["models", info.models || "–", false],
    ["windows", `${count(windows)}, of them ${share(windows ? cut / windows : NaN)} cut to the model's maximum`, false],
    ["rules", fired.join(", ") || "none", false],
    ["decisions", `${count(sum("sparsed_decisions_published_total"))} published, ${count(sum("sparsed_decisions_missed_total"))} missed by a subscriber`, sum("sparsed_decisions_missed_total") > 0],
    ["disk", !known(free) ? "not recording" : (failing ? "▲ CANNOT WRITE · " : "") + `${count(sum("sparsed_recorded_events_total"))} events, ${bytes(sum("sparsed_recorded_bytes_total"))} in ${count(sum("sparsed_record_files_total"))} files; ${bytes(free)} free` +
      (known(hours) ? `, ${hours.toFixed(hours < 10 ? 1 : 0)} h at this rate` : "") + (unrecorded ? `; ${count(unrecorded)} accepted events not recorded` : ""), failing || unrecorded > 0],
    ["slots", `${count(sum("sparsed_slots_used"))} of ${count(sum("sparsed_slots"))} in use`, sum("sparsed_slots_used") >= sum("sparsed_slots")],
    ["queues", queues || "–", false]];
  const masked = new Map();
  for (const [n, l] of samples("sparsed_masked_wires")) masked.set(l.why, (masked.get(l.why) || 0) + n);
  if (masked.size) list.push(["masked", [...masked].map(([w, n]) => `${w.replace("_", " ")} ${count(n)}`).join(", ") + " wires", masked.get("found_hot") > 0]);
  const shadow = [...by("sparsed_shadow_events_total", "verdict")];
  if (shadow.length) list.push(["candidate", shadow.map(([v, n]) => `${v.replace("_", " ")} ${count(n)}`).join(", ") + " events", false]);
  const dead = [...by("sparsed_dead_seconds_total", "cause")].filter(d => d[1] > 0).map(d => `${d[0]} ${seconds(d[1])}`);
  if (dead.length) list.push(["dead time", dead.join(", "), false]);
  return list;
}

/* Bytes a second to disk over the last minute. */
function recordRate() {
  const b = page.buckets;
  if (b.length < 2) return NaN;
  const a = b[0], z = b[b.length - 1];
  return (z.recorded - a.recorded) / ((z.at - a.at) / 1000);
}

function showInside() {
  const list = $("inside-list");
  clear(list);
  for (const [name, text, bad] of lines()) { element(list, "dt", name); element(list, "dd", text, bad ? "bad-text" : ""); }
  const states = samples("sparsed_fpga_state").filter(s => s[0] === 1);
  $("cards").hidden = states.length === 0;
  clear($("card-rows"));
  for (const [, l] of states) {
    const of = name => zero(sum(name, {card: l.card}));
    const tr = element($("card-rows"), "tr", undefined, l.state === "up" && !of("sparsed_fpga_differing_total") ? "" : "bad");
    [`${l.card} (device ${l.device})`, l.model, (l.state === "up" ? "✓ " : "▲ ") + l.state, count(of("sparsed_fpga_windows_total")),
      count(of("sparsed_fpga_differing_total")), count(of("sparsed_fpga_down_total"))].forEach(t => element(tr, "td", t));
  }
}

function showChanges() {
  clear($("change-rows"));
  for (const c of page.status.changes) {
    const li = element($("change-rows"), "li", undefined, c.trouble ? "bad" : "");
    element(li, "time", timeOfDay(c.time_ns)).title = new Date(c.time_ns / 1e6).toISOString();
    element(li, "span", c.trouble ? "▲" : "");
    element(li, "span", c.text);
  }
}

/* ---- accepted events ---- */

function shownPicture() { return page.pictures.find(p => p.number === page.picture) || page.pictures[0]; }

function describe(p) {
  const w = p.window, l = p.plane, why = p.rules.length ? p.rules.join(", ") + (p.n_rules > p.rules.length ? ", ..." : "") : p.pass_through ? "pass-through" : "–";
  put("picture-title", `run ${p.run} event ${count(Number(p.event))} · ${why}`);
  $("picture-title").dataset.event = p.event;
  if (!w) { put("picture-text", "no window of this event has a score of the rule's label"); put("plane-text", ""); return; }
  const given = w.pixels.filter((v, i) => i % 4 === 3 && v).length;
  put("picture-text", `${w.label} ${w.score.toFixed(3)} (rule: above ${w.threshold}) · best of ${count(p.n_windows)} windows · ` +
    `${count(w.n_active)} active${w.truncated ? `, cut to ${count(given)}` : ""} · ${w.width} × ${w.height} pixels · ${w.model}` +
    (w.missing_wires ? ` · ${count(w.missing_wires)} wires missing` : "") + (p.incomplete ? " · incomplete" : ""), w.score);
  put("plane-text", (l.image ? "ready-made image" : `plane ${l.id}, bins from ${count(w.first_bin)}, wires from ${count(w.first_wire)}`) +
    ` · decided at ${timeOfDay(p.decided_time_ns)}, ${seconds(p.latency_s)} after its last fragment`);
}

function showPictures() {
  const p = shownPicture(), following = !page.picture || !page.pictures.some(x => x.number === page.picture);
  $("picture").hidden = !p;
  if (!p) return;
  put("accepted-summary", following ? "the newest; ← for older ones" : "held; 0 follows the newest");
  describe(p);
  $("window-image").hidden = $("plane-image").hidden = !p.window;
  if (p.window) {
    drawWindow($("window-image"), p.window, Math.max(1, Math.floor(630 / Math.max(p.window.width, p.window.height))));
    $("plane-image").hidden = p.plane.image;
    if (!p.plane.image) drawPlane($("plane-image"), p.plane, p.window);
  }
  clear($("thumbs"));
  for (const q of page.pictures) {
    const b = element($("thumbs"), "button");
    b.title = `run ${q.run} event ${q.event}`;
    b.setAttribute("aria-label", b.title);
    b.setAttribute("aria-pressed", q === p ? "true" : "false");
    b.onclick = () => { page.picture = q.number; showPictures(); };
    if (q.window) drawWindow(element(b, "canvas"), q.window, Math.max(1, Math.floor(126 / Math.max(q.window.width, q.window.height))));
    else element(b, "span", "–");
  }
}

async function fetchPictures() {
  const answer = await (await fetch("accepted", {cache: "no-store"})).json();
  page.pictures = answer.accepted;
  page.newest = answer.newest;
  showPictures();
}

/* ---- taking what comes ---- */

function remember(s) {
  const minutes = page.spans.minutes, r = s.rate, last = minutes && minutes.time_ns[minutes.time_ns.length - 1];
  if (minutes && r && !(r.time_ns <= last)) {
    for (const key of Object.keys(minutes)) if (Array.isArray(minutes[key])) {
      minutes[key].push(r[key]);
      if (minutes[key].length > minutes.points) minutes[key].shift();
    }
  }
  const now = performance.now();
  page.buckets.push({at: now, buckets: s.latency_buckets, recorded: zero(sum("sparsed_recorded_bytes_total"))});
  while (page.buckets.length > 1 && now - page.buckets[0].at > MINUTE_MS) page.buckets.shift();
}

function show() {
  if (!page.status) return;
  for (const part of [showWho, showFigures, showRates, showLedger, showLatency, showSources, showInside, showChanges]) part();
}

function take(s) {
  if (page.status && sum("sparsed_uptime_seconds") > (s.metrics.sparsed_uptime_seconds[0] || [0])[0]) {
    page.buckets = []; page.newest = 0; /* started again */
    fetchHistory();
  }
  page.health = s.health;
  page.heardAt = performance.now();
  if (page.held) { showBanner(); return; }
  page.status = s;
  page.at = page.heardAt;
  remember(s);
  show();
  showBanner();
  if (s.newest_accepted !== page.newest) { page.newest = s.newest_accepted; fetchPictures().catch(() => { page.newest = 0; }); }
}

async function fetchHistory() {
  const h = await (await fetch("history", {cache: "no-store"})).json();
  page.spans = {minutes: h.minutes, day: h.day};
  page.fates = h.event_fates;
  page.fragmentFates = h.fragment_fates;
  show();
}

/* The browser tries again by itself after a cut, but not after a refusal. */
function connect() {
  page.triedAt = performance.now();
  if (page.source) page.source.close();
  page.source = new EventSource("events");
  page.source.onopen = () => fetchHistory().catch(() => {});
  page.source.addEventListener("status", e => take(JSON.parse(e.data)));
}

function tick() {
  if (page.source.readyState === EventSource.CLOSED && performance.now() - page.triedAt > 2000) connect();
  showBanner();
}

/* ---- keys ---- */

function step(by) {
  const i = page.pictures.indexOf(shownPicture()) + by;
  if (i >= 0 && i < page.pictures.length) { page.picture = page.pictures[i].number; showPictures(); }
}

function setTheme(next) {
  const light = next === "light" || (next === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
  document.documentElement.dataset.asked = next;
}

const KEYS = {
  "t": () => { page.span = page.span === "day" ? "minutes" : "day"; fetchHistory().catch(() => {}); showRates(); },
  "l": () => { page.latency = page.latency === "minute" ? "start" : "minute"; if (page.status) showLatency(); },
  "j": () => step(1), "ArrowLeft": () => step(1), "k": () => step(-1), "ArrowRight": () => step(-1),
  "0": () => { page.picture = 0; showPictures(); },
  "n": () => setTheme({system: "dark", dark: "light", light: "system"}[document.documentElement.dataset.asked]),
  " ": () => { page.held = !page.held; showBanner(); },
  "?": () => $("help").open ? $("help").close() : $("help").showModal(),
};

document.addEventListener("keydown", e => {
  if (e.ctrlKey || e.metaKey || e.altKey || !KEYS[e.key] || ($("help").open && e.key !== "?")) return;
  if (e.key === " " && e.target instanceof HTMLButtonElement) return; /* presses the button */
  e.preventDefault();
  KEYS[e.key]();
});
$("span").onclick = KEYS.t;
$("latency-span").onclick = KEYS.l;
matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => setTheme(document.documentElement.dataset.asked));
addEventListener("resize", show);
setTheme("system");
connect();
showBanner();
setInterval(tick, 500);
