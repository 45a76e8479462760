// The arrays of a network out of the page: base64, deflated, with the bytes of numbers apart.

// Return the bytes of text in base64. Older browsers have no function for it.
function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const decoded = atob(text), bytes = new Uint8Array(decoded.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = decoded.charCodeAt(index);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Put the bytes of numbers together that are stored apart: all first bytes, all second ones...
function joinPlanes(bytes, width) {
  const count = bytes.length / width, joined = new Uint8Array(bytes.length);
  for (let plane = 0; plane < width; plane++) {
    const from = plane * count;
    for (let index = 0; index < count; index++) joined[index * width + plane] = bytes[from + index];
  }
  return joined.buffer;
}

// Return the numbers that halves stand for (IEEE 754, binary16, without infinity and NaN).
//
// A float32 has the same sign and fraction, and an exponent that is greater by 112. A subnormal
// half is its fraction times the smallest one.
export function readHalves(halves) {
  const values = new Float32Array(halves.length), bits = new Uint32Array(values.buffer);
  for (let index = 0; index < halves.length; index++) {
    const half = halves[index], sign = (half & 0x8000) << 16, size = half & 0x7fff;
    if (size < 0x400) values[index] = (sign ? -1 : 1) * size * 2 ** -24;
    else bits[index] = sign | ((size << 13) + 0x38000000);
  }
  return values;
}

// One byte for each number, which is multiplied by the scale of its column.
function readBytes(bytes, scales) {
  const numbers = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const columns = scales.length, values = new Float32Array(numbers.length);
  for (let index = 0, column = 0; index < numbers.length; index++) {
    values[index] = numbers[index] * scales[column];
    if (++column === columns) column = 0;
  }
  return values;
}

const WIDTHS = { float32: 4, float16: 2, int8: 1 };

// Return the arrays of a network by name, each {values: Float32Array, shape}.
//
// described: [{name, shape, type}], in the order in which they are stored.
// text: the content of the element that holds them.
export async function unpack(described, text) {
  const bytes = await inflate(fromBase64(text.trim())), arrays = {};
  let at = 0;
  const next = (length) => bytes.subarray(at, (at += length));
  for (const { name, shape, type } of described) {
    const count = shape.reduce((product, size) => product * size, 1), width = WIDTHS[type];
    let values;
    if (type === "int8") {
      const scales = new Float32Array(joinPlanes(next(4 * shape[shape.length - 1]), 4));
      values = readBytes(next(count), scales);
    } else {
      const buffer = joinPlanes(next(count * width), width);
      values = type === "float16" ? readHalves(new Uint16Array(buffer)) : new Float32Array(buffer);
    }
    arrays[name] = { values, shape };
  }
  return arrays;
}
