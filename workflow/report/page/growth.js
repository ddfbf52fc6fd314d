// ---- growth: a line a subject over time, groups compared at a date -----------------------------------

const LIKE_CONTROL = /control|untreated|mock|wild|^wt$|^col-?0$|dmso|water|^none$/i;
const growing = { subject: null };

/** What stands on the time axis at a date. */
function dateWords(step, { time, daily } = data.design) {
  const axis = columns.get(time);
  if (axis.type !== 'time') return `${axis.key} ${shown(axis, step)}`;
  return asDate(step, daily || distinct(axis).every((each) => each % DAY === 0));
}

/** Of each subject the mean of a measurement at each date, with the rows that it is made of. */
function subjectsOf(column, rows) {
  const found = new Map();
  const { subjects, steps } = layout();
  for (const row of rows) {
    const value = column.values[row];
    if (value === null || subjects[row] === null || steps[row] === null) continue;
    if (!found.has(subjects[row])) found.set(subjects[row], { code: subjects[row], row, at: new Map() });
    const { at } = found.get(subjects[row]);
    if (!at.has(steps[row])) at.set(steps[row], { rows: [], values: [] });
    at.get(steps[row]).rows.push(row);
    at.get(steps[row]).values.push(value);
  }
  for (const subject of found.values()) {
    for (const cell of subject.at.values()) cell.mean = mean(cell.values);
    subject.dates = [...subject.at.keys()].sort((a, b) => a - b);
  }
  return [...found.values()];
}

const subjectName = (row) => layout().subject.map((key) => shown(columns.get(key), columns.get(key).values[row])).join(' / ');

/** Subjects by the value of a factor, in its order. */
function byFactor(subjects, factor) {
  if (!factor) return [['all', subjects]];
  const of = new Map(distinct(factor).map((value) => [value, []]));
  for (const subject of subjects) of.get(factor.values[subject.row])?.push(subject);
  return [...of].filter(([, members]) => members.length).map(([value, members]) => [shown(factor, value), members]);
}

/** The values of subjects at a date. */
const valuesAt = (subjects, date) => subjects.filter((subject) => subject.at.has(date)).map((subject) => subject.at.get(date).mean);

/** The groups at a date, each compared with the first of its panel: what the table of the view shows. */
function compared(column, rows, colour, facet, date) {
  const lines = [];
  for (const [panel, members] of byFactor(subjectsOf(column, rows), facet)) {
    const groups = byFactor(members, colour).map(([name, some]) => ({ name, values: valuesAt(some, date) })).filter((group) => group.values.length);
    const first = groups.find((group) => LIKE_CONTROL.test(group.name)) ?? groups[0];
    for (const group of groups) {
      lines.push({ panel, group: group.name, n: group.values.length, mean: meanInterval(group.values), reference: first.name, effect: group === first ? null : comparison(group.values, first.values) });
    }
  }
  return lines;
}

/** The limits of a band may lie far beyond the values, such as those of two subjects: so far an axis follows them, in lengths of all values. */
const BAND_BEYOND = 0.5;

/** Of each date of a group: the date, mean, 95 % band, number of subjects. */
function bandOf(members) {
  const dates = [...new Set(members.flatMap((subject) => subject.dates))].sort((a, b) => a - b);
  return dates.map((date) => { const values = valuesAt(members, date); return [date, ...meanInterval(values), values.length]; });
}

