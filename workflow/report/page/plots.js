// ---- plots: distribution, over time, one against the other, plate ------------------------------------

// after Okabe and Ito, whose colours colour-blind readers tell apart; brighter ones on dark ground
const ON_DARK = ['#4ea8de', '#f0b030', '#2fc79a', '#e3a1c8', '#ff8b4d', '#a5d8f5', '#e6db55', '#b3b3b3', '#cfa276', '#a994e6', '#d5e4ef', '#d6dc5c'];
const ON_LIGHT = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#56b4e9', '#b8a900', '#7f7f7f', '#8c5a2b', '#6a51a3', '#a6bddb', '#bcbd22'];
/** Dashes of lines and shapes of points, so that groups differ by more than colour; a diamond is an outlier. */
const DASHES = ['solid', [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [10, 3, 2, 3, 2, 3]];
const SHAPES = ['circle', 'rect', 'triangle', 'path://M3,0H6V3H9V6H6V9H3V6H0V3H3Z', 'path://M0,0H9L4.5,9Z', 'path://M0,3H9V6H0Z'];

/** A line in the legend, so long that its dashes are seen. */
const LINES_IN_LEGEND = { itemWidth: 36, itemHeight: 10 };

/** Plots less wide than this, as on a phone, are laid out for it. */
const NARROW = 440;

/** Lines of a legend on a phone; a longer one has pages, or it would leave no plot. */
const MOST_LEGEND_LINES = 4;

const charts = new Map();
let COLOURS = ON_LIGHT;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Draw a chart in an element, in the page's colours; a click on a point that knows its row opens its image. */
function chart(element, options, clicked) {
  let drawn = charts.get(element);
  COLOURS = isDark() ? ON_DARK : ON_LIGHT;
  if (!drawn) {
    drawn = echarts.init(element, null, { renderer: 'canvas' });
    charts.set(element, drawn);
    new ResizeObserver(() => { if (!drawn.isDisposed()) drawn.resize(); }).observe(element);
    readByKeyboard(element, drawn);
  }
  const quiet = css('--quiet');
  const axis = (given) => given && [].concat(given).map((each) => ({
    nameLocation: 'middle', nameGap: 30, nameTextStyle: { color: quiet },
    axisLine: { lineStyle: { color: css('--line-strong') } }, splitLine: { lineStyle: { color: css('--line') } }, ...each,
    axisLabel: { color: quiet, hideOverlap: true, ...each.axisLabel },
  }));
  drawn.clear();
  const given = {
    // names of fonts in single quotes: double ones would end an attribute of the SVG that is saved
    animation: false, color: COLOURS, textStyle: { color: css('--text'), fontFamily: getComputedStyle(document.body).fontFamily.replaceAll('"', "'") },
    grid: { left: 62, right: options.xAxis?.type === 'time' ? 36 : 20, top: options.legend ? 38 : 16, bottom: 48 },
    ...options,
    legend: options.legend && { top: 2, left: 'center', type: 'scroll', itemWidth: 14, itemHeight: 9, textStyle: { color: css('--text'), lineHeight: 18 }, pageTextStyle: { color: quiet }, pageIconColor: quiet, ...options.legend },
    tooltip: { backgroundColor: css('--raised'), borderColor: css('--line-strong'), textStyle: { color: css('--text'), fontSize: 13 }, confine: true, ...options.tooltip },
    xAxis: axis(options.xAxis), yAxis: axis(options.yAxis),
  };
  // a phone has no room for a name and for what turns the pages of a legend
  if (given.legend && element.clientWidth < NARROW && legendLines(given.legend, element.clientWidth) <= MOST_LEGEND_LINES) Object.assign(given, wholeLegend(given, element.clientWidth));
  drawn.setOption(given);
  drawn.given = given;
  drawn.tableOf = options.table;
  drawn.off('click');
  drawn.clicked = clicked ?? ((event) => { if (event.data?.row !== undefined) openPicture(event.data.row); });
  drawn.on('click', drawn.clicked);
  element.firstElementChild.setAttribute('role', 'img');
  element.firstElementChild.setAttribute('aria-label', options.words);
  element.setAttribute('aria-label', `${options.words}. Arrow keys go from point to point, Enter opens.`);
  return drawn;
}

/** How the lines and points of a group look, by its place. */
const lookOf = (place) => ({ colour: COLOURS[place % COLOURS.length], dash: DASHES[place % DASHES.length], symbol: SHAPES[place % SHAPES.length] });

/** Bins with round edges: 1, 2 or 5 times a power of ten wide, of whole numbers at least 1. */
function binsOf(least, most, count, integers) {
  if (!(most > least)) return { start: integers ? least : least - 0.5, width: 1, bins: 1 };
  const raw = (most - least) / Math.max(6, Math.min(40, Math.sqrt(count) * 1.6));
  const power = 10 ** Math.floor(Math.log10(raw));
  const round = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw * 0.999);
  const width = integers ? Math.max(1, Math.round(round)) : round;
  const start = Math.floor(least / width + 1e-9) * width;
  return { start, width, bins: Math.floor((most - start) / width + 1e-9) + 1 };
}

