// The charts of laps: places, gaps, tyres, lap times.

import { bandsOf, isClean, isSlowed, quantile } from "./charts_laps.js";
import { compoundColor, compoundLetter, compoundText, spread, stylesOf, tyreText } from "./charts_style.js";
import { hoursText, lapText } from "./clock.js";
import { ticks } from "./plot.js";
import { STATUSES } from "./timeline.js";

/** @import { Stint } from "./charts_laps.js" */
/** @import { Scene, Style, Target } from "./charts_style.js" */
/** @import { Plot, Points } from "./plot.js" */
/** @import { LapRow } from "./types.d.ts" */

export const MINUTE_MS = 60_000;
const LABEL_APART_PX = 11;
const CODE_PX = 36;
const KEYED_PX = 34; // above a box that has a key

/**
 * The box of a chart with a title below its axis, and its marks on the axis across.
 *
 * @param {Plot} plot to draw on
 * @param {{ left: number, right: number }} room beside it
 * @returns {import("./plot.js").Box} the box
 */
export function boxOf(plot, { left, right }) {
  return { left, top: 18, right: plot.width - right, bottom: plot.height - 34 };
}

/**
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @param {string} zero what stands at lap 0
 */
function axisOfLaps(plot, scene, zero = "0") {
  const count = Math.max(2, Math.floor((plot.box.right - plot.box.left) / 45));
  const marks = ticks(plot.xs[0], plot.xs[1], count).filter(Number.isInteger);
  plot.axisX(marks, (lap) => (lap === 0 ? zero : String(lap)), "Lap");
  plot.bands(bandsOf(scene.runs, STATUSES, (ms) => scene.laps.lapAt(ms), scene.untilMs));
  plot.now(scene.laps.lapAt(scene.nowMs));
}

/**
 * Places by lap: the grid, then the place at the end of every lap.
 *
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @returns {Target[]} what can be pointed at
 */
export function drawLapChart(plot, scene) {
  const { laps, drivers, untilMs } = scene;
  const cars = drivers.length;
  plot.scale(boxOf(plot, { left: 40, right: 54 }), [0, Math.max(laps.lapCount, 1)], [cars + 0.5, 0.5]);
  const [places, rowPx] = [Array.from({ length: cars }, (_, i) => i + 1), plot.y(2) - plot.y(1)];
  axisOfLaps(plot, scene, "grid");
  const styles = stylesOf(drivers, scene.chosen, plot.look);
  const size = Math.max(7, Math.min(11, rowPx));
  /** @type {Target[]} */
  const targets = [];
  /** @type {{ style: Style, x: number, y: number }[]} */
  const ends = [];
  for (const { number } of inFront(scene)) {
    const style = styles.get(number);
    if (!style) continue;
    const rows = laps.ended(number, untilMs).filter(({ position }) => position !== null);
    const grid = laps.grid.get(number);
    /** @type {Points} */
    const points = [...(grid ? [/** @type {[number, number]} */ ([0, grid])] : []), ...rows.map((row) => /** @type {[number, number]} */ ([row.lap, Number(row.position)]))];
    plot.line(points, style.stroke);
    if (grid) {
      plot.text(style.code, plot.box.left - 6, plot.y(grid), { align: "right", color: style.label, size, weight: 600, alpha: style.stroke.alpha ?? 1 });
      targets.push({ px: plot.x(0), py: plot.y(grid), row: number, column: 0, timeMs: laps.startMs, text: `${style.code}, grid: P${grid}` });
    }
    for (const row of rows) targets.push(placeTarget(plot, style, row));
    drawStops(plot, scene, style, rows);
    const last = rows.at(-1);
    if (last) ends.push({ style, x: plot.x(last.lap), y: plot.y(Number(last.position)) });
  }
  for (const { style, x, y } of ends) {
    // Who retired shortly before another one took its place leaves the room to that.
    if (ends.some((other) => Math.abs(other.y - y) < 1 && other.x > x && other.x < x + CODE_PX)) continue;
    plot.text(style.code, x + 6, y, { color: style.label, size, weight: 600, alpha: style.stroke.alpha ?? 1 });
  }
  if (rowPx >= 8) for (const place of places) plot.text(String(place), plot.width - 4, plot.y(place), { align: "right", size });
  return targets;
}

