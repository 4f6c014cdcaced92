// The page reads without this script; it adds the table of all tests, keys and copy buttons.
(() => {
  "use strict";
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const el = document.createElement(tag);
    if (className) el.className = className;
    if (text !== undefined) el.textContent = text;
    return el;
  };

  // Numbers, as in report/text.py.
  const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const grouped = (value, decimals) =>
    value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  const sign = (value) => (value < 0 ? "-" : value > 0 ? "+" : "");
  const bytes = (value) => {
    let scaled = Math.abs(value), unit = 0;
    while (unit < UNITS.length - 1 && Math.round(scaled * 10) / 10 >= 1024) { scaled /= 1024; unit += 1; }
    return `${sign(value)}${grouped(scaled, unit ? 1 : 0)} ${UNITS[unit]}`;
  };
  const things = (value) => sign(value) + grouped(Math.abs(value), Number.isInteger(value) ? 0 : 1);
  const seconds = (value) => (value < 1 ? `${Math.round(value * 1000)} ms` : `${grouped(value, 1)} s`);
  const FORMAT = { bytes, count: things, seconds };

  // The island.
  const fromBase64 = (text) => {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
    const raw = atob(text), data = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i += 1) data[i] = raw.charCodeAt(i);
    return data;
  };
  const readIsland = async (id) => {
    const packed = new Blob([fromBase64(byId(id).textContent)]).stream();
    return JSON.parse(await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text());
  };
  const prepare = (column) => {
    if (column.kind === "id") {
      const { files, codes, names } = column;
      column.text = (row) => files[codes[row]] + (names[row] === null ? "" : `::${names[row]}`);
      column.value = column.text;
    } else if (column.words) {
      const { words, codes } = column;
      column.text = (row) => words[codes[row]];
      column.value = column.text;
    } else {
      const { numbers } = column, format = FORMAT[column.kind];
      column.text = (row) => (numbers[row] === null ? "not seen" : format(numbers[row]));
      column.value = (row) => numbers[row];
    }
    return column;
  };

  // The table of all tests.
  const ROW = 30;
  const WIDTH = { id: 440, word: 132, bytes: 106, count: 108, seconds: 84 };
  const middle = (text, most) => {
    if (text.length <= most) return text;
    const tail = (most - 1) >> 1;
    return `${text.slice(0, most - 1 - tail)}\u2026${text.slice(-tail)}`;
  };
  class Table {
    constructor(columns) {
      this.all = columns.map(prepare);
      this.columns = this.all.filter((c) => c.kind !== "detail");
      this.rows = this.all[0].codes.length;
      this.picked = this.all.find((c) => c.kind === "word");
      this.causes = this.all.find((c) => c.key === "causes");
      this.lower = null;
      this.sorted = `-${this.columns.find((c) => c.numbers)?.key ?? ""}`;  // worst first
      this.state = { q: "", v: "", s: this.sorted };
      this.view = [];
      this.at = 0;
      this.build();
    }
    build() {
      const box = byId("table");
      this.box = box;
      box.className = "vt";
      box.tabIndex = 0;
      box.setAttribute("role", "table");
      box.setAttribute("aria-label", "All tests");
      box.setAttribute("aria-colcount", this.columns.length);
      const widths = this.columns.map((c) => WIDTH[c.kind]);
      const total = widths.reduce((sum, width) => sum + width, 0);
      box.style.setProperty("--cols", widths.map((w, i) => (i ? `${w}px` : `minmax(${w}px, 1fr)`)).join(" "));
      box.style.setProperty("--width", `${total}px`);
      this.idWidth = () => Math.max(WIDTH.id, box.clientWidth - total + WIDTH.id);
      const head = make("div", "vt-head");
      head.setAttribute("role", "rowgroup");
      if (this.columns.some((c) => c.group)) head.append(this.groupRow());
      const row = make("div", "vt-row");
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", 1);
      this.heads = this.columns.map((c) => row.appendChild(this.headCell(c)));
      head.append(row);
      this.body = make("div", "vt-body");
      this.body.setAttribute("role", "rowgroup");
      box.append(head, this.body);
      box.addEventListener("scroll", () => this.draw(), { passive: true });
      box.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.draw()).observe(box);
      this.headHeight = () => head.offsetHeight;
      if (this.rows < 20) box.style.height = `${this.rows * ROW + 84}px`;
    }
    groupRow() {
      const row = make("div", "vt-row vt-groups");
      row.setAttribute("aria-hidden", "true");
      for (let i = 0; i < this.columns.length;) {
        const group = this.columns[i].group;
        let span = 1;
        while (i + span < this.columns.length && this.columns[i + span].group === group) span += 1;
        const cell = make("div", i ? "" : "id", group);
        cell.style.gridColumn = `span ${span}`;
        row.append(cell);
        i += span;
      }
      return row;
    }
    headCell(column) {
      const cell = make("div", column.kind === "id" ? "id" : FORMAT[column.kind] ? "num" : "");
      cell.setAttribute("role", "columnheader");
      const button = make("button", "", column.label);
      button.type = "button";
      button.title = `Sort by ${column.label}${column.group ? `, ${column.group}` : ""}`;
      button.addEventListener("click", () => {
        const first = FORMAT[column.kind] ? "-" : "";
        const second = first ? "" : "-";
        this.change({ s: this.state.s === first + column.key ? second + column.key : first + column.key });
      });
      cell.append(button);
      return cell;
    }
    change(part) {
      Object.assign(this.state, part);
      const set = Object.entries(this.state).filter(([, value]) => value);
      const hash = set.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
      history.replaceState(null, "", hash ? `#${hash}` : "#tests");
      this.refresh();
    }
    refresh() {
      this.filter();
      this.sort();
      byId("q").value = this.state.q;
      byId("pick").value = this.state.v;
      byId("shown").textContent =
        `${grouped(this.view.length, 0)} of ${grouped(this.rows, 0)} tests`;
      this.box.setAttribute("aria-rowcount", this.view.length + 1);
      this.body.style.height = `${this.view.length * ROW}px`;
      this.at = 0;
      this.box.scrollTop = 0;
      this.draw();
    }
    filter() {
      const { q, v } = this.state, words = q.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = v ? this.picked.words.indexOf(v) : -1;
      if (words.length && !this.lower) {
        const causes = this.causes;
        this.lower = Array.from({ length: this.rows }, (_, row) =>
          `${this.all[0].text(row)} ${causes ? causes.text(row) : ""}`.toLowerCase());
      }
      this.view = [];
      for (let row = 0; row < this.rows; row += 1) {
        if (v && this.picked.codes[row] !== wanted) continue;
        if (words.length && !words.every((word) => this.lower[row].includes(word))) continue;
        this.view.push(row);
      }
    }
    sort() {
      const down = this.state.s.startsWith("-"), key = this.state.s.replace("-", "");
      this.columns.forEach((c, i) => this.heads[i].setAttribute("aria-sort",
        c.key === key ? (down ? "descending" : "ascending") : "none"));
      const column = this.columns.find((c) => c.key === key);
      if (!column) return;
      const way = down ? -1 : 1;
      if (column.numbers) {
        const of = column.numbers;  // what was not seen goes last, whichever way
        this.view.sort((a, b) => (of[a] === null) - (of[b] === null) || way * (of[a] - of[b]) || a - b);
      } else if (column.words) {
        const order = [...column.words].sort(), rank = column.words.map((w) => order.indexOf(w));
        this.view.sort((a, b) => way * (rank[column.codes[a]] - rank[column.codes[b]]) || a - b);
      } else if (down) this.view.reverse();  // rows lie in order of node id
    }
    draw() {
      const top = this.box.scrollTop, height = this.box.clientHeight - this.headHeight();
      const from = Math.max(Math.floor(top / ROW) - 6, 0);
      const to = Math.min(Math.ceil((top + height) / ROW) + 6, this.view.length);
      const rows = [];
      for (let at = from; at < to; at += 1) rows.push(this.row(at));
      this.body.replaceChildren(...rows);
    }
    row(at) {
      const row = make("div", "vt-row"), index = this.view[at];
      row.setAttribute("role", "row");
      row.setAttribute("aria-rowindex", at + 2);
      if (at === this.at && this.chosen) row.setAttribute("aria-current", "true");
      row.style.transform = `translateY(${at * ROW}px)`;
      const fits = Math.floor((this.idWidth() - 24) / 8);
      for (const column of this.columns) {
        const text = column.text(index), number = FORMAT[column.kind];
        const cell = make("div", column.kind === "id" ? "id" : number ? "num" : "", column.kind === "id" ? middle(text, fits) : text);
        if (number && !column.numbers[index]) cell.classList.add("none");
        if (/^v\d|^verdict$|^mark$/.test(column.key)) cell.classList.add(`is-${text.replaceAll(" ", "-")}`);
        if (column.kind === "id") cell.title = text;
        if (column.kind === "bytes" && column.numbers[index] !== null) cell.title = `${things(column.numbers[index])} bytes`;
        cell.setAttribute("role", column.kind === "id" ? "rowheader" : "cell");
        row.append(cell);
      }
      row.addEventListener("click", () => { this.chosen = true; this.at = at; this.draw(); this.detail(); });
      return row;
    }
    key(event) {
      if (event.target !== this.box || !this.view.length) return;
      const page = Math.max(Math.floor((this.box.clientHeight - this.headHeight()) / ROW) - 1, 1);
      const last = this.view.length - 1;
      const to = { ArrowDown: this.at + (this.chosen ? 1 : 0), ArrowUp: this.at - 1, PageDown: this.at + page,
        PageUp: this.at - page, Home: 0, End: last }[event.key];
      if (to !== undefined) {
        this.at = Math.min(Math.max(to, 0), last);
        this.chosen = true;
        const top = this.at * ROW, height = this.box.clientHeight - this.headHeight();
        if (top < this.box.scrollTop) this.box.scrollTop = top;
        if (top + ROW > this.box.scrollTop + height) this.box.scrollTop = top + ROW - height;
        this.draw();
        if (!byId("row").hidden) this.detail();
      } else if (event.key === "Enter" && this.chosen) this.detail();
      else return;
      event.preventDefault();
    }
    detail() {
      const index = this.view[this.at], box = byId("row"), list = make("dl");
      for (const column of this.all) {
        const text = column.text(index);
        if (!text || text === "not seen" || column.key === "causes") continue;
        list.append(make("dt", "", column.group ? `${column.label}, ${column.group}` : column.label), make("dd", "", text));
      }
      for (const cause of this.causes ? this.causes.text(index).split(" ").filter(Boolean) : []) {
        const link = make("a", "", cause), told = make("dd");
        link.href = `#cause-${cause}`;
        told.append(link);
        list.append(make("dt", "", "Cause"), told);
      }
      const command = make("div", "command"), copy = make("button", "copy", "Copy");
      copy.type = "button";
      const id = this.all[0].text(index).replace(/::[^:]* \[\w+ fixture\]$/, "").replaceAll("'", "'\"'\"'");
      command.append(make("code", "", `pytest --leakcheck '${id}'`), copy);
      box.replaceChildren(list, command);
      box.hidden = false;
    }
  }

  // Start.
  let table = null;
  const fromHash = () => {
    const hash = location.hash.slice(1);
    if (!/^[qvs]=/.test(hash) || !table) return;
    const found = Object.fromEntries(new URLSearchParams(hash.replaceAll("+", "%2B")));
    table.state = { q: found.q || "", v: found.v || "", s: found.s || table.sorted };
    table.refresh();
    byId("tests").scrollIntoView();
  };
  const start = async () => {
    table = new Table(await readIsland("data-tests"));
    const pick = byId("pick");
    const tally = new Array(table.picked.words.length).fill(0);
    for (const code of table.picked.codes) tally[code] += 1;
    table.picked.words.forEach((word, code) => {
      const option = make("option", "", `${word} (${grouped(tally[code], 0)})`);
      option.value = word;
      pick.append(option);
    });
    for (const id of ["filters", "find-note", "table"]) byId(id).hidden = false;
    let pause = 0;
    byId("q").addEventListener("input", (event) => {
      clearTimeout(pause);
      pause = setTimeout(() => table.change({ q: event.target.value }), 120);
    });
    pick.addEventListener("change", () => table.change({ v: pick.value }));
    byId("filters").addEventListener("submit", (event) => event.preventDefault());
    table.refresh();
    fromHash();
    document.documentElement.dataset.ready = "yes";
    performance.mark("ready");
  };
  addEventListener("hashchange", fromHash);
  const idle = window.requestIdleCallback || ((run) => setTimeout(run, 1));
  idle(() => start().catch(() => {
    byId("shown").textContent = "The table of all tests needs a newer browser; tests.csv has the numbers.";
    byId("filters").hidden = false;
  }));

  // Keys, copying, printing.
  const help = byId("help"), articles = [...document.querySelectorAll("article.finding")];
  let current = -1;
  const go = (step) => {
    if (!articles.length) return;
    current = Math.min(Math.max(current + step, 0), articles.length - 1);
    articles[current].focus({ preventScroll: true });
    articles[current].scrollIntoView({ block: "start" });
  };
  const fold = () => {
    const all = current < 0 ? [] : [...articles[current].querySelectorAll("details")];
    const open = all.some((item) => !item.open);
    all.forEach((item) => { item.open = open; });
  };
  const KEYS = { "/": () => { byId("q").focus(); }, j: () => go(1), k: () => go(-1), o: fold, "?": () => help.showModal() };
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !byId("keys").checked) return;
    if (!KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  byId("help-open").hidden = false;
  byId("help-open").addEventListener("click", () => help.showModal());
  byId("help-close").addEventListener("click", () => help.close());
  const copyable = Boolean(navigator.clipboard);
  if (copyable) document.querySelectorAll(".copy").forEach((button) => { button.hidden = false; });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.(".copy");
    if (!button || !copyable) return;
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
})();
