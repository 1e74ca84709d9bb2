// Decoding of a frames chunk (parcferme/frames/1). A channel is decoded when it is first asked for.

/** A run of ticks of all cars. `channels` is the manifest's `frames.channels`. */
export class Chunk {
  constructor(document, channels) {
    this.fps = document.fps;
    this.startMs = document.start_ms;
    this.stepMs = 1000 / document.fps;
    this.ticks = document.ticks;
    this.endMs = this.startMs + this.ticks * this.stepMs;
    this.cars = Object.keys(document.cars);
    this.document = document;
    this.channels = channels;
    this.decoded = new Map();
  }

  /** The tick at or before `timeMs`, within the chunk. */
  tickAt(timeMs) {
    const tick = Math.floor((timeMs - this.startMs) / this.stepMs + 1e-6);
    return Math.min(Math.max(tick, 0), this.ticks - 1);
  }

  /** Value of a car's channel at a tick: a number, a text (tyre, state), or null in a gap or without the channel. */
  value(car, name, tick) {
    const channel = this.channels[name];
    const encoded = this.document.cars[car]?.[name];
    if (!channel || !encoded) return null;
    if (channel.kind === "held") return heldAt(encoded, tick);
    const value = this.series(car, name)[tick];
    return Number.isNaN(value) ? null : value;
  }

  /** A continuous channel of a car as Float64Array in its unit, NaN in a gap; null where the chunk has none. */
  series(car, name) {
    const encoded = this.document.cars[car]?.[name];
    if (!encoded) return null;
    const id = `${car} ${name}`;
    let values = this.decoded.get(id);
    if (!values) {
      values = decodeContinuous(encoded, this.channels[name].scale);
      this.decoded.set(id, values);
    }
    return values;
  }

  trackStatus(tick) {
    return heldAt(this.document.track_status, tick);
  }

  leaderLap(tick) {
    return heldAt(this.document.leader_lap, tick);
  }
}

/** First value and differences of integers to values; after a gap (null) the next one is absolute again. */
export function decodeContinuous(encoded, scale) {
  const values = new Float64Array(encoded.length);
  // Division by a whole number gives the nearest double (3 / 10), multiplication by 0.1 does not.
  const perUnit = Math.round(1 / scale);
  let last = 0;
  for (let i = 0; i < encoded.length; i++) {
    const step = encoded[i];
    if (step === null) {
      last = 0;
      values[i] = NaN;
    } else {
      last += step;
      values[i] = perUnit > 1 ? last / perUnit : last * scale;
    }
  }
  return values;
}

/** Value of runs `[[tick, value], ...]` at a tick. */
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