/** Rows by the value of a term, in the order of its values; all in one without a term. */
function grouped(rows, group) {
  if (!group) return [['', rows]];
  const cells = new Map(distinct(group).map((value) => [value, []]));
  cells.set(null, []);
  for (const row of rows) cells.get(group.values[row])?.push(row);
  return [...cells].filter(([, members]) => members.length).map(([value, members]) => [value === null ? '(empty)' : shown(group, value), members]);
}

function drawDistribution(element, column, group, rows, low) {
  const some = rows.filter((row) => column.values[row] !== null);
  let [least, most] = [Infinity, -Infinity];
  for (const row of some) { least = Math.min(least, column.values[row]); most = Math.max(most, column.values[row]); }
  const { start, width, bins } = binsOf(least, most, some.length, some.every((row) => Number.isInteger(column.values[row])));
  const binOf = (value) => Math.min(bins - 1, Math.floor((value - start) / width + 1e-9));
  COLOURS = isDark() ? ON_DARK : ON_LIGHT;
  const groups = grouped(some, group);
  const series = groups.map(([name, members], index) => {
    const counts = new Array(bins).fill(0);
    for (const row of members) counts[binOf(column.values[row])]++;
    return { name, type: 'bar', stack: 'all', barCategoryGap: '6%', data: counts, itemStyle: { color: COLOURS[index % COLOURS.length] } };
  });
  const edge = (index) => shown({ ...column, type: 'number' }, Number((start + index * width).toPrecision(6)));
  const whichBin = (index) => (width === 1 && Number.isInteger(start) && some.every((row) => Number.isInteger(column.values[row])) ? edge(index) : `${edge(index)} to ${edge(index + 1)}`);
  chart(element, {
    table: () => [['from', 'to', ...groups.map(([name]) => name || data.nouns)], ...Array.from({ length: bins }, (_, index) => [start + index * width, start + (index + 1) * width, ...series.map((each) => each.data[index])])],
    words: `Distribution of ${title(column)} in ${many(some.length)}, from ${edge(0)} to ${edge(bins)}`,
    legend: groups.length > 1 && !low ? { data: groups.map(([name]) => name) } : undefined,
    tooltip: { trigger: 'axis', axisPointer: { type: 'shadow' }, formatter: (items) => [whichBin(items[0].dataIndex), ...items.filter((item) => item.value).map((item) => `${item.marker}${escaped(item.seriesName || data.nouns)}: ${item.value}`)].join('<br>') },
    xAxis: { type: 'category', data: Array.from({ length: bins }, (_, index) => edge(index)), name: low ? '' : title(column), axisTick: { show: false } },
    yAxis: { type: 'value', name: low ? '' : data.nouns, nameGap: 42, minInterval: 1, splitNumber: low ? 3 : 5 },
    series,
    ...(low ? { grid: { left: 44, right: 8, top: 8, bottom: 26 } } : {}),
  }, (event) => {
    if (event.dataIndex === undefined) return;
    addFilter(column.key);
    const filter = state.filters.get(column.key);
    // a value on the upper edge belongs to the next bar
    Object.assign(filter, { least: start + event.dataIndex * width, most: start + (event.dataIndex + 1) * width * (1 - 1e-12) - width * 1e-9 });
    const chip = document.querySelector(`#chips [data-key="${CSS.escape(column.key)}"]`);
    chip.open = false;
    chip.querySelector('summary > span').textContent = said(column, filter);
    applyFilters();
    showView('images');
  });
}

