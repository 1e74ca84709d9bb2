// The track map on a canvas: outline, start line, corners, cars.

/** @import { Corner } from "./types.d.ts" */

/** @typedef {{ x: number[], y: number[], rotation_deg: number, corners: Corner[] | null }} Outline in metres */

/**
 * A car to be drawn, in metres.
 *
 * @typedef {object} Dot
 * @property {string} number racing number
 * @property {string} code of the driver
 * @property {string} color of the team
 * @property {string | null} state of the car
 * @property {boolean} selected whether it is the selected one
 * @property {number} x in metres
 * @property {number} y in metres
 */

/** @typedef {Dot & { px: number, py: number }} PlacedDot a car drawn, with its place in pixels */
/** @typedef {{ left: number, right: number, y: number }} Box the place of a code: its ends and its middle */

const MARGIN_PX = 34;
const CORNER_OFFSET_PX = 15;
const DOT_PX = 6;
const TURN_DEG = 5;
/** Half the height of a code. */
const LABEL_PX = 6;
/** How far from a car a finger may be that means it. */
const FINGER_PX = 24;
const COLORS = /** @type {const} */ (["ground", "asphalt", "edge", "text", "muted", "accent", "own", "flag-yellow"]);
const DRIVING = new Set(["running", "grid", "finished"]);

/**
 * @param {HTMLCanvasElement} canvas to draw on
 * @returns {CanvasRenderingContext2D} its context
 */
function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser does not draw on a canvas");
  return context;
}

/**
 * @param {PlacedDot} dot a car
 * @returns {number} how far its dot reaches, with its rim
 */
const radiusOf = (dot) => DOT_PX + (dot.selected ? 5 : 1);

/**
 * Where a code can stand, the best place first: on which side of its dot (0: in the middle) and how much farther away
 * than is usual, how far below its middle, and whether it is away from it that way too.
 */
const SPOTS = [
  { side: 1, beside: 0, below: -9, away: 0 }, { side: 1, beside: 0, below: 9, away: 0 },
  { side: -1, beside: 0, below: -9, away: 0 }, { side: -1, beside: 0, below: 9, away: 0 },
  { side: 0, beside: 0, below: -7, away: -1 }, { side: 0, beside: 0, below: 7, away: 1 },
  { side: 1, beside: 2, below: 0, away: 0 }, { side: -1, beside: 2, below: 0, away: 0 },
];

/**
 * @param {PlacedDot} dot a car
 * @param {number} width of its code
 * @param {typeof SPOTS[number]} spot where it is to stand
 * @returns {Box} the place of the code there
 */
function boxAt({ px, py, selected }, width, { side, beside, below, away }) {
  const usual = selected ? 13 : 10;
  const left = px + side * (usual + beside) - (width * (1 - side)) / 2;
  return { left, right: left + width, y: py + below + away * usual };
}

/**
 * How to turn a track that nobody has said it of: so that it lies flat, as the places it is drawn in do.
 *
 * @param {number[]} x in metres
 * @param {number[]} y in metres
 * @returns {number} degrees at which it is least high
 */
export function flattest(x, y) {
  const heights = Array.from({ length: 180 / TURN_DEG }, (_, i) => {
    const angle = (i * TURN_DEG * Math.PI) / 180;
    const across = x.map((value, k) => value * Math.sin(angle) + y[k] * Math.cos(angle));
    return Math.max(...across) - Math.min(...across);
  });
  return heights.indexOf(Math.min(...heights)) * TURN_DEG;
}

