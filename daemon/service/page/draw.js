/* draw: pictures out of numbers. Knows nothing of the server: each function is given an
   element and what to draw in it. Texts are set as text, never as markup. */
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function clear(element) { while (element.firstChild) element.removeChild(element.firstChild); }

function make(parent, name, attributes, text) {
  const e = document.createElementNS(SVG, name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  if (text !== undefined) e.textContent = text;
  parent.appendChild(e);
  return e;
}

/* Drawn at its own size, so that its letters keep theirs. */
function begin(svg, height) {
  const width = Math.max(280, Math.round(svg.parentElement.clientWidth - 26));
  clear(svg);
  svg.setAttribute("viewBox", `0 0 ${width} ${Math.round(height)}`);
  return width;
}

/* ---- numbers as people read them ---- */

const known = x => typeof x === "number" && isFinite(x);
const count = x => known(x) ? Math.round(x).toLocaleString("en-US") : "–";
function rate(x) {
  if (!known(x)) return "–";
  if (x === 0) return "0";
  if (x >= 10000) return (x / 1000).toPrecision(3).replace(/e.*/, "") + " k";
  return x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toPrecision(2);
}
function seconds(x) {
  if (!known(x)) return "–";
  for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9]])
    if (x >= size || unit === "ns") return Number((x / size).toPrecision(3)) + " " + unit;
}
function bytes(x) {
  if (!known(x)) return "–";
  for (const [unit, size] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]])
    if (x >= size) return Number((x / size).toPrecision(3)) + " " + unit;
  return count(x) + " B";
}
function clock(s) {
  if (!known(s)) return "–";
  const two = n => String(Math.floor(n)).padStart(2, "0");
  const days = Math.floor(s / 86400);
  return (days ? days + " d " : "") + two(s % 86400 / 3600) + ":" + two(s % 3600 / 60) + ":" + two(s % 60);
}
const share = x => !known(x) ? "–" : x === 0 ? "0 %" : x < 0.0001 ? "< 0.01 %" : (100 * x).toPrecision(x > 0.1 ? 4 : 3).replace(/\.?0+$/, "") + " %";
const timeOfDay = ns => new Date(ns / 1e6).toLocaleTimeString("en-GB");

/* ---- rates over time: a row each, all on one time axis ---- */

/* rows: [{name, unit, colour, values}], times in ms, both oldest first; span in ms: as much
   as there can be; while there is less, the axis is shorter. */
function drawRates(svg, rows, times, longest) {
  const left = 112, right = 4, row = 66, axis = 20, H = rows.length * row + axis, W = begin(svg, H);
  const end = times.length ? times[times.length - 1] : Date.now();
  const unit = longest > 3600e3 ? 3600e3 : 60e3, word = longest > 3600e3 ? " h" : " min";
  const covered = times.length ? end - times[0] : 0;
  const span = [2, 4, 8, 12, 24].map(n => n * unit).find(n => n >= covered && n <= longest) || longest;
  const x = t => left + (W - left - right) * (1 - (end - t) / span);
  rows.forEach((r, i) => {
    const top = i * row + 6, bottom = (i + 1) * row - 6;
    const seen = r.values.filter(known), most = Math.max(0, ...seen);
    const y = v => bottom - (most > 0 ? v / most : 0) * (bottom - top - 4);
    make(svg, "line", {x1: left, x2: W - right, y1: bottom, y2: bottom, stroke: "var(--line)"});
    make(svg, "text", {x: 0, y: top + 14, "font-size": 14, "font-weight": 600}, r.name);
    make(svg, "text", {x: 0, y: top + 31, class: "faint"}, "now " + (seen.length ? rate(seen[seen.length - 1]) + r.unit : "–"));
    make(svg, "text", {x: 0, y: top + 46, class: "faint"}, "highest " + (seen.length ? rate(most) + r.unit : "–"));
    let path = "", area = "", open = false, first = 0, last = 0;
    times.forEach((t, k) => {
      if (!known(r.values[k]) || x(t) < left) { open = false; return; }
      const gap = k > 0 && t - times[k - 1] > longest / 100;
      path += `${open && !gap ? "L" : "M"}${x(t).toFixed(1)} ${y(r.values[k]).toFixed(1)}`;
      if (!open) first = x(t);
      last = x(t); open = true;
    });
    if (path && path.indexOf("M", 1) < 0)
      area = path + `L${last.toFixed(1)} ${bottom}L${first.toFixed(1)} ${bottom}Z`;
    if (area) make(svg, "path", {d: area, fill: r.colour, opacity: 0.18});
    if (path) make(svg, "path", {d: path, fill: "none", stroke: r.colour, "stroke-width": 1.6, "stroke-linejoin": "round"});
  });
  for (let i = 4; i > 0; i--)
    make(svg, "text", {x: x(end - i * span / 4), y: H - 4, class: "faint", "text-anchor": "middle"}, "−" + i * span / 4 / unit + word);
  make(svg, "text", {x: W - right, y: H - 4, class: "faint", "text-anchor": "end"}, "now");
}

