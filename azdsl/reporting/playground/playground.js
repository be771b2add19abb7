// The playground: connects the controls with a model, its examples and the pictures.

/** Training steps a second at each speed; the last one is as many as 10 ms a frame allow. */
const RATES = [1, 4, 15, 60, 600, 6000, Infinity];
const MOST_HISTORY = 400, CHUNK = 256, FRAME_MS = 10;
const LABELS = { rmse: [-1, 0, 1], accuracy: [0, 1] };
const ERASE = "erase";
/** The distance of points that are drawn with a pressed mouse. */
const DRAWN_APART = 0.2;

/** Whether two places are far enough from each other for two points that are drawn. */
const apart = ([a, b], [c, d]) => Math.hypot(a - c, b - d) >= DRAWN_APART;

class Playground {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.map = this.find(".pg-map");
    this.view = new CodeView(root);
    this.running = false;
    this._listen();
  }

  /** Show a subject with its first examples. */
  async open(number) {
    this.pause();
    this.subject = SUBJECTS[number];
    this.find("[data-pick=subject]").value = number;
    this.model = await TracedModel.of(this.subject);
    this.metric = this.subject.facts.metric;
    this.grid = embed(gridPoints(), this.subject.embedding);
    const patterns = Object.keys(PATTERNS[this.metric]), task = this.subject.task;
    const options = [...patterns.map((name) => [name, name]), ["", "your points"], ...(task ? [["task", task.title]] : [])];
    this.find("[data-pick=examples]").replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
    this.find("[data-pick=seed]").value = this.subject.seed;
    this.find(".pg-seed").hidden = !this.subject.random;
    const F = this.subject.features, directions = F > 1 ? `the coordinate along the direction at k · 180° / ${F}, for k from 0 to ${F - 1}` : "x₁";
    this.find(".pg-embedding").textContent =
      `The program has ${F} feature${F > 1 ? "s" : ""}. Feature ${F > 1 ? "k" : "0"} of a point is ${directions}. The labels of a pattern are a function of x₁ and x₂.`;
    this.view.open(this.subject);
    this.choose(patterns[0]);
    this.number = number;
  }

  /** Take examples by the name of their pattern, "" for none, "task" for the task. */
  choose(name) {
    this.examples = name === "task" ? new TaskExamples(this.subject.task) : new PlaneExamples(this.subject, name);
    this.find("[data-pick=examples]").value = name;
    const plane = Boolean(this.examples.points), labels = LABELS[this.metric] ?? [...Array(this.subject.classes).keys()];
    this.find(".pg-brush").hidden = !plane;
    this.find(".pg-scale").hidden = !plane || this.metric !== "rmse";
    this.find(".pg-labels").replaceChildren(...[...labels, ERASE].map((label, n) => {
      const input = element("input", { type: "radio", name: "pg-label", value: label, ...(n ? {} : { checked: "" }) });
      const swatch = label === ERASE ? "" : element("i", { "data-label": label });
      return element("label", {}, input, swatch, label === ERASE ? label : short(label));
    }));
    this.map.setAttribute("aria-label", plane
      ? "Map of the predictions with the points. Arrow keys move the cross, Enter adds a point, Delete erases the nearest one."
      : "Predictions for the task's other examples, against their labels");
    this.reset();
  }

  /** Forget what was learned. */
  reset() {
    this.pause();
    this.model.reset(this._seed());
    this.position = 0;
    this.last = -1;
    this.history = [];
    this.show();
  }

  /** Learn from `count` examples, in order and again from the first after the last. */
  advance(count) {
    const { X, y } = this.examples, F = this.subject.features;
    let left = count;
    while (left > 0 && y.length && !this.model.stopped) {
      const first = this.position % y.length, size = Math.min(left, y.length - first), before = this.model.visits;
      this.model.train(X.subarray(first * F, (first + size) * F), y.subarray(first, first + size));
      this.last = first + this.model.visits - before - 1;
      this.position = this.last + 1;
      left -= size;
    }
  }

  step() {
    this.pause();
    this.advance(1);
    this.show();
  }

  run() {
    if (this.running || this.model.stopped || !this.examples.y.length) return;
    this.running = true;
    this._buttons();
    let before = performance.now(), due = 1;
    const frame = (now) => {
      if (!this.running) return;
      const rate = RATES[this.find("[data-pick=speed]").value];
      let shown = false;
      if (rate === Infinity) {
        const end = performance.now() + FRAME_MS;
        do this.advance(CHUNK); while (performance.now() < end && !this.model.stopped);
      } else {
        // after a pause of the page, such as a hidden window, at most one second's steps
        due = Math.min(due + (Math.max(now - before, 0) / 1000) * rate, rate);
        const whole = Math.floor(due);
        due -= whole;
        if (whole) this.advance(whole);
        else shown = true;
      }
      before = now;
      if (this.model.stopped || !this.examples.y.length) this.pause();
      if (!shown || !this.running) this.show();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  pause() {
    this.running = false;
    this._buttons();
  }

  /** Draw everything from the model's present state. */
  show() {
    const colours = theme(this.root), { examples, model, metric } = this, outputs = model.outputs;
    const scale = metric === "rmse" && examples.points ? Math.max(...examples.labels.map(Math.abs), 0.5) : 1;
    if (examples.points) {
      const predictions = model.frozen(this.grid);
      drawMap(this.map, colours, { metric, predictions, outputs, scale, examples, last: this.last, cross: this.cross });
      const [low, , high] = this.find(".pg-scale").children;
      low.textContent = short(-scale);
      high.textContent = short(scale);
      for (const swatch of this.root.querySelectorAll("[data-label]")) {
        swatch.style.background = css(labelColour(colours, metric, Number(swatch.dataset.label), scale));
      }
    } else {
      const predictions = model.frozen(examples.valid.X);
      drawAgainst(this.map, colours, { metric, predictions, outputs, labels: examples.valid.y });
    }
    this._measure();
    const [measure, brief] = metric === "rmse" ? ["root mean squared error", "RMSE"] : ["share of wrong classes", "wrong"];
    const curve = this.find(".pg-curve"), now = this.history.at(-1);
    drawCurve(curve, colours, this.history, brief);
    curve.setAttribute("aria-label", `Curve of the ${measure}: ${now ? short(now.train) : "no examples"} after ${model.visits} examples`);
    const F = this.subject.features, shown = this.last >= 0 && this.last < examples.y.length;
    const row = shown ? examples.X.slice(this.last * F, (this.last + 1) * F) : null, label = shown ? examples.y[this.last] : null;
    const oneHot = metric === "multiclass" ? Float64Array.from({ length: F }, (_, k) => half(k === label)) : null;
    this.view.show(model, colours, shown ? { v0: row, ...(oneHot ? { v1: oneHot } : { s0: [label] }) } : {});
    this._tell(shown, label, now);
    this._read();
  }

  /** Add the present error to the history; of a long one every other entry goes. */
  _measure() {
    const { examples, model, metric } = this;
    if (!examples.y.length || this.history.at(-1)?.steps === model.visits) return;
    const error = ({ X, y }) => errorOf(metric, model.frozen(X), y);
    this.history.push({ steps: model.visits, train: error(examples), valid: examples.valid && error(examples.valid) });
    if (this.history.length > MOST_HISTORY) this.history = this.history.filter((_, n) => n % 2 === 0 || n === this.history.length - 1);
  }

  _tell(shown, label, now) {
    const { model, examples, subject } = this, status = this.find(".pg-status");
    const count = model.visits.toLocaleString("en");
    if (!examples.y.length) status.textContent = "No examples: click on the map to add points.";
    else if (model.stopped) {
      status.textContent = `Training stopped after ${count} examples: the prediction was NaN or its error larger than ${short(subject.facts.limit)}. Reset to start again.`;
    } else if (!shown) status.textContent = "Only Setup has run. Step through the examples, or run.";
    else {
      const prediction = model.prediction;
      const words = this.metric === "rmse" ? short(prediction[0]) : this.metric === "accuracy" ? `${short(prediction[0])} for class 1` : `class ${classOf(prediction)}`;
      status.textContent = `Example ${count}: label ${short(label)}, prediction ${words}. Error on ${examples.valid ? "other" : "all"} examples ${short((now.valid ?? now.train))}.`;
    }
    status.classList.toggle("bad", model.stopped);
  }

  /** The prediction at the cross. */
  _read() {
    const at = this.cross;
    if (!at || !this.examples.points) {
      this.find(".pg-read").textContent = "";
      return;
    }
    const prediction = this.model.frozen(embed([at], this.subject.embedding));
    const words = prediction.length === 1 ? short(prediction[0]) : `class ${classOf(prediction)} (${short(Math.max(...prediction))})`;
    this.find(".pg-read").textContent = `x₁ ${short(at[0])}, x₂ ${short(at[1])}: prediction ${words}`;
  }

  _seed() {
    const text = this.find("[data-pick=seed]").value;
    return /^\d+$/.test(text) && BigInt(text) < 1n << 64n ? text : this.subject.seed;
  }

  _buttons() {
    const button = this.find("[data-do=run]");
    button.textContent = this.running ? "Pause" : "Run";
    button.setAttribute("aria-pressed", String(this.running));
    // a screen reader would have to read every frame
    for (const name of [".pg-status", ".pg-detail", ".pg-read"]) this.find(name).setAttribute("aria-live", this.running ? "off" : "polite");
    const rate = RATES[this.find("[data-pick=speed]").value];
    this.find(".pg-rate").textContent = rate === Infinity ? "fastest" : `${rate.toLocaleString("en")} / s`;
  }

  /** Add or erase a point as the chosen label says. */
  _mark([a, b]) {
    if (!this.examples.points) return;
    const label = this.find("[name=pg-label]:checked").value;
    if (label === ERASE) this.examples.erase(a, b, 0.2);
    else this.examples.add(a, b, Number(label));
    this._edited();
  }

  /** Mark a place on the way of a pressed mouse, if it is far enough from the one before. */
  _draw(place) {
    if (!this.drawn && this.pressed && apart(this.pressed, place)) this._mark((this.drawn = this.pressed));
    if (this.drawn && apart(this.drawn, place)) this._mark((this.drawn = place));
  }

  _edited() {
    this.last = -1;
    if (this.history.length) this.history.pop();
    this.show();
  }

  _listen() {
    const { root, map } = this;
    root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) ({ run: () => (this.running ? this.pause() : this.run()), step: () => this.step(), reset: () => this.reset(), clear: () => this._clear() })[button.dataset.do]();
      // after a click the keys belong to the playground, not to the button
      if (event.detail && event.target.closest("button")) root.focus({ preventScroll: true });
    });
    this.find("[data-pick=subject]").addEventListener("change", (event) => this.open(Number(event.target.value)));
    this.find("[data-pick=examples]").addEventListener("change", (event) => this.choose(event.target.value));
    this.find("[data-pick=seed]").addEventListener("change", () => this.reset());
    this.find("[data-pick=speed]").addEventListener("input", () => this._buttons());
    document.addEventListener("keydown", (event) => {
      const mine = root.contains(event.target) || ("alone" in root.dataset && event.target === document.body);
      if (mine && !event.ctrlKey && !event.metaKey && !event.altKey && this._key(event)) event.preventDefault();
    });
    const place = (event) => {
      const box = map.getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * 2 * EDGE - EDGE, EDGE - ((event.clientY - box.top) / box.height) * 2 * EDGE];
    };
    map.addEventListener("click", (event) => {
      if (!this.drawn) this._mark(place(event));
      this.drawn = null;
    });
    // a mouse or a pen draws points along its way; a finger scrolls
    map.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      this._point(place(event));
      if (event.buttons === 1) this._draw(place(event));
    });
    map.addEventListener("pointerdown", (event) => {
      this.drawn = null;
      this.pressed = place(event);
    });
    map.addEventListener("pointerleave", () => this._point(null));
    map.addEventListener("focus", () => map.matches(":focus-visible") && this._point(this.cross ?? [0, 0]));
    map.addEventListener("blur", () => this._point(null));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
    new ResizeObserver(() => this.model && this.show()).observe(map);
  }

  _point(place) {
    this.cross = place;
    if (this.model && !this.running) this.show();
  }

  _clear() {
    if (!this.examples.points) return;
    this.examples.clear();
    this.find("[data-pick=examples]").value = "";
    this.reset();
  }

  /** Whether a key was used. */
  _key(event) {
    const { target, key } = event;
    if (target.matches("select, input[type=number], input[type=range], input[type=radio]")) return false;
    if (target === this.map && this.examples.points && this._mapKey(event)) return true;
    if (key === " " && !target.matches("button, summary")) this.running ? this.pause() : this.run();
    else if (key === "s") this.step();
    else if (key === "r") this.reset();
    else if (key === "ArrowUp" || key === "ArrowDown") {
      this.view.choose(this.view.chosen + (key === "ArrowUp" ? -1 : 1));
      if (target.matches(".pg-line")) this.find(".pg-line[tabindex='0']").focus();
    } else if (key === "ArrowLeft" || key === "ArrowRight") {
      const speed = this.find("[data-pick=speed]");
      speed.value = Number(speed.value) + (key === "ArrowLeft" ? -1 : 1);
      this._buttons();
    } else return false;
    return true;
  }

  _mapKey({ key, shiftKey }) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const cross = this.cross ?? [0, 0];
    if (key in moves) {
      const size = shiftKey ? 0.5 : 0.1, inside = (value) => Math.min(Math.max(value, -EDGE), EDGE);
      this._point(cross.map((value, k) => inside(Number((value + size * moves[key][k]).toFixed(6)))));
    } else if (key === "Enter") this._mark(cross);
    else if (key === "Delete" || key === "Backspace") {
      this.examples.erase(...cross, Infinity);
      this._edited();
    } else return false;
    return true;
  }
}

const root = document.querySelector(".playground"), pick = root.querySelector("[data-pick=subject]");
pick.replaceChildren(...SUBJECTS.map(({ name }, n) => element("option", { value: n }, name)));
root.querySelector(".pg-subject").hidden = SUBJECTS.length === 1;
// for the console, and for tests
root.playground = new Playground(root);
try {
  await root.playground.open(0);
  root.dataset.ready = "";
} catch (error) {
  root.querySelector(".pg-status").textContent = `This browser cannot run the program: ${error.message}`;
  throw error;
}
