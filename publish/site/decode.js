// Decoding of a frames chunk (parcferme/frames/2). A channel is decoded when it is first asked for.

/** @import { Channel, FramesDocument, Runs, Steps } from "./types.d.ts" */

/** A run of ticks of all cars. */
export class Chunk {
  /**
   * @param {FramesDocument} document the chunk
   * @param {Record<string, Channel>} channels the manifest's `frames.channels`
   */
  constructor(document, channels) {
    this.fps = document.fps;
    this.startMs = document.start_ms;
    this.stepMs = 1000 / document.fps;
    this.ticks = document.ticks;
    this.endMs = this.startMs + this.ticks * this.stepMs;
    this.cars = Object.keys(document.cars);
    this.document = document;
    this.channels = channels;
    /** @type {Map<string, Float64Array>} */
    this.decoded = new Map();
  }

  /**
   * @param {number} timeMs a moment
   * @returns {number} the tick at or before it, within the chunk
   */
  tickAt(timeMs) {
    const tick = Math.floor((timeMs - this.startMs) / this.stepMs + 1e-6);
    return Math.min(Math.max(tick, 0), this.ticks - 1);
  }

  /**
   * @param {string} car racing number
   * @param {string} name of a continuous channel, or one held as a number
   * @param {number} tick of the chunk
   * @returns {number | null} the value, null in a gap or without the channel
   */
  number(car, name, tick) {
    const value = this.value(car, name, tick);
    return typeof value === "number" ? value : null;
  }

  /**
   * @param {string} car racing number
   * @param {string} name of a channel held as a text: tyre, state
   * @param {number} tick of the chunk
   * @returns {string | null} the value, null in a gap or without the channel
   */
  text(car, name, tick) {
    const value = this.value(car, name, tick);
    return typeof value === "string" ? value : null;
  }

  /**
   * @param {string} car racing number
   * @param {string} name of the channel
   * @param {number} tick of the chunk
   * @returns {number | string | null} the value, null in a gap or without the channel
   */
  value(car, name, tick) {
    const channel = this.channels[name];
    const encoded = this.document.cars[car]?.[name];
    if (!channel || !encoded) return null;
    if (channel.kind === "held") return heldAt(/** @type {Runs<number | string>} */ (encoded), tick);
    const every = Math.max(1, Math.floor((channel.every_ms * this.fps) / 1000));
    const value = this.series(car, name)?.[Math.floor(tick / every)] ?? NaN;
    return Number.isNaN(value) ? null : value;
  }

  /**
   * @param {string} car racing number
   * @param {string} name of a continuous channel
   * @returns {Float64Array | null} its values in its unit as often as the channel has one, NaN in a gap; null without any
   */
  series(car, name) {
    const channel = this.channels[name];
    const encoded = this.document.cars[car]?.[name];
    if (!channel || !encoded) return null;
    const id = `${car} ${name}`;
    let values = this.decoded.get(id);
    if (!values) {
      values = decodeContinuous(/** @type {Steps} */ (encoded), channel);
      this.decoded.set(id, values);
    }
    return values;
  }

  /**
   * @param {number} tick of the chunk
   * @returns {string | null} the code of the track status
   */
  trackStatus(tick) {
    return heldAt(this.document.track_status, tick);
  }

  /**
   * @param {number} tick of the chunk
   * @returns {number | null} the lap the leader is on, null where there is no order on track
   */
  leaderLap(tick) {
    return heldAt(this.document.leader_lap, tick);
  }
}

/**
 * Integers to values: first value and differences, or differences of differences; after a gap (null) it begins anew.
 *
 * @param {Steps} encoded as published
 * @param {Pick<Channel, "scale" | "differences">} channel what one step is worth, and of which order differences are
 * @returns {Float64Array} values, NaN in a gap
 */
export function decodeContinuous(encoded, { scale, differences }) {
  const values = new Float64Array(encoded.length);
  // Division by a whole number gives the nearest double (3 / 10), multiplication by 0.1 does not.
  const perUnit = Math.round(1 / scale);
  let last = 0;
  let slope = 0;
  let known = 0; // values since the last gap
  for (let i = 0; i < encoded.length; i++) {
    const step = encoded[i];
    if (step === null) {
      last = slope = known = 0;
      values[i] = NaN;
    } else {
      slope = differences === 2 && known > 1 ? slope + step : step;
      last += slope;
      known++;
      values[i] = perUnit > 1 ? last / perUnit : last * scale;
    }
  }
  return values;
}

/**
 * The value of a held channel at a tick.
 *
 * @template Value
 * @param {Runs<Value>} runs as published
 * @param {number} tick of the chunk
 * @returns {Value | null} the value, null in a gap
 */
export function heldAt(runs, tick) {
  let low = 0;
  let high = runs.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (runs[middle][0] <= tick) low = middle;
    else high = middle - 1;
  }
  return runs.length ? runs[low][1] : null;
}
