// Reading of a minute of native samples (parcferme/samples/1), interpolated as the manifest declares.

import { heldAt } from "./decode.js";

/** @import { Manifest, Runs, Sampled, SamplesDocument, Steps } from "./types.d.ts" */

/** @typedef {Manifest["samples"]} Declared what a manifest says of samples */
/** @typedef {{ times: Float64Array, values: Float64Array }} Curve times in ms and values there, NaN where nothing is known */

const TICK_MS = 40; // how finely a minute is shown; readers may ask for any moment
const MAX_SLOPE = 3; // a cubic whose ends rise no more than this times its chord does not turn back
const MS_PER_KMH = 3600; // km/h to metres a ms

const NO_CHANNEL = /** @type {const} */ ({ time: "car_time", differences: 1, scale: 1, null: "no sample" });

/** A minute of all cars. */
export class SampleChunk {
  /**
   * @param {SamplesDocument} document the minute
   * @param {Declared} declared the manifest's `samples`
   */
  constructor(document, declared) {
    this.document = document;
    this.channels = declared.channels;
    this.lapLengthM = declared.lap_length_m;
    this.startMs = document.start_ms;
    this.endMs = document.end_ms;
    this.stepMs = TICK_MS;
    this.fps = 1000 / TICK_MS;
    this.ticks = Math.ceil((this.endMs - this.startMs) / TICK_MS);
    this.cars = Object.keys(document.cars);
    this.stamps = { car_time: sums(document.car_time, 1), position_time: sums(document.position_time, 1) };
    /** By car, then by channel: a key made of both would be made anew for every value. @type {Map<string, Map<string, Curve>>} */
    this.curves = new Map();
    /** @type {Map<string, Float64Array>} */
    this.velocities = new Map();
    /** @type {Map<string, Set<number>>} */
    this.breaks = new Map();
  }

  /**
   * @param {number} timeMs a moment
   * @returns {number} the tick at or before it, within the minute
   */
  tickAt(timeMs) {
    return Math.min(Math.max(Math.floor((timeMs - this.startMs) / TICK_MS + 1e-6), 0), this.ticks - 1);
  }

  /**
   * @param {string} car racing number
   * @param {string} name of a channel of numbers
   * @param {number} tick of the minute
   * @returns {number | null} the value, null where it is not known
   */
  number(car, name, tick) {
    const value = this.valueAt(car, name, this.startMs + tick * TICK_MS);
    return typeof value === "number" ? value : null;
  }

  /**
   * @param {string} car racing number
   * @param {string} name of a channel held as a text: tyre, state
   * @param {number} tick of the minute
   * @returns {string | null} the value, null where it is not known
   */
  text(car, name, tick) {
    const value = this.valueAt(car, name, this.startMs + tick * TICK_MS);
    return typeof value === "string" ? value : null;
  }

  /**
   * @param {number} tick of the minute
   * @returns {string | null} the code of the track status
   */
  trackStatus(tick) {
    return heldAt(this.document.track_status, this.startMs + tick * TICK_MS);
  }

  /**
   * @param {number} tick of the minute
   * @returns {number | null} the lap the leader is on, null where there is no order on track
   */
  leaderLap(tick) {
    return heldAt(this.document.leader_lap, this.startMs + tick * TICK_MS);
  }

  /**
   * @param {string} car racing number
   * @param {string} name of a channel
   * @param {number} timeMs any moment of the minute
   * @returns {number | string | null} the value in the channel's unit, null where it is not known
   */
  valueAt(car, name, timeMs) {
    if (name === "lap_distance") return this.lapDistance(car, timeMs);
    const channel = this.channels[name];
    const encoded = this.document.cars[car]?.[name];
    if (!channel || !encoded) return null;
    if (channel.interpolation === "held") {
      return this.held(/** @type {Runs<number | string>} */ (encoded), channel, timeMs);
    }
    const curve = this.curve(car, name);
    if (channel.interpolation === "cubic") return this.cubic(car, curve, name === "x" ? 0 : 1, timeMs);
    return line(curve, timeMs, channel.max_gap_ms ?? Infinity);
  }

  /**
   * @param {string} car racing number
   * @param {number} timeMs the moment
   * @returns {number | null} metres from the line along the present lap
   */
  lapDistance(car, timeMs) {
    const [distance, lap, state] = ["distance", "lap", "state"].map((name) => this.valueAt(car, name, timeMs));
    const lapM = this.lapLengthM;
    if (typeof distance !== "number" || typeof lap !== "number" || lapM === null) return null;
    if (lap === 0 || state === "grid" || state === "out" || state === "finished") return null;
    const along = distance - (lap - 1) * lapM;
    return lap > 1 ? Math.min(Math.max(along, 0), lapM) : along;
  }