/** The map of a track with its cars. */
export class TrackMap {
  /**
   * @param {HTMLCanvasElement} canvas to draw on
   * @param {Outline} track to be drawn
   * @param {{ margin?: number, isSmall?: boolean }} how `margin` around it in pixels; a small one has thin lines and no numbers
   */
  constructor(canvas, track, { margin = MARGIN_PX, isSmall = false } = {}) {
    this.margin = margin;
    this.isSmall = isSmall;
    this.canvas = canvas;
    this.track = track;
    this.context = contextOf(canvas);
    this.still = document.createElement("canvas");
    /** @type {PlacedDot[]} */
    this.dots = [];
    /** @type {{ number: string, box: Box }[]} */
    this.labels = [];
    this.ratio = 1;
    this.width = 0;
    this.height = 0;
    this.cos = 1;
    this.sin = 0;
    this.scale = 1;
    this.whole = 1;
    /** @type {[number, number]} */
    this.centre = [0, 0];
    this.shiftX = 0;
    this.shiftY = 0;
    /** How much nearer than the whole track; and the turned place in the middle, null for the track's own. */
    this.zoom = 1;
    /** @type {[number, number] | null} */
    this.middle = null;
    /** @type {(cars: Dot[]) => void} */
    this.onDraw = () => {};
    this.path = new Path2D();
    track.x.forEach((x, i) => this.path.lineTo(x, track.y[i]));
    this.path.closePath();
    /** @type {Record<COLORS[number], string>} */
    this.colors = { ground: "", asphalt: "", edge: "", text: "", muted: "", accent: "", own: "", "flag-yellow": "" };
    /** Widths of codes in pixels. @type {Map<string, number>} */
    this.widths = new Map();
    /** Draws what lies on the track below the cars. @type {((c: CanvasRenderingContext2D) => void) | null} */
    this.drawBelow = null;
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
    for (const name of COLORS) this.colors[name] = style.getPropertyValue(`--${name}`).trim();
    if (width && height) {
      this.fit();
      this.drawStill();
    }
  }

  /** Find the scale and the shift that show the whole track, or what is zoomed to. */
  fit() {
    const angle = (this.track.rotation_deg * Math.PI) / 180;
    [this.cos, this.sin] = [Math.cos(angle), Math.sin(angle)];
    const turned = this.track.x.map((x, i) => this.turn(x, this.track.y[i]));
    const xs = turned.map((p) => p[0]);
    const ys = turned.map((p) => p[1]);
    const [left, right] = [Math.min(...xs), Math.max(...xs)];
    const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
    /** @param {number} size of a side of the canvas */
    const room = (size) => Math.max(size - 2 * this.margin, 40);
    this.whole = Math.min(room(this.width) / (right - left), room(this.height) / (top - bottom));
    this.centre = [(left + right) / 2, (bottom + top) / 2];
    this.aim();
  }

  /** Take over the zoom and the middle. */
  aim() {
    const [u, v] = this.middle ?? this.centre;
    this.scale = this.whole * this.zoom;
    this.shiftX = this.width / 2 - this.scale * u;
    this.shiftY = this.height / 2 + this.scale * v;
  }

  /**
   * Show another part of the track.
   *
   * @param {number} zoom how much nearer than the whole track
   * @param {[number, number] | null} middle turned place in the middle, null for the track's own
   */
  look(zoom, middle) {
    this.zoom = zoom;
    this.middle = middle;
    if (!this.width || !this.height) return;
    this.aim();
    this.drawStill();
  }

  /**
   * @param {number} x in metres
   * @param {number} y in metres
   * @returns {[number, number]} the same, turned as the circuit is usually shown
   */
  turn(x, y) {
    return [x * this.cos - y * this.sin, x * this.sin + y * this.cos];
  }

  /**
   * @param {number} x in metres
   * @param {number} y in metres
   * @returns {[number, number]} the place in pixels
   */
  place(x, y) {
    const [u, v] = this.turn(x, y);
    return [this.shiftX + this.scale * u, this.shiftY - this.scale * v];
  }

  /** Draw what does not move. */
  drawStill() {
    const c = contextOf(this.still);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    const wide = this.isSmall ? 0.5 : 1;
    this.stroke(c, this.path, 9 * wide, this.colors.edge);
    this.stroke(c, this.path, 6 * wide, this.colors.asphalt);
    this.drawStartLine(c);
    if (!this.isSmall) this.drawCorners(c);
  }

  /**
   * Draw a line that is given in metres: turned, scaled and moved as a whole.
   *
   * @param {CanvasRenderingContext2D} c where to draw
   * @param {Path2D} path in metres
   * @param {number} width on the screen, in pixels where nothing is zoomed
   * @param {string} color of the line
   */
  stroke(c, path, width, color) {
    const along = this.ratio * this.scale * this.cos;
    const across = this.ratio * this.scale * this.sin;
    c.setTransform(along, -across, -across, -along, this.ratio * this.shiftX, this.ratio * this.shiftY);
    c.lineJoin = "round";
    c.lineWidth = (width * Math.sqrt(this.zoom)) / this.scale;
    c.strokeStyle = color;
    c.stroke(path);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
  }

