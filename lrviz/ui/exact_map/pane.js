// What a visitor sees and does: the pane holds the figure, the pictures, the line of words above them, and the pointer.

const REST = 200; // milliseconds without movement after which the visible part becomes the window
const DOUBLE = 500; // most milliseconds between the clicks of a double click
const TWICE = 200; // milliseconds that a click waits for a second one
const STEP = 2; // how much a double click or a key changes the width of the window
const SELECTED = "#d1495b";
const PINNED = ["#00798c", "#edae49"];
const INK_ON_PINNED = ["#ffffff", "#1b1b1b"];

class Pane {
  constructor() {
    this.root = document.createElement("div");
    this.root.className = "exact-map";
    this.root.tabIndex = 0;
    this.root.dataset.testid = "exact-map";
    this.root.setAttribute("role", "application");
    this.root.setAttribute("aria-label", "Exact map. Arrows move, plus and minus zoom, Home shows everything, Escape closes a region.");
    this.root.innerHTML = `
      <div class="map-bar" role="status">
        <span class="map-tag"></span><b class="map-count"></b><span class="map-text"></span>
        <button class="map-cancel" type="button" hidden>Cancel</button><span class="map-space"></span>
        <button type="button" data-zoom="0.5" aria-label="zoom in" title="Zoom in (+)">+</button>
        <button type="button" data-zoom="2" aria-label="zoom out" title="Zoom out (−, or double click)">−</button>
        <button type="button" class="map-home" aria-label="whole triangle" title="The whole triangle (Home)">△</button>
      </div>
      <div class="map-progress"><i></i></div>
      <div class="map-body">
        <canvas class="map-ground"></canvas><canvas class="map-marks"></canvas><div class="map-plot"></div>
        <div class="map-note" role="alert" hidden></div>
      </div>
      <div class="map-tip" role="tooltip" hidden></div>`;
    this.find = (name) => this.root.querySelector(`.map-${name}`);
    this.plot = new Plot(this.find("plot"), { moved: () => this.follow() });
    this.screen = new Screen(this.root, this.plot);
    this.parts = {};
    this.asked = this.turn = 0;
    this.pins = [];
    this.late = [];
    this.places = new Set();
    this.listen();
  }

  // Streamlit may mount a place that it has taken away, or take away the newer one of two: the pane stands in the last
  // place that is on the page.
  stand(place) {
    if (place) this.places.delete(place); // to be the last
    for (const other of [...this.places, place]) {
      if (other?.isConnected) this.places.add(other);
      else this.places.delete(other);
    }
    const last = [...this.places].pop();
    if (!last || last === this.root.parentElement) return;
    last.append(this.root);
    this.quiet = performance.now() + 700; // the widgets of the page tell their values first
  }

  // ---- from the server ----

  // Take a message of component.py: where the map is, how far it is, and the parts that are new here. What comes while
  // the visitor drags waits: drawing the figure anew would end the drag.
  receive(message) {
    if (this.pressed) return void this.late.push(message);
    this.message = message;
    this.theme = this.readTheme();
    if (message.plane !== this.plane) this.screen.stack = [];
    this.plane = message.plane;
    const fresh = this.store(message.parts);
    if (fresh.has("picture")) performance.mark("exact-map received");
    if (message.revision !== this.revision) this.jump(message);
    if (fresh.has("picture")) this.screen.push(new Picture({ key: this.parts.picture.key, ...this.parts.picture.content }));
    this.dress();
    if (fresh.has("figure") || this.shownTheme !== this.theme.key) this.showFigure();
    if (message.asked >= this.asked && !this.moving) this.report(message);
    this.root.dataset.ready = "yes";
    this.refresh();
    this.poll();
  }

  store(parts) {
    const fresh = new Set();
    for (const [name, { key, content }] of Object.entries(parts)) {
      if (!content || this.parts[name]?.key === key) continue;
      this.parts[name] = { key, content };
      fresh.add(name);
    }
    for (const name of Object.keys(this.parts)) if (!parts[name]) delete this.parts[name];
    return fresh;
  }

  get lacking() {
    return Object.entries(this.message.parts).some(([name, { key }]) => this.parts[name]?.key !== key);
  }