/**
 * @param {Scene} scene to be drawn
 * @returns {import("./types.d.ts").Driver[]} all of it, the chosen ones last, so that they lie above
 */
export function inFront({ drivers, chosen }) {
  return [...drivers].sort((a, b) => Number(chosen.includes(a.number)) - Number(chosen.includes(b.number)));
}

/**
 * @param {Plot} plot to draw on
 * @param {Style} style of the car
 * @param {LapRow} row a lap with a place
 * @returns {Target} where it lies
 */
function placeTarget(plot, style, row) {
  const stop = row.pit_in_ms === null ? "" : ", into the pits";
  const time = row.lap_time_ms === null ? "" : `, ${lapText(row.lap_time_ms)}`;
  const text = `${style.code}, lap ${row.lap}: P${row.position}${time}, ${tyreText(row)}${stop}`;
  return { px: plot.x(row.lap), py: plot.y(Number(row.position)), row: row.car, column: row.lap, timeMs: row.start_ms, text };
}

/**
 * Pit stops, in the colour of the tyres that were taken where that is known already.
 *
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @param {Style} style of the car
 * @param {LapRow[]} rows its laps
 */
function drawStops(plot, { laps, untilMs }, style, rows) {
  const next = new Map(laps.begun(rows[0]?.car ?? "", untilMs).map((row) => [row.lap - 1, row.compound]));
  for (const { lap, position, pit_in_ms: pitIn } of rows) {
    if (pitIn === null) continue;
    const compound = next.get(lap);
    plot.dot(plot.x(lap), plot.y(Number(position)), 4, { fill: compound === undefined ? plot.look.panel : compoundColor(compound), edge: plot.look.text, alpha: style.stroke.alpha ?? 1 });
  }
}

/**
 * Gaps at the line by lap, to the leader or to one car.
 *
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @returns {Target[]} what can be pointed at
 */
export function drawGaps(plot, scene) {
  const { laps, drivers, untilMs, reference } = scene;
  const lines = inFront(scene).map(({ number }) => ({ number, gaps: laps.gaps(number, reference, untilMs) }));
  const all = lines.flatMap(({ gaps }) => gaps.map(({ gapMs }) => gapMs / 1000));
  const lapS = quantile([...laps.byCar.values()].flat().filter((row) => (row.end_ms ?? Infinity) <= untilMs && isClean(row)).map((row) => Number(row.lap_time_ms) / 1000), 0.5);
  // Further away than a lap or so is another race.
  const most = Number.isNaN(lapS) ? 120 : lapS * 1.15;
  const [low, high] = [Math.max(Math.min(0, ...all), -most), Math.min(Math.max(5, ...all), most)];
  const pad = (high - low) * 0.03;
  plot.scale(boxOf(plot, { left: 44, right: 40 }), [1, Math.max(laps.lapCount, 2)], [high + pad, low - pad]);
  plot.axisY(ticks(low, high, Math.max(2, (plot.box.bottom - plot.box.top) / 34)), (value) => (value === 0 ? "0 s" : `${value > 0 ? "+" : "−"}${Math.abs(value)}`));
  axisOfLaps(plot, scene);
  const styles = stylesOf(drivers, reference === null || !scene.chosen.length ? scene.chosen : [...scene.chosen, reference], plot.look);
  const whom = reference === null ? "the leader" : styles.get(reference)?.code ?? reference;
  /** @type {Target[]} */
  const targets = [];
  /** @type {{ style: Style, x: number, y: number }[]} */
  const ends = [];
  for (const { number, gaps } of lines) {
    const style = styles.get(number);
    if (!style) continue;
    plot.inside(() => {
      plot.line(gaps.map(({ row, gapMs }) => [row.lap, gapMs / 1000]), style.stroke);
      for (const { row, gapMs } of gaps) if (row.pit_in_ms !== null) plot.dot(plot.x(row.lap), plot.y(gapMs / 1000), 3, { fill: plot.look.panel, edge: style.stroke.color, alpha: style.stroke.alpha ?? 1 });
    });
    const seen = gaps.filter(({ gapMs }) => gapMs / 1000 >= low && gapMs / 1000 <= high);
    for (const { row, gapMs } of seen) {
      const words = gapMs === 0 ? (reference === null ? "leads" : "at the same moment") : `${Math.abs(gapMs / 1000).toFixed(3)} s ${gapMs > 0 ? "behind" : "ahead of"} ${whom}`;
      targets.push({ px: plot.x(row.lap), py: plot.y(gapMs / 1000), row: number, column: row.lap, timeMs: row.start_ms, text: `${style.code}, lap ${row.lap}: ${words}` });
    }
    const last = seen.at(-1);
    if (last && last === gaps.at(-1)) ends.push({ style, x: plot.x(last.row.lap), y: plot.y(last.gapMs / 1000) });
  }
  labelEnds(plot, ends);
  return targets;
}

