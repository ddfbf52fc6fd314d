// ---- filters: which images are shown, and in which order ---------------------------------------------

const state = { search: '', state: 'all', filters: new Map(), sort: '', descending: false };
let visible = [];
const listeners = [];

const STATES = {
  all: ['All', () => true],
  done: ['Done', (row) => data.states[row] === 'done'],
  failed: ['Failed', (row) => data.states[row] !== 'done'],
  empty: ['Measured nothing', (row) => data.empty.has(row)],
  lacking: ['Lacking images', (row) => row in data.lacking],
  outliers: ['Outliers', (row) => allOutliers().has(row)],
};

/** Apply all filters and the order, and tell who shows images. */
function applyFilters() {
  const tests = [];
  if (state.state !== 'all') tests.push(STATES[state.state][1]);
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length) {
    const texts = searchTexts();
    tests.push((row) => words.every((word) => texts[row].includes(word)));
  }
  for (const [key, filter] of state.filters) {
    const { values } = columns.get(key);
    if (filter.chosen) tests.push((row) => filter.chosen.has(values[row]));
    else if (filter.text !== undefined) tests.push((row) => String(values[row] ?? '').toLowerCase().includes(filter.text.toLowerCase()));
    else tests.push((row) => values[row] !== null && values[row] >= (filter.least ?? -Infinity) && values[row] <= (filter.most ?? Infinity));
  }
  visible = [];
  for (let row = 0; row < data.ids.length; row++) if (tests.every((test) => test(row))) visible.push(row);
  sortRows(visible);
  const [all, some] = [data.ids.length, visible.length];
  document.getElementById('shown').textContent = some === all ? many(all) : `${whole.format(some)} of ${many(all)}`;
  document.getElementById('reset').hidden = !(words.length || state.filters.size || state.state !== 'all');
  for (const listener of listeners) listener();
  writeAddress();
}

function sortRows(rows) {
  const sign = state.descending ? -1 : 1;
  if (state.sort === 'id') rows.sort((a, b) => sign * collator.compare(data.ids[a], data.ids[b]));
  else if (state.sort) {
    const column = columns.get(state.sort);
    const { values } = column;
    const ranks = column.type === 'text' && new Map(distinct(column).map((value, rank) => [value, rank]));
    const of = ranks ? (row) => ranks.get(values[row]) : (row) => values[row];
    rows.sort((a, b) => {
      if (values[a] === null || values[b] === null) return (values[a] === null) - (values[b] === null); // empty ones last
      return sign * (of(a) - of(b)) || a - b;
    });
  } else if (state.descending) rows.reverse();
}

function searchTexts() {
  if (!data.searchTexts) {
    const terms = ofKind('term').filter((column) => column.type !== 'number');
    data.searchTexts = data.ids.map((id, row) => [id, ...terms.map((term) => (term.type === 'time' ? shown(term, term.values[row]) : term.values[row]))].join(' ').toLowerCase());
  }
  return data.searchTexts;
}

/** Fill the bar of filters. */
function makeFilters() {
  const search = document.getElementById('search');
  search.addEventListener('input', () => { state.search = search.value; later(applyFilters); });
  const states = document.getElementById('state');
  for (const [key, [text]] of Object.entries(STATES)) states.append(option(key, text));
  states.addEventListener('change', () => { state.state = states.value; applyFilters(); });
  const add = document.getElementById('add-filter');
  const sort = document.getElementById('sort');
  fillFilters(add, sort);
  add.addEventListener('change', () => { if (add.value) addFilter(add.value); add.value = ''; });
  sort.addEventListener('change', () => { state.sort = sort.value; applyFilters(); });
  const direction = document.getElementById('direction');
  direction.addEventListener('click', () => {
    state.descending = !state.descending;
    sayDirection();
    applyFilters();
  });
  document.getElementById('reset').addEventListener('click', resetFilters);
  document.getElementById('save-rows').addEventListener('click', () => saveText(`${data.title || 'results'} ${data.nouns}.csv`, asCsv(filteredRows())));
  document.getElementById('filters').addEventListener('submit', (event) => event.preventDefault());
  document.addEventListener('click', (event) => {
    for (const chip of document.querySelectorAll('.chip[open]')) if (!chip.contains(event.target)) chip.open = false;
  });
}

function sayDirection() {
  const direction = document.getElementById('direction');
  direction.textContent = state.descending ? '↓' : '↑';
  direction.setAttribute('aria-pressed', state.descending);
}

/** What can be filtered and sorted by, at this level. */
function fillFilters(add, sort) {
  add.replaceChildren(option('', '+ Filter by …'));
  sort.replaceChildren();
  sort.append(option('', 'as in the table'), option('id', 'id'));
  for (const [kind, text] of [['term', 'Metadata'], ['measurement', 'Measurements'], ['run', 'Run']]) {
    const some = ofKind(kind);
    if (!some.length) continue;
    add.append(make('optgroup', { label: text }, ...some.map((column) => option(column.key, column.key))));
    sort.append(make('optgroup', { label: text }, ...some.map((column) => option(column.key, column.key))));
  }
}

