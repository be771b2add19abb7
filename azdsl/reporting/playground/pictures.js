// What is drawn on canvases: the map of predictions, predictions against labels, the curve of the error, and entries of registers.

const CELLS = 64;
const CLASSES = ["#4c8dd6", "#e08a3c", "#4fae7f", "#c9606a", "#9a79d0", "#a8803f", "#d47fbf", "#8f979f", "#b5b84a", "#3fb4c4"];

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const mix = (a, b, t) => a.map((value, k) => value + (b[k] - value) * t);
const css = (colour) => `rgb(${colour.map(Math.round).join(" ")})`;

/** The colours of the page in its present theme. */
function theme(root) {
  const style = getComputedStyle(root);
  const hex = (name) => style.getPropertyValue(name).trim();
  return {
    ink: hex("--ink"), soft: hex("--soft"), rule: hex("--rule"), page: hex("--page"), accent: hex("--accent"), other: hex("--selected"),
    low: rgb(hex("--pg-low")), middle: rgb(hex("--pg-middle")), high: rgb(hex("--pg-high")), invalid: rgb(hex("--pg-invalid")),
    classes: CLASSES.map(rgb),
  };
}

/** From `low` at -1 over the middle at 0 to `high` at 1. */
function diverging(colours, t) {
  if (Number.isNaN(t)) return colours.invalid;
  return mix(colours.middle, t < 0 ? colours.low : colours.high, Math.min(Math.abs(t), 1));
}

/** The colour of a prediction, or of a label as a prediction; `scale` is the largest label of a regression. */
function colourOf(colours, metric, prediction, scale) {
  if (metric === "rmse") return diverging(colours, prediction[0] / scale);
  if (metric === "accuracy") return diverging(colours, 2 * prediction[0] - 1);
  if (prediction.some(Number.isNaN)) return colours.invalid;
  const pure = [0, 1, 2].map((k) => prediction.reduce((sum, p, c) => sum + p * colours.classes[c % CLASSES.length][k], 0));
  return mix(colours.middle, pure, 0.9);
}

function labelColour(colours, metric, label, scale) {
  return metric === "multiclass" ? colours.classes[label % CLASSES.length] : colourOf(colours, metric, [label], scale);
}

/** A context with one unit a pixel of the page, cleared; and the canvas's size in these units. */
function opened(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas, ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = "12px system-ui, sans-serif";
  return [context, width, height];
}

/** The points whose predictions the map shows, row by row from the top. */
function gridPoints() {
  const place = (n) => ((n + 0.5) * 2 * EDGE) / CELLS - EDGE;
  return Array.from({ length: CELLS * CELLS }, (_, n) => [place(n % CELLS), -place(Math.floor(n / CELLS))]);
}

/** Predictions as colours, the points, the last one trained on with a ring, and the cross. */
function drawMap(canvas, colours, { metric, predictions, outputs, scale, examples, last, cross }) {
  const [context, width, height] = opened(canvas);
  const image = new ImageData(CELLS, CELLS);
  for (let n = 0; n < CELLS * CELLS; n++) {
    const colour = colourOf(colours, metric, predictions.subarray(n * outputs, (n + 1) * outputs), scale);
    image.data.set([...colour.map(Math.round), 255], 4 * n);
  }
  const small = new OffscreenCanvas(CELLS, CELLS);
  small.getContext("2d").putImageData(image, 0, 0);
  context.drawImage(small, 0, 0, width, height);
  const x = (a) => ((a + EDGE) / (2 * EDGE)) * width, y = (b) => ((EDGE - b) / (2 * EDGE)) * height;
  context.strokeStyle = colours.soft;
  context.globalAlpha = 0.35;
  line(context, [x(0), 0], [x(0), height]);
  line(context, [0, y(0)], [width, y(0)]);
  context.globalAlpha = 1;
  context.fillStyle = colours.ink;
  context.fillText("x₁", width - 18, y(0) - 6);
  context.fillText("x₂", x(0) + 6, 14);
  examples.points.forEach(([a, b], n) => {
    context.beginPath();
    context.arc(x(a), y(b), 4.5, 0, 2 * Math.PI);
    context.fillStyle = css(labelColour(colours, metric, examples.labels[n], scale));
    context.fill();
    context.lineWidth = 1.2;
    context.strokeStyle = colours.ink;
    context.stroke();
    if (n !== last) return;
    context.beginPath();
    context.arc(x(a), y(b), 9, 0, 2 * Math.PI);
    context.lineWidth = 2.5;
    context.stroke();
  });
  if (!cross) return;
  context.lineWidth = 1.5;
  context.strokeStyle = colours.ink;
  line(context, [x(cross[0]) - 10, y(cross[1])], [x(cross[0]) + 10, y(cross[1])]);
  line(context, [x(cross[0]), y(cross[1]) - 10], [x(cross[0]), y(cross[1]) + 10]);
}

