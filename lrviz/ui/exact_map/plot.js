// The one Plotly figure: axes, lines and the colour bar. It is built once, and told of changes.

const MARGINS = { l: 58, r: 104, t: 8, b: 44 };

function loadPlotly(address) {
  window.lrvizPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(address, serverRoot()).href;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.min.js could not be loaded"));
    document.head.append(script);
  });
  return window.lrvizPlotly;
}

// Where the server is: pages have addresses of their own below it.
function serverRoot() {
  const script = document.querySelector('script[src*="static/js/"], link[href*="static/"]');
  const address = script?.src ?? script?.href ?? location.href;
  return address.replace(/static\/.*$/, "");
}

class Plot {
  constructor(element, { moved }) {
    this.element = element;
    this.moved = moved;
    this.range = null;
    this.ready = false;
  }

  get size() {
    return [this.element.clientWidth, this.element.clientHeight];
  }

  // The part of the element that shows the plane, in pixels of the page.
  get area() {
    if (this.ready) {
      const { xaxis, yaxis } = this.element._fullLayout;
      return { left: xaxis._offset, top: yaxis._offset, width: xaxis._length, height: yaxis._length };
    }
    const [width, height] = this.size;
    return {
      left: MARGINS.l, top: MARGINS.t, width: width - MARGINS.l - MARGINS.r, height: height - MARGINS.t - MARGINS.b,
    };
  }

  // The window, grown along one side to the shape of the area.
  fitted([u0, u1, v0, v1]) {
    const { width, height } = this.area;
    const scale = Math.max((u1 - u0) / width, (v1 - v0) / height);
    const [u, v] = [(u0 + u1) / 2, (v0 + v1) / 2];
    return [u - (scale * width) / 2, u + (scale * width) / 2, v - (scale * height) / 2, v + (scale * height) / 2];
  }

  get visible() {
    if (!this.ready) return this.range;
    const { xaxis, yaxis } = this.element._fullLayout;
    return [...xaxis.range, ...yaxis.range].map(Number);
  }

  async show(address, figure, theme) {
    this.figure = figure;
    this.theme = theme;
    const Plotly = await loadPlotly(address);
    await document.fonts.ready;
    if (figure !== this.figure || !this.element.isConnected) return;
    await Plotly.react(this.element, figure.data, this.layout(), {
      scrollZoom: true, displayModeBar: false, doubleClick: false, showTips: false, showAxisDragHandles: false,
    });
    this.ready = true;
    // A figure that is begun while the first one is drawn starts anew, and forgets who listens.
    for (const event of ["plotly_relayouting", "plotly_relayout"]) {
      this.element.removeAllListeners(event);
      this.element.on(event, () => this.moved());
    }
  }

  layout() {
    const [width, height] = this.size;
    const [u0, u1, v0, v1] = this.ready ? this.visible : this.fitted(this.range);
    const { text, line, veil } = this.theme;
    const axis = {
      showgrid: false, zeroline: false, showline: true, mirror: true, linecolor: line, linewidth: 1, ticks: "outside",
      ticklen: 4, tickcolor: line, tickfont: { size: 11 }, exponentformat: "power", nticks: 7, automargin: false,
    };
    const { layout } = this.figure;
    return {
      ...layout, width, height,
      legend: { x: 1.01, xanchor: "left", y: 1, yanchor: "top", font: { size: 11 }, itemsizing: "constant" },
      legend2: { x: 0.01, xanchor: "left", y: 0.99, yanchor: "top", font: { size: 11 }, bgcolor: veil, bordercolor: line, borderwidth: 1 },
      margin: MARGINS, uirevision: "map", dragmode: "pan", hovermode: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { ...layout.font, color: text },
      xaxis: { ...axis, title: { text: "u (L2 distance)", standoff: 6, font: { size: 12 } }, range: [u0, u1] },
      yaxis: {
        ...axis, title: { text: "v (L2 distance)", standoff: 4, font: { size: 12 } }, range: [v0, v1],
        scaleanchor: "x", scaleratio: 1,
      },
    };
  }

  // Look elsewhere, without a movement of the visitor.
  go(window) {
    this.range = window;
    if (!this.ready) return;
    const [u0, u1, v0, v1] = this.fitted(window);
    globalThis.Plotly.relayout(this.element, { "xaxis.range": [u0, u1], "yaxis.range": [v0, v1] });
  }

  resize() {
    if (!this.ready) return;
    const [width, height] = this.size;
    if (width && height) globalThis.Plotly.relayout(this.element, { width, height });
  }
}
