// Recorded figures: sliders choose among frames that the page holds. Runs once for each figure.
for (const box of document.querySelectorAll(".recorded:not([data-live])")) {
  box.dataset.live = "";
  const data = JSON.parse(box.querySelector("[type='application/json']").textContent);
  const sliders = [...box.querySelectorAll("input")];
  const play = box.querySelector("button");
  let timer = 0;
  const show = () => {
    let frame = 0;
    sliders.forEach((slider, k) => {
      const value = data.sliders[k][slider.value];
      slider.setAttribute("aria-valuetext", value);
      slider.parentElement.querySelector("output").textContent = value;
      frame = frame * data.sliders[k].length + Number(slider.value);
    });
    box.style.setProperty("--frame", frame);
    data.texts.forEach((texts, k) => {
      box.querySelector(`[data-texts="${k}"]`).textContent = texts[frame];
    });
    if (data.pictures) {
      const image = box.querySelector("img");
      image.src = "data:image/png;base64," + data.pictures[data.order[frame]];
      image.alt = data.title + ": " + data.texts[0][frame];
    }
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    if (play) play.textContent = "▶ play";
  };
  const move = (value) => {
    sliders[0].value = value;
    show();
  };
  const step = () => {
    if (!box.isConnected || sliders[0].value === sliders[0].max) stop();
    else move(Number(sliders[0].value) + 1);
  };
  for (const slider of sliders) {
    slider.addEventListener("input", () => {
      stop();
      show();
    });
  }
  play?.addEventListener("click", () => {
    if (timer) return stop();
    if (sliders[0].value === sliders[0].max) move(0);
    play.textContent = "❚❚ pause";
    timer = setInterval(step, 700);
  });
  matchMedia("print").addEventListener("change", ({ matches }) => {
    stop();
    if (matches && "printed" in data) move(data.printed);
  });
  box.querySelector(".controls").hidden = false;
  show();
}
