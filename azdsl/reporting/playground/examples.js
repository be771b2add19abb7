// The examples to train on: points of the plane, as features, or a task.

/** The map shows both coordinates from -EDGE to EDGE. */
const EDGE = 2;
const POINTS = 200, MOST_POINTS = 500;
const GOLDEN = 1.32471795724474602596;

const half = (test) => (test ? 1 : 0);
const PATTERNS = {
  rmse: {
    plane: (a, b) => 0.8 * a - 0.5 * b,
    "plane with offset": (a, b) => 0.4 * a + 0.4 * b + 0.5,
    saddle: (a, b) => (a * b) / 2,
    fold: (a) => Math.abs(a) - 1,
    hill: (a, b) => 2 * Math.exp(-a * a - b * b) - 1,
  },
  accuracy: {
    halves: (a, b) => half(a + 0.6 * b > 0),
    "halves with offset": (a, b) => half(a + 0.6 * b > 0.7),
    disc: (a, b) => half(a * a + b * b < 1.7),
    quarters: (a, b) => half(a * b > 0),
    wave: (a, b) => half(b > Math.sin(2.2 * a)),
  },
  multiclass: {
    sectors: (a, b, C) => Math.min(C - 1, Math.floor((Math.atan2(b, a) / (2 * Math.PI) + 0.5) * C)),
    stripes: (a, b, C) => Math.min(C - 1, Math.floor(((a + EDGE) / (2 * EDGE)) * C)),
    rings: (a, b, C) => Math.min(C - 1, Math.floor((Math.hypot(a, b) / (1.42 * EDGE)) * C)),
  },
};

/** Point n of a sequence that covers the map evenly. */
function spread(n) {
  const place = (step) => (((n + 1) * step) % 1) * 2 * EDGE - EDGE;
  return [place(1 / GOLDEN), place(1 / GOLDEN ** 2)];
}

/** Features of points, one row after the other: feature k is the coordinate along direction k. */
function embed(points, directions) {
  const rows = new Float64Array(points.length * directions.length);
  let at = 0;
  for (const [a, b] of points) for (const [p, q] of directions) rows[at++] = a * p + b * q;
  return rows;
}

/** Examples in the plane; points can be added and erased. */
class PlaneExamples {
  constructor(subject, pattern) {
    this.directions = subject.embedding;
    this.points = [];
    this.labels = [];
    const label = PATTERNS[subject.facts.metric][pattern];
    if (label) {
      for (let n = 0; n < POINTS; n++) {
        const point = spread(n);
        this.points.push(point);
        this.labels.push(label(...point, subject.classes));
      }
    }
    this._refresh();
  }

  add(a, b, label) {
    if (this.points.length === MOST_POINTS) return false;
    this.points.push([a, b]);
    this.labels.push(label);
    this._refresh();
    return true;
  }

  /** Erase the point that is nearest to a place, if it is within `reach`. */
  erase(a, b, reach) {
    const distance = this.points.map(([p, q]) => Math.hypot(p - a, q - b));
    const nearest = distance.indexOf(Math.min(...distance));
    if (nearest < 0 || distance[nearest] > reach) return;
    this.points.splice(nearest, 1);
    this.labels.splice(nearest, 1);
    this._refresh();
  }

  clear() {
    this.points = [];
    this.labels = [];
    this._refresh();
  }

  _refresh() {
    this.X = embed(this.points, this.directions);
    this.y = Float64Array.from(this.labels);
  }
}

/** The examples of a task, with others to validate on. */
class TaskExamples {
  constructor({ title, X, y, validX, validY }) {
    this.title = title;
    this.X = numbersOf(X);
    this.y = numbersOf(y);
    this.valid = { X: numbersOf(validX), y: numbersOf(validY) };
  }
}

/** The class of a prediction: a probability of class 1, or one for each class. */
function classOf(prediction) {
  return prediction.length === 1 ? half(prediction[0] > 0.5) : prediction.indexOf(Math.max(...prediction));
}

/** The root mean squared error of predictions, or the share of wrong classes. */
function errorOf(metric, predictions, labels) {
  const width = predictions.length / labels.length;
  let total = 0;
  labels.forEach((label, n) => {
    const prediction = predictions.subarray(n * width, (n + 1) * width);
    total += metric === "rmse" ? (label - prediction[0]) ** 2 : half(classOf(prediction) !== label);
  });
  return metric === "rmse" ? Math.sqrt(total / labels.length) : total / labels.length;
}
