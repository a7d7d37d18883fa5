// Puts the page together: the theme, the variants to choose from, who draws when.

const root = document.documentElement;
root.classList.add("scripted");

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);

function setTheme(theme) {
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  byId("theme").setAttribute("aria-pressed", String(isDark()));
  for (const { plot } of charts.all) plot.redraw(false, true);
}

byId("theme").addEventListener("click", () => setTheme(isDark() ? "light" : "dark"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(root.dataset.theme));

// Paper is white, and shows the system when most of it was in trouble.
let onScreen;
addEventListener("beforeprint", () => {
  stop();
  onScreen = { theme: root.dataset.theme, time: state.time };
  state.seek(worst());
  setTheme("light");
});
addEventListener("afterprint", () => {
  state.seek(onScreen.time);
  setTheme(onScreen.theme);
});

function worst() {
  const run = shown(), weight = { down: 3, hurt: 1, idle: 0, well: 0 };
  let most = 0, time = state.time;
  for (let i = Math.floor(run.warmUp / run.step); i < run.points && i * run.step < run.duration; i++) {
    const trouble = run.graph.nodes.reduce((sum, node) => sum + weight[health(node, i)], 0);
    if (trouble > most) [most, time] = [trouble, i * run.step];
  }
  return time;
}

function chooseRun() {
  const buttons = byId("variants");
  if (buttons) buttons.replaceChildren(el("span", { class: "muted" }, "Shown below:"), ...data.runs.map((run, i) =>
    el("button", { type: "button", "aria-pressed": String(i === state.run), onclick: () => state.show(i) }, run.title)));
  for (const article of document.querySelectorAll("article[data-run]")) article.hidden = Number(article.dataset.run) !== state.run;
}

state.on("run", chooseRun);
state.on("run", buildReplay);
state.on("run", buildCharts);
state.on("run", buildAttribution);
state.on("run", buildStates);
state.on("run", buildRequests);
state.on("time", drawReplay);
state.on("time", followTime);
state.on("time", followStates);

let resizing;
addEventListener("resize", () => { cancelAnimationFrame(resizing); resizing = requestAnimationFrame(() => { resizeCharts(); placeMarks(); }); });

// It begins where the story does.
const opening = shown().story[0];
state.time = opening ? opening.at : 0;
state.show(0);
root.dataset.ready = "yes";
