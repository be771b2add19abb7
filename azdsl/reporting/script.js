// Milestones: the chart's numbered dots choose the program that is shown beside it.
(function () {
  const cards = [...document.querySelectorAll(".card")];
  if (!cards.length) return;
  const box = document.querySelector(".cards");
  let at = cards.length - 1;
  function show(step) {
    at = Math.min(Math.max(step, 0), cards.length - 1);
    cards.forEach((card, n) => card.classList.toggle("shown", n === at));
    document.querySelectorAll("circle[data-step]").forEach((dot) => {
      dot.classList.toggle("chosen", Number(dot.dataset.step) === at);
    });
    document.querySelectorAll("[data-turn]").forEach((button) => {
      const next = at + Number(button.dataset.turn);
      button.disabled = next < 0 || next >= cards.length;
    });
  }
  box.classList.add("one");
  document.querySelectorAll("circle[data-step]").forEach((dot) => {
    const step = Number(dot.dataset.step);
    dot.addEventListener("click", () => show(step));
    dot.addEventListener("mouseenter", () => show(step));
    dot.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); show(step); }
    });
  });
  document.querySelectorAll("[data-turn]").forEach((button) => {
    button.addEventListener("click", () => show(at + Number(button.dataset.turn)));
  });
  show(at);
})();
