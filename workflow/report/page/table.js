// ---- table: all values -------------------------------------------------------------------------------

/** Columns that are shown: a browser lays out each of them, whether or not it is in sight. */
const MOST_COLUMNS = 300;

/** Columns that are made as wide as their values: each is measured by itself, so that hundreds would take a minute. */
const MEASURED_COLUMNS = 40;

function makeTable(view) {
  const holder = make('div', { id: 'table' });
  const links = make('span', { class: 'quiet' }, 'Whole tables: ',
    ...ownFiles().filter((path) => /\.(csv|tsv|parquet|sqlite|xlsx|json)$/.test(path)).flatMap((path, index) => [index ? ' · ' : '', make('a', { href: encoded(path) }, path)]));
  const more = Math.max(0, data.columns.length - MOST_COLUMNS) + data.left_out;
  view.append(make('div', { class: 'controls' }, links,
    more > 0 && make('span', { class: 'quiet' }, `${whole.format(more)} more columns are in these.`)), holder);
  const own = data.columns.slice(0, MOST_COLUMNS);
  const width = own.length > MEASURED_COLUMNS ? 150 : undefined;
  let table;
  let built = false;
  const rowOf = (row) => {
    const cells = { row, id: data.ids[row], state: [data.states[row], lackWords(row)].filter(Boolean).join(', ') };
    own.forEach((column, index) => { cells[`c${index}`] = column.values[row]; });
    return cells;
  };
  const draw = () => {
    const rows = visible.map(rowOf);
    if (table) { if (built) table.replaceData(rows); return; }
    table = new Tabulator(holder, {
      data: rows,
      index: 'row',
      height: Math.max(360, window.innerHeight - 210),
      layout: 'fitDataFill',
      placeholder: `No ${data.noun} is like that.`,
      columnDefaults: { headerSortTristate: true, maxWidth: 340, headerTooltip: (_, column) => make('div', {}, column.getDefinition().title), resizable: 'header' },
      rowFormatter: (row) => row.getElement().classList.toggle('failed', data.states[row.getData().row] !== 'done'),
      columns: [
        { title: 'id', field: 'id', frozen: true, minWidth: 130 },
        { title: 'state', field: 'state' },
        ...own.map((column, index) => ({
          title: title(column),
          // the library takes texts for HTML: nodes stay the text that they are
          titleFormatter: () => document.createTextNode(title(column)),
          field: `c${index}`,
          width,
          hozAlign: column.type === 'number' ? 'right' : 'left',
          sorter: column.type === 'text' ? 'string' : 'number',
          sorterParams: { alignEmptyValues: 'bottom' },
          formatter: (cell) => document.createTextNode(shown(column, cell.getValue())),
        })),
      ],
    });
    table.on('rowClick', (_, row) => openPicture(row.getData().row));
    table.on('tableBuilt', () => {
      built = true;
      if (rows.length !== visible.length || rows.some((each, place) => each.row !== visible[place])) draw();
      holder.querySelector('.tabulator-tableholder').setAttribute('aria-label', `A row is one ${data.noun}; Enter opens it`);
    });
    // Tab leads to the table, arrows from row to row
    holder.addEventListener('keydown', (event) => {
      const element = event.target.closest?.('.tabulator-row');
      if (event.key === 'Enter' && element) openPicture(table.getRow(element).getData().row);
      if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
      event.preventDefault();
      const first = holder.querySelector('.tabulator-row');
      const next = element ? table.getRow(element)[event.key === 'ArrowDown' ? 'getNextRow' : 'getPrevRow']() : first && table.getRow(first);
      if (!next) return;
      const focus = () => { next.getElement().tabIndex = -1; next.getElement().focus({ preventScroll: true }); };
      table.scrollToRow(next, 'nearest', false).then(focus, focus);
    });
  };
  return draw;
}

addView('table', makeTable);
