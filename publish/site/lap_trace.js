// A lap along its distance, and how much time one lap loses to another on the way.

/** @import { Trace } from "./parcferme.js" */
/** @import { LapRow } from "./types.d.ts" */

const LONGEST_GAP_MS = 1600; // what the channels are interpolated across, and a step
const SMOOTHED_MS = 2500; // coordinates waver by metres from one to the next, and not for longer than that
const MOST_MISSED_M = 30; // further away it is the time of a sector that is wrong
const MS_PER_KMH = 3600; // km/h to metres a ms
/** Channels that are read of every lap; between two moments the first ones are on a line, the others keep their value. */
const LINEAR = ["speed", "throttle", "rpm", "x", "y"];
const HELD = ["gear", "brake", "drs"];

/** What has to be asked for to make a lap's trace. */
export const TRACED = ["distance", "lap_distance", ...LINEAR, ...HELD];

/** A lap along its distance. */
export class LapTrace {
  /**
   * @param {LapRow} row the lap
   * @param {Trace} trace what the car did from its beginning to its end, {@link TRACED} at least
   * @param {number} lengthM length of a lap
   * @param {number[]} sectorsM where the first sectors end, metres from the line
   */
  constructor(row, trace, lengthM, sectorsM = []) {
    this.row = row;
    this.lengthM = lengthM;
    this.sectorsM = sectorsM;
    this.startMs = Number(row.start_ms);
    this.timeMs = Number(row.end_ms) - this.startMs;
    this.trace = trace;
    /** Metres from the line, rising: 0 first, the length of the lap last. */
    this.distances = [0];
    /** When the car was there, ms since the lap began. */
    this.times = [0];
    this.findKnots();
    /** @type {Map<string, Float64Array>} */
    this.sampled = new Map();
  }

  /**
   * When the car was where, from line to line. At both ends and at the ends of sectors the timing says it, so that lap and
   * sectors take their official times. Between them its speed summed up says how it moved, and its coordinates where: what
   * both differ by is smoothed, since coordinates waver, and added to the sum; what is then still missing where the timing
   * says it is spread evenly between.
   */
  findKnots() {
    const along = this.trace.timesMs.map((_, i) => this.alongAt(i));
    const known = along.filter((metres) => !Number.isNaN(metres)).length;
    if (known) this.addKnots(this.smoothed(along) ?? along);
    this.distances.push(this.lengthM);
    this.times.push(this.timeMs);
  }

  /** @param {number[]} along metres from the line at every moment of the trace, NaN where it is not known */
  addKnots(along) {
    this.trace.timesMs.forEach((timeMs, i) => {
      const [metres, ms] = [along[i], timeMs - this.startMs];
      // A car that stands is where it was.
      if (!(metres > this.distances[this.distances.length - 1] && metres < this.lengthM) || ms <= 0 || ms >= this.timeMs) return;
      this.distances.push(metres);
      this.times.push(ms);
    });
  }

  /**
   * @param {number[]} along metres from the line by coordinates, at every moment of the trace
   * @returns {number[] | null} the same as the speed has it in between; null where that is not known all the time
   */
  smoothed(along) {
    const { timesMs, channels: { speed } } = this.trace;
    const driven = [0];
    for (let i = 1; i < timesMs.length; i++) {
      driven.push(driven[i - 1] + ((Number(speed[i] ?? NaN) + Number(speed[i - 1] ?? NaN)) / 2 / MS_PER_KMH) * (timesMs[i] - timesMs[i - 1]));
    }
    if (Number.isNaN(driven[driven.length - 1])) return null;
    const apart = means(timesMs, along.map((metres, i) => metres - driven[i]), SMOOTHED_MS);
    const metres = driven.map((sum, i) => (Number.isNaN(along[i]) ? NaN : sum + apart[i]));
    const misses = this.timed(metres);
    if (!misses) return null;
    return metres.map((value, i) => value - between(misses, timesMs[i] - this.startMs));
  }

  /**
   * @param {number[]} metres from the line, at every moment of the trace
   * @returns {[number, number][] | null} by how much they miss what the timing says: ms since the lap began, and metres there;
   *   null where they are not known at an end
   */
  timed(metres) {
    const { timesMs } = this.trace;
    /** @type {[number, number][]} */
    const places = timesMs.map((timeMs, i) => [timeMs - this.startMs, metres[i]]);
    const { sector1_ms: first, sector2_ms: second, lap } = this.row;
    const ends = [first, first === null || second === null ? null : first + second];
    /** @type {[number, number][]} */
    const sectors = ends.flatMap((ms, i) => (ms === null || this.sectorsM[i] === undefined ? [] : [[ms, between(places, ms) - this.sectorsM[i]]]));
    // The first lap begins at the place on the grid.
    const [atStart, atEnd] = [lap > 1 ? metres[0] : 0, metres[metres.length - 1] - this.lengthM];
    if (Number.isNaN(atStart + atEnd)) return null;
    return [[0, atStart], ...sectors.filter(([ms, miss]) => ms > 0 && ms < this.timeMs && Math.abs(miss) < MOST_MISSED_M), [this.timeMs, atEnd]];
  }