const escaped = (text) => make('i', {}, String(text)).innerHTML;

function pointTip(x, y) {
  return { trigger: 'item', formatter: (item) => (item.data?.row === undefined ? '' : `<b>${escaped(data.ids[item.data.row])}</b><br>${escaped(x.key)}: ${escaped(withUnit(x, x.values[item.data.row]))}<br>${escaped(y.key)}: ${escaped(withUnit(y, y.values[item.data.row]))}${outliers(y).has(item.data.row) ? `<br>${oddWords(y, item.data.row)}` : ''}`) };
}

/** Points, an outlier as a diamond; over a time axis with the median of each group as a line. */
function drawPoints(element, x, y, group, rows, line) {
  const odd = outliers(y);
  COLOURS = isDark() ? ON_DARK : ON_LIGHT;
  const groups = grouped(rows.filter((row) => x.values[row] !== null && y.values[row] !== null), group);
  const few = rows.length <= 3000;
  const series = [];
  groups.forEach(([name, members], index) => {
    const { colour, dash, symbol } = lookOf(index);
    const medians = line ? mediansOf(members, x, y) : [];
    // first of its name, so that the legend shows its dashes and the shape of the points
    if (medians.length) series.push({ name, type: 'line', data: medians, symbol, showSymbol: false, silent: true, lineStyle: { color: colour, width: 2.5, type: dash }, itemStyle: { color: colour }, z: 5, tooltip: { show: false } });
    series.push({
      name, type: 'scatter', symbol, symbolSize: few ? 8 : 4, itemStyle: { color: colour, opacity: few ? 0.75 : 0.45 }, progressive: 4000,
      data: members.filter((row) => !odd.has(row)).map((row) => ({ value: [x.values[row], y.values[row]], row })),
    });
    // above the points of all groups
    const far = members.filter((row) => odd.has(row));
    if (far.length) series.push({ name, type: 'scatter', z: 6, symbol: 'diamond', symbolSize: few ? 14 : 9, itemStyle: { color: colour, opacity: 1, borderColor: css('--text'), borderWidth: 1.4 }, data: far.map((row) => ({ value: [x.values[row], y.values[row]], row })) });
  });
  const count = [...odd.keys()].length;
  chart(element, {
    table: () => [['id', group?.key ?? 'group', title(x), title(y), 'deviations of an outlier'], ...groups.flatMap(([name, members]) => members.map((row) => [data.ids[row], name, x.type === 'time' ? shown(x, x.values[row]) : x.values[row], y.values[row], odd.get(row) ?? null]))],
    words: `${title(y)} against ${title(x)}${group ? ` by ${group.key}` : ''}: ${many(rows.length)}, ${count} outliers`,
    legend: groups.length > 1 ? { data: groups.map(([name]) => name), ...(series.some((each) => each.type === 'line') ? LINES_IN_LEGEND : {}) } : undefined,
    tooltip: pointTip(x, y),
    xAxis: { type: x.type === 'time' ? 'time' : 'value', scale: true, boundaryGap: ['3%', '3%'], name: title(x), ...(x.type === 'time' ? { axisLabel: { formatter: (value) => asDate(value, distinct(x).at(-1) - distinct(x)[0] > 2 * DAY) } } : {}) },
    yAxis: { type: 'value', scale: true, name: title(y), nameGap: 46 },
    ...(x.type === 'time' ? { useUTC: true } : {}),
    series,
  });
}