/**
 * Codes at the ends of lines, one below the other; lines that ended long before have none.
 *
 * @param {Plot} plot to draw on
 * @param {{ style: Style, x: number, y: number }[]} ends of lines
 */
function labelEnds(plot, ends) {
  const right = Math.max(...ends.map(({ x }) => x));
  const sorted = ends.filter(({ x }) => x > right - CODE_PX / 2).sort((a, b) => a.y - b.y);
  const placed = spread(sorted.map(({ y }) => y), LABEL_APART_PX, plot.box.bottom);
  sorted.forEach(({ style, x }, i) => plot.text(style.code, Math.max(x, right - 14) + 6, placed[i], { color: style.label, size: 10, weight: 600, alpha: style.stroke.alpha ?? 1 }));
}

/**
 * Where laps and moments lie across: by number in a race, else by the time of the session.
 *
 * @param {Scene} scene to be drawn
 * @returns {{ xs: [number, number], begin: (row: LapRow) => number, end: (row: LapRow) => number, now: number }} in laps or minutes
 */
export function across({ laps, isRace, untilMs, nowMs, parts }) {
  if (isRace) {
    /** @type {(row: LapRow) => number} */
    const end = ({ lap, start_ms: start, end_ms: stop }) => {
      if (stop !== null && stop <= untilMs) return lap;
      return lap - 1 + Math.min(1, Math.max(0, (untilMs - (start ?? untilMs)) / ((stop ?? Infinity) - (start ?? 0))));
    };
    return { xs: [0, Math.max(laps.lapCount, 1)], begin: ({ lap }) => lap - 1, end, now: laps.lapAt(nowMs) };
  }
  const ends = [...laps.byCar.values()].flatMap((rows) => rows.at(-1)?.end_ms ?? []);
  const last = Math.max(...parts.map(({ start_ms: from, end_ms: to }) => to ?? from), untilMs < Infinity ? nowMs : Math.max(0, ...ends));
  const first = Math.min(parts[0]?.start_ms ?? 0, last);
  return {
    xs: [first / MINUTE_MS, Math.max(last, first + MINUTE_MS) / MINUTE_MS],
    begin: (row) => Math.max(row.pit_out_ms ?? row.start_ms ?? first, first) / MINUTE_MS,
    end: (row) => Math.min(row.pit_in_ms ?? row.end_ms ?? last, untilMs, last) / MINUTE_MS,
    now: nowMs / MINUTE_MS,
  };
}

/**
 * The axis of :func:`across`, with flags and the parts of a session.
 *
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @param {number} now where the present lies
 */
export function axisAcross(plot, scene, now) {
  if (scene.isRace) {
    axisOfLaps(plot, scene);
    return;
  }
  const startMin = plot.xs[0];
  const count = Math.max(2, Math.floor((plot.box.right - plot.box.left) / 50));
  const marks = ticks(0, plot.xs[1] - startMin, count, [1, 2, 5]).map((minute) => minute + startMin);
  plot.axisX(marks, (value) => hoursText((value - startMin) * MINUTE_MS).slice(0, -3), "Time since the start (h:min)");
  plot.bands(bandsOf(scene.runs, STATUSES, (ms) => ms / MINUTE_MS, scene.untilMs));
  for (const { name, start_ms: from } of scene.parts.length > 1 ? scene.parts : []) {
    plot.line([[from / MINUTE_MS, plot.ys[0]], [from / MINUTE_MS, plot.ys[1]]], { color: plot.look.muted, width: 1 });
    plot.text(name, plot.x(from / MINUTE_MS) + 3, plot.box.top - 7, { size: 10, weight: 600 });
  }
  plot.now(now);
}