  // Another view: of a link, a preset, a bookmark.
  jump(message) {
    this.revision = message.revision;
    clearTimeout(this.timer);
    this.moving = false;
    this.asked = message.asked;
    this.plot.go(message.window);
    this.known = this.plot.visible;
  }

  // Colours of the newest picture; older ones stay while theirs are of the same kind.
  dress() {
    const { colours, edges } = this.parts;
    const current = this.screen.current;
    if (!current || !colours || !edges || colours.content.picture !== current.key) return;
    const lit = JSON.stringify(this.message.lit);
    const key = `${colours.key} ${edges.key} ${lit} ${this.theme.key}`;
    if (current.dressed === key) return;
    if (this.scheme !== undefined && this.scheme !== colours.content.scheme) this.screen.forgetOthers();
    this.scheme = colours.content.scheme;
    current.dressed = key;
    current.paint(makeLook(colours.content, edges.content, this.message.lit, packed(this.theme.ground)), this.screen);
  }

  showFigure() {
    this.shownTheme = this.theme.key;
    const wasReady = this.plot.ready;
    this.plot.show(this.message.plotly, this.parts.figure?.content ?? { data: [], layout: {} }, this.theme).then(
      () => {
        if (wasReady) this.follow(); // the visitor moved meanwhile
        else if (!this.moving) this.known = this.plot.visible;
        this.refresh();
      },
      (error) => this.note(String(error.message)),
    );
  }

  // The line of words, and the data attributes, which tests read.
  report({ window, status, mode, num_regions, tag, count, text, fraction, note }) {
    Object.assign(this.root.dataset, { window: window.join(" "), regions: num_regions, status, mode });
    this.find("tag").textContent = tag;
    this.find("tag").dataset.tag = tag;
    this.find("count").textContent = count;
    this.find("text").textContent = text;
    this.find("cancel").hidden = status !== "computing";
    this.find("progress").firstElementChild.style.width = status === "computing" ? `${100 * (fraction ?? 0)}%` : "0";
    this.note(note);
  }

  note(text) {
    this.find("note").textContent = text ?? "";
    this.find("note").hidden = !text;
  }

  readTheme() {
    const style = getComputedStyle(this.root);
    const read = (name, otherwise) => style.getPropertyValue(`--st-${name}`).trim() || otherwise;
    const theme = {
      text: read("text-color", "#1b2733"), ground: read("background-color", "#ffffff"),
      line: read("border-color", "#c9d1d9"),
    };
    return { ...theme, veil: `${theme.ground}d9`, key: Object.values(theme).join() };
  }

  // ---- to the server ----

  send(window) {
    if (window) {
      this.asked = this.turn + 1;
      performance.mark("exact-map asked");
    }
    this.turn += 1;
    const have = Object.fromEntries(Object.entries(this.parts).map(([name, { key }]) => [name, key]));
    this.tell("map", { turn: this.turn, asked: this.asked, window, have });
  }

  // Ask how far it is, while something is missing.
  poll() {
    clearTimeout(this.waiting);
    if (this.moving || this.message.asked < this.asked) return;
    if (this.message.busy || this.lacking) {
      this.waiting = setTimeout(() => this.send(null), Math.max(15, this.quiet - performance.now()));
    }
  }

  // ---- movement ----

  follow() {
    const visible = this.plot.visible;
    if (!visible || this.isKnown(visible)) return;
    this.known = visible;
    this.moving = true;
    Object.assign(this.root.dataset, { window: visible.join(" "), status: "computing" });
    this.hover(null);
    this.refresh();
    clearTimeout(this.timer);
    clearTimeout(this.waiting);
    this.timer = setTimeout(() => this.rest(), REST);
  }

  isKnown(visible) {
    const size = visible[1] - visible[0];
    return this.known && visible.every((value, k) => Math.abs(value - this.known[k]) < 1e-7 * size);
  }

  rest() {
    if (this.pressed) return void (this.timer = setTimeout(() => this.rest(), REST));
    this.moving = false;
    const range = this.allowed(this.plot.visible);
    this.send(range);
  }

