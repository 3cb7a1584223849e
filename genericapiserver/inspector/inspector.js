"use strict";
// Asks for ./data, and writes what it says as text. Nothing is ever parsed as markup: names come from clients.
(() => {
  const PERIOD = 2000; // milliseconds between two questions
  const SLOWEST = 15000; // the longest time between two, while the server does not answer
  const PATIENCE = 10000; // for one answer
  const WINDOW = 30; // seconds over which rates and percentiles are taken
  const DRAWN = 150; // points of a curve: five minutes
  const OWN_USER = "system:apiserver";
  const SOON = 14 * 86400; // seconds before its end in which a certificate needs attention

  const $ = (id) => document.getElementById(id);
  let paused = false;
  let last = null; // the newest document
  let lastSeen = 0;
  let failure = null;
  let timer = 0;
  let asking = false;
  let delay = PERIOD;
  const histories = new Map(); // by process: several may answer behind one port
  const curves = { rate: [], p99: [] };

  // ---- words

  const number = (value, digits = 0) => value.toLocaleString("en", { maximumFractionDigits: digits });

  function duration(seconds) {
    if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
    const sign = seconds < 0 ? "-" : "";
    const size = Math.abs(seconds);
    if (size === 0) return "0";
    if (size < 1) return `${sign}${number(size * 1000, size < 0.01 ? 1 : 0)} ms`;
    if (size < 60) return `${sign}${number(size, size < 10 ? 1 : 0)} s`;
    const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
    const [large, name, small, smaller] = units.find(([each]) => size >= each);
    return `${sign}${Math.floor(size / large)} ${name} ${Math.floor((size % large) / small)} ${smaller}`;
  }

  function bytes(count) {
    if (count === null || count === undefined) return "";
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let at = 0;
    while (count >= 1024 && at < units.length - 1) { count /= 1024; at += 1; }
    return `${number(count, at ? 1 : 0)} ${units[at]}`;
  }

  const perSecond = (rate) => (rate === 0 ? "0" : rate < 0.1 ? "< 0.1" : number(rate, rate < 10 ? 1 : 0));
  const clock = (time) => new Date(time).toLocaleTimeString("en-GB");
  const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;

  // ---- figures: rates and percentiles between two documents of one process

  const routeOf = (row) => `${row.verb} ${row.resource}`;

  function remember(document_) {
    const pid = `${document_.server.host}/${document_.server.pid}`;
    const history = histories.get(pid) || [];
    const newest = history.at(-1);
    const time = Date.parse(document_.time) / 1000;
    // A process with the number of an earlier one, or metrics that were reset: begin again.
    if (newest && (newest.seconds > document_.server.seconds || newest.total > totalOf(document_))) history.length = 0;
    history.push({
      time,
      seconds: document_.server.seconds,
      total: totalOf(document_),
      cpu: document_.server.cpuSeconds,
      rows: new Map(document_.requests.items.map((row) => [routeOf(row), row])),
    });
    while (history.length > 2 && time - history[1].time >= WINDOW) history.shift();
    histories.set(pid, history);
    return history;
  }

  const totalOf = (document_) => document_.requests.items.reduce((sum, row) => sum + row.count, 0);
  const codesOf = (row, digit) =>
    Object.entries(row.codes).reduce((sum, [code, count]) => sum + (code.startsWith(digit) ? count : 0), 0);

  function percentile(buckets, bounds, share) {
    const total = buckets.at(-1);
    if (!total) return null;
    const rank = share * total;
    const at = buckets.findIndex((count) => count >= rank);
    if (at >= bounds.length) return Infinity;
    const below = at ? buckets[at - 1] : 0;
    const from = at ? bounds[at - 1] : 0;
    return from + (bounds[at] - from) * ((rank - below) / (buckets[at] - below || 1));
  }

  const latency = (seconds, bounds) =>
    seconds === null ? "" : seconds === Infinity ? `> ${duration(bounds.at(-1))}` : duration(seconds);

  function figures(document_, history) {
    const first = history[0];
    const sinceStart = history.length < 2;
    const seconds = sinceStart ? document_.server.seconds : history.at(-1).time - first.time;
    const bounds = document_.requests.bounds;
    const nothing = { count: 0, buckets: [], codes: {} };
    const rows = document_.requests.items.map((row) => {
      const before = (!sinceStart && first.rows.get(routeOf(row))) || nothing;
      const buckets = row.buckets.map((count, at) => count - (before.buckets[at] || 0));
      return {
        ...row,
        long: row.verb === "WATCH" || row.verb === "CONNECT",
        rate: (row.count - before.count) / (seconds || 1),
        recent: buckets,
        p50: percentile(buckets, bounds, 0.5),
        p95: percentile(buckets, bounds, 0.95),
        p99: percentile(buckets, bounds, 0.99),
        refused: codesOf(row, "4"),
        failed: codesOf(row, "5"),
        refusedRate: (codesOf(row, "4") - codesOf(before, "4")) / (seconds || 1),
        failedRate: (codesOf(row, "5") - codesOf(before, "5")) / (seconds || 1),
      };
    });
    const short = rows.filter((row) => !row.long);
    const together = short.reduce((sum, row) => row.recent.map((count, at) => count + (sum[at] || 0)), []);
    const add = (key) => rows.reduce((sum, row) => sum + row[key], 0);
    return {
      rows, bounds, seconds, sinceStart,
      rate: add("rate"), refusedRate: add("refusedRate"), failedRate: add("failedRate"),
      p50: together.length ? percentile(together, bounds, 0.5) : null,
      p99: together.length ? percentile(together, bounds, 0.99) : null,
      cpu: sinceStart ? null : (document_.server.cpuSeconds - first.cpu) / (seconds || 1),
    };
  }

  // ---- tables

  const made = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // A column: title, text(row) as a string or as lines, by(row) to sort by, kind (a class).
  class Table {
    constructor(id, title, empty, columns, sorted) {
      this.empty = empty;
      this.columns = columns;
      this.order = sorted || null; // [index of the column, descending]
      this.rows = [];
      const section = made("section");
      section.id = id;
      section.setAttribute("aria-labelledby", `${id}-title`);
      const heading = made("div", "heading");
      const name = made("h2", "", title);
      name.id = `${id}-title`;
      this.note = made("span", "soft");
      heading.append(name, this.note);
      const scroll = made("div", "scroll");
      scroll.tabIndex = 0;
      scroll.setAttribute("role", "region");
      scroll.setAttribute("aria-labelledby", `${id}-title`);
      const table = made("table");
      table.setAttribute("aria-labelledby", `${id}-title`);
      const head = made("tr");
      this.heads = columns.map((column, at) => {
        const cell = made("th", (column.kind || "").includes("number") ? "number" : "");
        cell.scope = "col";
        if (column.by) {
          const button = made("button", "", column.title);
          button.type = "button";
          button.addEventListener("click", () => this.sort(at));
          cell.append(button);
        } else {
          cell.textContent = column.title;
        }
        head.append(cell);
        return cell;
      });
      const top = made("thead");
      top.append(head);
      this.body = made("tbody");
      table.append(top, this.body);
      scroll.append(table);
      section.append(heading, scroll);
      $("tables").append(section);
      this.show([], "");
    }

    sort(at) {
      const descending = this.order && this.order[0] === at ? !this.order[1] : (this.columns[at].kind || "").includes("number");
      this.order = [at, descending];
      this.draw();
    }

    show(rows, note) {
      this.rows = rows;
      this.said = note;
      this.draw();
    }

    draw() {
      const wanted = $("filter").value.trim().toLowerCase();
      let rows = this.rows.map((row) => ({ row, texts: this.columns.map((column) => column.text(row)) }));
      if (wanted) rows = rows.filter(({ texts }) => texts.flat().join(" ").toLowerCase().includes(wanted));
      if (this.order) {
        const [at, descending] = this.order;
        const by = this.columns[at].by;
        const sign = descending ? -1 : 1;
        rows.sort((a, b) => {
          const [left, right] = [by(a.row), by(b.row)];
          return left < right ? -sign : left > right ? sign : 0;
        });
      }
      this.heads.forEach((head, at) => {
        const mine = this.order && this.order[0] === at;
        if (mine) head.setAttribute("aria-sort", this.order[1] ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      const hidden = this.rows.length - rows.length;
      this.note.textContent = [this.said, hidden ? `${hidden} filtered out` : ""].filter(Boolean).join(", ");
      if (!rows.length) {
        const cell = made("td", "empty", this.rows.length ? "Nothing matches the filter." : this.empty);
        cell.colSpan = this.columns.length;
        const line = made("tr");
        line.append(cell);
        this.body.replaceChildren(line);
        this.lines = [];
        return;
      }
      // Lines are kept and only what changed is written, so that a selection survives.
      const lines = this.lines || [];
      while (lines.length > rows.length) lines.pop().remove();
      if (!lines.length) this.body.replaceChildren();
      rows.forEach(({ row, texts }, index) => {
        let line = lines[index];
        if (!line) {
          line = made("tr");
          for (const column of this.columns) {
            const cell = made("td", column.kind || "");
            cell.dataset.label = column.title;
            cell.append(made("div"));
            line.append(cell);
          }
          lines.push(line);
          this.body.append(line);
        }
        line.className = row.mark || "";
        texts.forEach((text, at) => write(line.cells[at], text));
      });
      this.lines = lines;
    }
  }

  function write(cell, text) {
    const parts = Array.isArray(text) ? text.filter(Boolean) : [text];
    cell.classList.toggle("blank", !parts.some(Boolean));
    while (cell.children.length > Math.max(1, parts.length)) cell.lastElementChild.remove();
    while (cell.children.length < parts.length) cell.append(made("div"));
    [...cell.children].forEach((child, at) => {
      const wanted = parts[at] ?? "";
      if (child.textContent !== wanted) child.textContent = wanted;
    });
  }

  const text = (title, of, kind) => ({ title, text: of, by: (row) => String([of(row)].flat()[0] ?? ""), kind });
  const figure = (title, of, shown) => ({ title, text: (row) => shown(of(row), row), by: (row) => of(row) ?? -1, kind: "number" });
  const count = (value) => (value ? number(value) : "0");

  const who = (row) => [row.user || "nobody", row.userAgent, row.client];
  const parts = (row) => Object.entries(row.parts).sort((a, b) => b[1] - a[1]).map(([name, s]) => `${name} ${duration(s)}`);

  const tables = {
    requests: new Table("requests", "Requests", "No request to a resource has been answered yet.", [
      text("Verb", (row) => row.verb),
      text("Resource", (row) => row.resource || "(none)"),
      figure("Per second", (row) => row.rate, perSecond),
      figure("p50", (row) => (row.long ? -1 : row.p50), (value, row) => (row.long ? "" : latency(row.p50, row.bounds))),
      figure("p95", (row) => (row.long ? -1 : row.p95), (value, row) => (row.long ? "" : latency(row.p95, row.bounds))),
      figure("p99", (row) => (row.long ? -1 : row.p99), (value, row) => (row.long ? "" : latency(row.p99, row.bounds))),
      figure("4xx", (row) => row.refused, count),
      { ...figure("5xx", (row) => row.failed, count), kind: "number mark" },
      figure("All", (row) => row.count, count),
    ], [2, true]),
    watches: new Table("watches", "Live watches", "No watch is open.", [
      text("Resource", (row) => [row.resource, [row.namespace, row.name].filter(Boolean).join("/"), row.selector]),
      text("Who", who),
      figure("Open for", (row) => row.seconds, duration),
      text("From revision", (row) => row.startRevision || "now", "number"),
      figure("At revision", (row) => row.revision, (value) => (value ? String(value) : "")),
      figure("Events sent", (row) => row.events, count),
      figure("Bytes queued", (row) => row.bytesQueued, (value) => (value ? bytes(value) : "0")),
      { ...figure("Behind", (row) => row.lagSeconds,
        (value, row) => (row.pending === null ? "" : row.pending ? [plural(row.pending, "change", "changes"), duration(value)] : "0")),
      kind: "number mark" },
      text("Protocol", (row) => row.protocol, "nowrap"),
    ]),
    errors: new Table("errors", "Recent errors", "No request has failed since the server started.", [
      { title: "Time", text: (row) => clock(row.time), by: (row) => row.time, kind: "nowrap" },
      { ...figure("Status", (row) => row.status, String), kind: "nowrap mark" },
      text("Reason", (row) => [row.reason, row.message]),
      text("Request", (row) => [row.path, `${row.verb}, took ${duration(row.seconds)}`], "mono"),
      text("Who", who),
      text("Audit ID", (row) => row.auditID, "mono"),
    ], [0, true]),
    slow: new Table("slow", "Slow requests", "No request has been slow.", [
      { title: "Time", text: (row) => clock(row.time), by: (row) => row.time, kind: "nowrap" },
      figure("Took", (row) => row.seconds, duration),
      text("Where the time went", parts),
      text("Request", (row) => [row.path, `${row.verb}, ${row.status ? `answered ${row.status}` : "no answer"}`], "mono"),
      text("Who", who),
      text("Audit ID", (row) => row.auditID, "mono"),
    ], [1, true]),
    inFlight: new Table("in-flight", "In flight and queued", "Nothing limits requests here.", [
      text("Priority level", (row) => row.name),
      figure("Executing", (row) => row.executing, count),
      { ...figure("Waiting", (row) => row.waiting, count), kind: "number mark" },
      figure("Seats in use", (row) => row.seatsInUse, (value, row) => `${number(value)} of ${number(row.seats)}`),
      figure("Dispatched", (row) => row.dispatched, count),
      figure("Rejected", (row) => row.rejected, count),
      figure("Gave up waiting", (row) => row.cancelled + row.timedOut, count),
    ]),
    storage: new Table("storage", "Storage and caches", "No resource is stored here.", [
      text("Resource", (row) => row.resource),
      text("Cache", (row) => (row.cached ? (row.filled ? "filled" : "not used yet") : "off"), "mark"),
      figure("Revision", (row) => row.revision || 0, (value) => (value ? String(value) : "")),
      figure("Lag", (row) => row.lag ?? -1, (value, row) => (row.lag === null || row.lag === undefined ? "" : count(row.lag))),
      figure("Watches resume from", (row) => row.oldestRevision || 0, (value) => (value ? String(value) : "")),
      figure("Objects", (row) => row.objects ?? -1, (value, row) => (row.filled ? count(row.objects) : "")),
      figure("Size", (row) => row.bytes ?? -1, (value, row) => (row.filled ? bytes(row.bytes) : "")),
      figure("Watches", (row) => row.watches ?? -1, (value, row) => (row.filled ? count(row.watches) : "")),
    ]),
    health: new Table("health", "Health checks and hooks", "There are no checks.", [
      text("Check", (row) => row.name),
      text("State", (row) => row.state, "mark"),
      text("Reason", (row) => row.problem),
      text("Counts for", (row) => row.pages.join(", ")),
    ]),
    certificates: new Table("certificates", "Certificates", "The server has no certificates of its own.", [
      text("Use", (row) => row.use),
      text("Subject", (row) => [row.subject, row.names.join(", ")]),
      text("Issuer", (row) => row.issuer),
      { title: "Ends", text: (row) => [row.notAfter.replace("T", " "), row.left], by: (row) => row.notAfter, kind: "mark" },
      text("Source", (row) => row.source),
    ]),
  };

  // ---- the summary

  const tiles = new Map();

  function tile(title, value, detail, curve) {
    let parts_ = tiles.get(title);
    if (!parts_) {
      const box = made("div");
      parts_ = { value: made("dd", "value"), detail: made("dd", "soft") };
      box.append(made("dt", "", title), parts_.value, parts_.detail);
      if (curve) {
        const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        svg.setAttribute("aria-hidden", "true");
        svg.setAttribute("preserveAspectRatio", "none");
        parts_.line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
        svg.append(parts_.line);
        parts_.svg = svg;
        box.append(svg);
      }
      $("tiles").append(box);
      tiles.set(title, parts_);
    }
    parts_.value.textContent = value;
    parts_.detail.textContent = detail;
    if (curve && curve.length > 1) {
      const highest = Math.max(...curve) || 1;
      const width = Math.max(30, curve.length);
      parts_.svg.setAttribute("viewBox", `0 0 ${width - 1} 100`);
      const from = width - curve.length;
      parts_.line.setAttribute("points", curve.map((y, x) => `${from + x},${97 - (90 * y) / highest}`).join(" "));
    }
  }

  function draw(curve, value) {
    curve.push(value);
    if (curve.length > DRAWN) curve.shift();
    return curve;
  }

  function findings(document_, figures_, certificates) {
    const found = [];
    for (const check of document_.health.filter((each) => !each.ok)) found.push(["bad", `${check.name}: ${check.problem}`]);
    if (document_.server.stopping) found.push(["warn", "the server is stopping"]);
    if (figures_.failedRate > 0) found.push(["bad", `${perSecond(figures_.failedRate)} server errors a second`]);
    for (const one of certificates) {
      if (one.mark === "bad") found.push(["bad", `${one.use} certificate has ended: ${one.subject}`]);
      else if (one.mark === "warn") found.push(["warn", `${one.use} certificate ends in ${one.left}: ${one.subject}`]);
    }
    for (const one of document_.certificateProblems) found.push(["bad", `${one.source}: ${one.problem}`]);
    for (const level of document_.inFlight.levels || []) {
      if (level.waiting) found.push(["warn", `${plural(level.waiting, "request waits", "requests wait")} in ${level.name}`]);
    }
    const lagging = document_.storage.resources.filter((each) => each.lag > 0);
    if (lagging.length) found.push(["warn", `caches behind the store: ${lagging.map((each) => each.resource).join(", ")}`]);
    const behind = document_.watches.items.filter((watch) => watch.lagSeconds > 1);
    if (behind.length) found.push(["warn", `${plural(behind.length, "watch is", "watches are")} more than a second behind`]);
    return found.length ? found : [["good", "Nothing: checks pass, and nobody waits."]];
  }

  // ---- a document

  function show(document_) {
    const history = remember(document_);
    const found = figures(document_, history);
    const server = document_.server;
    const now = Date.parse(document_.time) / 1000;
    document.title = `${server.name} - inspector`;
    $("name").textContent = server.name;
    $("about").textContent = [
      server.version && `version ${server.version}`, server.address, `process ${server.pid} on ${server.host}`,
      server.worker && `worker ${server.worker}: the figures of this process alone, /metrics has those of all`,
      `up ${duration(server.seconds)}`,
    ].filter(Boolean).join(" \u00b7 ");

    const certificates = document_.certificates.map((one) => {
      const left = Date.parse(one.notAfter) / 1000 - now;
      return { ...one, left: left < 0 ? `${duration(-left)} ago` : duration(left), mark: left < 0 ? "bad" : left < SOON ? "warn" : "" };
    });
    $("findings").replaceChildren(...findings(document_, found, certificates).map(([kind, words]) => made("li", kind, words)));

    const over = found.sinceStart ? "since the start" : `last ${Math.round(found.seconds)} s`;
    const levels = document_.inFlight.levels || document_.inFlight.pools || [];
    const executing = levels.reduce((sum, level) => sum + level.executing, 0);
    const waiting = levels.reduce((sum, level) => sum + (level.waiting || 0), 0);
    const queued = document_.watches.items.reduce((sum, watch) => sum + watch.bytesQueued, 0);
    const connections = document_.connections;
    tile("Requests/s", perSecond(found.rate), over, draw(curves.rate, found.rate));
    tile("Latency p99", latency(found.p99, found.bounds) || "none",
      found.p50 === null ? `no request, ${over}` : `p50 ${latency(found.p50, found.bounds)}`,
      draw(curves.p99, Number.isFinite(found.p99) ? found.p99 || 0 : 60));
    tile("Errors/s", perSecond(found.refusedRate + found.failedRate),
      `${perSecond(found.refusedRate)} 4xx, ${perSecond(found.failedRate)} 5xx`);
    tile("In flight", number(executing), `${plural(waiting, "waits", "wait")} for a turn`);
    tile("Live watches", number(document_.watches.count), `${bytes(queued)} queued`);
    tile("Connections", number(connections.open),
      Object.entries(connections.protocols).map(([name, many]) => `${many} ${name}`).join(", ") || "none open");
    tile("Store", document_.storage.bytes === null ? "in memory" : bytes(document_.storage.bytes),
      document_.storage.revision ? `revision ${document_.storage.revision}` : "no store");
    tile("Memory", server.residentBytes ? bytes(server.residentBytes) : "unknown",
      [found.cpu === null ? "" : `${number(100 * found.cpu)} % of a CPU`, server.openFiles ? `${server.openFiles} open files` : ""]
        .filter(Boolean).join(", "));

    tables.requests.show(found.rows.map((row) => ({ ...row, bounds: found.bounds, mark: row.failedRate > 0 ? "bad" : "" })), over);
    const watches = document_.watches;
    const own = watches.items.filter((row) => row.user === OWN_USER);
    const others = watches.items.filter((row) => row.user !== OWN_USER);
    tables.watches.show([...others, ...own].map((row) => ({ ...row, mark: row.lagSeconds > 1 ? "warn" : "" })), [
      watches.count > watches.items.length ? `the oldest ${watches.items.length} of ${watches.count}` : number(watches.count),
      own.length ? `${own.length} of the server itself at the end` : "",
    ].filter(Boolean).join(", "));
    tables.errors.show(document_.errors.items.map((row) => ({ ...row, mark: row.status >= 500 ? "bad" : "warn" })), "newest first");
    tables.slow.show(document_.slow.items, `${duration(document_.slow.thresholdSeconds)} and more`);
    tables.inFlight.show(
      (document_.inFlight.levels || document_.inFlight.pools.map((pool) => ({
        waiting: 0, seatsInUse: pool.executing, seats: pool.limit, dispatched: 0, rejected: 0, cancelled: 0, timedOut: 0, ...pool,
      }))).map((row) => ({ ...row, mark: row.waiting ? "warn" : "" })), "");
    const storage = document_.storage;
    tables.storage.show(storage.resources.map((row) => ({ ...row, mark: row.lag > 0 ? "warn" : "" })),
      storage.engine ? `${storage.engine} at revision ${storage.revision}, history from ${storage.oldestRevision}` : "");
    tables.health.show([
      ...document_.health.map((row) => ({ ...row, state: row.ok ? "ok" : "failing", mark: row.ok ? "good" : "bad" })),
    ], `${document_.health.filter((row) => row.ok).length} of ${document_.health.length} pass`);
    tables.certificates.show(certificates, "");
  }

  // ---- asking

  function say() {
    const state = $("state");
    const seen = lastSeen ? `last update ${clock(lastSeen)}, ${duration(Math.round((Date.now() - lastSeen) / 1000))} ago` : "no update yet";
    if (failure) {
      state.dataset.state = "failed";
      state.textContent = `${failure}; ${seen}. ${paused ? "Paused." : "Trying again."}`;
    } else if (paused) {
      state.dataset.state = "paused";
      state.textContent = `Paused, ${seen}.`;
    } else if (lastSeen) {
      state.dataset.state = "live";
      state.textContent = `Live, updated ${clock(lastSeen)}.`;
    }
    $("main").classList.toggle("stale", Boolean(failure) && Boolean(lastSeen));
  }

  async function ask() {
    clearTimeout(timer);
    if (asking || paused || document.hidden) return;
    asking = true;
    const patience = new AbortController();
    const limit = setTimeout(() => patience.abort(), PATIENCE);
    try {
      const answer = await fetch("data", { cache: "no-store", credentials: "same-origin", signal: patience.signal });
      if (!answer.ok) {
        const meaning = { 401: "the server does not know you any more", 403: "you may not see this", 429: "the server is too busy" };
        throw new Error(meaning[answer.status] || `the server answered ${answer.status}`);
      }
      last = await answer.json();
      lastSeen = Date.now();
      failure = null;
      delay = PERIOD;
      show(last);
    } catch (error) {
      const unreachable = error.name === "AbortError" ? `No answer within ${PATIENCE / 1000} s` : "Server unreachable";
      failure = error instanceof TypeError || error.name === "AbortError" ? unreachable : `Error: ${error.message}`;
      delay = Math.min(SLOWEST, delay * 1.5);
    } finally {
      clearTimeout(limit);
      asking = false;
    }
    say();
    timer = setTimeout(ask, delay);
  }

  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", String(paused));
    say();
    ask();
  });
  $("filter").addEventListener("input", () => Object.values(tables).forEach((table) => table.draw()));
  document.addEventListener("visibilitychange", ask);
  setInterval(() => { if (failure) say(); }, 1000);
  ask();
})();
