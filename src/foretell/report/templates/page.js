"use strict";
// One file, no network: figures and architectures stand in the page as JSON; this draws them.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const told = document.getElementById("told");

  // ---- light and dark

  const toDark = new Map(data.palette.map(([light, other]) => [light, other]));

  function isDark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : dark.matches;
  }

  /** A copy of a figure with the colours for the present ground. */
  function coloured(value) {
    if (typeof value === "string") return isDark() ? toDark.get(value) ?? value : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item)]));
  }

  const button = document.getElementById("theme");

  function showTheme() {
    button.setAttribute("aria-pressed", String(isDark()));
    drawAll();
  }

  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  dark.addEventListener("change", showTheme);

  // ---- architectures

  class Architectures {
    constructor(table) {
      this.table = table;
      this.places = new Map(table.keys.map((key, place) => [key, place]));
    }

    genes(key) {
      const { genes, rows } = this.table;
      const row = rows[this.places.get(key)];
      return genes.map(({ name, start, depth }) => {
        if (depth === null) return [name, row[start]];
        return [name, row.slice(start, start + row[genes[depth].start])];
      });
    }

    numbers(key) {
      const place = this.places.get(key);
      const known = this.table.columns.filter(({ values }) => values[place] !== null);
      return known.map(({ name, values }) => [name, values[place].toLocaleString("en", { maximumSignificantDigits: 6 })]);
    }

    /** Two blocks of lines: the genes, and what is known of them. */
    blocks(key) {
      const text = (value) => (Array.isArray(value) ? value.join(" ") : value);
      return [this.genes(key).map(([name, value]) => `${name}: ${text(value)}`), this.numbers(key).map((pair) => pair.join(": "))];
    }

    /** What `foretell train` reads, or the genes alone; JSON's strings and lists are YAML. */
    yaml(key) {
      const lines = this.genes(key).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
      const space = this.table.space === null ? [] : [`"space": ${JSON.stringify(this.table.space)}`];
      return [...space, ...lines, ""].join("\n");
    }
  }

  const runs = Object.fromEntries(Object.entries(data.runs).map(([name, table]) => [name, new Architectures(table)]));
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  // ---- copying

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) return tell("The browser did not allow copying.");
    }
    tell(`${what} copied.`);
  }

  let silence;
  function tell(text) {
    told.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { told.textContent = ""; }, 4000);
  }

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("button.copy");
    if (!pressed) return;
    if (pressed.dataset.text) return copy(document.getElementById(pressed.dataset.text).textContent, "Text");
    const { run, key } = { ...pressed.closest(".inspector")?.dataset, ...pressed.dataset };
    copy(runs[run].yaml(Number(key)), "YAML");
  });

  // ---- one architecture in full

  function inspect(run, key) {
    const box = document.querySelector(`.inspector[data-run="${run}"]`);
    const { front, first } = runs[run].table;
    box.dataset.key = key;
    const place = front.indexOf(key);
    const role = key === first ? "The winner" : "An architecture";
    box.querySelector(".which").textContent = role + (place < 0 ? "" : `, ${place + 1} of ${front.length} on the front`);
    const [genes, numbers] = runs[run].blocks(key);
    box.querySelector(".genes").textContent = genes.join("\n");
    box.querySelector(".numbers").textContent = numbers.join("\n");
  }

  for (const box of document.querySelectorAll(".inspector")) {
    const { run } = box.dataset;
    const { front, first } = runs[run].table;
    const start = first ?? front[0];
    if (start === undefined) {
      box.remove();
      continue;
    }
    inspect(run, start);
    for (const step of box.querySelectorAll(".step")) {
      step.addEventListener("click", () => {
        const here = front.indexOf(Number(box.dataset.key));
        const next = here < 0 ? 0 : here + Number(step.dataset.step);
        inspect(run, front[Math.max(0, Math.min(front.length - 1, next))]);
        tell(box.querySelector(".which").textContent);
      });
    }
  }

  // ---- drawing

  const settings = { displayModeBar: false, responsive: true, showTips: false };
  const fine = window.matchMedia("(pointer: fine)").matches;

  const label = (known, key) => known.blocks(key).map((lines) => lines.map(escaped).join("<br>")).join("<br><br>");

  function figure(place) {
    const { data: traces, layout } = coloured(data.figures[place.id]);
    for (const trace of traces) {
      if (trace.customdata) trace.text = trace.customdata.map((key) => label(runs[place.dataset.run], key));
    }
    const [card, ink] = [getComputedStyle(place.closest(".card")).backgroundColor, getComputedStyle(document.body).color];
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: card, font: { ...layout.hoverlabel.font, color: ink } };
    layout.height = place.clientWidth < 420 ? 280 : 340;
    layout.dragmode = fine ? "zoom" : false;
    return [traces, layout];
  }

  const drawings = [...document.querySelectorAll(".drawing")];
  let turn = 0;

  /** One after the other, so that the page can be read meanwhile; a change of theme starts anew. */
  async function drawAll() {
    const mine = ++turn;
    delete document.documentElement.dataset.drawn;
    for (const place of drawings) {
      const first = !place.data;
      await Plotly.react(place, ...figure(place), settings);
      if (first) place.on("plotly_click", ({ points: [point] }) => pick(place.dataset.run, point.customdata));
      await new Promise((go) => setTimeout(go));
      if (mine !== turn) return;
    }
    document.documentElement.dataset.drawn = "true";
  }

  function pick(run, key) {
    if (key === undefined) return;
    inspect(run, key);
    copy(runs[run].yaml(key), "YAML");
  }

  showTheme();
})();