  // The range, or what comes closest of what the server computes.
  allowed([u0, u1, v0, v1]) {
    const { u, v, reach, smallest } = this.message.limits;
    const half = Math.min((u1 - u0) / 2, (v1 - v0) / 2);
    const largest = Math.max((u1 - u0) / 2, (v1 - v0) / 2);
    const scale = half < smallest ? smallest / half : Math.min(1, reach / largest);
    const [x, y] = [((u1 - u0) / 2) * scale, ((v1 - v0) / 2) * scale];
    const clamp = (value, middle, extent) => Math.min(Math.max(value, middle - reach + extent), middle + reach - extent);
    const [cu, cv] = [clamp((u0 + u1) / 2, u, x), clamp((v0 + v1) / 2, v, y)];
    const range = [cu - x, cu + x, cv - y, cv + y];
    if (scale !== 1 || cu !== (u0 + u1) / 2 || cv !== (v0 + v1) / 2) {
      this.plot.go(range);
      this.known = this.plot.visible;
      this.refresh();
    }
    return range;
  }

  // Zoom by a factor around a place of the plane; the middle if none is given.
  zoom(factor, place) {
    const [u0, u1, v0, v1] = this.plot.visible;
    const [u, v] = place ?? [(u0 + u1) / 2, (v0 + v1) / 2];
    this.lookAt([u + (u0 - u) * factor, u + (u1 - u) * factor, v + (v0 - v) * factor, v + (v1 - v) * factor]);
  }

  pan(right, up) {
    const [u0, u1, v0, v1] = this.plot.visible;
    const [du, dv] = [right * (u1 - u0), up * (v1 - v0)];
    this.lookAt([u0 + du, u1 + du, v0 + dv, v1 + dv]);
  }

  // Buttons and keys work from the first picture on; the axes follow when they are there.
  lookAt(range) {
    this.plot.go(range);
    this.follow();
  }

  // ---- pointer and keys ----