  /**
   * @param {Runs<number | string>} runs of a held channel, by sample or by ms
   * @param {Sampled} channel as it is declared
   * @param {number} timeMs the moment
   * @returns {number | string | null} the last value seen that is not too old
   */
  held(runs, channel, timeMs) {
    if (channel.time === "own") return heldAt(runs, timeMs);
    const stamps = this.stamps[channel.time];
    const at = indexAt(stamps, timeMs);
    if (at < 0 || (at === stamps.length - 1 && stamps[at] < timeMs)) return null;
    let run = runs.findLastIndex(([from]) => from <= at);
    while (run >= 0 && runs[run][1] === null) run--;
    if (run < 0) return null;
    const last = Math.min(at, (runs[run + 1]?.[0] ?? Infinity) - 1);
    return timeMs - stamps[last] <= (channel.max_gap_ms ?? Infinity) ? runs[run][1] : null;
  }

  /**
   * @param {string} car racing number
   * @param {string} name of a channel of numbers
   * @returns {Curve} its samples, or its knots
   */
  curve(car, name) {
    const ofCar = this.curves.get(car) ?? new Map();
    const decoded = ofCar.get(name);
    if (decoded) return decoded;
    const { time, differences, scale, null: nothing } = this.channels[name] ?? NO_CHANNEL;
    const encoded = (this.channels[name] && this.document.cars[car]?.[name]) ?? [];
    const perUnit = Math.round(1 / scale);
    /** @type {Curve} */
    let curve;
    if (time === "own") {
      const [times, numbers] = /** @type {[number[], Steps]} */ (encoded);
      curve = { times: sums(times, 1), values: sums(numbers, differences) };
    } else {
      curve = sampled(this.stamps[time], sums(/** @type {Steps} */ (encoded), differences), nothing === "unknown");
    }
    for (let i = 0; i < curve.values.length; i++) curve.values[i] /= perUnit;
    this.curves.set(car, ofCar.set(name, curve));
    return curve;
  }

  /**
   * @param {string} car racing number
   * @param {Curve} curve of x or y
   * @param {0 | 1} axis which of both it is
   * @param {number} timeMs the moment
   * @returns {number | null} the coordinate
   */
  cubic(car, curve, axis, timeMs) {
    const { times, values } = curve;
    const i = indexAt(times, timeMs);
    if (i < 0) return null;
    if (times[i] === timeMs) return Number.isNaN(values[i]) ? null : values[i];
    if (i + 1 === times.length || times[i + 1] - times[i] > (this.channels.x.max_gap_ms ?? Infinity)) return null;
    if (this.breaksOf(car).has(times[i + 1])) return null;
    const span = times[i + 1] - times[i];
    const s = (timeMs - times[i]) / span;
    const rise = values[i + 1] - values[i];
    const other = this.curve(car, axis === 0 ? "y" : "x").values;
    const chord = length(rise, other[i + 1] - other[i]);
    const velocities = this.velocitiesOf(car);
    const begin = slope(velocities, i, axis, span, chord);
    const end = slope(velocities, i + 1, axis, span, chord);
    const value = values[i] + s * (begin + s * (3 * rise - 2 * begin - end + s * (begin + end - 2 * rise)));
    return Number.isNaN(value) ? null : value;
  }

  /**
   * @param {string} car racing number
   * @returns {Set<number>} times of coordinates that nothing connects to those before
   */
  breaksOf(car) {
    let breaks = this.breaks.get(car);
    if (!breaks) {
      const indices = /** @type {number[]} */ (this.document.cars[car]?.breaks ?? []);
      breaks = new Set(indices.map((index) => this.stamps.position_time[index]));
      this.breaks.set(car, breaks);
    }
    return breaks;
  }

