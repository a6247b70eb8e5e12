// Pictures of the plane: regions as polygons ("vector") or as labelled pixels ("raster", "sampled").
// Each keeps a bitmap, so that older ones stand behind the newest at no cost.

const MOST_BITMAP_PIXELS = 2.5e6;
const BORDER_INK = 0.45;
const MEAN_INK = 0.08;
const DARK = 0.3;

const lightness = (r, g, b) => (0.299 * r + 0.587 * g + 0.114 * b) / 255;

class Picture {
  // content: bounds [u0, u1, v0, v1], mode, and either polygons or runs of pixels, see parts.py
  constructor(content) {
    Object.assign(this, content);
    this.span = this.bounds[1] - this.bounds[0];
    this.bitmap = null;
    if (this.lengths) this.expand();
    else this.box();
  }

  replaces(other) {
    const exact = this.mode !== "sampled" && other.mode !== "sampled";
    return exact && this.bounds.every((bound, k) => bound === other.bounds[k]);
  }

  get isVector() {
    return this.mode === "vector";
  }

  // Labels (height, width) of all pixels, the highest v first, and which of them lie on a border.
  expand() {
    const { width, height, labels: runs, lengths } = this;
    const labels = (this.pixels = new Uint32Array(width * height));
    for (let run = 0, place = 0; run < runs.length; place += lengths[run++]) {
      const row = Math.floor(place / width);
      const start = (height - 1 - row) * width + (place - row * width);
      labels.fill(runs[run], start, start + lengths[run]);
    }
    const border = (this.border = new Uint8Array(labels.length));
    let number = 0, covered = 1;
    for (let i = width; i < labels.length; i++) {
      if (labels[i] < this.numLabels) covered++;
      if (labels[i] !== labels[i - width] || (i % width && labels[i] !== labels[i - 1])) {
        border[i] = 1;
        number++;
      }
    }
    this.ink = Math.min(BORDER_INK, MEAN_INK / Math.max(number / covered, 1e-9));
  }

  // Bounding boxes of all polygons, for the pointer.
  box() {
    const { coordinates, offsets } = this;
    const boxes = (this.boxes = new Float32Array(4 * (offsets.length - 1)));
    for (let region = 0; region < offsets.length - 1; region++) {
      let [u0, u1, v0, v1] = [Infinity, -Infinity, Infinity, -Infinity];
      for (let i = offsets[region]; i < offsets[region + 1]; i++) {
        const u = coordinates[2 * i], v = coordinates[2 * i + 1];
        if (u < u0) u0 = u;
        if (u > u1) u1 = u;
        if (v < v0) v0 = v;
        if (v > v1) v1 = v;
      }
      boxes.set([u0, u1, v0, v1], 4 * region);
    }
  }

  // The region at a place of the plane; -1 if there is none.
  find(u, v) {
    const [u0, u1, v0, v1] = this.bounds;
    if (!(u >= u0 && u <= u1 && v >= v0 && v <= v1)) return -1;
    if (this.isVector) return this.findPolygon((u - this.origin[0]) / this.unit, (v - this.origin[1]) / this.unit);
    const column = Math.min(Math.floor(((u - u0) / (u1 - u0)) * this.width), this.width - 1);
    const row = Math.min(Math.floor(((v1 - v) / (v1 - v0)) * this.height), this.height - 1);
    const label = this.pixels[row * this.width + column];
    return label < this.numLabels ? label : -1;
  }

  findPolygon(u, v) {
    const { boxes, coordinates, offsets } = this;
    for (let region = 0; region < offsets.length - 1; region++) {
      const b = 4 * region;
      if (u < boxes[b] || u > boxes[b + 1] || v < boxes[b + 2] || v > boxes[b + 3]) continue;
      const begin = offsets[region], end = offsets[region + 1];
      let inside = end > begin;
      for (let i = begin, j = end - 1; i < end && inside; j = i++) {
        const a = 2 * j, c = 2 * i;
        inside = (coordinates[c] - coordinates[a]) * (v - coordinates[a + 1]) >=
          (coordinates[c + 1] - coordinates[a + 1]) * (u - coordinates[a]) - 1e-12;
      }
      if (inside) return region;
    }
    return -1;
  }