/** The medians of rows at each step of an axis; none where there is one step, or very many. */
function mediansOf(members, x, y) {
  const at = new Map();
  const place = stepped(x);
  for (const row of members) { const key = place(row); if (!at.has(key)) at.set(key, []); at.get(key).push(y.values[row]); }
  if (at.size < 2 || at.size > 400) return [];
  return [...at].sort(([a], [b]) => a - b).map(([value, values]) => [value, median(values.sort((a, b) => a - b))]);
}

/** Median, quartiles and whiskers of each group, single images beyond them as points. */
function drawBoxes(element, column, group, rows) {
  const groups = grouped(rows.filter((row) => column.values[row] !== null), group);
  const beyond = [];
  COLOURS = isDark() ? ON_DARK : ON_LIGHT;
  const boxes = groups.map(([, members], index) => {
    const sorted = [...members].sort((a, b) => column.values[a] - column.values[b]);
    const at = (part) => { const place = part * (sorted.length - 1); const low = Math.floor(place); const [a, b] = [column.values[sorted[low]], column.values[sorted[Math.min(low + 1, sorted.length - 1)]]]; return a + (b - a) * (place - low); };
    const [first, middle, third] = [at(0.25), at(0.5), at(0.75)];
    const reach = 1.5 * (third - first);
    const inside = sorted.filter((row) => column.values[row] >= first - reach && column.values[row] <= third + reach);
    for (const row of sorted) if (column.values[row] < first - reach || column.values[row] > third + reach) beyond.push({ value: [index, column.values[row]], row });
    return { value: [column.values[inside[0]], first, middle, third, column.values[inside.at(-1)]], itemStyle: { color: `${COLOURS[index % COLOURS.length]}55`, borderColor: COLOURS[index % COLOURS.length], borderWidth: 1.6 } };
  });
  const tip = pointTip(group ?? column, column).formatter;
  const value = (each) => shown(column, Number(each.toPrecision(5)));
  // names that have no room beside each other stand aslant, so that none is left out
  const longest = Math.max(...groups.map(([name]) => name.length));
  const aslant = groups.length > 1 && groups.length <= 20 && longest * 7 > (element.clientWidth - 82) / groups.length;
  chart(element, {
    ...(aslant ? { grid: { left: 62, right: 20, top: 16, bottom: 92 } } : {}),
    table: () => [[group?.key ?? 'group', data.nouns, 'lower whisker', 'first quartile', 'median', 'third quartile', 'upper whisker'], ...groups.map(([name, members], index) => [name || 'all', members.length, ...boxes[index].value])],
    words: `${title(column)}${group ? ` by ${group.key}` : ''}: median, quartiles, whiskers`,
    tooltip: { trigger: 'item', formatter: (item) => (item.seriesType === 'scatter' ? tip(item) : `<b>${escaped(item.name)}</b><br>median ${value(item.data.value[2])}<br>half of the ${data.nouns}: ${value(item.data.value[1])} to ${value(item.data.value[3])}<br>${many(groups[item.dataIndex][1].length)}`) },
    xAxis: { type: 'category', data: groups.map(([name]) => name || `all ${data.nouns}`), name: group?.key ?? '', splitLine: { show: false }, ...(aslant ? { nameGap: 74, axisLabel: { rotate: 40, interval: 0, hideOverlap: false, width: 84, overflow: 'truncate' } } : {}) },
    yAxis: { type: 'value', scale: true, name: title(column), nameGap: 46 },
    series: [{ type: 'boxplot', data: boxes, boxWidth: [14, 60] }, { type: 'scatter', data: beyond, symbolSize: 7, itemStyle: { color: css('--quiet') } }],
  });
}

