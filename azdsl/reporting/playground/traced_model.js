/** A model that writes down the result of every instruction. Its rows and labels must be valid: they are not checked. */
class TracedModel extends Model {
  static async of(subject) {
    const { instance } = await WebAssembly.instantiate(bytesOf(subject.wasm));
    return new TracedModel(instance, subject);
  }

  constructor(instance, subject) {
    super(instance, subject.features, subject.facts);
    this._subject = subject;
    this._trace = this._room;
    this._room = align(this._room + subject.traceBytes);
    this._reserve(this._room);
    this.reset(subject.seed);
  }

  /** Forget everything and run Setup. */
  reset(seed) {
    new Uint8Array(this._memory, this._trace, this._subject.traceBytes).fill(0);
    this._call("trace_setup", this._at, BigInt.asIntN(64, BigInt(seed)), this._trace);
    this.stopped = false;
  }

  /** How many examples the model has visited since Setup. */
  get visits() {
    return Number(new DataView(this._memory).getBigUint64(this._at + this._subject.visitsAt, true));
  }

  /** Learn from one or more rows, in order. */
  train(rows, labels) {
    const [from, to] = this._write(rows, labels);
    this.stopped = this._call("trace", this._at, from, to, BigInt(labels.length), this._trace) === STOPPED;
  }

  /** The prediction for the last example, before Learn: a number, or a probability for each class. */
  get prediction() {
    return this._traced(0, this.outputs);
  }

  /** The entries that a line of the program last wrote. */
  written(line) {
    const rank = "svm".indexOf(line.register[0]);
    return this._traced(line.place, this.features ** rank);
  }

  /** Predictions for rows, each from the present state, which stays as it is. */
  frozen(rows) {
    const before = this.state, n = rows.length / this.features;
    if (this._subject.independent) {
      const found = this.predict(rows);
      this.state = before;
      return found;
    }
    const [from, out] = this._write(rows, new Float64Array(n * this.outputs));
    for (let row = 0; row < n; row++) {
      this._call("predict", this._at, from + row * this.features * 8, 1n, out + row * this.outputs * 8);
      this.state = before;
    }
    return this._numbers(out, n * this.outputs).slice();
  }

  _traced(offset, count) {
    const kind = this._facts.precision === 64 ? Float64Array : Float32Array;
    return Float64Array.from(new kind(this._memory, this._trace + offset, count));
  }
}
