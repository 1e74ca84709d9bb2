// A chart as a picture to keep.

import { element } from "./dom.js";
import { Plot } from "./plot.js";

/** @import { Look } from "./plot.js" */

const SIZE = { width: 1280, height: 720, ratio: 2 };
const HEAD_PX = 48;
const FOOT_PX = 30;
const SIDE_PX = 20;
const UNOFFICIAL = "parcferme · unofficial, from published timing data";

/**
 * Draw a chart large, with its title, and give it to whoever looks at the page as a PNG.
 *
 * @param {string} title of the picture, its name too
 * @param {string} legend what its signs mean
 * @param {Look} look the colours of the page
 * @param {(plot: Plot) => unknown} draw draws the chart
 */
export async function savePicture(title, legend, look, draw) {
  const blob = await paintPicture(title, legend, look, draw);
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: `${title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}.png` }).click();
  URL.revokeObjectURL(address);
}

/**
 * @param {string} title of the picture
 * @param {string} legend what its signs mean
 * @param {Look} look the colours of the page
 * @param {(plot: Plot) => unknown} draw draws the chart
 * @returns {Promise<Blob>} the picture, a PNG of 2560 by 1440 pixels
 */
export async function paintPicture(title, legend, look, draw) {
  const [chart, whole] = [document.createElement("canvas"), document.createElement("canvas")];
  draw(new Plot(chart, { ...SIZE, width: SIZE.width - 2 * SIDE_PX, height: SIZE.height - HEAD_PX - FOOT_PX }, look));
  const plot = new Plot(whole, SIZE, look);
  plot.c.fillStyle = look.panel;
  plot.c.fillRect(0, 0, SIZE.width, SIZE.height);
  plot.text(title, SIDE_PX, HEAD_PX / 2 + 2, { size: 19, weight: 650, color: look.text });
  plot.c.drawImage(chart, SIDE_PX, HEAD_PX, SIZE.width - 2 * SIDE_PX, SIZE.height - HEAD_PX - FOOT_PX);
  plot.text(legend, SIDE_PX, SIZE.height - FOOT_PX / 2, { size: 12 });
  plot.text(UNOFFICIAL, SIZE.width - SIDE_PX, SIZE.height - FOOT_PX / 2, { size: 12, align: "right" });
  const blob = await new Promise((/** @type {(blob: Blob | null) => void} */ resolve) => whole.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("this browser made no picture of the chart");
  return blob;
}
