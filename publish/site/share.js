// A link to the moment shown, with the car that is chosen and whatever else the address says.

import { openDialog } from "./dialog.js";
import { element } from "./dom.js";

/** @import { Player } from "./player.js" */

/**
 * Copy the address of the moment; where the browser does not let a page copy, show it.
 *
 * @param {Player} player of the session
 * @returns {Promise<string>} what is to be said of it
 */
export async function copyLink(player) {
  player.onMoved(player.clock.timeMs, player.selected);
  try {
    await navigator.clipboard.writeText(location.href);
    return "Link copied";
  } catch {
    const field = element("input", { type: "text", class: "field wide", readOnly: true, value: location.href, "aria-label": "Link" });
    openDialog("Link to this moment", field);
    field.select();
    return "";
  }
}