  // Make the bitmap: of polygons as many pixels as the screen has for them, of pixels what they are.
  paint(look, screen) {
    this.look = look;
    const canvas = this.bitmap ?? (this.bitmap = document.createElement("canvas"));
    if (this.isVector) {
      const [u0, u1, v0, v1] = this.bounds;
      const [width, height] = screen.pixelsOf(this.bounds);
      const fit = Math.min(1, Math.sqrt(MOST_BITMAP_PIXELS / Math.max(width * height, 1)));
      canvas.width = Math.max(1, Math.round(width * fit));
      canvas.height = Math.max(1, Math.round(height * fit));
      this.drawPolygons(canvas.getContext("2d"), {
        u0, v1, perU: canvas.width / (u1 - u0), perV: canvas.height / (v1 - v0), dpr: screen.dpr,
      });
      return;
    }
    canvas.width = this.width;
    canvas.height = this.height;
    this.paintPixels(canvas.getContext("2d"), look);
  }

  paintPixels(context, { rgba, inked, edges }) {
    const image = context.createImageData(this.width, this.height);
    const out = new Uint32Array(image.data.buffer);
    const { pixels, border, numLabels } = this;
    const withBorder = edges.mode === "thin" && this.mode === "raster";
    const dark = withBorder ? inked(this.ink) : rgba;
    for (let i = 0; i < pixels.length; i++) {
      const label = pixels[i];
      if (label < numLabels) out[i] = withBorder && border[i] ? dark[label] : rgba[label];
    }
    if (edges.mode === "layer" && edges.runs) this.paintLayers(out, edges);
    context.putImageData(image, 0, 0);
  }

  // Runs of pixels by layer, 0 where there is no edge, the lowest row first.
  paintLayers(out, { runs, lengths, colours }) {
    for (let run = 0, place = 0; run < runs.length; place += lengths[run++]) {
      if (!runs[run]) continue;
      const row = Math.floor(place / this.width);
      const start = (this.height - 1 - row) * this.width + (place - row * this.width);
      out.fill(colours[(runs[run] - 1) % colours.length], start, start + lengths[run]);
    }
  }

  trace(context, region, { u0, v1, perU, perV }) {
    const { coordinates, offsets, origin, unit } = this;
    const x = unit * perU, x0 = (origin[0] - u0) * perU, y = unit * perV, y0 = (v1 - origin[1]) * perV;
    for (let i = offsets[region]; i < offsets[region + 1]; i++) {
      const px = x0 + x * coordinates[2 * i], py = y0 - y * coordinates[2 * i + 1];
      if (i === offsets[region]) context.moveTo(px, py);
      else context.lineTo(px, py);
    }
    context.closePath();
  }

  // Fills, one path for each colour with a line of that colour to close the seams; then the edges.
  drawPolygons(context, frame) {
    const { rgba, edges } = this.look;
    const byColour = new Map();
    for (let region = 0; region < this.numLabels; region++) {
      const colour = rgba[region];
      if (!byColour.has(colour)) byColour.set(colour, []);
      byColour.get(colour).push(region);
    }
    context.lineJoin = "round";
    for (const [colour, regions] of byColour) {
      context.fillStyle = context.strokeStyle = css(colour);
      context.lineWidth = 0.8 * frame.dpr;
      context.beginPath();
      for (const region of regions) this.trace(context, region, frame);
      context.fill();
      context.stroke();
    }
    if (edges.mode === "thin") this.strokeEdges(context, frame, null, this.thin(frame), this.isDark() ? "rgba(255,255,255,.5)" : "rgba(10,18,26,.62)");
    if (edges.mode === "layer") {
      for (const layer of new Set(this.layers)) {
        this.strokeEdges(context, frame, layer, 1.5 * frame.dpr, css(edges.colours[layer % edges.colours.length]));
      }
    }
  }

  // Thin lines are thinner where regions are small on the screen.
  thin({ perU, dpr }) {
    const side = Math.sqrt((this.span * (this.bounds[3] - this.bounds[2])) / Math.max(this.numLabels, 1)) * perU;
    return Math.min(1.1, Math.max(0.4, side / dpr / 22)) * dpr;
  }