/** Wells smaller than this bear no + or −, which nobody could read; it is said of each, and that it is so. */
const LEAST_MARKED = 6;

/** Draw a map; whether its wells are large enough for marks. */
function drawPlate(element, column, rows, where, marks, range) {
  const cells = new Map();
  for (const row of rows) {
    const [line, place] = where.of(row);
    if (line === null || place === null || column.values[row] === null) continue;
    const key = `${line}\u0000${place}`;
    if (!cells.has(key)) cells.set(key, { line, place, values: [], rows: [] });
    cells.get(key).values.push(column.values[row]);
    cells.get(key).rows.push(row);
  }
  const size = where.wells && plateSize([...cells.values()]);
  const lines = size ? places([numberLetters(size[0]), 'A']) : places([...new Set([...cells.values()].map((cell) => cell.line))]);
  const across = size ? places([size[1], 1]) : places([...new Set([...cells.values()].map((cell) => cell.place))]);
  const points = [...cells.values()].map((cell) => ({ value: [across.indexOf(cell.place), lines.indexOf(cell.line), median(cell.values.sort((a, b) => a - b))], cell }));
  const values = points.map((point) => point.value[2]).sort((a, b) => a - b);
  element.classList.toggle('many-rows', lines.length > 24);
  // on a phone the scale lies below the map, which then has the whole width
  const narrow = element.clientWidth < NARROW;
  const grid = narrow ? { left: 46, right: 8, top: 8, bottom: 88 } : { left: 62, right: 96, top: 12, bottom: 46 };
  const height = (element.clientHeight - grid.top - grid.bottom) / lines.length;
  const cell = Math.min((element.clientWidth - grid.left - grid.right) / across.length, height);
  const scale = narrow ? { orient: 'horizontal', left: 'center', bottom: 0, itemHeight: 120 } : { align: 'left', right: 4, top: 'middle' };
  chart(element, {
    table: () => [[...where.keys.length > 1 ? where.keys : ['row', 'column'], `median of ${title(column)}`, data.nouns], ...points.map(({ value, cell }) => [cell.line, cell.place, value[2], cell.rows.length])],
    words: `Median of ${title(column)} at each of ${points.length} positions`,
    tooltip: { formatter: (item) => `<b>${escaped(item.data.cell.line)} / ${escaped(item.data.cell.place)}</b>${marks?.(item.data.cell.rows) ? ` ${marks(item.data.cell.rows)}` : ''}<br>${escaped(column.key)}: ${escaped(withUnit(column, item.data.value[2]))}<br>${[many(item.data.cell.rows.length), ...item.data.cell.rows.map(lackWords).filter(Boolean).slice(0, 3)].join('<br>')}` },
    grid,
    xAxis: { type: 'category', data: across, name: where.keys[1] ?? 'column', splitLine: { show: false } },
    yAxis: { type: 'category', data: lines, inverse: true, name: where.keys.length > 1 ? where.keys[0] : 'row', nameGap: narrow ? 28 : 42, splitLine: { show: false }, axisLabel: height < 12 ? { fontSize: 9, hideOverlap: false, interval: height < 9 ? 1 : 0 } : {} },
    visualMap: { min: range?.[0] ?? values[0], max: range?.[1] ?? values.at(-1), calculable: true, ...scale, itemWidth: 14, textStyle: { color: css('--quiet') }, inRange: { color: ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725'] }, formatter: (value) => shown(column, Number(value.toPrecision(3))) },
    series: [{ type: 'heatmap', progressive: 0, data: points, itemStyle: { borderWidth: cell < 10 ? 0.4 : 1, borderColor: css('--surface') }, label: marks && cell >= LEAST_MARKED ? { show: true, fontSize: Math.min(10, Math.round(cell * 0.9)), color: '#fff', textBorderColor: '#000', textBorderWidth: cell < 14 ? 1 : 2, formatter: (item) => marks(item.data.cell.rows) } : undefined, emphasis: { itemStyle: { borderColor: css('--text') } } }],
  }, (event) => {
    if (!event.data?.cell) return;
    const { rows: members } = event.data.cell;
    if (members.length === 1) openPicture(members[0]);
    else showOnly(Object.fromEntries([...where.keys, ...(where.plate ? [where.plate.key] : [])].map((key) => [key, columns.get(key).values[members[0]]])));
  });
  return cell >= LEAST_MARKED;
}

function makePlots(view) {
  const measured = measurements();
  if (!measured.length) {
    view.append(make('p', { class: 'empty' }, 'There is no measurement to draw.'));
    return () => {};
  }
  const groups = groupings();
  const axes = timeAxes();
  const where = positions();
  const select = (label, some, none) => {
    const element = make('select', {}, none !== undefined && option('', none), ...some.map((column) => option(column.key, title(column))));
    keepChoice(element, `plots.${label.trim()}`, () => draw());
    return [make('label', {}, label, element), () => columns.get(element.value)];
  };
  const [measurementLabel, measurement] = select('Measurement ', measured);
  const [groupLabel, group] = select('Colour by ', groups, 'nothing');
  const [axisLabel, axis] = select('Time axis ', axes);
  const [otherLabel, other] = select('against ', [...measured.slice(1), measured[0], ...ofKind('run')]);
  if (groups.length && !viewChoices.has('plots.Colour by')) groupLabel.querySelector('select').value = groups[0].key;
  view.append(make('div', { class: 'controls' }, measurementLabel, groups.length > 0 && groupLabel, axes.length > 1 && axisLabel,
    make('span', { class: 'quiet' }, `The plots show the ${data.nouns} that the filters leave. A click on a point opens it.`)));
  const basis = make('p', { class: 'quiet', id: 'outlier-basis' });
  view.append(basis);
  const panel = (heading, note, extra) => {
    const element = make('div', { class: 'chart' });
    view.append(make('section', { class: 'card' }, make('header', {}, make('h2', {}, heading), make('p', {}, note), make('span', { class: 'grow' }), extra ? make('span', { class: 'controls' }, extra) : '', plotTools(element, heading)), element));
    return element;
  };
  const pair = make('div', { class: 'columns wide' });
  const time = axes.length && panel('Over time', `a point is one ${data.noun}, lines are medians`);
  time && (time.className = 'chart high');
  view.append(pair);
  const inPair = (element) => { pair.append(element.parentElement); return element; };
  const distribution = inPair(panel('Distribution', make('span', { class: 'on-screen' }, `a click on a bar shows its ${data.nouns}`)));
  const dates = [...new Set(data.design.steps.filter((step) => step !== null))].sort((a, b) => b - a);
  const date = make('select', { 'aria-label': 'Date' }, ...dates.map((step) => option(String(step), dateWords(step))), option('', 'all dates together'));
  keepChoice(date, 'plots.date', () => draw());
  const boxes = inPair(panel('By group', 'median, quartiles, 1.5 × the quartiles’ distance', dates.length > 1 && date));
  const plate = where && !hasPlates() && inPair(panel('By position', `median by ${where.keys.join(' and ')}`));
  const against = measured.length > 1 && inPair(panel('One against the other', '', otherLabel));
  const draw = () => {
    const [column, by] = [measurement(), group()];
    basis.textContent = outlierWords(column, ` of ${column.key}`, Boolean(time || against));
    if (time) drawPoints(time, axis() ?? axes[0], column, by, visible, true);
    drawDistribution(distribution, column, by, visible);
    drawBoxes(boxes, column, by ?? groups[0], date.value && dates.length > 1 ? visible.filter((row) => String(data.design.steps[row]) === date.value) : visible);
    if (plate) drawPlate(plate, column, visible, where);
    if (against) drawPoints(against, other(), column, by, visible, false);
  };
  return draw;
}

addView('plots', makePlots);