function line(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

/** Predictions against labels, for examples that are no points of the plane. */
function drawAgainst(canvas, colours, { metric, predictions, outputs, labels }) {
  const [context, width, height] = opened(canvas);
  context.fillStyle = css(colours.middle);
  context.fillRect(0, 0, width, height);
  if (outputs > 1) return drawConfusion(context, width, height, colours, predictions, outputs, labels);
  const most = metric === "rmse" ? 1.1 * Math.max(...labels.map(Math.abs), 1e-9) : 1;
  const low = metric === "rmse" ? -most : 0, room = 26;
  const inside = (value) => Math.min(Math.max((value - low) / (most - low), 0), 1);
  const across = (value) => room + inside(value) * (width - 2 * room), up = (value) => height - room - inside(value) * (height - 2 * room);
  context.strokeStyle = colours.soft;
  context.setLineDash([4, 4]);
  if (metric === "rmse") line(context, [across(low), up(low)], [across(most), up(most)]);
  else line(context, [room, up(0.5)], [width - room, up(0.5)]);
  context.setLineDash([]);
  context.fillStyle = colours.ink;
  context.fillText(metric === "rmse" ? "prediction" : "probability of class 1", 8, 16);
  const below = metric === "rmse" ? "label" : "examples with label 0, then 1";
  context.fillText(below, width - context.measureText(below).width - 8, height - 8);
  labels.forEach((label, n) => {
    // labels 0 and 1 are spread over their half, so that points do not hide each other
    const place = metric === "rmse" ? label : (label + (((n + 1) / GOLDEN) % 1)) / 2;
    context.beginPath();
    context.arc(across(place), up(predictions[n]), 3.5, 0, 2 * Math.PI);
    context.fillStyle = css(labelColour(colours, metric, label, most));
    context.fill();
    context.strokeStyle = colours.ink;
    context.lineWidth = 0.8;
    context.stroke();
  });
}

function drawConfusion(context, width, height, colours, predictions, outputs, labels) {
  const counts = Array.from({ length: outputs }, () => new Array(outputs).fill(0));
  labels.forEach((label, n) => {
    const chosen = classOf(predictions.subarray(n * outputs, (n + 1) * outputs));
    if (chosen >= 0) counts[label][chosen]++;
  });
  const side = (Math.min(width, height) - 30) / outputs, most = Math.max(...counts.flat(), 1);
  context.fillStyle = colours.ink;
  context.fillText("across: predicted class, down: label", 8, 16);
  counts.forEach((row, label) => row.forEach((count, chosen) => {
    const strength = count / most, x = 24 + chosen * side, y = 24 + label * side;
    context.fillStyle = css(mix(colours.middle, label === chosen ? colours.low : colours.high, strength));
    context.fillRect(x, y, side - 1, side - 1);
    context.fillStyle = strength > 0.6 ? colours.page : colours.ink;
    if (count) context.fillText(String(count), x + side / 2 - 4 * String(count).length, y + side / 2 + 4);
  }));
}

/** The curves of the error: a list of {steps, train, valid}; `valid` may be missing. */
function drawCurve(canvas, colours, history, name) {
  const [context, width, height] = opened(canvas);
  if (!history.length) return;
  const left = 44, bottom = 20, top = 20;
  const kinds = [["train", colours.accent, "training examples"], ["valid", colours.other, "other examples"]];
  const finite = history.flatMap(({ train, valid }) => [train, valid]).filter(Number.isFinite);
  const most = 1.05 * Math.max(...finite, 1e-12), end = Math.max(history.at(-1).steps, 1);
  const x = (steps) => left + (steps / end) * (width - left - 8), y = (error) => height - bottom - (error / most) * (height - bottom - top);
  context.strokeStyle = colours.rule;
  context.fillStyle = colours.soft;
  for (const share of [0, 0.5, 1]) {
    const error = (share * most) / 1.05;
    line(context, [left, y(error)], [width - 8, y(error)]);
    context.fillText(short(error, 2), 2, y(error) + 4);
  }
  const steps = `${end.toLocaleString("en")} example${end > 1 ? "s" : ""}`;
  context.fillText(steps, width - context.measureText(steps).width - 8, height - 4);
  context.fillText(name, left, 12);
  let legend = left + context.measureText(name).width + 16;
  for (const [kind, colour, words] of kinds) {
    if (!history.some((entry) => entry[kind] !== undefined)) continue;
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    let open = false;
    for (const entry of history) {
      const finiteError = Number.isFinite(entry[kind]);
      if (finiteError) context[open ? "lineTo" : "moveTo"](x(entry.steps), y(entry[kind]));
      open = finiteError;
    }
    context.stroke();
    context.fillStyle = colour;
    context.fillRect(legend, 6, 12, 3);
    context.fillStyle = colours.soft;
    context.fillText(words, legend + 16, 12);
    legend += context.measureText(words).width + 30;
  }
}

/** The entries of a vector as a row, or of a matrix as a square, one pixel each. */
function drawEntries(canvas, colours, values, columns) {
  const rows = values.length / columns;
  canvas.width = columns;
  canvas.height = rows;
  const most = values.reduce((largest, value) => Math.max(largest, Number.isFinite(value) ? Math.abs(value) : 0), 0) || 1;
  const image = new ImageData(columns, rows);
  values.forEach((value, n) => image.data.set([...diverging(colours, value / most).map(Math.round), 255], 4 * n));
  canvas.getContext("2d").putImageData(image, 0, 0);
}
