// A question with choices: "Check" says whether the chosen one is right, and why or why not.
{
  const say = (form, verdict, head, template) => {
    const said = form.querySelector(".said");
    form.dataset.verdict = verdict;
    said.replaceChildren(Object.assign(document.createElement("strong"), { textContent: head }));
    if (template) said.append(" ", template.content.cloneNode(true));
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form.question")) return;
    event.preventDefault();
    const chosen = form.querySelector("input:checked");
    if (!chosen) return say(form, "none", "Choose an answer first.");
    const right = "right" in chosen.dataset;
    const template = chosen.parentElement.querySelector("template");
    say(form, right ? "right" : "wrong", right ? "Right." : "Not quite.", template);
  });

  document.addEventListener("change", ({ target }) => {
    const form = target.closest("form.question");
    if (form) say(form, "", "");
  });

  addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("form.question button")) button.hidden = false;
  });
}
