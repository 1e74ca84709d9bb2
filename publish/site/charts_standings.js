// The lap chart of a session driven for a time: places by best laps so far, as they are set.

import { across, axisAcross, boxOf, inFront, MINUTE_MS } from "./charts_race.js";
import { stylesOf } from "./charts_style.js";
import { lapText } from "./clock.js";

/** @import { Scene, Target } from "./charts_style.js" */
/** @import { Best } from "./moment.js" */
/** @import { Plot, Points } from "./plot.js" */

/** @typedef {Best & { endMs: number }} Step a lap that was a car's best when it ended */
/** @typedef {{ timeMs: number, place: number, step: Step | null }} Place of a car from a moment on; `step` is its own lap that won it, null where another's did */

/**
 * Every car's places, from its first time on: a lap in Q2 counts more than any in Q1.
 *
 * @param {Map<string, Step[]>} bests of every car, in the order they were set
 * @param {number} untilMs the present
 * @returns {Map<string, Place[]>} the moments at which its place or its time changed
 */
export function standings(bests, untilMs) {
  const steps = [...bests].flatMap(([car, own]) => own.map((step) => ({ car, step }))).filter(({ step }) => step.endMs <= untilMs);
  steps.sort((a, b) => a.step.endMs - b.step.endMs);
  /** @type {Map<string, Step>} */
  const now = new Map();
  /** @type {Map<string, Place[]>} */
  const places = new Map();
  for (const { car, step } of steps) {
    now.set(car, step);
    const order = [...now].sort(([, a], [, b]) => b.part - a.part || a.lapMs - b.lapMs || a.endMs - b.endMs);
    order.forEach(([other], index) => {
      const own = places.get(other) ?? [];
      if (other === car || own.at(-1)?.place !== index + 1) own.push({ timeMs: step.endMs, place: index + 1, step: other === car ? step : null });
      places.set(other, own);
    });
  }
  return places;
}

/**
 * Places over the time of a session, with its parts and the lines below which cars go out.
 *
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @returns {Target[]} what can be pointed at: times that were bests
 */
export function drawStandings(plot, scene) {
  const { drivers, parts, untilMs } = scene;
  const place = across(scene);
  plot.scale(boxOf(plot, { left: 26, right: 44 }), place.xs, [drivers.length + 0.5, 0.5]);
  axisAcross(plot, scene, place.now);
  const rowPx = plot.y(2) - plot.y(1);
  const size = Math.max(7, Math.min(11, rowPx));
  for (let row = 1; row <= (rowPx < 8 ? 0 : drivers.length); row++) plot.text(String(row), plot.box.left - 6, plot.y(row), { align: "right", size });
  parts.forEach(({ start_ms: from, advance }, index) => {
    const line = Number(advance) + 0.5;
    const to = parts[index + 1]?.start_ms;
    if (advance !== null && to !== undefined) plot.line([[from / MINUTE_MS, line], [to / MINUTE_MS, line]], { color: plot.look.muted, width: 1, dash: [2, 3] });
  });
  const styles = stylesOf(drivers, scene.chosen, plot.look);
  const all = standings(scene.bests, untilMs);
  const last = Math.min(untilMs / MINUTE_MS, place.xs[1]);
  /** @type {Target[]} */
  const targets = [];
  for (const { number, code } of inFront(scene)) {
    const [style, own] = [styles.get(number), all.get(number)];
    if (!style || !own) continue;
    /** @type {Points} */
    const points = own.flatMap(({ timeMs, place: row }, i) => [
      ...(i ? [/** @type {[number, number]} */ ([timeMs / MINUTE_MS, own[i - 1].place])] : []), /** @type {[number, number]} */ ([timeMs / MINUTE_MS, row]),
    ]);
    const end = own[own.length - 1].place;
    plot.line([...points, [last, end]], style.stroke);
    own.forEach(({ timeMs, place: row, step }, column) => {
      if (!step) return;
      const [px, py] = [plot.x(timeMs / MINUTE_MS), plot.y(row)];
      plot.dot(px, py, 3, { fill: plot.look.panel, edge: style.stroke.color, alpha: style.stroke.alpha ?? 1 });
      const part = parts.length > 1 ? ` in ${parts[step.part]?.name}` : "";
      targets.push({ px, py, row: number, column, timeMs: timeMs - step.lapMs, text: `${code}, ${lapText(step.lapMs)}${part}: P${row}` });
    });
    plot.text(code, plot.x(last) + 6, plot.y(end), { color: style.label, size, weight: style.isChosen ? 800 : 600, alpha: style.stroke.alpha ?? 1 });
  }
  if (!all.size) plot.text("No time yet", plot.width / 2, plot.height / 2, { align: "center", size: 13 });
  return targets;
}
