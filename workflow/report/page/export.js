// ---- export: a plot as SVG, PNG, CSV or table; the filtered rows as CSV ------------------------------

/** Rows as CSV; a text that a spreadsheet would run has a ' before it, as in the tables of a run. */
function asCsv(rows) {
  const cell = (value) => {
    if (value === null || value === undefined) return '';
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${rows.map((row) => row.map(cell).join(',')).join('\n')}\n`;
}

/** Let the browser save a file. */
function saveAs(name, url) {
  const link = make('a', { href: url, download: name.replace(/[\\/:*?"<>|]+/g, '_') });
  document.body.append(link);
  link.click();
  link.remove();
}

function saveText(name, text, type = 'text/csv') {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  saveAs(name, url);
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** What is shown in a plot, as rows: those that it was drawn of. */
const plotRows = (element) => charts.get(element)?.tableOf?.() ?? [];

/** A plot as SVG: drawn once more, out of sight. */
function asSvg(element) {
  const drawn = charts.get(element);
  const copy = echarts.init(null, null, { renderer: 'svg', ssr: true, width: element.clientWidth, height: element.clientHeight });
  copy.setOption({ ...drawn.given, ...wholeLegend(drawn.given, element.clientWidth), backgroundColor: css('--surface') });
  const text = copy.renderToSVGString();
  copy.dispose();
  return text;
}

/** In a file nobody turns the pages of a legend: all of it, above a plot that begins lower. */
function wholeLegend({ legend, grid }, width) {
  if (!legend) return {};
  if (legend.type === 'plain') return {};
  return { legend: { ...legend, type: 'plain' }, grid: { ...grid, top: grid.top + 20 * (legendLines(legend, width) - 1) } };
}

/** How many lines the names of a legend take. */
function legendLines(legend, width) {
  let [lines, filled] = [1, 0];
  for (const name of legend.data) {
    const long = 22 + (legend.itemWidth ?? 14) + 7 * String(name).length;
    if (filled && filled + long > width) [lines, filled] = [lines + 1, 0];
    filled += long;
  }
  return lines;
}

/** The buttons of a plot. */
function plotTools(element, name) {
  const button = (text, words, action) => make('button', { type: 'button', class: 'link', 'aria-label': `${name}: ${words}`, title: words, onclick: action }, text);
  return make('span', { class: 'tools' },
    button('SVG', 'save as SVG', () => saveText(`${name}.svg`, asSvg(element), 'image/svg+xml')),
    button('PNG', 'save as PNG', () => saveAs(`${name}.png`, charts.get(element).getDataURL({ pixelRatio: 2, backgroundColor: css('--surface') }))),
    button('CSV', 'save its data as CSV', () => saveText(`${name}.csv`, asCsv(plotRows(element)))),
    button('Table', 'show its data as a table', () => toggleTable(element, name)));
}

const MOST_TABLE_ROWS = 2000;

/** The data of a plot in the plot's place, or the plot again. */
function toggleTable(element, name) {
  const there = element.nextElementSibling;
  if (there?.classList.contains('plot-table')) { there.remove(); element.hidden = false; return; }
  const [head, ...rows] = plotRows(element);
  const numeric = (value) => typeof value === 'number';
  const words = (value) => (value === null || value === undefined ? '–' : numeric(value) ? (Number.isInteger(value) ? whole.format(value) : number.format(value)) : value);
  element.after(make('div', { class: 'scroll plot-table', tabindex: 0, role: 'region', 'aria-label': `${name}, as a table` },
    make('table', { class: 'plain-table' },
      make('thead', {}, make('tr', {}, ...(head ?? []).map((text) => make('th', { scope: 'col' }, text)))),
      make('tbody', {}, ...rows.slice(0, MOST_TABLE_ROWS).map((row) => make('tr', {}, ...row.map((value) => make('td', { class: numeric(value) ? 'number' : null }, words(value))))))),
    rows.length > MOST_TABLE_ROWS && make('p', { class: 'quiet' }, `${whole.format(rows.length - MOST_TABLE_ROWS)} more rows are in the CSV.`)));
  element.hidden = true;
}

/** All columns of the points that the filters leave. */
function filteredRows() {
  const value = (column, row) => (column.type === 'time' && column.values[row] !== null ? shown(column, column.values[row]) : column.values[row]);
  return [['id', 'state', ...data.columns.map((column) => column.key)], ...visible.map((row) => [data.ids[row], data.states[row], ...data.columns.map((column) => value(column, row))])];
}