/**
 * Stints of every car, a line each: compound, laps, new or used tyres.
 *
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @returns {Target[]} what can be pointed at
 */
export function drawStints(plot, scene) {
  const { laps, drivers, untilMs, order } = scene;
  const place = across(scene);
  plot.scale(boxOf(plot, { left: 44, right: 16 }), place.xs, [order.length, 0]);
  axisAcross(plot, scene, place.now);
  const styles = stylesOf(drivers, scene.chosen, plot.look);
  const height = plot.y(1) - plot.y(0);
  const bar = Math.max(3, Math.min(18, height - 3));
  /** @type {Target[]} */
  const targets = [];
  order.forEach((number, index) => {
    const style = styles.get(number);
    if (!style) return;
    const middle = plot.y(index + 0.5);
    plot.text(style.code, plot.box.left - 6, middle, { align: "right", color: style.label, size: Math.max(7, Math.min(11, height)), weight: style.isChosen ? 800 : 600 });
    const stints = laps.stints(number, untilMs);
    let done = place.xs[0];
    for (const stint of stints) {
      const [from, to] = [place.begin(stint.laps[0]), place.end(stint.laps[stint.laps.length - 1])];
      drawBar(plot, stint, { left: plot.x(from), right: Math.max(plot.x(to), plot.x(from) + 1), middle, height: bar });
      for (const row of stint.laps) {
        const px = plot.x((place.begin(row) + place.end(row)) / 2);
        targets.push({ px, py: middle, row: number, column: row.lap, timeMs: row.start_ms, text: stintText(style, stint, row) });
      }
      done = to;
    }
    if (scene.out.has(number) && stints.length) plot.text("out", plot.x(done) + 4, middle, { size: Math.max(7, Math.min(10, height)) });
  });
  plot.now(place.now);
  return targets;
}

/**
 * @param {Plot} plot to draw on
 * @param {Stint} stint of a car
 * @param {{ left: number, right: number, middle: number, height: number }} where it lies
 */
function drawBar(plot, { compound, isNew, laps }, { left, right, middle, height }) {
  const { c } = plot;
  const [top, width] = [middle - height / 2, right - left - 1];
  c.fillStyle = compoundColor(compound);
  c.globalAlpha = compound === null ? 0.4 : 1;
  c.fillRect(left, top, width, height);
  c.globalAlpha = 1;
  if (isNew === false) hatch(plot, { left, top, width, height });
  const letter = compoundLetter(compound);
  const text = width > 34 ? `${letter} ${laps.length}` : letter;
  if (height >= 9 && width > 12) {
    plot.text(text, left + width / 2, middle + 0.5, { align: "center", size: Math.min(11, height), weight: 700, color: compoundText(compound) });
  }
}

/**
 * Stripes at the beginning of a bar: a set that had been used.
 *
 * @param {Plot} plot to draw on
 * @param {{ left: number, top: number, width: number, height: number }} bar to be marked
 */
function hatch({ c, look }, { left, top, width, height }) {
  c.save();
  c.beginPath();
  c.rect(left, top, Math.min(width, 9), height);
  c.clip();
  c.strokeStyle = look.panel;
  c.lineWidth = 1.5;
  c.beginPath();
  for (let x = left - height; x < left + 9; x += 4) {
    c.moveTo(x, top + height);
    c.lineTo(x + height, top);
  }
  c.stroke();
  c.restore();
}

/**
 * @param {Style} style of the car
 * @param {Stint} stint of it
 * @param {LapRow} row a lap of that
 * @returns {string} in words
 */