/** The ends of all panels' axis: of the values, and of the bands as far as that leaves room for the values. */
function extentOf(values, bands, logarithmic) {
  const [to, from] = logarithmic ? [Math.log, Math.exp] : [(x) => x, (x) => x];
  const [least, most] = [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
  const room = (to(most) - to(least)) * BAND_BEYOND;
  // what is never below zero has no axis below zero
  const floor = logarithmic || least < 0 ? to(least) - room : Math.max(0, least - room);
  const limits = bands.flat().filter(([, , low]) => low !== null);
  const low = Math.min(to(least), ...limits.map(([, , each]) => Math.max(floor, logarithmic && each <= 0 ? -Infinity : to(each))));
  const high = Math.max(to(most), ...limits.map(([, , , each]) => Math.min(to(most) + room, to(each))));
  return [from(low), from(high)];
}

function makeGrowth(view) {
  const factors = factorsOf(layout());
  const known = (key) => columns.get(key) ?? null;
  const select = (label, name, some, none) => {
    const element = make('select', {}, none && option('', none), ...some.map((column) => option(column.key, title(column))));
    keepChoice(element, `growth.${name}`, () => draw());
    return [make('label', {}, label, element), element];
  };
  const [measurementLabel, measurement] = select('Measurement ', 'measurement', measurements());
  const [colourLabel, colour] = select('Colour by ', 'colour', factors, 'nothing');
  const [facetLabel, facet] = select('Panels by ', 'panels', factors, 'nothing');
  const scale = make('select', {}, option('value', 'as measured'), option('log', 'logarithmic'));
  keepChoice(scale, 'growth.scale', () => draw());
  if (!choice('growth.colour')) colour.value = data.design.factors[0] ?? '';
  if (!choice('growth.panels')) facet.value = data.design.factors[1] ?? '';
  for (const element of [colour, facet]) if (element.selectedIndex < 0) element.value = '';
  const views = data.design.views.map((key) => {
    const column = known(key);
    const element = make('select', {}, ...distinct(column).map((value, index) => option(index, shown(column, value))));
    keepChoice(element, `growth.view.${key}`, () => draw());
    return [column, element, make('label', {}, `${key} `, element)];
  });
  // another subject or time axis makes the whole view anew
  const anew = () => { growing.subject = null; forget('growth'); drawView('growth'); };
  const axis = columns.get(layout().time);
  const chooser = (name, label, ...options) => {
    const element = make('select', {}, ...options);
    keepChoice(element, `growth.${name}`, anew);
    return make('label', {}, label, element);
  };
  const own = data.design.subject.join(' and ') || recurring(axis)[0]?.key;
  const lines = chooser('line', 'A line is one ', option('', own), ...choosable(axis).filter((column) => column.key !== own).map((column) => option(column.key, column.key)));
  const more = choice('growth.line') && chooser('and', 'and ', option('', '–'), ...choosable(axis).filter((column) => column.key !== choice('growth.line')).map((column) => option(column.key, column.key)));
  const axes = timeAxes();
  const times = axes.length > 1 && chooser('time', 'Time ', ...axes.map((column) => option(column.key, title(column), column === axis)));
  const picked = make('select', {});
  const slider = make('input', { type: 'range', min: 0, step: 1, 'aria-label': 'Date at which groups are compared', id: 'growth-date' });
  const dateSaid = make('output', { for: 'growth-date' });
  const panels = make('div', { class: 'columns wide' });
  const table = make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Groups at the date' });
  const heading = make('h2', {});
  const save = make('button', { type: 'button', class: 'link' }, 'CSV');
  const strip = make('section', { class: 'card', id: 'subject', hidden: true });
  view.append(
    make('div', { class: 'controls' }, measurementLabel, lines, more, times, factors.length > 0 && colourLabel, factors.length > 1 && facetLabel, make('label', {}, 'Scale ', scale), ...views.map(([, , label]) => label), make('label', {}, 'Pictures of ', picked)),
    make('p', { class: 'quiet' }, `Thick lines are means of groups with their 95 % bands (Student’s t). `, make('span', { class: 'on-screen' }, 'A click on a line shows its pictures in time. '), make('span', { id: 'growth-basis' })),
    panels,
    make('section', { class: 'card' }, make('header', {}, heading, make('span', { class: 'grow' }), save), make('div', { class: 'controls dates' }, slider, dateSaid), table,
      make('p', { class: 'quiet' }, `n counts subjects: several pictures of one at a date are averaged first. Means have 95 % intervals by Student’s t; differences and ratios by the bootstrap (percentiles of ${whole.format(RESAMPLES)} resamples of subjects), Hedges’ g after Hedges and Olkin. Dates are never pooled.`)),
    strip);

  let dates = [];
  let charted = [];
  const rowsNow = () => visible.filter((row) => views.every(([column, element]) => column.values[row] === distinct(column)[Number(element.value)]));
  const compare = () => {
    const date = dates[Number(slider.value)];
    if (date === undefined) { heading.textContent = 'No group to compare'; table.replaceChildren(); return; }
    dateSaid.textContent = dateWords(date, layout());
    heading.textContent = `Groups at ${dateWords(date, layout())}`;
    const column = known(measurement.value);
    const lines = compared(column, rowsNow(), known(colour.value), known(facet.value), date);
    table.replaceChildren(comparisonTable(lines, column, known(colour.value), known(facet.value)));
    save.onclick = () => saveText(`${column.key} at ${dateWords(date, layout())}.csv`, asCsv(comparisonRows(lines, known(colour.value), known(facet.value))));
    for (const drawn of charted) drawn.setOption({ series: [{ id: 'date', markLine: dateMark(date) }] });
  };
  slider.addEventListener('input', () => { keep('growth.date', Number(slider.value) === dates.length - 1 ? '' : String(dates[Number(slider.value)])); later(compare); dateSaid.textContent = dateWords(dates[Number(slider.value)], layout()); });
  const show = (code) => {
    const column = known(measurement.value);
    growing.subject = code;
    picked.value = code ?? '';
    showSubject(strip, subjectsOf(column, rowsNow()).find((subject) => subject.code === code), column);
    if (code !== null) strip.scrollIntoView({ block: 'nearest' });
  };
  picked.addEventListener('change', () => show(picked.value === '' ? null : Number(picked.value)));
  strip.addEventListener('close', () => show(null));
  const draw = () => {
    const column = known(measurement.value);
    const subjects = subjectsOf(column, rowsNow());
    picked.replaceChildren(option('', 'none'), ...subjects.map((subject) => [subjectName(subject.row), subject.code]).sort(([a], [b]) => collator.compare(a, b)).map(([name, code]) => option(code, name)));
    picked.value = growing.subject ?? '';
    document.getElementById('growth-basis').textContent = outlierWords(column);
    dates = [...new Set(subjects.flatMap((subject) => subject.dates))].sort((a, b) => a - b);
    slider.max = Math.max(0, dates.length - 1);
    const kept = dates.indexOf(Number(choice('growth.date') || NaN));
    slider.value = kept < 0 ? slider.max : kept;
    for (const element of panels.querySelectorAll('.chart')) { charts.get(element)?.dispose(); charts.delete(element); }
    panels.replaceChildren();
    const colours = known(colour.value);
    const names = byFactor(subjects, colours).map(([name]) => name);
    const cells = subjects.flatMap((subject) => [...subject.at.values()].map((cell) => cell.mean));
    const logarithmic = scale.value === 'log' && cells.every((value) => value > 0);
    const inPanels = byFactor(subjects, known(facet.value)).map(([name, members]) => [name, members, byFactor(members, colours).map(([group, some]) => [group, some, bandOf(some)])]);
    const extent = extentOf(cells, inPanels.flatMap(([, , groups]) => groups.map(([, , band]) => band)), logarithmic);
    charted = inPanels.map(([name, members, groups]) => {
      const element = make('div', { class: 'chart high' });
      const words = facet.value ? `${facet.value}: ${name}` : `${column.key} over time`;
      panels.append(make('section', { class: 'card' }, make('header', {}, make('h2', {}, words), make('p', {}, `${whole.format(members.length)} ${members.length === 1 ? 'line' : 'lines'}${cutWords(groups, extent, logarithmic)}`), make('span', { class: 'grow' }), plotTools(element, words)), element));
      return drawGrowth(element, column, groups, colours, names, logarithmic, extent, words, show);
    });
    compare();
    if (growing.subject !== null) showSubject(strip, subjects.find((subject) => subject.code === growing.subject), column);
  };
  return draw;
}

const dateMark = (date) => ({ symbol: 'none', silent: true, animation: false, label: { show: false }, lineStyle: { color: css('--accent'), type: 'dashed', width: 1.5 }, data: date === undefined ? [] : [{ xAxis: date }] });

/** Which bands go on beyond the axis. */
function cutWords(groups, extent, logarithmic) {
  const [least, most] = axisEnds(extent, logarithmic);
  const cut = groups.filter(([, , band]) => band.some(([, , low, high]) => low !== null && (low < least * (1 - 1e-9) - 1e-12 || high > most * (1 + 1e-9)))).map(([name, some]) => `${name} (n = ${some.length})`);
  return cut.length ? `; the band of ${cut.join(' and ')} goes on beyond the axis` : '';
}

const axisEnds = (extent, logarithmic) => (logarithmic ? [extent[0] / 1.2, extent[1] * 1.2] : [sameAxis(extent).min, sameAxis(extent).max]);

/** One axis for all panels, with round ends. */
function sameAxis([least, most]) {
  const { start, width, bins } = binsOf(least, most, 9, false);
  return { min: start, max: start + bins * width, interval: width };
}

/** The lines of one panel: of each subject, and of each group its mean in its band. */
function drawGrowth(element, column, groups, colour, names, logarithmic, extent, words, show) {
  const axis = columns.get(layout().time);
  const ends = axisEnds(extent, logarithmic);
  const within = (value) => Math.max(ends[0], Math.min(ends[1], value));
  COLOURS = isDark() ? ON_DARK : ON_LIGHT;
  const odd = outliers(column);
  const series = [{ id: 'date', type: 'line', data: [], markLine: dateMark() }];
  const table = [['group', 'n', axis.key, `mean of ${title(column)}`, '95 % from', '95 % to']];
  const legend = [];
  for (const [name, members, means] of groups) {
    const { colour: paint, dash, symbol } = lookOf(Math.max(0, names.indexOf(name)));
    const said = colour ? `${name} (n = ${members.length})` : `all (n = ${members.length})`;
    legend.push(said);
    for (const [date, ...numbers] of means) table.push([name, numbers[3], dateWords(date, layout()), numbers[0], numbers[1], numbers[2]]);
    const band = means.filter(([, , low]) => low !== null).map(([date, , low, high]) => [date, within(low), within(high)]);
    // first of its name, so that the legend shows its dashes and the shape of the points
    series.push({ name: said, type: 'line', data: means.map(([date, middle]) => [date, middle]), symbol, showSymbol: false, silent: true, z: 5, lineStyle: { color: paint, width: 3, type: dash }, itemStyle: { color: paint }, tooltip: { show: false } });
    series.push({
      name: said, type: 'custom', clip: true, silent: true, z: 1, data: band.length > 1 ? [band[0]] : [], itemStyle: { color: paint }, tooltip: { show: false },
      renderItem: (_, api) => ({ type: 'polygon', shape: { points: [...band.map(([date, , high]) => api.coord([date, high])), ...[...band].reverse().map(([date, low]) => api.coord([date, low]))] }, style: { fill: paint, opacity: 0.16 } }),
    });
    for (const subject of members) {
      series.push({
        name: said, type: 'line', symbol, showSymbol: true, symbolSize: means.length > 15 ? 4 : 6, z: 2, triggerLineEvent: true,
        lineStyle: { color: paint, width: 1, opacity: 0.5 }, itemStyle: { color: paint, opacity: 0.6 }, emphasis: { focus: 'none', lineStyle: { width: 3, opacity: 1 } },
        data: subject.dates.map((date) => {
          const cell = subject.at.get(date);
          const far = cell.rows.find((row) => odd.has(row));
          return { value: [date, cell.mean], subject: subject.code, row: cell.rows[0], ...(far === undefined ? {} : { symbol: 'diamond', symbolSize: 13, itemStyle: { color: paint, opacity: 1, borderColor: css('--text'), borderWidth: 1.4 } }) };
        }),
        subject: subject.code,
      });
    }
  }
  const clicked = (event) => {
    const subject = event.data?.subject ?? series[event.seriesIndex]?.subject;
    if (subject === undefined) return;
    show(subject);
  };
  return chart(element, {
    words: `${words}: ${title(column)} of ${groups.reduce((sum, [, members]) => sum + members.length, 0)} subjects over ${title(axis)}`,
    table: () => table,
    legend: { data: legend, ...LINES_IN_LEGEND },
    tooltip: { trigger: 'item', formatter: (item) => (item.data?.row === undefined ? '' : `<b>${escaped(subjectName(item.data.row))}</b><br>${escaped(dateWords(item.data.value[0], layout()))}<br>${escaped(column.key)}: ${escaped(withUnit(column, Number(item.data.value[1].toPrecision(6))))}${odd.has(item.data.row) ? `<br>${oddWords(column, item.data.row)}` : ''}`) },
    xAxis: { type: axis.type === 'time' ? 'time' : 'value', scale: true, boundaryGap: ['3%', '3%'], name: title(axis), ...(axis.type === 'time' ? { axisLabel: { formatter: (value) => asDate(value, distinct(axis).at(-1) - distinct(axis)[0] > 2 * DAY) } } : { minInterval: 1 }) },
    yAxis: { type: logarithmic ? 'log' : 'value', scale: true, name: title(column), nameGap: 46, ...(logarithmic ? { min: ends[0], max: ends[1], axisLabel: { formatter: (value) => number.format(Number(value.toPrecision(2))) } } : sameAxis(extent)) },
    ...(axis.type === 'time' ? { useUTC: true } : {}),
    series,
  }, clicked);
}

/** A subject's pictures in the order of time, side by side. */
function showSubject(strip, subject, column) {
  strip.hidden = !subject;
  if (!subject) return;
  const shots = subject.dates.flatMap((date) => subject.at.get(date).rows.map((row) => {
    const shot = card(row, column);
    shot.querySelector('.id').textContent = dateWords(date, layout());
    return shot;
  }));
  strip.replaceChildren(
    make('header', {}, make('h2', {}, subjectName(subject.row)), make('p', {}, [...data.design.factors.map((key) => `${key}: ${shown(columns.get(key), columns.get(key).values[subject.row])}`), `${subject.dates.length} dates`].join(', ')), make('span', { class: 'grow' }),
      make('button', { type: 'button', class: 'plain', 'aria-label': 'Close the pictures', onclick: () => strip.dispatchEvent(new Event('close')) }, '✕')),
    make('div', { class: 'strip' }, ...shots));
}

const interval = (column, [middle, low, high]) => [middle, low, high].map((value) => (value === null ? '–' : shown({ ...column, type: 'number', distinct: null }, Number(value.toPrecision(4)))));

function comparisonTable(lines, column, colour, facet) {
  const plain = { type: 'number', unit: '' };
  const cell = (values, kind) => { const [middle, low, high] = interval(kind, values); return low === '–' ? middle : `${middle} (${low} to ${high})`; };
  const head = [facet && facet.key, colour ? colour.key : 'group', 'n', `mean of ${title(column)}`, 'difference', 'ratio', 'Hedges’ g', 'compared with'].filter(Boolean);
  const body = lines.map((line) => [
    facet && line.panel, line.group, String(line.n), cell(line.mean, plain),
    ...(line.effect ? [cell(line.effect.difference, plain), cell(line.effect.ratio, plain), cell(line.effect.hedges, plain), line.reference] : line.reference === line.group ? ['', '', '', ''] : ['too few', '', '', line.reference])].filter((value) => value !== null && value !== undefined && value !== false));
  return make('table', { class: 'plain-table intervals' },
    make('thead', {}, make('tr', {}, ...head.map((text) => make('th', { scope: 'col' }, text)))),
    make('tbody', {}, ...body.map((cells) => make('tr', {}, ...cells.map((text, index) => make('td', { 'data-head': head[index] }, text))))));
}

function comparisonRows(lines, colour, facet) {
  const head = [facet?.key ?? 'panel', colour?.key ?? 'group', 'n', 'mean', 'mean_from', 'mean_to', 'compared_with', ...['difference', 'ratio', 'hedges_g'].flatMap((name) => [name, `${name}_from`, `${name}_to`])];
  return [head, ...lines.map((line) => [line.panel, line.group, line.n, ...line.mean, line.reference, ...(line.effect ? [...line.effect.difference, ...line.effect.ratio, ...line.effect.hedges] : new Array(9).fill(null))])];
}

addView('growth', makeGrowth, hasGrowth);
