// The uniform random numbers of one sample, as numpy.random.Philox makes them: number n depends on
// (seed, sample, n) alone.
//
// Salmon et al. (2011), Parallel Random Numbers: As Easy as 1, 2, 3: Philox 4x64 with ten rounds.
// A number of 64 bits is two of 32 bits here, the lower one first.

const MULTIPLIERS = [[0xe14c6c93, 0xd2e7470e], [0x95121157, 0xca5a8263]];
const INCREMENTS = [[0x7f4a7c15, 0x9e3779b9], [0x84caa73b, 0xbb67ae85]];
const ROUNDS = 10;

// Return the two halves of a whole number in [0, 2**64), given as a number, bigint or string.
export function halves(value) {
  const whole = BigInt.asUintN(64, BigInt(value));
  return [Number(whole & 0xffffffffn), Number(whole >> 32n)];
}

// Return the product of two numbers of 32 bits, as its lower and upper 32 bits.
function multiplyWords(a, b) {
  const aLow = a & 0xffff, aHigh = a >>> 16, bLow = b & 0xffff, bHigh = b >>> 16;
  const low = aLow * bLow, middle = aHigh * bLow + (low >>> 16);
  const cross = aLow * bHigh + (middle % 0x10000);
  const upper = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000);
  return [Math.imul(a, b) >>> 0, upper >>> 0];
}

// Return the product of two numbers of 64 bits, as its four words, the lowest first.
function multiplyLong([aLow, aHigh], [bLow, bHigh]) {
  const [w0, c0] = multiplyWords(aLow, bLow), [x0, x1] = multiplyWords(aLow, bHigh);
  const [y0, y1] = multiplyWords(aHigh, bLow), [z0, z1] = multiplyWords(aHigh, bHigh);
  const first = c0 + x0 + y0;
  const second = x1 + y1 + z0 + Math.floor(first / 2 ** 32);
  const third = z1 + Math.floor(second / 2 ** 32);
  return [w0, first >>> 0, second >>> 0, third >>> 0];
}

function addLong([aLow, aHigh], [bLow, bHigh]) {
  const low = aLow + bLow;
  return [low >>> 0, (aHigh + bHigh + Math.floor(low / 2 ** 32)) >>> 0];
}

function exclusiveOr(a, b, c) {
  return [(a[0] ^ b[0] ^ c[0]) >>> 0, (a[1] ^ b[1] ^ c[1]) >>> 0];
}

// Return four numbers of 64 bits for a counter of four and a key of two.
export function philox(counter, key) {
  let words = counter, [first, second] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const p = multiplyLong(MULTIPLIERS[0], words[0]), q = multiplyLong(MULTIPLIERS[1], words[2]);
    words = [
      exclusiveOr([q[2], q[3]], words[1], first), [q[0], q[1]],
      exclusiveOr([p[2], p[3]], words[3], second), [p[0], p[1]],
    ];
    first = addLong(first, INCREMENTS[0]);
    second = addLong(second, INCREMENTS[1]);
  }
  return words;
}

export class Draws {
  // seed, sample: in [0, 2**63). position: how many numbers were taken before.
  constructor(seed, sample, position = 0) {
    this.key = [halves(seed), halves(sample)];
    this.position = position;
    this.block = -1;
  }

  // Return the next number, in [0, 1) on a grid of 2**-24.
  take() {
    const block = Math.floor(this.position / 4);
    if (block !== this.block) {
      // The counter is raised before it is used.
      this.words = philox([halves(block + 1), [0, 0], [0, 0], [0, 0]], this.key);
      this.block = block;
    }
    return (this.words[this.position++ % 4][1] >>> 8) / 2 ** 24;
  }
}
