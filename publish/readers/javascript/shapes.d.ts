/** @import { Channel, Sampled } from "./types.d.ts" */
/**
 * @param {any} document a run of frames
 * @param {Record<string, Channel>} channels the manifest's `frames.channels`
 * @returns {string | null} what of it is not as its schema says
 */
export function framesProblem(document: any, channels: Record<string, Channel>): string | null;
/**
 * @param {any} document a minute of samples
 * @param {Record<string, Sampled>} channels the manifest's `samples.channels`
 * @returns {string | null} what of it is not as its schema says
 */
export function samplesProblem(document: any, channels: Record<string, Sampled>): string | null;
import type { Channel } from "./types.d.ts";
import type { Sampled } from "./types.d.ts";