  isDark() {
    let dark = 0;
    for (const colour of this.look.rgba) {
      if (lightness(colour & 255, (colour >> 8) & 255, (colour >> 16) & 255) < DARK) dark++;
    }
    return dark > this.numLabels / 2;
  }

  strokeEdges(context, { u0, v1, perU, perV }, layer, width, style) {
    const { ends, layers, origin, unit } = this;
    const x = unit * perU, x0 = (origin[0] - u0) * perU, y = unit * perV, y0 = (v1 - origin[1]) * perV;
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    for (let edge = 0; edge < layers.length; edge++) {
      if (layer !== null && layers[edge] !== layer) continue;
      const e = 4 * edge;
      context.moveTo(x0 + x * ends[e], y0 - y * ends[e + 1]);
      context.lineTo(x0 + x * ends[e + 2], y0 - y * ends[e + 3]);
    }
    context.stroke();
  }

  // Keep only what an older picture behind a newer one needs.
  retire() {
    this.pixels = this.border = this.labels = this.lengths = this.covered = null;
    if (this.isVector) this.coordinates = this.offsets = this.boxes = this.ends = this.layers = null;
  }

  // Put the bitmap where it belongs on the screen.
  drawBitmap(context, { u0, v1, perU, perV }) {
    if (!this.bitmap) return;
    const [b0, b1, c0, c1] = this.bounds;
    context.imageSmoothingEnabled = this.mode !== "sampled" || this.span * perU < this.bitmap.width;
    context.drawImage(this.bitmap, (b0 - u0) * perU, (v1 - c1) * perV, (b1 - b0) * perU, (c1 - c0) * perV);
  }

  // Outline one region, or cover its pixels where its outline is not known.
  drawRegion(context, frame, region, colour, width) {
    if (region < 0 || region >= this.numLabels) return;
    if (!this.isVector) return this.coverRegion(context, frame, region, colour);
    context.lineJoin = "round";
    context.beginPath();
    this.trace(context, region, frame);
    for (const [style, extra] of [["rgba(255,255,255,.9)", 2.5], [colour, 0]]) {
      context.strokeStyle = style;
      context.lineWidth = (width + extra) * frame.dpr;
      context.stroke();
    }
  }

  coverRegion(context, frame, region, colour) {
    const key = `${region} ${colour}`;
    if (this.covered?.key !== key) {
      const canvas = document.createElement("canvas");
      canvas.width = this.width;
      canvas.height = this.height;
      const pen = canvas.getContext("2d");
      const image = pen.createImageData(this.width, this.height);
      const out = new Uint32Array(image.data.buffer);
      const ink = packed(colour);
      for (let i = 0; i < this.pixels.length; i++) if (this.pixels[i] === region) out[i] = ink;
      pen.putImageData(image, 0, 0);
      this.covered = { key, canvas };
    }
    const { bitmap } = this;
    this.bitmap = this.covered.canvas;
    this.drawBitmap(context, frame);
    this.bitmap = bitmap;
  }
}

// Colours as the numbers that image data hold, red in the lowest byte.
const css = (colour) => `rgb(${colour & 255},${(colour >> 8) & 255},${(colour >> 16) & 255})`;
const packed = (hex) => {
  const value = parseInt(hex.slice(1), 16);
  return (0xff000000 | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
};

function mixed(colour, other, share) {
  let result = 0xff000000;
  for (const shift of [0, 8, 16]) {
    const value = ((colour >> shift) & 255) * (1 - share) + ((other >> shift) & 255) * share;
    result |= Math.round(value) << shift;
  }
  return result >>> 0;
}

// How regions look: their colours, pale outside the values that are lit, and what edges are like.
function makeLook({ rgba, values }, edges, lit, ground) {
  let colours = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length / 4);
  if (lit && values) {
    colours = colours.map((colour, k) => (values[k] >= lit[0] && values[k] <= lit[1] ? colour : mixed(colour, ground, 0.85)));
  }
  const inked = (ink) =>
    colours.map((colour) => {
      const dark = lightness(colour & 255, (colour >> 8) & 255, (colour >> 16) & 255) < DARK;
      return mixed(colour, dark ? 0xffffff : 0, ink);
    });
  return { rgba: colours, inked, edges: { ...edges, colours: edges.colours.map(packed) } };
}