  listen() {
    const plot = this.find("plot");
    plot.addEventListener("pointerdown", (event) => (this.pressed = [event.clientX, event.clientY]), true);
    plot.addEventListener("mousedown", (event) => (this.count = event.detail), true);
    window.addEventListener("pointerup", (event) => this.release(event), true);
    window.addEventListener("pointercancel", () => this.letGo(), true);
    plot.addEventListener("pointermove", (event) => {
      if (this.pressed && !event.buttons) this.letGo();
      if (!this.pressed) this.hover(event);
    });
    plot.addEventListener("pointerleave", () => this.hover(null));
    plot.addEventListener("wheel", () => this.animate(), { passive: true });
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.find("cancel").addEventListener("click", () => this.tell("cancel", Date.now()));
    this.find("home").addEventListener("click", () => this.lookAt(this.message.home));
    for (const button of this.root.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.zoom(Number(button.dataset.zoom)));
    }
    new ResizeObserver(() => this.resize()).observe(this.find("body"));
  }

  resize() {
    const { visible } = this.plot;
    const still = !visible || this.isKnown(visible);
    this.plot.resize();
    if (still) this.known = this.plot.visible;
    this.refresh();
  }

  letGo() {
    this.pressed = null;
    setTimeout(() => {
      while (this.late.length && !this.pressed) this.receive(this.late.shift());
    });
  }

  release(event) {
    if (!this.pressed) return;
    const [x, y] = this.pressed;
    this.letGo();
    const still = Math.hypot(event.clientX - x, event.clientY - y) < 4;
    const place = this.screen.at(event);
    if (!still || event.button || !place) return;
    this.root.focus({ preventScroll: true, focusVisible: false });
    const now = event.timeStamp; // when it happened, however late it is looked at
    const soon = this.count === 2 || (this.clicked && now - this.clicked.time < DOUBLE);
    const twice = this.clicked && soon && Math.hypot(x - this.clicked.x, y - this.clicked.y) < 6;
    this.clicked = twice ? null : { time: now, x, y };
    clearTimeout(this.choosing);
    if (twice) this.chosen = null;
    this.settleChoice();
    if (twice) return this.zoom(STEP, place);
    const pin = event.shiftKey;
    this.chosen = () => this.choose(place, pin);
    this.choosing = setTimeout(() => this.settleChoice(), TWICE);
  }

  // Do what a click chose, however soon another one follows it.
  settleChoice() {
    this.chosen?.();
    this.chosen = null;
  }

  choose(place, pin) {
    const { current } = this.screen;
    if (!current || current.mode === "sampled" || this.moving) return;
    const region = current.find(...place);
    if (region < 0) return;
    if (!pin) this.message.selected = region;
    this.mark();
    const told = { picture: current.key, region, time: Date.now() };
    if (!pin) return this.tell("click", told);
    this.pins = [...this.pins.slice(-3), told]; // of pins that follow each other fast, Streamlit tells the last only
    this.tell("pin", this.pins);
  }

  press(event) {
    const moves = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, 0.15], ArrowDown: [0, -0.15] };
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    if (moves[event.key]) this.pan(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1 / 1.5);
    else if (event.key === "-") this.zoom(1.5);
    else if (event.key === "Home") this.lookAt(this.message.home);
    else if (event.key === "Escape") this.leave();
    else return;
    event.preventDefault();
  }

  leave() {
    this.hover(null);
    this.message.selected = null;
    this.mark();
    this.tell("click", { picture: null, region: -1, time: Date.now() });
  }

  hover(event) {
    const place = event && this.screen.at(event);
    const { current } = this.screen;
    const region = place && current && !this.moving ? current.find(...place) : -1;
    this.hovered = region;
    this.mark();
    const tip = this.find("tip");
    tip.hidden = region < 0;
    if (region < 0) return;
    tip.innerHTML = this.words(region, place);
    const box = this.root.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    tip.style.left = `${x + 16 + tip.offsetWidth > box.width ? Math.max(x - tip.offsetWidth - 12, 0) : x + 16}px`;
    tip.style.top = `${Math.max(Math.min(y + 14, box.height - tip.offsetHeight), 0)}px`;
  }

  // Every quantity of a region with its unit, the coloured one first and in bold.
  words(region, [u, v]) {
    const { facts } = this.parts;
    const lines = [];
    if (facts && facts.content.picture === this.screen.current.key) {
      for (const { name, unit, values, names } of facts.content.columns) {
        const value = names ? names[values[region]] : shown(values[region]);
        lines.push(`${escaped(name)} ${escaped(value ?? "")} ${value === "not defined" ? "" : escaped(unit)}`);
      }
    }
    const [first, ...rest] = lines;
    const size = this.plot.visible[1] - this.plot.visible[0];
    const digits = Math.max(2, Math.ceil(-Math.log10(size)) + 3);
    return [first ? `<b>${first}</b>` : null, ...rest, `u ${u.toFixed(digits)}, v ${v.toFixed(digits)}`].filter(Boolean).join("<br>");
  }

  // ---- drawing ----

  // Follow what Plotly does with the wheel, until it has come to rest.
  animate() {
    this.until = performance.now() + 250;
    if (this.running) return;
    this.running = true;
    const step = () => {
      this.follow();
      if (performance.now() < this.until) return void requestAnimationFrame(step);
      this.running = false;
    };
    requestAnimationFrame(step);
  }

  refresh() {
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      this.screen.draw();
      this.mark();
      this.root.dataset.drawn = this.screen.current?.key ?? "";
      if (this.settled !== this.asked && this.root.dataset.status !== "computing") {
        this.settled = this.asked;
        if (this.asked) {
          performance.measure("exact-map drawn", "exact-map asked");
          performance.measure("exact-map painted", "exact-map received");
        }
      }
    });
  }

  mark() {
    const { selected, pinned = [] } = this.message;
    const pins = pinned.map((pin, k) => ({ ...pin, colour: PINNED[k % 2], ink: INK_ON_PINNED[k % 2], label: String(k + 1) }));
    const outlines = pins.filter(({ region }) => region !== null).map(({ region, colour }) => [region, colour, 3]);
    if (selected !== null && selected !== undefined) outlines.push([selected, SELECTED, 2.6]);
    if (this.hovered >= 0 && this.screen.current?.isVector) outlines.push([this.hovered, this.theme.text, 1.4]);
    this.screen.mark(outlines, pins);
  }
}

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// Three significant digits, as Python's .3g writes them.
function shown(value) {
  if (value === undefined || Number.isNaN(value)) return "not defined";
  if (value === 0) return "0";
  const [digits, power] = value.toExponential(2).split("e");
  if (power < -4 || power > 2) return `${Number(digits)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return String(Number(value.toPrecision(3)));
}
