// A picture of the moment shown: title, facts, map and leaderboard, drawn for the purpose.

import { byId, element } from "./dom.js";

/** @import { Player } from "./player.js" */

const [WIDTH, HEIGHT] = [1600, 900];
const EDGE = 40;
const BOARD = { left: 1080, top: 120 };
const FONT = "system-ui, sans-serif";
const SHOWN = ["place", "name", "best", "gap", "last", "tyres"];

/**
 * Save a picture of the moment as PNG.
 *
 * @param {Player} player of the session
 */
export async function savePicture(player) {
  const canvas = drawPicture(player);
  const blob = await new Promise((done) => { canvas.toBlob(done, "image/png"); });
  if (!(blob instanceof Blob)) throw new Error("this browser makes no PNG of a canvas");
  const { year, round, session } = player.session.manifest;
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: `${year}-${round}-${session.code}-${Math.round(player.clock.timeMs / 1000)}s.png` }).click();
  URL.revokeObjectURL(url);
}

/**
 * Draw the moment shown.
 *
 * @param {Player} player of the session
 * @returns {HTMLCanvasElement} the picture
 */
export function drawPicture(player) {
  const canvas = element("canvas", { width: WIDTH, height: HEIGHT });
  const c = canvas.getContext("2d");
  if (!c) throw new Error("this browser does not draw on a canvas");
  const style = getComputedStyle(document.documentElement);
  const colors = { ground: style.getPropertyValue("--panel"), text: style.getPropertyValue("--text"), muted: style.getPropertyValue("--muted") };
  c.fillStyle = colors.ground;
  c.fillRect(0, 0, WIDTH, HEIGHT);
  c.textBaseline = "alphabetic";
  write(c, byId("title").textContent ?? "", EDGE, 58, `700 32px ${FONT}`, colors.text);
  write(c, ["lap", "time", "utc", "flag"].map((id) => byId(id).textContent).filter(Boolean).join("  ·  "), EDGE, 94, `500 20px ${FONT}`, colors.muted);
  const isMapped = drawMap(c, player);
  drawBoard(c, isMapped ? BOARD.left : EDGE, colors);
  write(c, "parcferme · unofficial", EDGE, HEIGHT - 24, `500 16px ${FONT}`, colors.muted);
  return canvas;
}

/**
 * @param {CanvasRenderingContext2D} c where to write
 * @param {string} text to be written
 * @param {number} x its left end
 * @param {number} y its foot
 * @param {string} font of it
 * @param {string} color of it
 */
function write(c, text, x, y, font, color) {
  c.font = font;
  c.fillStyle = color;
  c.fillText(text, x, y);
}

/**
 * @param {CanvasRenderingContext2D} c where to draw
 * @param {Player} player of the session
 * @returns {boolean} whether there is a map
 */
function drawMap(c, player) {
  const map = byId("map", HTMLCanvasElement);
  if (!player.view.map || !map.width || !map.height) return false;
  const [width, height] = [BOARD.left - 2 * EDGE, HEIGHT - BOARD.top - 60];
  const scale = Math.min(width / map.width, height / map.height);
  const [w, h] = [map.width * scale, map.height * scale];
  c.drawImage(map, EDGE + (width - w) / 2, BOARD.top + (height - h) / 2, w, h);
  return true;
}

/**
 * @param {CanvasRenderingContext2D} c where to draw
 * @param {number} left end of the table
 * @param {{ text: string, muted: string }} colors of it
 */
function drawBoard(c, left, { text: ink, muted }) {
  const lines = [...byId("rows").querySelectorAll("tr[data-car]")];
  const step = Math.min(38, (HEIGHT - BOARD.top - 50) / Math.max(lines.length, 1));
  lines.forEach((line, index) => {
    const y = BOARD.top + (index + 0.75) * step;
    const bar = line.querySelector(".team");
    c.fillStyle = bar ? getComputedStyle(bar).backgroundColor : muted;
    c.fillRect(left + 34, y - step * 0.55, 5, step * 0.7);
    const texts = SHOWN.map((key) => line.querySelector(`.${key}`)?.textContent?.trim() ?? "");
    const [place, name, best, gap, last, tyre] = texts;
    const font = `${Math.round(step * 0.52)}px ${FONT}`;
    c.textAlign = "right";
    write(c, place, left + 26, y, font, ink);
    write(c, gap || best, left + 240, y, font, ink);
    write(c, gap ? last || best : "", left + 350, y, font, muted);
    c.textAlign = "left";
    write(c, name, left + 48, y, `700 ${font}`, ink);
    write(c, tyre, left + 370, y, font, muted);
  });
}
