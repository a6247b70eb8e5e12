// The two canvases under the axes: pictures, and what is marked on them.

class Screen {
  constructor(root, plot) {
    this.plot = plot;
    this.ground = root.querySelector(".map-ground");
    this.marks = root.querySelector(".map-marks");
    this.stack = [];
  }

  get dpr() {
    return window.devicePixelRatio || 1;
  }

  get current() {
    return this.stack.at(-1);
  }

  // Pixels of the screen that bounds of the plane take.
  pixelsOf([u0, u1, v0, v1]) {
    const { perU, perV } = this.frame(this.plot.visible ?? [u0, u1, v0, v1]);
    return [(u1 - u0) * perU, (v1 - v0) * perV];
  }

  // How the visible range maps to the pixels of the canvases.
  frame([u0, u1, v0, v1]) {
    const { width, height } = this.plot.area;
    return { u0, v1, perU: (width * this.dpr) / (u1 - u0), perV: (height * this.dpr) / (v1 - v0), dpr: this.dpr };
  }

  // The newest picture comes last; of the older ones, as many stay as one can see behind it. It holds all that one of
  // the same regions held which was made while they were still being found.
  push(picture, most = 10) {
    this.stack = this.stack.filter((other) => other.key !== picture.key && !picture.replaces(other)).slice(1 - most);
    for (const older of this.stack) older.retire();
    this.stack.push(picture);
  }

  // Older pictures in other colours say something else.
  forgetOthers() {
    this.stack = this.stack.slice(-1);
  }

  place() {
    const { left, top, width, height } = this.plot.area;
    for (const canvas of [this.ground, this.marks]) {
      const size = [Math.round(width * this.dpr), Math.round(height * this.dpr)];
      if (canvas.width !== size[0] || canvas.height !== size[1]) [canvas.width, canvas.height] = size;
      Object.assign(canvas.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
    }
  }

  draw() {
    const visible = this.plot.visible;
    if (!visible) return;
    this.place();
    const context = this.ground.getContext("2d");
    const frame = this.frame(visible);
    context.clearRect(0, 0, this.ground.width, this.ground.height);
    const { current } = this;
    const behind = this.stack.slice(0, -1).sort((a, b) => b.span - a.span);
    for (const picture of behind) picture.drawBitmap(context, frame);
    if (!current) return;
    if (current.isVector && this.covers(current, visible)) current.drawPolygons(context, frame);
    else current.drawBitmap(context, frame);
  }

  // Polygons are drawn anew unless most of them are so small that their bitmap looks the same.
  covers(picture, [u0, u1]) {
    return u1 - u0 < 2 * picture.span;
  }

  // Outlines: [[region, colour, width], ...], under each other. Pins: their place, colours and label.
  mark(outlines, pins = []) {
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.marks.width, this.marks.height);
    if (!this.current || !this.plot.visible) return;
    const frame = this.frame(this.plot.visible);
    for (const [region, colour, width] of outlines) this.current.drawRegion(context, frame, region, colour, width);
    for (const pin of pins) drawPin(context, frame, pin);
  }

  // Plane coordinates under a pointer; null outside the axes.
  at(event) {
    const box = this.ground.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (!this.plot.visible || x < 0 || y < 0 || x > box.width || y > box.height) return null;
    const [u0, u1, v0, v1] = this.plot.visible;
    return [u0 + (x / box.width) * (u1 - u0), v1 - (y / box.height) * (v1 - v0)];
  }
}

// A round label beside the place that is pinned, so that it does not cover a small region.
function drawPin(context, { u0, v1, perU, perV, dpr }, { place: [u, v], colour, ink, label }) {
  const [x, y] = [(u - u0) * perU, (v1 - v) * perV];
  const [radius, away] = [8 * dpr, 11 * dpr];
  context.lineWidth = 1.5 * dpr;
  context.strokeStyle = "rgba(255,255,255,.95)";
  context.fillStyle = colour;
  for (const [left, top, size] of [[x, y, 2.5 * dpr], [x + away, y - away, radius]]) {
    context.beginPath();
    context.arc(left, top, size, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  context.fillStyle = ink;
  context.font = `600 ${11 * dpr}px sans-serif`;
  [context.textAlign, context.textBaseline] = ["center", "middle"];
  context.fillText(label, x + away, y - away + 0.5 * dpr);
}
