// The dialog in which the columns of the leaderboard are chosen.

import { openDialog } from "./dialog.js";
import { element } from "./dom.js";

/** @import { Board } from "./board.js" */

/** @param {Board} board whose columns they are */
export function chooseColumns(board) {
  const { columns } = board;
  const lines = columns.all.filter(({ shown }) => shown !== "always").map(({ key, head, name }) => {
    const box = element("input", { type: "checkbox", checked: columns.shown.has(key), data: { column: key } });
    box.addEventListener("change", () => {
      columns.choose(key, box.checked);
      board.showColumns();
    });
    return element("label", { class: "choice" }, box, " ", element("strong", {}, head), ` ${name}`);
  });
  openDialog("Columns of the leaderboard", element("p", { class: "muted" }, "Remembered in this browser."), ...lines);
}
