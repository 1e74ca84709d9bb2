// The track map on a canvas: outline, start line, corners, cars.

const MARGIN_PX = 34;
const CORNER_OFFSET_PX = 15;
const DOT_PX = 6;

export class TrackMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.still = document.createElement("canvas");
    this.track = null;
    this.dots = [];
    this.resize();
  }

  setTrack(track) {
    this.track = track;
    this.resize();
  }

  /** Fit the canvas to its place and the screen's pixels, and draw what does not move. */
  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.ratio = window.devicePixelRatio || 1;
    [this.width, this.height] = [width, height];
    for (const canvas of [this.canvas, this.still]) {
      canvas.width = Math.max(1, Math.round(width * this.ratio));
      canvas.height = Math.max(1, Math.round(height * this.ratio));
    }
    const style = getComputedStyle(document.documentElement);
    this.colors = Object.fromEntries(
      ["ground", "asphalt", "edge", "text", "muted", "accent"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
    );
    if (this.track && width && height) {
      this.fit();
      this.drawStill();
    }
  }

  fit() {
    const angle = ((this.track.rotation_deg ?? 0) * Math.PI) / 180;
    [this.cos, this.sin] = [Math.cos(angle), Math.sin(angle)];
    const turned = this.track.x.map((x, i) => this.turn(x, this.track.y[i]));
    const xs = turned.map((p) => p[0]);
    const ys = turned.map((p) => p[1]);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
    const room = (size) => Math.max(size - 2 * MARGIN_PX, 40);
    this.scale = Math.min(room(this.width) / (right - left), room(this.height) / (top - bottom));
    this.shiftX = this.width / 2 - (this.scale * (left + right)) / 2;
    this.shiftY = this.height / 2 + (this.scale * (bottom + top)) / 2;
  }

  turn(x, y) {
    return [x * this.cos - y * this.sin, x * this.sin + y * this.cos];
  }

  /** Metres on the circuit to pixels on the canvas. */
  place(x, y) {
    const [u, v] = this.turn(x, y);
    return [this.shiftX + this.scale * u, this.shiftY - this.scale * v];
  }

  drawStill() {
    const c = this.still.getContext("2d");
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    const path = new Path2D();
    this.track.x.forEach((x, i) => path.lineTo(...this.place(x, this.track.y[i])));
    path.closePath();
    c.lineJoin = "round";
    for (const [width, color] of [[9, this.colors.edge], [6, this.colors.asphalt]]) {
      c.lineWidth = width;
      c.strokeStyle = color;
      c.stroke(path);
    }
    this.drawStartLine(c);
    c.font = "11px system-ui, sans-serif";
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillStyle = this.colors.muted;
    for (const corner of this.track.corners ?? []) {
      const [x, y] = this.place(corner.x, corner.y);
      const angle = ((corner.angle_deg + (this.track.rotation_deg ?? 0)) * Math.PI) / 180;
      c.fillText(
        `${corner.number}${corner.letter}`,
        x + CORNER_OFFSET_PX * Math.cos(angle),
        y - CORNER_OFFSET_PX * Math.sin(angle),
      );
    }
  }

  drawStartLine(c) {
    const { x, y } = this.track;
    const from = this.place(x[0], y[0]);
    const to = this.place(x[1], y[1]);
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
    const [nx, ny] = [(-8 * (to[1] - from[1])) / length, (8 * (to[0] - from[0])) / length];
    c.lineWidth = 3;
    c.strokeStyle = this.colors.accent;
    c.beginPath();
    c.moveTo(from[0] - nx, from[1] - ny);
    c.lineTo(from[0] + nx, from[1] + ny);
    c.stroke();
  }

  /** Draw `cars`: {number, code, color, x, y, state, selected}, in metres, the most important first. */
  draw(cars) {
    const c = this.context;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    c.drawImage(this.still, 0, 0);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.dots = cars.map((car) => {
      const [px, py] = this.place(car.x, car.y);
      return { ...car, px, py };
    });
    for (const dot of [...this.dots].reverse()) this.drawDot(c, dot);
    this.drawLabels(c);
  }

  drawDot(c, dot) {
    const idle = dot.state !== "running" && dot.state !== "grid" && dot.state !== "finished";
    c.beginPath();
    c.arc(dot.px, dot.py, dot.selected ? DOT_PX + 3 : DOT_PX, 0, 2 * Math.PI);
    c.fillStyle = idle ? this.colors.ground : dot.color;
    c.fill();
    c.lineWidth = idle || dot.selected ? 3 : 1.5;
    c.strokeStyle = dot.selected ? this.colors.text : idle ? dot.color : this.colors.edge;
    c.stroke();
  }

  /** Codes beside the dots; in a bunch the cars behind go without rather than on top of each other. */
  drawLabels(c) {
    c.font = "600 11px system-ui, sans-serif";
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.lineWidth = 3;
    const taken = [];
    for (const dot of this.dots) {
      const width = c.measureText(dot.code).width;
      const spots = [
        [dot.px + 10, dot.py - 9],
        [dot.px + 10, dot.py + 9],
        [dot.px - 10 - width, dot.py - 9],
        [dot.px - 10 - width, dot.py + 9],
      ];
      const spot = spots.find(([x, y]) => taken.every((t) => x > t.right || x + width < t.x || Math.abs(y - t.y) > 12));
      if (!spot) continue;
      const [x, y] = spot;
      taken.push({ x, y, right: x + width });
      c.strokeStyle = this.colors.ground;
      c.strokeText(dot.code, x, y);
      c.fillStyle = this.colors.text;
      c.fillText(dot.code, x, y);
    }
  }

  /** Number of the car within a finger's width of a pixel, or null. */
  pick(px, py) {
    let best = null;
    let nearest = 18;
    for (const dot of this.dots) {
      const away = Math.hypot(dot.px - px, dot.py - py);
      if (away < nearest) [best, nearest] = [dot.number, away];
    }
    return best;
  }
}
