// ---- plates: wells as a map, controls, how well they are told apart, what the edge does --------------

const SIZES = [[8, 12], [16, 24], [32, 48]];

/** The plate of 96, 384 or 1,536 wells that holds these; none if they are no wells of one. */
function plateSize(cells) {
  const [rows, across] = [Math.max(...cells.map((cell) => letterNumber(String(cell.line)))), Math.max(...cells.map((cell) => Number(cell.place)))];
  return SIZES.find(([height, width]) => rows <= height && across <= width) ?? null;
}

const hasPlates = () => data.plates.wells.length > 0 && measurements().length > 0;

const percent = (part) => (part === null ? '–' : `${number.format(Number((part * 100).toPrecision(3)))} %`);

function makePlates(view) {
  const where = positions();
  const measured = measurements();
  const measurement = make('select', {}, ...measured.map((column) => option(column.key, title(column))));
  keepChoice(measurement, 'plates.measurement', () => draw());
  const views = ofKind('term').filter((column) => /^(channel|site|field|camera|wavelength)$/i.test(column.key) && distinct(column).length > 1 && distinct(column).length <= 40).map((column) => {
    const element = make('select', {}, option('', 'all'), ...distinct(column).map((value, index) => option(String(index), shown(column, value))));
    keepChoice(element, `plates.${column.key}`, () => draw());
    return [column, element];
  });
  const maps = make('div', { class: 'columns wide' });
  const table = make('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Quality of the plates' });
  const save = make('button', { type: 'button', class: 'link' }, 'CSV');
  const controls = data.plates.controls;
  const signs = make('span', {});
  view.append(
    make('div', { class: 'controls' }, make('label', {}, 'Measurement ', measurement), ...views.map(([column, element]) => make('label', {}, `${column.key} `, element)),
      make('span', { class: 'quiet' }, `${data.terms.at(-1) === where.keys[0] ? `A square is one ${data.noun}; a click opens it.` : `A square is the median of a well’s ${data.nouns}; a click shows them.`} `, signs)),
    maps,
    make('section', { class: 'card' }, make('header', {}, make('h2', {}, 'Quality of the plates'), make('span', { class: 'grow' }), save), table,
      make('p', { class: 'quiet' }, controls
        ? `Z′ = 1 − 3 (s₊ + s₋) / |m₊ − m₋| of the wells whose ${controls.column} is ${controls.positive} (+) or ${controls.negative} (−). From 0.5 on, an assay is called excellent. `
        : 'For Z′, name the controls in config.yaml: aggregate: {controls: {column: …, positive: …, negative: …}}. ',
      'Edge: how far the median of the outermost wells lies from that of the others, controls apart; all wells of a plate, whatever the filters leave.')));
  const draw = () => {
    const column = columns.get(measurement.value);
    const rows = visible.filter((row) => views.every(([each, element]) => element.value === '' || each.values[row] === distinct(each)[Number(element.value)]));
    for (const element of maps.querySelectorAll('.chart')) { charts.get(element)?.dispose(); charts.delete(element); }
    const plates = where.plate ? distinct(where.plate) : [null];
    const marks = controls && ((members) => ({ [controls.positive]: '+', [controls.negative]: '−' })[String(columns.get(controls.column)?.values[members[0]])] ?? '');
    maps.replaceChildren();
    const drawings = [];
    // one scale for all plates, so that they can be compared
    const given = rows.map((row) => column.values[row]).filter((value) => value !== null);
    const range = [given.reduce((a, b) => Math.min(a, b), Infinity), given.reduce((a, b) => Math.max(a, b), -Infinity)];
    for (const plate of plates.slice(0, 24)) {
      const some = plate === null ? rows : rows.filter((row) => where.plate.values[row] === plate);
      if (!some.some((row) => column.values[row] !== null)) continue;
      const name = plate === null ? column.key : `${where.plate.key} ${plate}`;
      const element = make('div', { class: 'chart' });
      maps.append(make('section', { class: 'card' }, make('header', {}, make('h2', {}, name), make('p', {}, plate === null ? column.unit : title(column)), make('span', { class: 'grow' }), plotTools(element, name)), element));
      drawings.push(() => drawPlate(element, column, some, where, marks, range));
    }
    // once all are there, each as wide as it stays
    const marked = drawings.map((drawing) => drawing());
    signs.textContent = !controls || !marked.length ? '' : marked.every(Boolean) ? '+ and − are controls.' : 'Wells are too small here to mark the controls.';
    if (plates.length > 24) maps.append(make('p', { class: 'quiet' }, `${plates.length - 24} more plates: filter by ${where.plate.key}.`));
    const lines = data.plates.quality[column.key] ?? [];
    const head = ['plate', 'wells', 'positive: mean (s)', 'negative: mean (s)', 'Z′', 'edge'];
    const spread = (given) => (given ? `${shown(column, Number(given[0].toPrecision(4)))} (${given[1] === null ? '–' : shown(column, Number(given[1].toPrecision(3)))}), n = ${given[2]}` : '–');
    table.replaceChildren(make('table', { class: 'plain-table intervals' },
      make('thead', {}, make('tr', {}, ...head.map((text) => make('th', { scope: 'col' }, text)))),
      make('tbody', {}, ...lines.map((line) => make('tr', {}, ...[line.plate || 'all', whole.format(line.wells), spread(line.positive), spread(line.negative), line.z_prime === null ? '–' : number.format(Number(line.z_prime.toPrecision(3))), percent(line.edge)].map((text, index) => make('td', { 'data-head': head[index] }, text)))))));
    save.onclick = () => saveText(`${column.key} plates.csv`, asCsv([['plate', 'wells', 'positive_mean', 'positive_sd', 'positive_n', 'negative_mean', 'negative_sd', 'negative_n', 'z_prime', 'edge'], ...lines.map((line) => [line.plate, line.wells, ...(line.positive ?? [null, null, null]), ...(line.negative ?? [null, null, null]), line.z_prime, line.edge])]));
  };
  return draw;
}

addView('plates', makePlates, hasPlates);