  /**
   * @param {number} i index of a moment of the trace
   * @returns {number} metres from the line at which the lap began, by coordinates; NaN where it is not known
   */
  alongAt(i) {
    const { distance, lap_distance: own } = this.trace.channels;
    // Where frames stand in for samples there is the distance of the own lap alone.
    return distance[i] === null ? Number(own[i] ?? NaN) : Number(distance[i]) - (this.row.lap - 1) * this.lengthM;
  }

  /** Whether it is known where the car was at all. */
  get isKnown() {
    return this.distances.length > 2;
  }

  /**
   * When the car was at a distance: t(s), on a straight line between two moments it is known at.
   *
   * @param {number} metres from the line
   * @returns {number} ms since the lap began; NaN where the car was not seen for too long
   */
  timeAt(metres) {
    const { distances, times } = this;
    const i = below(distances, metres);
    if (i < 0 || metres > this.lengthM) return NaN;
    if (distances[i] === metres || i + 1 === distances.length) return times[i];
    const [span, ms] = [distances[i + 1] - distances[i], times[i + 1] - times[i]];
    // A car that stands still is seen, but its next distance is long after: the trace has it in between.
    if (ms > LONGEST_GAP_MS && !this.isSeen(times[i], times[i + 1])) return NaN;
    return times[i] + (ms * (metres - distances[i])) / span;
  }

  /**
   * Where the car was at a moment.
   *
   * @param {number} ms since the lap began
   * @returns {number} metres from the line; NaN before and after the lap
   */
  distanceAt(ms) {
    const { distances, times } = this;
    const i = below(times, ms);
    if (i < 0 || ms > this.timeMs) return NaN;
    if (i + 1 === times.length) return distances[i];
    return distances[i] + ((distances[i + 1] - distances[i]) * (ms - times[i])) / (times[i + 1] - times[i]);
  }

  /**
   * @param {number} fromMs since the lap began
   * @param {number} toMs since the lap began
   * @returns {boolean} whether the distance is known all the way between
   */
  isSeen(fromMs, toMs) {
    return this.trace.timesMs.every((timeMs, i) => {
      const ms = timeMs - this.startMs;
      return ms <= fromMs || ms >= toMs || !Number.isNaN(this.alongAt(i));
    });
  }

  /**
   * @param {string} name of a channel
   * @param {number} metres from the line
   * @returns {number} its value there; NaN where it is not known
   */
  valueAt(name, metres) {
    const { timesMs, channels } = this.trace;
    const values = channels[name];
    const at = this.startMs + this.timeAt(metres);
    const i = below(timesMs, at);
    if (!values || !(i >= 0)) return NaN;
    const [low, high] = [values[i], values[i + 1]];
    if (typeof low !== "number") return NaN;
    if (HELD.includes(name) || timesMs[i] === at) return low;
    if (typeof high !== "number") return NaN;
    return low + ((high - low) * (at - timesMs[i])) / (timesMs[i + 1] - timesMs[i]);
  }

  /**
   * A channel at even distances from line to line, kept: charts ask for it again and again.
   *
   * @param {string} name of a channel, or `time`: ms since the lap began
   * @param {number} count of parts of the lap
   * @returns {Float64Array} `count` + 1 values, NaN where nothing is known
   */
  along(name, count) {
    const id = `${name} ${count}`;
    let values = this.sampled.get(id);
    if (!values) {
      const metres = Array.from({ length: count + 1 }, (_, i) => (this.lengthM * i) / count);
      values = Float64Array.from(metres, (s) => (name === "time" ? this.timeAt(s) : this.valueAt(name, s)));
      this.sampled.set(id, values);
    }
    return values;
  }

  /**
   * How much later this lap is at a distance than another one, both counted from their own beginning:
   * delta(s) = t(s) of this lap - t(s) of the other. At the line it is the difference of both lap times.
   *
   * @param {LapTrace} other that is measured against
   * @param {number} metres from the line
   * @returns {number} ms, positive where this lap is behind; NaN where one of both is not known
   */
  deltaAt(other, metres) {
    return this.timeAt(metres) - other.timeAt(metres);
  }
}

/**
 * Means of the values around every moment, less of those further away.
 *
 * @param {number[]} timesMs moments, rising
 * @param {number[]} values at them, NaN where there is none
 * @param {number} reachMs how far a value counts
 * @returns {number[]} the means, NaN where there is no value within reach
 */
function means(timesMs, values, reachMs) {
  let first = 0;
  return timesMs.map((timeMs) => {
    while (timesMs[first] < timeMs - reachMs) first++;
    let [sum, whole] = [0, 0];
    for (let i = first; timesMs[i] <= timeMs + reachMs; i++) {
      if (Number.isNaN(values[i])) continue;
      const weight = 1 - Math.abs(timesMs[i] - timeMs) / (reachMs + 1);
      sum += weight * values[i];
      whole += weight;
    }
    return sum / whole;
  });
}

/**
 * @param {[number, number][]} points across and up, rising across
 * @param {number} across any
 * @returns {number} the value on the straight line between its neighbours; beyond the ends that of the end
 */
function between(points, across) {
  const i = below(points.map(([at]) => at), across);
  if (i < 0) return points[0][1];
  const [[from, low], [to, high]] = [points[i], points[i + 1] ?? points[i]];
  return from === to ? low : low + ((high - low) * (across - from)) / (to - from);
}

/**
 * @param {number[]} values rising
 * @param {number} value any
 * @returns {number} index of the last of them that is not greater; -1 before the first, and for NaN
 */
function below(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
