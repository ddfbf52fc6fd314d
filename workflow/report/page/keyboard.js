// ---- keyboard: the points of a plot one after the other, each read out ------------------------------

/** Where the arrow keys may stop: the points of a plot, by series, from left to right. */
function stopsOf(options) {
  const stops = [];
  options.series.forEach((each, series) => {
    if (each.silent || each.type === 'custom') return;
    const points = each.data.map((_, index) => index).filter((index) => valueAt(each, index) !== null && valueAt(each, index) !== undefined);
    if (['scatter', 'line'].includes(each.type)) points.sort((a, b) => across(each, a) - across(each, b));
    if (points.length) stops.push({ series, points, grid: each.type === 'heatmap' });
  });
  return stops;
}

const valueAt = (series, index) => series.data[index]?.value ?? series.data[index];
const across = (series, index) => [valueAt(series, index)].flat()[0];

/** What the tooltip of a point says, without its markup. */
function pointWords(options, series, index) {
  const each = options.series[series];
  const item = (of, place) => ({ data: of.data[place], dataIndex: place, seriesIndex: options.series.indexOf(of), seriesName: of.name ?? '', name: options.xAxis?.[0]?.data?.[place] ?? '', value: valueAt(of, place), marker: '' });
  const { formatter, trigger } = options.tooltip;
  const words = formatter ? formatter(trigger === 'axis' ? options.series.map((of) => item(of, index)) : item(each, index)) : `${item(each, index).name}: ${valueAt(each, index)}`;
  return new DOMParser().parseFromString(words.replaceAll('<br>', ', '), 'text/html').body.textContent;
}

/** The next stop that a key leads to, from one at [line, place]. */
function nextStop(stops, [line, place], key, options) {
  const last = stops[line].points.length - 1;
  const bounded = (to) => [line, Math.max(0, Math.min(last, to))];
  const page = Math.max(1, Math.round((last + 1) / 20));
  if (stops[line].grid && /^Arrow/.test(key)) return inGrid(stops[line], place, key, options) ?? [line, place];
  if (key === 'ArrowRight') return bounded(place + 1);
  if (key === 'ArrowLeft') return bounded(place - 1);
  if (key === 'PageDown') return bounded(place + page);
  if (key === 'PageUp') return bounded(place - page);
  if (key === 'Home') return bounded(0);
  if (key === 'End') return bounded(last);
  const other = Math.max(0, Math.min(stops.length - 1, line + (key === 'ArrowDown' ? 1 : -1)));
  return [other, Math.min(place, stops[other].points.length - 1)];
}

function inGrid({ series, points }, place, key, options) {
  const [x, y] = valueAt(options.series[series], points[place]);
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
  const ahead = points.map((index, at) => [valueAt(options.series[series], index), at])
    .filter(([[a, b]]) => (dx ? b === y && (a - x) * dx > 0 : a === x && (b - y) * dy > 0))
    .sort(([[a, b]], [[c, d]]) => Math.abs(a - x) + Math.abs(b - y) - Math.abs(c - x) - Math.abs(d - y))[0];
  return ahead && [0, ahead[1]];
}

/** Read something out to who does not see it. */
function say(words) {
  let place = document.getElementById('said');
  if (!place) { place = make('div', { id: 'said', class: 'unseen', 'aria-live': 'polite' }); document.body.append(place); }
  place.textContent = words;
}

/** Let a plot be read by keyboard: arrows go from point to point, Enter does what a click does. */
function readByKeyboard(element, drawn) {
  const keys = ['ArrowRight', 'ArrowLeft', 'ArrowDown', 'ArrowUp', 'Home', 'End', 'PageUp', 'PageDown'];
  element.tabIndex = 0;
  element.setAttribute('role', 'application');
  element.setAttribute('aria-roledescription', 'plot');
  const leave = () => { drawn.dispatchAction({ type: 'hideTip' }); drawn.dispatchAction({ type: 'downplay' }); };
  element.addEventListener('blur', () => { if (!drawn.isDisposed()) leave(); });
  element.addEventListener('keydown', (event) => {
    const stops = stopsOf(drawn.given);
    if (event.key === 'Escape') { drawn.at = null; leave(); return; }
    const at = drawn.at && stops[drawn.at[0]]?.points[drawn.at[1]] !== undefined ? drawn.at : null;
    if (event.key === 'Enter' && at) {
      const { series, points } = stops[at[0]];
      drawn.clicked({ data: drawn.given.series[series].data[points[at[1]]], dataIndex: points[at[1]], seriesIndex: series });
      event.preventDefault();
    }
    if (!keys.includes(event.key) || !stops.length) return;
    event.preventDefault();
    drawn.at = at ? nextStop(stops, at, event.key, drawn.given) : [0, 0];
    const { series, points } = stops[drawn.at[0]];
    const point = { seriesIndex: series, dataIndex: points[drawn.at[1]] };
    drawn.dispatchAction({ type: 'downplay' });
    drawn.dispatchAction({ type: 'highlight', ...point });
    drawn.dispatchAction({ type: 'showTip', ...point });
    say(pointWords(drawn.given, series, points[drawn.at[1]]));
  });
}