/* ---- the ledger as a flow: in on the left, every fate on the right ---- */

/* parts: [{name, means, count, kind: "accepted", "rest", "lost" or "flight"}], widths in
   proportion to the counts; what is there at all is at least 2 wide. */
function drawFlow(svg, total, parts) {
  const bar = 150, slot = 25;
  const wide = p => total > 0 && p.count > 0 ? Math.max(2, p.count / total * bar) : 0;
  const H = Math.max(bar + 20, parts.reduce((h, p) => h + Math.max(slot, wide(p) + 6), 0) + 6);
  const colours = {accepted: "var(--accepted)", rest: "var(--rest)", lost: "url(#loss)", flight: "var(--in)"};
  const W = begin(svg, H), x0 = 92, x1 = Math.max(x0 + 30, W - 205);
  const loss = make(make(svg, "defs", {}), "pattern", {id: "loss", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)"});
  make(loss, "rect", {width: 6, height: 6, fill: "var(--lost)", opacity: 0.35});
  make(loss, "rect", {width: 3, height: 6, fill: "var(--lost)"});
  const all = parts.reduce((h, p) => h + wide(p), 0) || 2;
  let from = (H - all) / 2, to = 3;
  make(svg, "rect", {x: x0 - 14, y: from, width: 14, height: all, fill: "var(--in)"});
  make(svg, "text", {x: x0 - 22, y: H / 2 - 4, "text-anchor": "end", "font-size": 15, "font-weight": 600}, "in");
  make(svg, "text", {x: x0 - 22, y: H / 2 + 14, "text-anchor": "end", class: "faint"}, count(total));
  for (const p of parts) {
    const h = wide(p), room = Math.max(slot, h + 6), y = to + (room - h) / 2, middle = (x0 + x1) / 2;
    if (h > 0)
      make(make(svg, "path", {fill: colours[p.kind], opacity: p.kind === "lost" ? 1 : 0.8,
        d: `M${x0} ${from}C${middle} ${from} ${middle} ${y} ${x1} ${y}L${x1} ${y + h}C${middle} ${y + h} ${middle} ${from + h} ${x0} ${from + h}Z`}),
      "title", {}, `${p.name}: ${p.means}`);
    const label = make(svg, "text", {x: x1 + 10, y: to + room / 2 + 5, "font-size": 14});
    const lost = p.kind === "lost";
    make(label, "tspan", {"font-weight": lost || p.kind === "accepted" ? 700 : 400, style: lost ? "fill: var(--lost)" : ""}, (lost ? "LOST " : "") + p.name + "  ");
    make(label, "tspan", {"font-weight": 600}, count(p.count));
    make(label, "tspan", {class: "faint"}, "   " + share(total > 0 ? p.count / total : NaN));
    make(label, "title", {}, p.means);
    from += h; to += room;
  }
}

/* ---- a distribution on a logarithmic axis ---- */

/* buckets: [[largest ns, count]...]; marks: [{name, ns}]. */
function drawLatency(svg, buckets, marks) {
  const H = 160, left = 4, right = 4, bottom = 132, per = 12, W = begin(svg, H);
  const bins = new Map();
  for (const [ns, n] of buckets)
    if (n > 0) { const b = Math.floor(Math.log10(Math.max(1, ns)) * per); bins.set(b, (bins.get(b) || 0) + n); }
  if (bins.size === 0) {
    make(svg, "text", {x: W / 2, y: H / 2, "text-anchor": "middle", class: "faint", "font-size": 14}, "no event was decided in this time");
    return;
  }
  const keys = [...bins.keys()], middle = (Math.min(...keys) + Math.max(...keys)) / 2;
  let low = Math.floor(Math.min(...keys, middle - per) / per * 2) / 2 * per;
  let high = Math.ceil((Math.max(...keys, middle + per) + 1) / per * 2) / 2 * per;
  const most = Math.max(...bins.values()), step = (W - left - right) / (high - low);
  const x = b => left + (b - low) * step;
  for (const [b, n] of bins) {
    const h = Math.max(1.5, n / most * (bottom - 30));
    make(make(svg, "rect", {x: x(b) + 0.5, y: bottom - h, width: Math.max(1, step - 1), height: h, fill: "var(--in)"}),
      "title", {}, `${count(n)} events of ${seconds(Math.pow(10, b / per) / 1e9)} to ${seconds(Math.pow(10, (b + 1) / per) / 1e9)}`);
  }
  make(svg, "line", {x1: left, x2: W - right, y1: bottom, y2: bottom, stroke: "var(--faint)"});
  let written = -Infinity; // where the last label stands: the next keeps away
  for (let d = Math.ceil(low / per); d <= high / per; d++)
    for (const m of [1, 2, 5]) {
      const b = (d + Math.log10(m)) * per;
      if (b < low || b > high) continue;
      make(svg, "line", {x1: x(b), x2: x(b), y1: bottom, y2: bottom + (m === 1 ? 6 : 3), stroke: "var(--faint)"});
      const at = Math.min(W - 24, Math.max(24, x(b)));
      if ((m === 1 || (high - low) / W < 0.07) && at - written > 48) {
        make(svg, "text", {x: at, y: H - 8, "text-anchor": "middle", class: "faint"}, seconds(m * Math.pow(10, d) / 1e9));
        written = at;
      }
    }
  marks.forEach((m, i) => {
    if (!known(m.ns) || m.ns <= 0) return;
    const at = x(Math.log10(m.ns) * per), end = at > W * 0.72;
    make(svg, "line", {x1: at, x2: at, y1: 14 + 15 * i, y2: bottom, stroke: "var(--text)", "stroke-dasharray": i ? "4 3" : ""});
    make(svg, "text", {x: at + (end ? -5 : 5), y: 22 + 15 * i, "text-anchor": end ? "end" : "start"}, `${m.name} ${seconds(m.ns / 1e9)}`);
  });
}

/* The value below which `q` of a histogram's counts lie, ns. */
function quantile(buckets, q) {
  const all = buckets.reduce((n, b) => n + b[1], 0);
  let seen = 0;
  for (const [ns, n] of buckets) { seen += n; if (n > 0 && seen >= q * all) return ns; }
  return NaN;
}

/* ---- images ---- */

/* From dark blue over green and yellow to white, by brightness as much as by colour. */
function heat(v) {
  const stops = [[30, 60, 140], [25, 150, 160], [120, 205, 90], [250, 215, 70], [255, 255, 255]];
  const at = Math.min(0.999, Math.max(0, v)) * (stops.length - 1), i = Math.floor(at), f = at - i;
  return "rgb(" + stops[i].map((c, k) => Math.round(c + f * (stops[i + 1][k] - c))).join(",") + ")";
}

/* A window: time downwards, wires to the right. Filled pixels were given to the network,
   hollow ones were cut off. cell: canvas pixels a pixel. */
function drawWindow(canvas, w, cell) {
  canvas.width = w.width * cell; canvas.height = w.height * cell;
  const c = canvas.getContext("2d");
  let most = 0;
  for (let i = 0; i < w.pixels.length; i += 4) most = Math.max(most, w.pixels[i + 2]);
  for (let i = 0; i < w.pixels.length; i += 4) {
    const [row, col, value, given] = w.pixels.slice(i, i + 4), x = col * cell, y = row * cell;
    const colour = heat(most > 0 ? 0.15 + 0.85 * Math.sqrt(Math.max(0, value) / most) : 1);
    if (given || cell < 4) {
      c.globalAlpha = given ? 1 : 0.45;
      c.fillStyle = colour; c.fillRect(x, y, cell, cell);
    } else {
      c.globalAlpha = 0.8;
      c.strokeStyle = colour; c.lineWidth = Math.max(1, cell / 5);
      c.strokeRect(x + c.lineWidth / 2, y + c.lineWidth / 2, cell - c.lineWidth, cell - c.lineWidth);
    }
    c.globalAlpha = 1;
  }
}

/* The plane, coarse, with the window's box. */
function drawPlane(canvas, plane, w) {
  const W = 768, H = Math.round(Math.min(330, Math.max(120, W * plane.rows / Math.max(1, plane.cols))));
  canvas.width = W; canvas.height = H;
  const c = canvas.getContext("2d"), cw = W / plane.map.cols, ch = H / plane.map.rows;
  c.fillStyle = "#5d8fc4";
  for (let i = 0; i < plane.map.lit.length; i += 2)
    c.fillRect(plane.map.lit[i + 1] * cw, plane.map.lit[i] * ch, Math.ceil(cw), Math.ceil(ch));
  c.strokeStyle = "#f2cc60"; c.lineWidth = 5;
  c.strokeRect(plane.first_col / plane.cols * W + 2, plane.first_row / plane.rows * H + 2,
    Math.max(10, w.width / plane.cols * W - 4), Math.max(10, w.height / plane.rows * H - 4));
}
