// Studies in a page without a kernel: answers become a file that the browser saves.
import { study } from "./study.js";

for (const box of document.querySelectorAll(".study:not([data-live])")) {
  box.dataset.live = "";
  const told = JSON.parse(box.querySelector("[type='application/json']").textContent);
  study(box, told, async (text, seat) => {
    const download = `${told.name.replaceAll(" ", "-")}-person-${seat}.csv`;
    const href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    Object.assign(document.createElement("a"), { href, download }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
    return `Saved as ${download}, where your browser keeps what it saves.`;
  });
}