function resetFilters() {
  Object.assign(state, { search: '', state: 'all' });
  state.filters.clear();
  document.getElementById('search').value = '';
  document.getElementById('state').value = 'all';
  document.getElementById('chips').replaceChildren();
  applyFilters();
}

/** Show only some images, as a click elsewhere on the page asks: {key: value, …} or a state. */
function showOnly(wanted, stateOfImages = 'all') {
  resetFilters();
  state.state = stateOfImages;
  document.getElementById('state').value = stateOfImages;
  for (const [key, value] of Object.entries(wanted)) addFilter(key, [value]);
  applyFilters();
  showView('images');
}

/** Add a filter with its chip, opened unless its values are given. */
function addFilter(key, values) {
  const column = columns.get(key);
  document.querySelector(`#chips [data-key="${CSS.escape(key)}"]`)?.remove();
  const filter = {};
  state.filters.set(key, filter);
  const summary = make('summary', {}, make('span', {}, key));
  const body = make('div', { class: 'body' });
  const chip = make('details', { class: 'chip', 'data-key': key, open: !values }, summary, body);
  const say = () => {
    summary.firstChild.textContent = said(column, filter);
    applyFilters();
  };
  if (isNumeric(column) && !values) range(column, filter, body, say);
  else if (distinct(column).length <= 300) choices(column, filter, body, say, values);
  else {
    filter.text = '';
    body.append(make('input', { type: 'search', 'aria-label': `${key} contains`, placeholder: 'contains …', oninput: (event) => { filter.text = event.target.value; later(say); } }));
  }
  const remove = make('button', { type: 'button', class: 'remove', 'aria-label': `Remove the filter by ${key}` }, '×');
  remove.addEventListener('click', (event) => { event.preventDefault(); state.filters.delete(key); chip.remove(); applyFilters(); });
  summary.append(remove);
  chip.addEventListener('keydown', (event) => { if (event.key === 'Escape') { chip.open = false; summary.focus(); } });
  document.getElementById('chips').append(chip);
  say();
  if (!values) body.querySelector('input')?.focus();
}

function choices(column, filter, body, say, values) {
  const counts = new Map();
  for (const value of column.values) counts.set(value, (counts.get(value) ?? 0) + 1);
  filter.chosen = new Set(values ?? counts.keys());
  for (const value of [...distinct(column), ...(counts.has(null) ? [null] : [])]) {
    const box = make('input', { type: 'checkbox', checked: filter.chosen.has(value) });
    box.addEventListener('change', () => { if (box.checked) filter.chosen.add(value); else filter.chosen.delete(value); say(); });
    const text = value === null ? '(empty)' : shown(column, value);
    body.append(make('label', {}, box, text, make('span', { class: 'quiet' }, whole.format(counts.get(value)))));
  }
  const none = make('button', { type: 'button', class: 'link' }, 'none');
  none.addEventListener('click', () => {
    filter.chosen.clear();
    for (const box of body.querySelectorAll('input')) box.checked = false;
    say();
  });
  body.prepend(none);
}

function range(column, filter, body, say) {
  const all = distinct(column);
  const time = column.type === 'time';
  const field = (name, value) => {
    const input = make('input', { type: time ? 'date' : 'number', step: 'any', 'aria-label': `${column.key}, ${name}`, placeholder: time ? '' : shown(column, value), value: time ? asDate(value, true) : null });
    input.addEventListener('change', () => {
      const given = time ? Date.parse(input.value) + (name === 'most' ? 86399999 : 0) : Number.parseFloat(input.value);
      filter[name] = Number.isNaN(given) ? undefined : given;
      say();
    });
    return input;
  };
  body.append(make('div', { class: 'range' }, field('least', all[0]), 'to', field('most', all.at(-1))));
}

function said(column, filter) {
  if (filter.chosen) {
    if (filter.chosen.size === distinct(column).length + column.values.includes(null)) return `${column.key}: all`;
    const some = [...filter.chosen].slice(0, 3).map((value) => (value === null ? '(empty)' : shown(column, value)));
    return `${column.key}: ${some.join(', ') || 'none'}${filter.chosen.size > 3 ? ' …' : ''}`;
  }
  if (filter.text !== undefined) return filter.text ? `${column.key}: …${filter.text}…` : column.key;
  const [least, most] = [filter.least, filter.most].map((value) => (value === undefined ? '' : shown(column, value)));
  if (least && most) return `${column.key}: ${least} to ${most}`;
  if (least || most) return `${column.key} ${least ? `≥ ${least}` : `≤ ${most}`}`;
  return column.key;
}

let waiting;
/** Do something once typing has paused. */
function later(action) {
  clearTimeout(waiting);
  waiting = setTimeout(action, 120);
}