  /** @param {CanvasRenderingContext2D} c where to draw the numbers of the corners */
  drawCorners(c) {
    c.font = "11px system-ui, sans-serif";
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillStyle = this.colors.muted;
    const away = CORNER_OFFSET_PX + 3 * (Math.sqrt(this.zoom) - 1);
    for (const corner of this.track.corners ?? []) {
      const [x, y] = this.place(corner.x, corner.y);
      const angle = ((corner.angle_deg + this.track.rotation_deg) * Math.PI) / 180;
      const [aside, up] = [away * Math.cos(angle), away * Math.sin(angle)];
      c.fillText(`${corner.number}${corner.letter}`, x + aside, y - up);
    }
  }

  /** @param {CanvasRenderingContext2D} c where to draw the start line */
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

  /** @param {Dot[]} cars the most important first */
  draw(cars) {
    this.onDraw(cars);
    const c = this.context;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    c.drawImage(this.still, 0, 0);
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.drawBelow?.(c);
    this.dots = cars.map((car) => {
      const [px, py] = this.place(car.x, car.y);
      return { ...car, px, py };
    });
    this.drawLabels(c);
    for (let i = this.dots.length - 1; i >= 0; i--) this.drawDot(c, this.dots[i]);
  }

  /**
   * @param {CanvasRenderingContext2D} c where to draw
   * @param {PlacedDot} dot the car
   */
  drawDot(c, dot) {
    const idle = !DRIVING.has(dot.state ?? "");
    c.beginPath();
    c.arc(dot.px, dot.py, dot.selected ? DOT_PX + 3 : DOT_PX, 0, 2 * Math.PI);
    c.fillStyle = idle ? this.colors.ground : dot.color;
    c.fill();
    c.lineWidth = idle || dot.selected ? 3 : 1.5;
    c.strokeStyle = dot.selected ? this.colors.text : idle ? dot.color : this.colors.edge;
    c.stroke();
  }

  /**
   * Codes beside the dots, never over a dot or another code; in a bunch the cars behind go without.
   *
   * @param {CanvasRenderingContext2D} c where to draw
   */
  drawLabels(c) {
    c.font = "600 11px system-ui, sans-serif";
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.lineWidth = 3;
    /** @type {Box[]} */
    const taken = [];
    this.labels = [];
    for (const dot of this.dots) {
      const box = this.freeBox(dot, this.widthOf(c, dot.code), taken);
      if (!box) continue;
      taken.push(box);
      this.labels.push({ number: dot.number, box });
      c.strokeStyle = this.colors.ground;
      c.strokeText(dot.code, box.left, box.y);
      c.fillStyle = this.colors.text;
      c.fillText(dot.code, box.left, box.y);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} c with the font of codes
   * @param {string} code of a driver
   * @returns {number} its width
   */
  widthOf(c, code) {
    const width = this.widths.get(code) ?? c.measureText(code).width;
    this.widths.set(code, width);
    return width;
  }

  /**
   * @param {PlacedDot} dot a car
   * @param {number} width of its code
   * @param {Box[]} taken by other codes
   * @returns {Box | null} the best place there is for the code
   */
  freeBox(dot, width, taken) {
    for (const spot of SPOTS) {
      const box = boxAt(dot, width, spot);
      if (this.isFree(box, taken)) return box;
    }
    return null;
  }

  /**
   * @param {Box} box of a code
   * @param {Box[]} taken by other codes
   * @returns {boolean} whether it lies on the canvas and over nothing else
   */
  isFree(box, taken) {
    if (box.left < 2 || box.right > this.width - 2 || box.y < LABEL_PX || box.y > this.height - LABEL_PX) return false;
    for (const other of taken) {
      if (box.left < other.right && other.left < box.right && Math.abs(box.y - other.y) < 2 * LABEL_PX) return false;
    }
    for (const dot of this.dots) {
      const aside = Math.max(box.left - dot.px, dot.px - box.right, 0);
      const above = Math.max(Math.abs(dot.py - box.y) - LABEL_PX, 0);
      if (aside ** 2 + above ** 2 < radiusOf(dot) ** 2) return false;
    }
    return true;
  }

  /**
   * @param {number} px a place on the canvas
   * @param {number} py a place on the canvas
   * @returns {string | null} number of the car within a finger's width of it
   */
  pick(px, py) {
    /** @type {string | null} */
    let best = null;
    let nearest = FINGER_PX;
    for (const dot of this.dots) {
      const away = Math.hypot(dot.px - px, dot.py - py);
      if (away < nearest) [best, nearest] = [dot.number, away];
    }
    return best;
  }
}
