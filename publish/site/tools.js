// The second row of controls: laps, events, exact times, video, full screen, link, picture, keys.

import { openDialog } from "./dialog.js";
import { byId, element, setText } from "./dom.js";
import { nearest } from "./moments.js";

/** @import { Moments, Kind } from "./moments.js" */
/** @import { Player } from "./player.js" */
/** @import { Video } from "./video.js" */

/** @typedef {{ name: string, key: string, run: () => void | Promise<void>, title: string }} Tool something that can be done */

/** @type {[Kind, string][]} */
const KINDS = [["any", "Any event"], ["place", "Overtakes"], ["pit", "Pit stops"], ["flag", "Flags"]];
/** Keys of the player itself, for the list of keys. */
const PLAYER_KEYS = [
  ["Space", "Play or pause"], ["← →", "5 s back, forward; with shift 60 s"], ["↑ ↓", "Faster, slower"],
];
const NARROW = window.matchMedia("(max-width: 900px), (max-height: 500px)");

/** What can be done besides playing. */
export class Tools {
  /**
   * @param {Player} player of the session
   * @param {Moments} moments to go to
   * @param {Video} video that it may run together with
   */
  constructor(player, moments, video) {
    this.player = player;
    this.moments = moments;
    this.kind = element("select", { "aria-label": "Kind of event" }, ...KINDS.map(([value, text]) => element("option", { value }, text)));
    /** What has just been gone to. */
    this.said = element("span", { class: "said muted", role: "status" });
    /** @type {Tool[]} */
    this.tools = [
      { name: "Restart", key: "r", title: "Back to the start", run: () => player.seek(player.session.startMs) },
      { name: "‹ Lap", key: "[", title: "Beginning of the lap, or of the one before: the chosen car's, else the leader's; of the part where cars drive for a time", run: () => this.goLap(-1) },
      { name: "Lap ›", key: "]", title: "Next lap of the chosen car, else of the leader; next part where cars drive for a time", run: () => this.goLap(1) },
      { name: "‹ Event", key: ",", title: "What happened before: to the chosen car, else to all", run: () => this.goEvent(-1) },
      { name: "Event ›", key: ".", title: "What happens next: to the chosen car, else to all", run: () => this.goEvent(1) },
      { name: "Go to…", key: "g", title: "A lap, a time since the start or a time of day", run: () => this.openGoTo() },
      { name: "Video…", key: "v", title: "Run together with a video of the broadcast", run: () => video.open() },
      { name: "Full screen", key: "f", title: "Fill the screen with the replay", run: () => this.fullScreen() },
      { name: "Copy link", key: "c", title: "Address of this moment", run: async () => this.say(await (await import("./share.js")).copyLink(player)) },
      { name: "Picture", key: "p", title: "Save a picture of this moment as PNG", run: async () => (await import("./moment_picture.js")).savePicture(player) },
      { name: "Keys", key: "?", title: "What the keys do", run: () => this.openKeys() },
    ];
    /** What has a key and no button. @type {Tool[]} */
    this.hidden = [
      { name: "", key: "s", title: "Start together with the video: at 1×, and keep its pace", run: () => video.start() },
      { name: "", key: "-", title: "A tenth of a second earlier against the video", run: () => video.nudge(-100) },
      { name: "", key: "+", title: "A tenth of a second later against the video", run: () => video.nudge(100) },
      { name: "", key: "i", title: "Gap to the leader, or interval to the car ahead", run: () => player.toggleGap() },
    ];
    this.row = element("div", { class: "tool-row" }, ...this.tools.flatMap((tool) => {
      const button = element("button", { type: "button", title: `${tool.title} (${tool.key})`, data: { tool: tool.key } }, tool.name);
      button.addEventListener("click", () => this.run(tool));
      return tool.key === "." ? [button, this.kind] : [button];
    }), this.said);
    this.home = byId("tools");
    this.home.replaceChildren(this.row);
  }

  /** @param {Tool} tool to be used */
  async run(tool) {
    try {
      await tool.run();
    } catch (error) {
      this.player.report(error);
    }
  }

  /**
   * @param {string} key that was pressed
   * @returns {boolean} whether it means something here
   */
  press(key) {
    const tool = [...this.tools, ...this.hidden].find((one) => one.key === (key === "=" ? "+" : key));
    if (tool) this.run(tool);
    return Boolean(tool);
  }

  /** @param {string} text to be said for a while beside the buttons */
  say(text) {
    setText(this.said, text);
  }

  /** @param {1 | -1} way forwards or back */
  goLap(way) {
    const { player, moments } = this;
    const begin = nearest(moments.beginnings(player.selected), player.clock.timeMs, way);
    if (begin) player.seek(begin.timeMs);
    this.say(begin || way < 0 ? "" : "There is no later one");
  }

  /** @param {1 | -1} way forwards or back */
  goEvent(way) {
    const { player, moments } = this;
    const kind = /** @type {Kind} */ (this.kind.value);
    const found = moments.event(player.clock.timeMs, way, { kind, car: player.selected, statuses: player.view.timeline.runs });
    if (found) player.seek(found.timeMs);
    this.say(found ? found.text : way > 0 ? "Nothing more happens" : "Nothing happened before");
  }

  /** Ask for a moment and go to it. */
  openGoTo() {
    const { player, moments } = this;
    const field = element("input", { type: "text", "aria-label": "Lap or time", autocomplete: "off", class: "field", placeholder: "12, 45:10, 15:48:42 UTC" });
    const wrong = element("p", { role: "alert", class: "muted" });
    const form = element("form", {}, element("label", {}, "Lap, time since the start, or time of day "), field, " ", element("button", { type: "submit" }, "Go"), wrong);
    const dialog = openDialog("Go to a moment", form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const goal = moments.typed(field.value, player.selected);
      if (typeof goal === "string") {
        setText(wrong, goal);
        return;
      }
      player.seek(goal);
      dialog.close();
    });
    field.focus();
  }

  /** Fill the screen, or not any more. */
  async fullScreen() {
    if (document.fullscreenElement) await document.exitFullscreen();
    else await document.documentElement.requestFullscreen();
  }

  /** Say what the keys do. */
  openKeys() {
    const keys = [...PLAYER_KEYS, ...[...this.tools, ...this.hidden].map(({ key, title }) => [key, title])];
    const lines = keys.map(([key, title]) => element("div", {}, element("dt", {}, element("kbd", {}, key)), element("dd", {}, title)));
    openDialog("Keys", element("dl", { class: "keys" }, ...lines));
  }

  /** Show the tools in a dialog, where there is no room for them beside the others. */
  openAll() {
    if (!NARROW.matches) return;
    const dialog = openDialog("More", this.row);
    dialog.addEventListener("close", () => {
      this.row.onclick = null;
      this.home.replaceChildren(this.row);
    });
    // Whoever steps from event to event goes on with it; everything else is done with one press.
    this.row.onclick = ({ target }) => {
      if (target instanceof HTMLButtonElement && !",.[]".includes(target.dataset.tool ?? "")) dialog.close();
    };
  }
}
