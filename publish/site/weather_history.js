// The weather over time: temperatures as lines, rain as a band, up to the moment while what is ahead is hidden.

/** @import { WeatherRow } from "./types.d.ts" */

const [WIDTH, HEIGHT, RAIN] = [240, 46, 5];
const LINES = /** @type {const} */ ([["track_temp_c", "Track"], ["air_temp_c", "Air"]]);
const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} name of the tag
 * @param {Record<string, string | number>} attributes of it
 * @returns {SVGElement} the element
 */
function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/**
 * Draw the weather over time.
 *
 * @param {WeatherRow[]} rows of the weather document
 * @param {object} span of time
 * @param {number} span.timeMs the moment
 * @param {number} span.knownMs where what is known ends
 * @param {number} span.durationMs length of the session
 * @returns {SVGElement | null} the drawing; null if there is nothing to be drawn
 */
export function weatherHistory(rows, { timeMs, knownMs, durationMs }) {
  const known = rows.filter((row) => row.time_ms !== null && row.time_ms >= 0 && row.time_ms <= knownMs);
  const values = known.flatMap((row) => LINES.map(([key]) => row[key])).filter((value) => value !== null);
  if (known.length < 2 || !values.length) return null;
  const [low, high] = [Math.min(...values) - 0.5, Math.max(...values) + 0.5];
  /** @param {number} ms of the session's clock */
  const x = (ms) => ((ms / durationMs) * WIDTH).toFixed(1);
  /** @param {number} degrees to be placed */
  const y = (degrees) => (2 + ((high - degrees) / (high - low)) * (HEIGHT - RAIN - 4)).toFixed(1);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "weather-lines", role: "img", "aria-label": spoken(known) });
  known.forEach((row, index) => {
    const from = Number(row.time_ms);
    const to = Number(known[index + 1]?.time_ms ?? Math.min(knownMs, durationMs, from + 60_000));
    if (row.rainfall) drawing.append(svg("rect", { x: x(from), y: HEIGHT - RAIN, width: Math.max(Number(x(to)) - Number(x(from)), 0.5), height: RAIN, class: "rain" }));
  });
  for (const [key] of LINES) {
    const points = known.flatMap((row) => (row[key] === null ? [] : [`${x(Number(row.time_ms))},${y(row[key])}`]));
    drawing.append(svg("polyline", { points: points.join(" "), class: key }));
  }
  drawing.append(svg("line", { x1: x(timeMs), x2: x(timeMs), y1: 0, y2: HEIGHT, class: "now" }));
  return drawing;
}

/**
 * @param {WeatherRow[]} rows that are drawn
 * @returns {string} the same in words
 */
function spoken(rows) {
  const texts = LINES.map(([key, name]) => {
    const values = rows.flatMap((row) => (row[key] === null ? [] : [row[key]]));
    return values.length ? `${name} ${Math.min(...values)} to ${Math.max(...values)} °C` : "";
  });
  const wet = rows.filter((row) => row.rainfall).length;
  return [...texts.filter(Boolean), wet ? "with rain" : "no rain"].join(", ");
}
