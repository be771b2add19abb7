// Numbers as text.

/** A number rounded to four digits, or to fewer. */
function short(value, digits = 4) {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value), rounded = Number(value.toPrecision(digits));
  const text = size && (size < 1e-3 || size >= 1e5) ? rounded.toExponential() : String(rounded);
  return text.replaceAll("-", "−").replace("+", "");
}

/** A number with all its digits. */
function exact(value) {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The value of a register in a few characters: a number, or the smallest and the largest entry. */
function summary(values) {
  if (values.length === 1) return short(values[0]);
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (Number.isNaN(value)) return "NaN";
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low === high ? `all ${short(low)}` : `${short(low, 3)} … ${short(high, 3)}`;
}

/** Bytes of base64 text. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Numbers of base64 text of little-endian float64. */
function numbersOf(text) {
  return new Float64Array(bytesOf(text).buffer);
}
