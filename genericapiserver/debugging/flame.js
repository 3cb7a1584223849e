"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const HEIGHT = 18;
  const NARROWEST = 0.0005; // of the width: what is narrower cannot be seen
  let shown = data.shown;
  let tree, zoomed, wanted = "";

  function build() {
    const root = { frame: -1, value: 0, own: 0, children: new Map(), parent: null, depth: 0 };
    for (const [stack, values] of data.samples) {
      const value = values[shown];
      if (value <= 0) continue;
      root.value += value;
      let node = root;
      for (const frame of stack) {
        let child = node.children.get(frame);
        if (!child) {
          child = { frame, value: 0, own: 0, children: new Map(), parent: node, depth: node.depth + 1 };
          node.children.set(frame, child);
        }
        child.value += value;
        node = child;
      }
      node.own += value;
    }
    return root;
  }

  const nameOf = (node) => (node.frame < 0 ? "everything" : data.frames[node.frame][0]);
  const shortOf = (node) => nameOf(node).replace(/^genericapiserver\./, "").replaceAll(".<locals>", "");
  const fileOf = (node) => (node.frame < 0 ? "" : data.frames[node.frame][1]);
  const share = (value) => `${((100 * value) / (tree.value || 1)).toFixed(1)} %`;

  function amount(value) {
    const unit = data.types[shown].unit;
    if (unit === "nanoseconds") {
      return value >= 1e9 ? `${(value / 1e9).toFixed(2)} s` : `${(value / 1e6).toFixed(1)} ms`;
    }
    if (unit === "bytes") {
      return value >= 1 << 20 ? `${(value / (1 << 20)).toFixed(1)} MiB` : `${(value / 1024).toFixed(1)} KiB`;
    }
    return String(value);
  }

  const describe = (node) => `${nameOf(node)}: ${amount(node.value)}, ${share(node.value)}, own ${amount(node.own)}`;

  function colour(node) {
    const name = nameOf(node);
    if (name.startsWith("[")) return "hsl(210 35% 75%)";
    let hash = 0;
    for (const char of name.split(".")[0] + fileOf(node)) hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
    return name.startsWith("genericapiserver.") ? `hsl(${20 + (hash % 28)} 85% ${64 + (hash % 9)}%)`
      : `hsl(${50 + (hash % 90)} 38% ${68 + (hash % 9)}%)`;
  }

  function draw() {
    const graph = $("graph");
    graph.textContent = "";
    let deepest = 0;
    let matched = 0;

    function box(node, left, width, outer) {
      const element = document.createElement("div");
      element.className = "box";
      if (outer) element.classList.add("outer");
      if (wanted && nameOf(node).toLowerCase().includes(wanted)) element.classList.add("found");
      element.tabIndex = 0;
      element.setAttribute("role", "button");
      element.setAttribute("aria-label", describe(node));
      element.title = `${describe(node)}\n${fileOf(node)}`;
      element.textContent = width > 0.012 ? shortOf(node) : "";
      element.style.left = `${left * 100}%`;
      element.style.width = `${width * 100}%`;
      element.style.top = `${node.depth * HEIGHT}px`;
      element.style.background = colour(node);
      const zoom = () => { zoomed = node; draw(); $("said").textContent = describe(node); };
      element.addEventListener("click", zoom);
      element.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); zoom(); }
      });
      element.addEventListener("focus", () => { $("said").textContent = describe(node); });
      element.addEventListener("mouseenter", () => { $("said").textContent = describe(node); });
      graph.append(element);
      deepest = Math.max(deepest, node.depth);
    }

    function below(node, left, width) {
      const children = [...node.children.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      for (const child of children) {
        const wide = (width * child.value) / node.value;
        if (wide >= NARROWEST) {
          box(child, left, wide, false);
          below(child, left, wide);
        }
        left += wide;
      }
    }

    for (let outer = zoomed; outer; outer = outer.parent) box(outer, 0, 1, outer !== zoomed);
    if (zoomed.value) below(zoomed, 0, 1);
    graph.style.height = `${(deepest + 1) * HEIGHT + 2}px`;
    if (wanted) {
      const count = (node) => {
        if (node.frame >= 0 && nameOf(node).toLowerCase().includes(wanted)) matched += node.value;
        else node.children.forEach(count);
      };
      count(tree);
      $("said").textContent = `${share(matched)} of everything is in what is marked`;
    }
  }

  function list() {
    const figures = new Map();
    const walk = (node, above) => {
      if (node.frame >= 0) {
        const found = figures.get(node.frame) || { node, own: 0, total: 0 };
        found.own += node.own;
        if (!above.has(node.frame)) found.total += node.value;
        figures.set(node.frame, found);
      }
      const inside = node.frame < 0 ? above : new Set(above).add(node.frame);
      node.children.forEach((child) => walk(child, inside));
    };
    walk(tree, new Set());
    const rows = [...figures.values()].filter((row) => row.own > 0).sort((a, b) => b.own - a.own).slice(0, 40);
    $("functions").replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      for (const [text, kind] of [
        [`${amount(row.own)} (${share(row.own)})`, "number"],
        [`${amount(row.total)} (${share(row.total)})`, "number"],
        [nameOf(row.node), ""],
      ]) {
        const cell = document.createElement("td");
        cell.className = kind;
        cell.textContent = text;
        line.append(cell);
      }
      return line;
    }));
  }

  function show() {
    tree = zoomed = build();
    $("said").textContent = tree.value ? `${amount(tree.value)} in all` : "Nothing was measured: the server had nothing to do.";
    draw();
    list();
  }

  data.types.forEach((type, index) => {
    const option = document.createElement("option");
    option.value = String(index);
    option.textContent = `${type.type} (${type.unit})`;
    option.selected = index === shown;
    $("type").append(option);
  });
  $("type").addEventListener("change", (event) => { shown = Number(event.target.value); show(); });
  $("find").addEventListener("input", (event) => { wanted = event.target.value.trim().toLowerCase(); draw(); });
  $("whole").addEventListener("click", () => { zoomed = tree; draw(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { zoomed = tree; draw(); }
  });
  show();
})();
