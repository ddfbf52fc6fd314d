// ---- address: what is shown stands behind the #, so that it can be sent ------------------------------

const viewChoices = new Map();
const choice = (name) => viewChoices.get(name) ?? '';

/** Remember a choice of a view. */
function keep(name, value) {
  if (value === '' || value === null || value === undefined) viewChoices.delete(name); else viewChoices.set(name, value);
  writeAddress();
}

/** A select that begins with the choice of the address, and keeps what is chosen. */
function keepChoice(element, name, changed) {
  if ([...element.options].some((each) => each.value === choice(name)) && viewChoices.has(name)) element.value = choice(name);
  element.addEventListener('change', () => { viewChoices.set(name, element.value); writeAddress(); changed(); });
}

let reading = false;

/** Write view, level, filters, order and choices into the address. */
function writeAddress() {
  if (reading || !current) return;
  const words = new URLSearchParams();
  if (data.level !== data.first) words.set('point', data.levels[data.level].name);
  if (state.search) words.set('search', state.search);
  if (state.state !== 'all') words.set('state', state.state);
  if (state.sort) words.set('sort', state.sort);
  if (state.descending) words.set('down', '1');
  for (const [key, filter] of state.filters) {
    const wanted = filter.chosen ? [...filter.chosen] : filter.text !== undefined ? filter.text : { least: filter.least, most: filter.most };
    words.append('only', JSON.stringify([key, wanted]));
  }
  for (const [name, value] of viewChoices) words.set(name, value);
  const text = words.toString();
  const wanted = `#${current}${text && `?${text}`}`;
  if (location.hash !== wanted) history.replaceState(null, '', wanted);
}

/** Show what the address says; what it names and is not there is left out. */
function readAddress() {
  const [view, text] = location.hash.slice(1).split('?');
  const words = new URLSearchParams(text ?? '');
  reading = true;
  viewChoices.clear();
  const place = data.levels.findIndex((level) => level.name === words.get('point'));
  const wanted = place < 0 ? data.first : place;
  for (const [name, value] of words) if (name.includes('.')) viewChoices.set(name, value);
  if (current && wanted === data.level) for (const name of made.keys()) forget(name);
  if (wanted !== data.level) useLevel(wanted); else resetFilters();
  Object.assign(state, { search: words.get('search') ?? '', state: STATES[words.get('state')] ? words.get('state') : 'all', sort: columns.has(words.get('sort')) || words.get('sort') === 'id' ? words.get('sort') : '', descending: words.has('down') });
  document.getElementById('search').value = state.search;
  document.getElementById('state').value = state.state;
  document.getElementById('sort').value = state.sort;
  sayDirection();
  for (const each of words.getAll('only')) restoreFilter(each);
  applyFilters();
  reading = false;
  const picture = data.ids.indexOf(choice('picture.id'));
  showView(view || 'overview', false);
  if (picture >= 0) openPicture(picture); else document.getElementById('picture').close();
}

function restoreFilter(text) {
  let given;
  try { given = JSON.parse(text); } catch { return; }
  if (!Array.isArray(given) || !columns.has(given[0])) return;
  const [key, wanted] = given;
  addFilter(key, Array.isArray(wanted) ? wanted : undefined);
  const filter = state.filters.get(key);
  if (typeof wanted === 'string' && filter.text !== undefined) filter.text = wanted;
  else if (wanted && !Array.isArray(wanted) && typeof wanted === 'object' && !filter.chosen) Object.assign(filter, { least: wanted.least, most: wanted.most });
  const chip = document.querySelector(`#chips [data-key="${CSS.escape(key)}"]`);
  chip.open = false;
  chip.querySelector('summary > span').textContent = said(columns.get(key), filter);
}
