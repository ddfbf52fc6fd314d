// ---- statistics: means with their intervals, and how far groups lie apart ----------------------------

const RESAMPLES = 4000;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The variance of a sample (divided by n − 1). */
function variance(values) {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}

/** The logarithm of the gamma function, after Lanczos. */
function logGamma(x) {
  const terms = [76.18009172947146, -86.50532032941677, 24.01409824083091, -1.231739572450155, 0.001208650973866179, -0.000005395239384953];
  const shifted = x + 5.5 - (x + 0.5) * Math.log(x + 5.5);
  return -shifted + Math.log((2.5066282746310005 * terms.reduce((sum, term, index) => sum + term / (x + 1 + index), 1.000000000190015)) / x);
}

/** The regularised incomplete beta function, by its continued fraction. */
function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))];
  let found = d;
  for (let m = 1; m <= 300; m++) {
    for (const step of [(m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)), (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))]) {
      d = 1 / (1 + step * d);
      c = 1 + step / c;
      found *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-13) break;
  }
  return (found * Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x))) / a;
}

const quantiles = new Map();

/** How many standard errors to either side hold 95 % of a t distribution. */
function tQuantile(freedom) {
  if (!quantiles.has(freedom)) {
    let [low, high] = [0, 1000];
    for (let turn = 0; turn < 80; turn++) {
      const middle = (low + high) / 2;
      if (incompleteBeta(freedom / (freedom + middle * middle), freedom / 2, 0.5) > 0.05) low = middle; else high = middle;
    }
    quantiles.set(freedom, (low + high) / 2);
  }
  return quantiles.get(freedom);
}

/** A mean with its 95 % interval by Student's t; of one value the interval is not known. */
function meanInterval(values) {
  const middle = mean(values);
  if (values.length < 2) return [middle, null, null];
  const half = tQuantile(values.length - 1) * Math.sqrt(variance(values) / values.length);
  return [middle, middle - half, middle + half];
}

/** Numbers from 0 to 1 that are the same for the same seed, so that a page says the same each time. */
function randomly(seed) {
  let now = seed;
  return () => {
    now = (now + 0x6d2b79f5) | 0;
    let mixed = Math.imul(now ^ (now >>> 15), 1 | now);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The 95 % interval of statistics of two samples, by the percentiles of their bootstrap. */
function bootstrapIntervals(one, other, statistics) {
  const random = randomly(1);
  const draw = (values) => values.map(() => values[Math.floor(random() * values.length)]);
  const found = statistics.map(() => []);
  for (let turn = 0; turn < RESAMPLES; turn++) {
    const [a, b] = [draw(one), draw(other)];
    statistics.forEach((statistic, index) => { const value = statistic(a, b); if (Number.isFinite(value)) found[index].push(value); });
  }
  return found.map((values) => {
    values.sort((a, b) => a - b);
    return values.length ? [quantile(values, 0.025), quantile(values, 0.975)] : [null, null];
  });
}

function quantile(sorted, part) {
  const place = part * (sorted.length - 1);
  const low = Math.floor(place);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (place - low);
}

const difference = (one, other) => mean(one) - mean(other);
const ratio = (one, other) => mean(one) / mean(other);

/** Hedges' g (the difference by the pooled standard deviation, corrected for small samples) with its 95 % interval after Hedges and Olkin: a bootstrap of it goes far astray with few subjects. */
function hedgesInterval(one, other) {
  const freedom = one.length + other.length - 2;
  const pooled = ((one.length - 1) * variance(one) + (other.length - 1) * variance(other)) / freedom;
  const correction = Math.exp(logGamma(freedom / 2) - logGamma((freedom - 1) / 2)) / Math.sqrt(freedom / 2);
  if (!pooled) return [null, null, null];
  const found = difference(one, other) / Math.sqrt(pooled);
  const [n, m] = [one.length, other.length];
  const half = 1.959963984540054 * correction * Math.sqrt((n + m) / (n * m) + found ** 2 / (2 * (n + m)));
  return [correction * found, correction * found - half, correction * found + half];
}

/** How far a group lies from another: difference, ratio and Hedges' g, each with its interval. */
function comparison(one, other) {
  if (one.length < 2 || other.length < 2) return null;
  const [ofDifference, ofRatio] = bootstrapIntervals(one, other, [difference, ratio]);
  return {
    difference: [difference(one, other), ...ofDifference],
    ratio: [ratio(one, other), ...ofRatio],
    hedges: hedgesInterval(one, other),
  };
}
