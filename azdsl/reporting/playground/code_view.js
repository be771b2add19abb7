// The program's lines and its registers, with their values.

/** An element with attributes and children. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The picture and the text of a register's value. */
class ValueView {
  constructor(register, features) {
    this.columns = register[0] === "s" ? 1 : features;
    this.text = element("span", { class: "pg-number" });
    this.picture = register[0] === "s" ? "" : element("canvas", { class: register[0] === "v" ? "pg-vector" : "pg-matrix", "aria-hidden": "true" });
    this.cell = element("span", { class: "pg-value" }, this.picture, this.text);
    /** The values that are shown, null for none. */
    this.shown = null;
  }

  /** Show values; after a step, whether they have changed. */
  show(values, colours, stepped) {
    if (this.picture) drawEntries(this.picture, colours, values, this.columns);
    this.text.textContent = summary(values);
    const first = !this.shown, changed = !first && values.some((value, n) => !Object.is(value, this.shown[n]));
    if (stepped || first) this.cell.classList.toggle("changed", changed);
    if (changed || first) this.shown = values;
  }

  /** Show that there is no value yet. */
  empty() {
    if (this.picture) this.picture.width = this.picture.height = 1;
    this.text.textContent = "–";
    this.cell.classList.remove("changed");
    this.shown = null;
  }
}

class CodeView {
  /** `root` holds the boxes for code, detail and registers. */
  constructor(root) {
    this.code = root.querySelector(".pg-code");
    this.detail = root.querySelector(".pg-detail");
    this.registers = root.querySelector(".pg-registers");
  }

  open(subject) {
    this.subject = subject;
    this.lines = [];
    this.chosen = 0;
    let name = "";
    const rows = subject.lines.map((line) => {
      if (line.function) {
        name = line.function;
        return element("div", { class: "pg-head" }, this._html(line.html));
      }
      const value = line.register ? new ValueView(line.register, subject.features) : null;
      const row = element("button", { class: "pg-line", type: "button", tabindex: "-1" }, this._html(line.html), value ? value.cell : "");
      const at = this.lines.length;
      row.addEventListener("click", () => this.choose(at));
      this.lines.push({ ...line, name, row, value });
      return row;
    });
    this.code.replaceChildren(...rows);
    this.named = Object.entries(subject.roles).map(([register, role]) => ({ register, role, value: new ValueView(register, subject.features) }));
    this.registers.replaceChildren(...this.named.map(({ register, role, value }) =>
      element("div", { class: "pg-register" }, element("span", {}, element("code", {}, register), element("small", {}, role)), value.cell)));
    this.explained = null;
    this.model = null;
    this.choose(0);
  }

  /** Select a line, whose value is then shown with all digits. */
  choose(at) {
    if (!this.lines.length) return;
    this.chosen = Math.min(Math.max(at, 0), this.lines.length - 1);
    this.lines.forEach(({ row }, n) => {
      row.setAttribute("aria-pressed", String(n === this.chosen));
      row.tabIndex = n === this.chosen ? 0 : -1;
    });
    this.lines[this.chosen].row.scrollIntoView({ block: "nearest" });
    if (this.model) this._explain();
  }

  /** Show what the lines and the registers of a model hold; `input` has the last example's features and label. */
  show(model, colours, input) {
    // drawing the same state again, as when the pointer moves, keeps the marks of the last step
    const stepped = model !== this.model || model.visits !== this.visits;
    this.model = model;
    this.visits = model.visits;
    const started = model.visits > 0, found = new Map(Object.entries(input));
    for (const line of this.lines) {
      if (!line.value) continue;
      const known = line.name === "Setup" || (started && !(model.stopped && line.name === "Learn" && model.visits === 1));
      if (!known) {
        line.value.empty();
        continue;
      }
      const values = model.written(line);
      line.value.show(values, colours, stepped);
      found.set(line.register, values);
    }
    for (const [register, value] of Object.entries(model.memory)) found.set(register, typeof value === "number" ? [value] : value);
    for (const { register, value } of this.named) {
      if (found.has(register)) value.show(found.get(register), colours, stepped);
      else value.empty();
    }
    this._explain();
  }

  /** The chosen line, what its op does, and its value with all digits. */
  _explain() {
    const line = this.lines[this.chosen];
    if (!line) return this.detail.replaceChildren("No instruction of this program affects its predictions.");
    const values = line.value?.shown;
    if (this.explained?.line === line && this.explained.values === values) return;
    this.explained = { line, values };
    const head = [element("code", { class: "pg-exact" }, line.text), element("p", {}, line.words)];
    if (!values) return this.detail.replaceChildren(...head, element("p", {}, "Not executed yet."));
    const texts = Array.from(values, exact), columns = line.value.columns, width = Math.max(...texts.map((text) => text.length));
    const rows = Array.from({ length: texts.length / columns }, (_, r) =>
      texts.slice(r * columns, (r + 1) * columns).map((text) => text.padStart(columns > 1 ? width : 0)).join("  "));
    this.detail.replaceChildren(...head, element("pre", { class: "pg-digits", tabindex: "0", "aria-label": "All digits" }, rows.join("\n")));
  }

  /** Highlighted code; its text was escaped when the page was made. */
  _html(html) {
    const code = element("code", { class: "pg-text" });
    code.innerHTML = html;
    return code;
  }
}
