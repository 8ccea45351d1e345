// Recorded figures: sliders choose among frames that the page holds. Runs once for each figure.
for (const box of document.querySelectorAll(".recorded:not([data-live])")) {
  box.dataset.live = "";
  const { title, texts, sliders: names, pictures, order, printed } =
    JSON.parse(box.querySelector("[type='application/json']").textContent);
  const sliders = [...box.querySelectorAll("input")], [first] = sliders;
  const play = box.querySelector("button"), image = box.querySelector("img");
  let timer = 0;
  const show = () => {
    const frame = sliders.reduce((sum, { value }, k) => sum * names[k].length + Number(value), 0);
    sliders.forEach((slider, k) => {
      const said = names[k][slider.value];
      slider.setAttribute("aria-valuetext", said);
      slider.parentElement.querySelector("output").textContent = said;
    });
    box.style.setProperty("--frame", frame);
    texts.forEach((all, k) => {
      box.querySelector(`[data-texts="${k}"]`).textContent = all[frame];
    });
    if (!pictures) return;
    image.src = `data:image/png;base64,${pictures[order[frame]]}`;
    image.alt = `${title}: ${texts[0][frame]}`;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    if (play) play.textContent = "▶ play";
  };
  const move = (value) => { first.value = value; show(); };
  const step = () => {
    if (!box.isConnected || first.value === first.max) stop();
    else move(Number(first.value) + 1);
  };
  sliders.forEach((slider) => { slider.oninput = () => { stop(); show(); }; });
  play?.addEventListener("click", () => {
    if (timer) return stop();
    if (first.value === first.max) move(0);
    play.textContent = "❚❚ pause";
    timer = setInterval(step, 700);
  });
  matchMedia("print").addEventListener("change", ({ matches }) => {
    stop();
    if (matches && printed !== undefined) move(printed);
  });
  box.querySelector(".controls").hidden = false;
  show();
}