function stintText(style, { compound, isNew, ageAtStart, laps }, row) {
  const set = isNew === null || compound === null ? "" : isNew ? ", new" : `, used${ageAtStart ? ` for ${ageAtStart} lap${ageAtStart === 1 ? "" : "s"}` : ""}`;
  const [first, last] = [laps[0].lap, laps[laps.length - 1].lap];
  return `${style.code}, lap ${row.lap}: ${compound === null ? "tyre unknown" : compound.toLowerCase()}${set}, ${first === last ? `lap ${first}` : `laps ${first} to ${last}`}`;
}

/**
 * Lap times of the chosen cars; what lies above the picture stands at its edge.
 *
 * @param {Plot} plot to draw on
 * @param {Scene} scene to be drawn
 * @returns {Target[]} what can be pointed at
 */
export function drawTimes(plot, scene) {
  const { laps, drivers, chosen, untilMs, isRace } = scene;
  const shown = chosen.map((number) => ({ number, rows: laps.ended(number, untilMs).filter((row) => row.lap_time_ms !== null) }));
  const clean = shown.flatMap(({ rows }) => rows.filter(isClean).map((row) => Number(row.lap_time_ms) / 1000));
  const every = shown.flatMap(({ rows }) => rows.map((row) => Number(row.lap_time_ms) / 1000));
  const base = clean.length ? clean : every;
  const low = Math.min(...base);
  const high = Math.max(quantile(base, isRace ? 0.97 : 0.6), low * 1.015);
  const pad = (high - low) * 0.08;
  const place = across(scene);
  const range = /** @type {[number, number]} */ (base.length ? [low - pad, high + pad] : [0, 1]);
  plot.scale({ ...boxOf(plot, { left: 58, right: 20 }), top: KEYED_PX }, place.xs, range);
  if (base.length) plot.axisY(ticks(range[0], range[1], Math.max(2, (plot.box.bottom - plot.box.top) / 34), [1, 2, 5]), (value) => lapText(value * 1000).slice(0, -2));
  axisAcross(plot, scene, place.now);
  const styles = stylesOf(drivers, chosen, plot.look);
  const targets = shown.flatMap(({ number, rows }) => drawCarTimes(plot, styles.get(number), rows, isRace ? ({ lap }) => lap : place.end));
  plot.key(shown.flatMap(({ number }) => styles.get(number) ?? []).map(({ code, stroke }) => ({ text: code, stroke })));
  if (!base.length) plot.text("No lap time yet", plot.width / 2, plot.height / 2, { align: "center", size: 13 });
  return targets;
}

/**
 * @param {Plot} plot to draw on
 * @param {Style | undefined} style of a car
 * @param {LapRow[]} rows its laps with a time
 * @param {(row: LapRow) => number} placeOf a lap across
 * @returns {Target[]} what can be pointed at
 */
function drawCarTimes(plot, style, rows, placeOf) {
  if (!style) return [];
  const seconds = (/** @type {LapRow} */ row) => Number(row.lap_time_ms) / 1000;
  // A line connects what can be compared; other laps stand for themselves.
  plot.inside(() => plot.line(rows.map((row) => [placeOf(row), isClean(row) ? seconds(row) : NaN]), { ...style.stroke, alpha: 0.85 }));
  return rows.map((row) => {
    const isAbove = seconds(row) > plot.ys[1];
    const [px, py] = [plot.x(placeOf(row)), isAbove ? plot.box.top + 1 : plot.y(seconds(row))];
    const isPlain = isClean(row);
    plot.dot(px, py, isPlain ? 3.6 : 3, { fill: isPlain ? compoundColor(row.compound) : plot.look.panel, edge: style.stroke.color });
    if (isAbove) plot.text("↑", px, py + 9, { align: "center", size: 9, color: style.label });
    const notes = [row.pit_out_ms === null ? "" : "out of the pits", row.pit_in_ms === null ? "" : "into the pits", isSlowed(row) ? "safety car or red flag" : "", row.deleted ? "deleted" : ""];
    const text = [`${style.code}, lap ${row.lap}: ${lapText(Number(row.lap_time_ms))}, ${tyreText(row)}`, ...notes.filter(Boolean)].join(", ");
    return { px, py, row: row.car, column: row.lap, timeMs: row.start_ms, text };
  });
}
