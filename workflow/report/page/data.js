// ---- data: what the page knows, and what follows from it --------------------------------------------

let data;
const columns = new Map();

/** What makes each view, by its name; see `pixmake.results.report.views`. */
const makers = new Map();

/**
 * Add a view. `make(view, given)` fills its element, once it is shown, and returns what draws it again; `given` are
 * the data that its Python gave. `isOffered()` says whether there is something to see, at this level.
 */
function addView(name, make_, isOffered = () => true) {
  makers.set(name, { make: make_, isOffered });
}

/** Unpack the data that stand in the page. */
async function readData() {
  const text = document.getElementById('data').textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  data = await new Response(unpacked).json();
  document.getElementById('data').remove();
  takeLevel(data.first);
}

/** Let a point be what a level says: an image, or what a step with `per` measures. */
function takeLevel(place) {
  const level = data.levels[place];
  Object.assign(data, level, { level: place, empty: new Set(level.empty), failuresOf: new Map(), odd: null, searchTexts: null, layout: null });
  columns.clear();
  for (const column of data.columns) columns.set(column.key, column);
  for (const failure of data.failures) {
    if (failure.level !== place) continue;
    if (!data.failuresOf.has(failure.row)) data.failuresOf.set(failure.row, []);
    data.failuresOf.get(failure.row).push(failure);
  }
}

/** So many points, in words. */
const many = (count) => `${whole.format(count)} ${count === 1 ? data.noun : data.nouns}`;

/** Small picture, outline, large copy, whether it is damaged: of the channel that is named, or of the one that was chosen for all. */
function pictureOf(row, level = data.level, channel = choice('channel.shown')) {
  const { shown: own, channels } = data.levels[level];
  const image = lentBy(row, level);
  const ofImage = image === undefined ? '' : data.levels[0].channels[channel]?.[image];
  return data.pictures[channels[channel]?.[row] || ofImage || own[row]] ?? ['', '', '', 0];
}

/** The image whose picture a point shows that has none of its own, such as the first one of a well. */
function lentBy(row, level = data.level) {
  const image = data.levels[level].members[row]?.[0];
  return data.levels[level].shown[row] === data.levels[0].shown[image] ? image : undefined;
}

/** Of a point that lacks images, such as a well without one of its sites: '3 of 4 images'; of others nothing. */
function lackWords(row) {
  const [here, expected] = data.lacking[row] ?? [];
  return expected === undefined ? '' : `${whole.format(here)} of ${whole.format(expected)} images`;
}

/** The channels that one can choose from: of points, or of the images whose pictures they show. */
function channelNames() {
  const own = Object.keys(data.channels);
  return own.length || !data.ids.some((_, row) => lentBy(row) !== undefined) ? own : Object.keys(data.levels[0].channels);
}

const ofKind = (kind) => data.columns.filter((column) => column.kind === kind);
const isNumeric = (column) => column.type === 'number' || column.type === 'time';
const measurements = () => ofKind('measurement').filter((column) => column.type === 'number');

/** The values of a column, each once, in a natural order. */
function distinct(column) {
  column.distinct ??= [...new Set(column.values)].filter((value) => value !== null)
    .sort((a, b) => (typeof a === 'string' ? collator.compare(a, b) : a - b));
  return column.distinct;
}
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** Terms that sort images into a few groups, the likeliest treatment first. */
function groupings() {
  const likely = ['treatment', 'condition', 'genotype', 'dose', 'group', 'line', 'camera'];
  const rank = (column) => (likely.indexOf(column.key.toLowerCase()) + likely.length + 1) % (likely.length + 1);
  const of = (column) => (data.design.factors.indexOf(column.key) + 100) % 100;
  return ofKind('term')
    .filter((column) => column.type !== 'time' && distinct(column).length > 1 && distinct(column).length <= 20)
    .sort((a, b) => of(a) - of(b) || rank(a) - rank(b));
}

/** Columns that can be a time axis, the timestamp first. */
function timeAxes() {
  const named = /^(day|das|dap|dai|age|week|hour|time|t|frame|date)s?$/i;
  return ofKind('term')
    .filter((column) => distinct(column).length > 1 && (column.type === 'time' || (column.type === 'number' && named.test(column.key))))
    .sort((a, b) => (b.type === 'time') - (a.type === 'time'));
}

const DAY = 86400000;

/** Where a row stands on a time axis; where times of one day are one date, on which day. */
function stepped(axis) {
  const all = distinct(axis);
  const byDay = axis.type === 'time' && (axis.key === data.design.time ? data.design.daily : all.length > 40 && all.at(-1) - all[0] > 3 * DAY);
  // the middle of the images' hours, so that a line runs through its points
  const hours = byDay ? median(Float64Array.from(axis.values.filter((value) => value !== null), (value) => value % DAY).sort()) : 0;
  return byDay ? (row) => (axis.values[row] === null ? null : Math.floor(axis.values[row] / DAY) * DAY + hours) : (row) => axis.values[row];
}

/** Where each image stands on a plate or bench, if the metadata say it: rows and columns, or wells such as B07. */
function positions() {
  const find = (pattern) => ofKind('term').find((column) => pattern.test(column.key) && distinct(column).length <= 500);
  const row = find(/(^|[_ ])row$/i);
  const column = find(/(^|[_ ])col(umn)?$/i);
  const plate = ofKind('term').find((each) => /^plate([_ ]?(id|name|no|barcode))?$/i.test(each.key) && distinct(each).length > 1 && distinct(each).length <= 500) ?? null;
  if (row && column) return { of: (index) => [row.values[index], column.values[index]], keys: [row.key, column.key], plate };
  const well = ofKind('term').find((each) => distinct(each).length > 3
    && distinct(each).every((value) => /^[A-Za-z]{1,2}0*\d{1,2}$/.test(value)) && /well|position|pos|pot/i.test(each.key));
  if (!well) return null;
  const parsed = new Map(distinct(well).map((value) => {
    const [, letters, digits] = /^([A-Za-z]+)0*(\d+)$/.exec(value);
    return [value, [letters.toUpperCase(), Number(digits)]];
  }));
  return { of: (index) => parsed.get(well.values[index]) ?? [null, null], keys: [well.key], plate, wells: /well/i.test(well.key) };
}

