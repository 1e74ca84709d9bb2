// A chart's canvas: scales, axes, lines, and the colours of the moment.

/** @typedef {{ left: number, top: number, right: number, bottom: number }} Box in CSS pixels */
/** @typedef {[number, number][]} Points pairs of values; NaN in one of them breaks a line */
/** @typedef {{ color: string, width?: number, dash?: number[], alpha?: number }} Stroke how a line is drawn */
/** @typedef {{ color?: string, align?: CanvasTextAlign, size?: number, weight?: number, alpha?: number, hasHalo?: boolean }} Lettering how a text is written */
/** @typedef {Record<typeof COLORS[number], string>} Look the colours of the page */

const COLORS = /** @type {const} */ (["panel", "line", "text", "muted", "accent", "pick", "flag-yellow", "flag-sc", "flag-vsc", "flag-red"]);
const KEY_PX = 8;
const KEY_LINE_PX = 20;
const KEY_FONT = "600 11px system-ui, sans-serif";
const LINE_CONTRAST = 2; // a thin line is still seen
const TEXT_CONTRAST = 4.5;

/**
 * @param {Element} element of the page
 * @returns {Look} the colours it has now
 */
export function lookOf(element) {
  const style = getComputedStyle(element);
  return /** @type {Look} */ (Object.fromEntries(COLORS.map((color) => [color, style.getPropertyValue(`--${color}`).trim()])));
}

/** A canvas with one pair of scales at a time. */
export class Plot {
  /**
   * @param {HTMLCanvasElement} canvas to draw on
   * @param {object} size of it
   * @param {number} size.width in CSS pixels
   * @param {number} size.height in CSS pixels
   * @param {number} size.ratio pixels of the screen for each
   * @param {Look} look the colours
   */
  constructor(canvas, { width, height, ratio }, look) {
    this.width = width;
    this.height = height;
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser does not draw on a canvas");
    this.c = context;
    this.c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.c.lineJoin = "round";
    this.c.textBaseline = "middle";
    this.look = look;
    /** @type {Box} */
    this.box = { left: 0, top: 0, right: width, bottom: height };
    /** @type {[number, number]} */
    this.xs = [0, 1];
    /** @type {[number, number]} */
    this.ys = [0, 1];
  }

  /**
   * @param {Box} box where to draw from now on
   * @param {[number, number]} xs values at its left and right
   * @param {[number, number]} ys values at its bottom and top
   */
  scale(box, xs, ys) {
    [this.box, this.xs, this.ys] = [box, xs, ys];
  }

  /**
   * @param {number} value on the axis across
   * @returns {number} its place
   */
  x(value) {
    const { left, right } = this.box;
    return left + ((right - left) * (value - this.xs[0])) / (this.xs[1] - this.xs[0] || 1);
  }

  /**
   * @param {number} value on the axis upwards
   * @returns {number} its place
   */
  y(value) {
    const { top, bottom } = this.box;
    return bottom - ((bottom - top) * (value - this.ys[0])) / (this.ys[1] - this.ys[0] || 1);
  }

  /** @param {() => void} draw draws nothing outside the box */
  inside(draw) {
    const { left, top, right, bottom } = this.box;
    this.c.save();
    this.c.beginPath();
    this.c.rect(left, top - 1, right - left, bottom - top + 2);
    this.c.clip();
    draw();
    this.c.restore();
  }

  /**
   * @param {Points} points values, in order
   * @param {Stroke} stroke how
   */
  line(points, { color, width = 1.5, dash = [], alpha = 1 }) {
    const { c } = this;
    c.globalAlpha = alpha;
    c.strokeStyle = color;
    c.lineWidth = width;
    c.setLineDash(dash);
    c.beginPath();
    let isOn = false;
    for (const [a, b] of points) {
      const [px, py] = [this.x(a), this.y(b)];
      const isKnown = !Number.isNaN(px + py);
      if (isKnown && isOn) c.lineTo(px, py);
      else if (isKnown) c.moveTo(px, py);
      isOn = isKnown;
    }
    c.stroke();
    c.setLineDash([]);
    c.globalAlpha = 1;
  }

