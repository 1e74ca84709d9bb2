/**
 * Integers to values: first value and differences, or differences of differences; after a gap (null) it begins anew.
 *
 * @param {Steps} encoded as published
 * @param {Pick<Channel, "scale" | "differences">} channel what one step is worth, and of which order differences are
 * @returns {Float64Array} values, NaN in a gap
 */
export function decodeContinuous(encoded: Steps, { scale, differences }: Pick<Channel, "scale" | "differences">): Float64Array;
/**
 * The value of a held channel at a tick.
 *
 * @template Value
 * @param {Runs<Value>} runs as published
 * @param {number} tick of the chunk
 * @returns {Value | null} the value, null in a gap
 */
export function heldAt<Value>(runs: Runs<Value>, tick: number): Value | null;
/** @import { Channel, FramesDocument, Runs, Steps } from "./types.d.ts" */
/** A run of ticks of all cars. */
export class Chunk {
    /**
     * @param {FramesDocument} document the chunk
     * @param {Record<string, Channel>} channels the manifest's `frames.channels`
     */
    constructor(document: FramesDocument, channels: Record<string, Channel>);
    fps: number;
    startMs: number;
    stepMs: number;
    ticks: number;
    endMs: number;
    cars: string[];
    document: FramesDocument;
    channels: Record<string, Channel>;
    /** @type {Map<string, Float64Array>} */
    decoded: Map<string, Float64Array>;
    /**
     * @param {number} timeMs a moment
     * @returns {number} the tick at or before it, within the chunk
     */
    tickAt(timeMs: number): number;
    /**
     * @param {string} car racing number
     * @param {string} name of a continuous channel, or one held as a number
     * @param {number} tick of the chunk
     * @returns {number | null} the value, null in a gap or without the channel
     */
    number(car: string, name: string, tick: number): number | null;
    /**
     * @param {string} car racing number
     * @param {string} name of a channel held as a text: tyre, state
     * @param {number} tick of the chunk
     * @returns {string | null} the value, null in a gap or without the channel
     */
    text(car: string, name: string, tick: number): string | null;
    /**
     * @param {string} car racing number
     * @param {string} name of the channel
     * @param {number} tick of the chunk
     * @returns {number | string | null} the value, null in a gap or without the channel
     */
    value(car: string, name: string, tick: number): number | string | null;
    /**
     * @param {string} car racing number
     * @param {string} name of a continuous channel
     * @returns {Float64Array | null} its values in its unit as often as the channel has one, NaN in a gap; null without any
     */
    series(car: string, name: string): Float64Array | null;
    /**
     * @param {number} tick of the chunk
     * @returns {string | null} the code of the track status
     */
    trackStatus(tick: number): string | null;
    /**
     * @param {number} tick of the chunk
     * @returns {number | null} the lap the leader is on, null where there is no order on track
     */
    leaderLap(tick: number): number | null;
}
import type { Steps } from "./types.d.ts";
import type { Channel } from "./types.d.ts";
import type { Runs } from "./types.d.ts";
import type { FramesDocument } from "./types.d.ts";