const LETTERS = /^[A-Z]{1,2}$/;
const letterNumber = (letters) => [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0);
const numberLetters = (place) => (place > 26 ? String.fromCharCode(64 + Math.floor((place - 1) / 26)) : '') + String.fromCharCode(65 + ((place - 1) % 26));

/** The rows or columns of a plate in their order, those without an image as well: A, B, … Z, AA, or 1, 2, 3. */
function places(found) {
  const upTo = (last) => Array.from({ length: last }, (_, index) => index + 1);
  if (found.every((each) => Number.isInteger(each) && each > 0 && each <= 100)) return upTo(Math.max(...found));
  if (found.every((each) => LETTERS.test(each))) {
    const last = Math.max(...found.map(letterNumber));
    if (last <= 64) return upTo(last).map(numberLetters);
  }
  return [...found].sort((a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b))));
}

const number = new Intl.NumberFormat('en', { maximumSignificantDigits: 5 });
const whole = new Intl.NumberFormat('en');

/** A value as a person reads it. */
function shown(column, value) {
  if (value === null || value === undefined) return '–';
  if (column.type === 'time') return asDate(value, distinct(column).every((each) => each % 86400000 === 0));
  if (column.type === 'number') return Number.isInteger(value) ? whole.format(value) : number.format(value);
  return String(value);
}
const withUnit = (column, value) => (column.unit && value !== null && value !== undefined ? `${shown(column, value)} ${column.unit}` : shown(column, value));
const title = (column) => (column.unit ? `${column.key} (${column.unit})` : column.key);

function asDate(value, daysOnly) {
  const text = new Date(value).toISOString();
  return daysOnly ? text.slice(0, 10) : text.slice(0, 16).replace('T', ' ');
}

function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${number.format(Number(seconds.toPrecision(3)))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(seconds < 36000 ? 1 : 0)} h`;
}

function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Which images lie far from what their subject and group lead one to expect, and how many robust deviations: as the data say. */
function outliers(column) {
  column.outliers ??= new Map(Object.entries(data.outliers[column.key]?.rows ?? {}).map(([row, z]) => [Number(row), z]));
  return column.outliers;
}

/** Whether an outlier is one for having fallen behind at the last date, for which less is enough. */
const isBehind = (column, row) => data.outliers[column.key]?.behind.includes(row) ?? false;

/** What outliers of a column were compared with, or why there are none. */
const outlierBasis = (column) => data.outliers[column.key]?.basis ?? '';

/** What marks outliers of a column, and what they were compared with; or why none is marked. */
function outlierWords(column, of = '', drawn = true) {
  if (!outlierBasis(column)) return '';
  if (!data.outliers[column.key].judged) return `No outliers${of} are marked. There is ${outlierBasis(column)}.`;
  return `${outliers(column).size ? `${drawn ? 'Diamonds are outliers' : 'Outliers'}${of}` : `There is no outlier${of}`}: ${outlierBasis(column)}.`;
}

/** The outliers of all measurements: by row, how far off in the measurement where it is most. */
function allOutliers() {
  if (data.odd) return data.odd;
  data.odd = new Map();
  for (const column of measurements()) {
    for (const [row, z] of outliers(column)) {
      if (Math.abs(z) > Math.abs(data.odd.get(row)?.z ?? 0)) data.odd.set(row, { z, column });
    }
  }
  return data.odd;
}

/** How many of a hundred points have less. */
function percentile(column, value) {
  column.sorted ??= Float64Array.from(column.values.filter((each) => each !== null)).sort();
  let low = 0;
  let high = column.sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column.sorted[middle] < value) low = middle + 1; else high = middle;
  }
  return column.sorted.length < 2 ? 50 : (100 * low) / (column.sorted.length - 1);
}

/** An element: make('p', {class: 'quiet'}, 'text', child, …). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function option(value, text, chosen) {
  return make('option', { value, selected: chosen }, text);
}

/** The address of a small picture, outline or large copy. */
function address(name) {
  return name.startsWith('data:') ? name : `${data.folder}/${encodeURIComponent(name)}`;
}

/** The file itself in place of a small picture: a browser shows also a part of a damaged one. */
function wholePicture(row, level) {
  const none = () => make('span', { class: 'none' }, 'no picture could be read');
  const path = data.levels[level].files[row][0]?.[1];
  if (!path || !SHOWN.test(path)) return none();
  const image = make('img', { src: encoded(path), alt: '', loading: 'lazy', decoding: 'async' });
  const stack = make('span', { class: 'stack' }, image);
  image.addEventListener('error', () => stack.replaceWith(none()));
  return stack;
}

/** A small picture with its outline over it. */
function smallPicture(row, level = data.level) {
  const [small, outline, , damaged] = pictureOf(row, level);
  if (!small) return damaged ? wholePicture(row, level) : make('span', { class: 'none' }, 'no picture');
  return make('span', { class: 'stack' },
    make('img', { src: address(small), alt: '', loading: 'lazy', decoding: 'async' }),
    outline && make('img', { src: address(outline), alt: '', class: 'outline', loading: 'lazy', decoding: 'async' }));
}
