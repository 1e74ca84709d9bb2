// Zoom of the map: with wheel, fingers, drags, buttons and keys; and a car that it follows.

import { element } from "./dom.js";

/** @import { Dot, TrackMap } from "./draw.js" */

/** @typedef {{ x: number, y: number }} Place on the canvas, in pixels */

const NEAREST = 24;
const STEP = 1.5;
const FOLLOW_ZOOM = 5;
const MOVE_PX = 60;
const DRAG_PX = 4; // less is a click

/** What of the map is seen. */
export class MapView {
  /**
   * @param {TrackMap} map to be moved
   * @param {() => string | null} leader asked for the car to follow where none is selected
   */
  constructor(map, leader) {
    this.map = map;
    this.leader = leader;
    /** @type {string | null} */
    this.selected = null;
    this.isFollowing = false;
    /** @type {Map<number, Place>} */
    this.fingers = new Map();
    this.hasDragged = false;
    this.follow = this.button("Follow", "Keep the selected car in the middle, or the one in front", () => this.setFollowing(!this.isFollowing));
    this.follow.setAttribute("aria-pressed", "false");
    this.whole = this.button("Whole", "The whole track (0)", () => this.reset());
    this.group = element("div", { class: "zoom", role: "group", "aria-label": "Zoom of the map, arrow keys move it" },
      this.follow, this.button("+", "Nearer (+)", () => this.zoomBy(STEP)), this.button("−", "Further away (−)", () => this.zoomBy(1 / STEP)), this.whole);
    this.heard = new AbortController();
    map.onDraw = (cars) => this.onDraw(cars);
    this.listen();
    this.show();
  }

  /**
   * @param {string} text on the button
   * @param {string} title what it does
   * @param {() => void} onClick does it
   * @returns {HTMLButtonElement} the button
   */
  button(text, title, onClick) {
    const made = element("button", { type: "button", title, ...(text.length > 1 ? {} : { "aria-label": title }) }, text);
    made.addEventListener("click", onClick);
    return made;
  }

  /** Hear what is done on the map. */
  listen() {
    const { canvas } = this.map;
    const { signal } = this.heard;
    canvas.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
    canvas.addEventListener("pointerdown", (event) => this.onDown(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.onMove(event), { signal });
    for (const type of /** @type {const} */ (["pointerup", "pointercancel"])) canvas.addEventListener(type, (event) => this.fingers.delete(event.pointerId), { signal });
    this.group.addEventListener("keydown", (event) => this.onKey(event));
    // Before anybody takes the end of a drag for a choice of a car.
    canvas.parentElement?.addEventListener("click", (event) => this.hasDragged && event.target === canvas && event.stopPropagation(), { signal, capture: true });
  }

  /**
   * @param {number} factor how much nearer
   * @param {Place} at what stays where it is; the middle unless said
   */
  zoomBy(factor, at = { x: this.map.width / 2, y: this.map.height / 2 }) {
    const { map } = this;
    const zoom = Math.min(Math.max(map.zoom * factor, 1), NEAREST);
    if (zoom === 1) {
      this.reset();
      return;
    }
    const [u, v] = this.placeAt(at);
    const scale = map.whole * zoom;
    this.set(zoom, [u + (map.width / 2 - at.x) / scale, v - (map.height / 2 - at.y) / scale]);
  }

  /**
   * @param {Place} at on the canvas
   * @returns {[number, number]} the turned place in metres that is there
   */
  placeAt({ x, y }) {
    const { shiftX, shiftY, scale } = this.map;
    return [(x - shiftX) / scale, (shiftY - y) / scale];
  }

  /**
   * @param {number} dx pixels to the right
   * @param {number} dy pixels down
   */
  moveBy(dx, dy) {
    const { map } = this;
    if (map.zoom === 1) return;
    this.setFollowing(false);
    this.set(map.zoom, this.placeAt({ x: map.width / 2 - dx, y: map.height / 2 - dy }));
  }

  /** Show the whole track. */
  reset() {
    this.setFollowing(false);
    this.set(1, null);
  }

  /**
   * @param {number} zoom how much nearer than the whole track
   * @param {[number, number] | null} middle turned place in the middle, null for the track's own
   */
  set(zoom, middle) {
    this.map.look(zoom, middle);
    this.map.draw(this.map.dots);
    this.show();
  }

  /** @param {boolean} isOn whether the map goes with a car */
  setFollowing(isOn) {
    if (this.isFollowing === isOn) return;
    this.isFollowing = isOn;
    this.follow.setAttribute("aria-pressed", String(isOn));
    if (!isOn) return;
    if (this.map.zoom < FOLLOW_ZOOM) this.map.look(FOLLOW_ZOOM, this.map.middle);
    this.map.draw(this.map.dots);
    this.show();
  }

  /** @param {Dot[]} cars that are about to be drawn */
  onDraw(cars) {
    if (!this.isFollowing) return;
    const number = this.selected ?? this.leader();
    const car = cars.find((one) => one.number === number);
    // A car whose place is not known for a while: the map stays where it was seen last.
    if (car) this.map.look(this.map.zoom, this.map.turn(car.x, car.y));
  }

  /** Say what can be done. */
  show() {
    const isNear = this.map.zoom > 1;
    this.whole.disabled = !isNear;
    this.map.canvas.classList.toggle("near", isNear);
  }

  /** @param {WheelEvent} event over the map: who wants to see further than the whole track scrolls the page */
  onWheel(event) {
    if (event.deltaY > 0 && this.map.zoom === 1) return;
    event.preventDefault();
    const at = this.isFollowing ? undefined : { x: event.offsetX, y: event.offsetY };
    this.zoomBy(STEP ** (-event.deltaY / (event.deltaMode === 0 ? 200 : 5)), at);
  }

  /** @param {PointerEvent} event of a finger or a button that goes down */
  onDown(event) {
    if (!this.fingers.size) this.hasDragged = false;
    this.fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  }

  /** @param {PointerEvent} event of a finger or a button that moves: one drags, two zoom */
  onMove(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.offsetX, y: event.offsetY };
    const [other] = [...this.fingers].flatMap(([id, place]) => (id === event.pointerId ? [] : [place]));
    if (other) {
      const factor = away(now, other) / (away(before, other) || 1);
      this.zoomBy(factor, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    } else if (this.hasDragged || away(now, before) >= DRAG_PX) {
      if (!this.hasDragged && this.map.zoom > 1) this.map.canvas.setPointerCapture(event.pointerId);
      this.moveBy(now.x - before.x, now.y - before.y);
    } else return;
    this.hasDragged = this.map.zoom > 1;
    this.fingers.set(event.pointerId, now);
  }

  /** @param {KeyboardEvent} event of a key, on the buttons */
  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    /** @type {Record<string, () => void>} */
    const keys = {
      "+": () => this.zoomBy(STEP), "=": () => this.zoomBy(STEP), "-": () => this.zoomBy(1 / STEP), 0: () => this.reset(),
      ArrowLeft: () => this.moveBy(MOVE_PX, 0), ArrowRight: () => this.moveBy(-MOVE_PX, 0),
      ArrowUp: () => this.moveBy(0, MOVE_PX), ArrowDown: () => this.moveBy(0, -MOVE_PX),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    keys[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Leave the map alone. */
  dispose() {
    this.heard.abort();
    this.map.onDraw = () => {};
    this.map.canvas.classList.remove("near");
    this.group.remove();
  }
}

/**
 * @param {Place} a a place
 * @param {Place} b another
 * @returns {number} pixels between them
 */
function away(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