  /**
   * @param {number} px its place
   * @param {number} py its place
   * @param {number} radius of it
   * @param {{ fill: string, edge?: string, alpha?: number }} colors of it
   */
  dot(px, py, radius, { fill, edge, alpha = 1 }) {
    const { c } = this;
    c.globalAlpha = alpha;
    c.beginPath();
    c.arc(px, py, radius, 0, 2 * Math.PI);
    c.fillStyle = fill;
    c.fill();
    if (edge) {
      c.lineWidth = 1.5;
      c.strokeStyle = edge;
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  /**
   * @param {string} text to be written
   * @param {number} px its place
   * @param {number} py its middle
   * @param {Lettering} lettering how
   */
  text(text, px, py, { color = this.look.muted, align = "left", size = 11, weight = 400, alpha = 1, hasHalo = false } = {}) {
    const { c } = this;
    c.globalAlpha = alpha;
    c.font = `${weight} ${size}px system-ui, sans-serif`;
    c.textAlign = align;
    if (hasHalo) {
      c.lineWidth = 3;
      c.strokeStyle = this.look.panel;
      c.strokeText(text, px, py);
    }
    c.fillStyle = color;
    c.fillText(text, px, py);
    c.globalAlpha = 1;
  }

  /**
   * @param {number[]} values where there is a line across
   * @param {(value: number) => string} words for them
   */
  axisY(values, words) {
    for (const value of values) {
      this.line([[this.xs[0], value], [this.xs[1], value]], { color: this.look.line, width: 1 });
      this.text(words(value), this.box.left - 5, this.y(value), { align: "right" });
    }
  }

  /**
   * @param {number[]} values where there is a mark
   * @param {(value: number) => string} words for them
   * @param {string} title of the axis
   */
  axisX(values, words, title = "") {
    const { left, right, bottom } = this.box;
    for (const value of values) {
      this.line([[value, this.ys[0]], [value, this.ys[1]]], { color: this.look.line, width: 1, alpha: 0.6 });
      this.text(words(value), this.x(value), bottom + 10, { align: "center" });
    }
    if (title) this.text(title, (left + right) / 2, bottom + 24, { align: "center" });
  }

  /** @param {import("./charts_laps.js").Band[]} bands under flags and safety cars, with their names where there is room */
  bands(bands) {
    const { c, box: { top, bottom, left, right } } = this;
    let free = -Infinity;
    for (const { from, to, kind, text } of bands) {
      const [a, b] = [Math.max(this.x(from), left), Math.min(Math.max(this.x(to), this.x(from) + 1), right)];
      if (b <= a) continue;
      c.globalAlpha = kind === "yellow" ? 0.16 : 0.28;
      c.fillStyle = this.look[/** @type {keyof Look} */ (`flag-${kind}`)];
      c.fillRect(a, top, b - a, bottom - top);
      c.globalAlpha = 1;
      const short = SHORT[kind];
      if (!short || a < free) continue;
      this.text(short, Math.min((a + b) / 2, right - 8), top - 6, { align: "center", size: 10, weight: 600, color: this.look.muted });
      free = Math.max(b, a + c.measureText(text).width / 2);
    }
  }

  /** @param {{ text: string, stroke: Stroke }[]} entries what the lines are, above the box */
  key(entries) {
    const { c, box } = this;
    let px = box.left;
    for (const { text, stroke } of entries) {
      c.font = KEY_FONT;
      const width = KEY_LINE_PX + 5 + c.measureText(text).width;
      if (px + width > box.right) return;
      c.strokeStyle = stroke.color;
      c.lineWidth = 2.4;
      c.setLineDash(stroke.dash ?? []);
      c.beginPath();
      c.moveTo(px, KEY_PX);
      c.lineTo(px + KEY_LINE_PX, KEY_PX);
      c.stroke();
      c.setLineDash([]);
      this.text(text, px + KEY_LINE_PX + 5, KEY_PX, { color: this.look.text, weight: 600 });
      px += width + 14;
    }
  }

  /** @param {number} value of the present moment on the axis across */
  now(value) {
    if (value < this.xs[0] || value > this.xs[1]) return;
    this.line([[value, this.ys[0]], [value, this.ys[1]]], { color: this.look.accent, width: 1.5, dash: [4, 3] });
  }
}

/** @type {Record<string, string>} */
const SHORT = { sc: "SC", vsc: "VSC", red: "RED" };

/**
 * Round values for the marks of an axis.
 *
 * @param {number} low the smallest value
 * @param {number} high the largest
 * @param {number} count how many there may be
 * @param {number[]} steps how far they may be apart, times powers of ten
 * @returns {number[]} the values
 */
export function ticks(low, high, count, steps = [1, 2, 5]) {
  if (!(high > low)) return [];
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [...steps, 10 * steps[0]].map((one) => one * power).find((one) => one >= rough) ?? 10 * power;
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, i) => Number(((first + i) * step).toFixed(6)));
}

/**
 * A colour like this one that is seen on the ground: moved towards the text's until the contrast is enough.
 *
 * @param {string} color `#rrggbb`
 * @param {Look} look the colours of the page
 * @param {boolean} isText whether it has to be read
 * @returns {string} the colour
 */
export function seenOn(color, look, isText = false) {
  const [ground, text] = [channels(look.panel), channels(look.text)];
  const [from, least] = [channels(color), isText ? TEXT_CONTRAST : LINE_CONTRAST];
  for (let part = 0; part < 1; part += 0.1) {
    const mixed = from.map((value, i) => value + (text[i] - value) * part);
    if (contrast(mixed, ground) >= least) return `rgb(${mixed.map(Math.round).join()})`;
  }
  return look.text;
}

/**
 * @param {string} color `#rrggbb`
 * @returns {number[]} red, green and blue, 0 to 255
 */
function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) || 0);
}

/**
 * Contrast of two colours as WCAG 2 has it.
 *
 * @param {number[]} a red, green and blue
 * @param {number[]} b red, green and blue
 * @returns {number} 1 to 21
 */
function contrast(a, b) {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

/**
 * @param {number[]} color red, green and blue
 * @returns {number} its relative luminance, 0 to 1
 */
function luminance(color) {
  const [r, g, b] = color.map((value) => (value <= 10 ? value / 3294 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