  /**
   * @param {string} car racing number
   * @returns {Float64Array} velocity in x and y at every sample: the direction of the parabola through it and its
   *   neighbours, as fast as was measured; metres a ms
   */
  velocitiesOf(car) {
    const known = this.velocities.get(car);
    if (known) return known;
    const { times, values: x } = this.curve(car, "x");
    const { values: y } = this.curve(car, "y");
    const speed = this.curve(car, "speed");
    const maxGapMs = this.channels.speed?.max_gap_ms ?? 0;
    const breaks = this.breaksOf(car);
    const result = new Float64Array(2 * times.length);
    for (let k = 0; k < times.length; k++) {
      const isBefore = k > 0 && !breaks.has(times[k]);
      const isAfter = k + 1 < times.length && !breaks.has(times[k + 1]);
      if (!isBefore && !isAfter) continue;
      const first = isBefore ? k : k + 1;
      const last = isAfter ? k + 1 : k;
      const vx = velocity(times, x, first, last);
      const vy = velocity(times, y, first, last);
      const size = length(vx, vy);
      const measured = line(speed, times[k], maxGapMs);
      const factor = measured === null || size === 0 ? 1 : measured / MS_PER_KMH / size;
      result[2 * k] = vx * factor;
      result[2 * k + 1] = vy * factor;
    }
    this.velocities.set(car, result);
    return result;
  }
}

/**
 * The length of a vector. Math.hypot puts its arguments on the heap, at every value of every car.
 *
 * @param {number} x its one side
 * @param {number} y its other side
 * @returns {number} its length
 */
function length(x, y) {
  return Math.sqrt(x * x + y * y);
}

/**
 * @param {Float64Array} velocities in x and y at every sample, metres a ms
 * @param {number} k the sample
 * @param {0 | 1} axis which of both is wanted
 * @param {number} span from sample to sample, ms
 * @param {number} chord between the samples, metres
 * @returns {number} the slope of the cubic at the sample, metres a span, no steeper than does not turn it back
 */
function slope(velocities, k, axis, span, chord) {
  const size = length(velocities[2 * k], velocities[2 * k + 1]) * span;
  return velocities[2 * k + axis] * span * (size > 0 ? Math.min(1, (MAX_SLOPE * chord) / size) : 1);
}

/**
 * @param {Float64Array} times of samples
 * @param {Float64Array} values there
 * @param {number} first end of the step before
 * @param {number} last end of the step after; the same where there is one step alone
 * @returns {number} velocity of the parabola through both steps where they meet
 */
function velocity(times, values, first, last) {
  const before = times[first] - times[first - 1];
  const after = times[last] - times[last - 1];
  const left = (values[first] - values[first - 1]) / before;
  const right = (values[last] - values[last - 1]) / after;
  return (left * after + right * before) / (before + after);
}

/**
 * @param {Steps} numbers as published
 * @param {number} times how often they are to be summed up
 * @returns {Float64Array} the sums; NaN for null, which is no number
 */
export function sums(numbers, times) {
  // Plain loops: what is mapped takes several times as long, and there are hundreds of these before the first frame.
  const result = new Float64Array(numbers.length);
  for (let i = 0; i < result.length; i++) result[i] = numbers[i] ?? NaN;
  for (let round = 0; round < times; round++) {
    let last = 0;
    for (let i = 0; i < result.length; i++) {
      if (Number.isNaN(result[i])) continue;
      last += result[i];
      result[i] = last;
    }
  }
  return result;
}

/**
 * @param {Float64Array} times of samples
 * @param {Float64Array} values there, NaN where there is none
 * @param {boolean} isGap whether a value that is not there is a gap; else there is no sample
 * @returns {Curve} the samples there are
 */
function sampled(times, values, isGap) {
  if (isGap) return { times: times.subarray(0, values.length), values };
  const kept = { times: new Float64Array(values.length), values: new Float64Array(values.length) };
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    kept.times[count] = times[i];
    kept.values[count++] = values[i];
  }
  return { times: kept.times.subarray(0, count), values: kept.values.subarray(0, count) };
}

/**
 * @param {Float64Array} times ascending
 * @param {number} timeMs a moment
 * @returns {number} index of the last time at or before it, -1 before the first
 */
function indexAt(times, timeMs) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * @param {Curve} curve of samples or knots
 * @param {number} timeMs a moment
 * @param {number} maxGapMs longest time between two of them that a line leads across
 * @returns {number | null} the value on the straight line between them, null where it is not known
 */
function line({ times, values }, timeMs, maxGapMs) {
  const i = indexAt(times, timeMs);
  if (i < 0) return null;
  const [low, high] = [values[i], values[i + 1]];
  let value = low;
  if (times[i] !== timeMs) {
    const span = times[i + 1] - times[i];
    if (!(span <= maxGapMs)) return null;
    value = low + ((high - low) * (timeMs - times[i])) / span;
  }
  return Number.isNaN(value) ? null : value;
}
