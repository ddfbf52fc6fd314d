// ---- one image: at full size, with all that is known of it -------------------------------------------

const SHOWN = /\.(png|jpe?g|webp|gif|bmp|avif|svg)$/i;
let opened = null;

function openPicture(row) {
  const dialog = document.getElementById('picture');
  opened = row;
  dialog.replaceChildren(viewer(row));
  if (!dialog.open) dialog.showModal();
  drawSeveral(row);
  dialog.querySelector('.viewer').focus();
  keep('picture.id', data.ids[row]);
}

function makePictureDialog() {
  const dialog = document.getElementById('picture');
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('keydown', (event) => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === 'ArrowRight') go(1);
    if (event.key === 'ArrowLeft') go(-1);
  });
  dialog.addEventListener('close', () => {
    const row = opened;
    opened = null;
    keep('picture.id', '');
    document.querySelector(`section:not([hidden]) [data-row="${row}"]`)?.focus();
  });
}

/** The next image of those shown. */
function go(step) {
  const place = visible.indexOf(opened) + step;
  if (visible[place] !== undefined) openPicture(visible[place]);
}

function viewer(row) {
  const place = visible.indexOf(row);
  const close = make('button', { type: 'button', class: 'plain', 'aria-label': 'Close', onclick: () => document.getElementById('picture').close() }, '✕');
  const stage = make('div', { class: 'stage fit' });
  const choice = pictureChoice(row, stage);
  return make('article', { class: 'viewer', tabindex: -1 },
    make('header', {},
      make('h2', { id: 'picture-title' }, data.ids[row]),
      data.states[row] !== 'done' && make('span', { class: 'badge', style: 'position: static' }, data.states[row]),
      lackWords(row) && make('span', { class: 'badge few', style: 'position: static' }, lackWords(row)),
      make('span', { class: 'grow' }),
      choice,
      stage.querySelector('.outline') && outlinesSwitch(),
      place >= 0 && make('span', { class: 'quiet' }, `${whole.format(place + 1)} of ${whole.format(visible.length)}`),
      make('button', { type: 'button', class: 'plain', 'aria-label': `Previous ${data.noun}`, disabled: place <= 0, onclick: () => go(-1) }, '←'),
      make('button', { type: 'button', class: 'plain', 'aria-label': `Next ${data.noun}`, disabled: place < 0 || place === visible.length - 1, onclick: () => go(1) }, '→'),
      close),
    stage,
    make('aside', {}, ...facts(row)));
}

/** Shows or hides the outlines of masks, here and in all other pictures. */
function outlinesSwitch() {
  const button = make('button', { type: 'button', class: 'plain', 'aria-pressed': String(!document.body.classList.contains('no-outlines')) }, 'Outlines');
  button.addEventListener('click', () => { showOutlines(document.body.classList.contains('no-outlines')); button.setAttribute('aria-pressed', !document.body.classList.contains('no-outlines')); });
  return button;
}

/** The pictures that a point without one of its own shows, by the names of its files: those of its images, of each channel. */
function lentPictures(row) {
  const images = data.levels[0];
  const found = new Map();
  for (const image of data.members[row] ?? []) {
    const id = images.ids[image];
    const [first] = images.files[image];
    for (const name of [id, ...(first ? [`${id}: ${first[0]}`] : [])]) found.set(name, [image]);
    for (const channel of Object.keys(images.channels)) if (images.channels[channel][image]) found.set(`${id}: ${channel}`, [image, channel]);
  }
  return found;
}

/** A choice of the image and of the pictures that its steps made; the first is shown. */
function pictureChoice(row, stage) {
  const [small, outline, large] = pictureOf(row);
  const pictures = [];
  const lent = lentPictures(row);
  const add = (name, path, [, itsOutline, itsLarge] = [], channel = name) => {
    if (SHOWN.test(path)) pictures.push({ name, channel, url: encoded(path), outline: itsOutline });
    else if (itsLarge) pictures.push({ name, channel, url: address(itsLarge), outline: itsOutline });
  };
  data.files[row].forEach(([name, path], index) => {
    if (index < Object.keys(data.channels).length && data.channels[name]?.[row]) { add(name, path, pictureOf(row, data.level, name)); return; }
    if (index === 0 && lentBy(row) === undefined) { add(name, path, [small, outline, large]); return; }
    if (lent.has(name)) add(name, path, pictureOf(lent.get(name)[0], 0, lent.get(name)[1]), lent.get(name)[1]);
    else add(name, path);
  });
  const show = (picture) => {
    if (!picture) { stage.replaceChildren(make('p', { class: 'empty' }, 'This picture cannot be shown here.')); return; }
    const image = make('img', { src: picture.url, alt: `${data.ids[row]}: ${picture.name}` });
    image.addEventListener('error', () => {
      if (small && image.getAttribute('src') !== address(small) && picture === pictures[0]) image.src = address(small);
      else stage.replaceChildren(make('p', { class: 'empty' }, `${picture.name} cannot be shown: `, make('a', { href: picture.url }, picture.url.slice(0, 200))));
    });
    const stack = make('span', { class: 'stack', title: 'Full size, or fit', role: 'button', tabindex: 0, 'aria-label': 'Full size, or fit' }, image, picture.outline && make('img', { src: address(picture.outline), alt: '', class: 'outline' }));
    const zoom = () => { stage.classList.toggle('fit'); stage.classList.toggle('full'); };
    stack.addEventListener('click', zoom);
    stack.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); zoom(); } });
    stage.replaceChildren(stack);
  };
  const first = Math.max(0, pictures.findIndex(({ channel }) => channel === choice('channel.shown')));
  show(pictures[first]);
  if (pictures.length < 2) return null;
  const select = make('select', { 'aria-label': 'Picture' }, ...pictures.map((picture, index) => option(index, picture.name, index === first)));
  select.addEventListener('change', () => show(pictures[select.value]));
  return select;
}

/** A path as an address: no other scheme than these is one, so no path can hold a program. */
const encoded = (path) => (/^(https?|s3|gs):\/\//i.test(path) ? path : path.replace(/^\/+/, '/').split('/').map(encodeURIComponent).join('/'));

function facts(row) {
  const parts = [];
  for (const failure of data.failuresOf.get(row) ?? []) parts.push(make('section', {}, make('h3', {}, `Failed in ${failure.step}`), ...reason(failure, true)));
  for (const [kind, heading] of [['measurement', 'Measurements'], ['term', 'Metadata'], ['run', 'Run']]) {
    const some = ofKind(kind).filter((column) => column.values[row] !== null && column.values[row] !== undefined);
    if (some.length) parts.push(make('section', {}, make('h3', {}, heading), make('table', { class: 'values' }, make('tbody', {}, ...some.map((column) => valueRow(column, row))))));
  }
  for (const [key, measurement] of Object.entries(data.several)) {
    if (measurement.rows[row]) parts.push(make('section', {}, make('h3', {}, key), make('div', { class: 'chart low', 'data-several': key })));
  }
  const lent = lentPictures(row);
  const hasFailed = (name) => lent.has(name) && data.levels[0].states[lent.get(name)[0]] !== 'done';
  parts.push(make('section', {}, make('h3', {}, 'Files'), ...data.files[row].map(([name, path]) => make('div', {}, `${name}: `, make('a', { href: encoded(path) }, path.split('/').at(-1)), hasFailed(name) && make('span', { class: 'reason' }, ' failed')))));
  const steps = ownSteps();
  const again = data.states[row] === 'done' ? `pixmake retry ${data.ids[row]}\nsnakemake --cores 1 ${record(steps.at(-1), row)}` : `snakemake --cores 1 ${record(steps.at(-1), row)}`;
  parts.push(make('section', {}, make('h3', {}, 'Run it again'), copied(again)));
  return parts;
}

/** The steps that have a job for each point of this level. */
function ownSteps() {
  const terms = (step) => [step.settings.per ?? []].flat().filter((term) => term !== 'all').join('\u0000');
  return data.steps.filter((step) => terms(step) === data.terms.join('\u0000')).map((step) => step.name);
}

const record = (step, row) => `${data.project.results}/${step}/${data.ids[row]}.json`;

function valueRow(column, row) {
  const value = column.values[row];
  const z = column.kind === 'measurement' && column.type === 'number' ? outliers(column).get(row) : undefined;
  const cell = make('td', { class: z === undefined ? null : 'odd', title: z === undefined ? null : oddWords(column, row) }, withUnit(column, value));
  if (column.kind === 'measurement' && column.type === 'number') {
    const place = percentile(column, value);
    cell.append(make('span', { class: 'rank', title: `${Math.round(place)} % of the ${data.nouns} have less` }, make('i', { style: `left: ${place}%` })));
  }
  return make('tr', {}, make('th', { scope: 'row' }, column.key), cell);
}

/** Measurements of several values, e.g. histograms, as lines. */
function drawSeveral(row) {
  for (const element of document.querySelectorAll('[data-several]')) {
    const measurement = data.several[element.dataset.several];
    const values = measurement.rows[row].map((value) => (typeof value === 'number' ? value : null));
    const labels = Array.isArray(measurement.labels) && measurement.labels.length === values.length ? measurement.labels : values.map((_, index) => index);
    chart(element, {
      words: `${element.dataset.several}: ${values.length} values`,
      grid: { left: 46, right: 8, top: 10, bottom: 24 },
      tooltip: { trigger: 'axis' },
      xAxis: { type: 'category', data: labels },
      yAxis: { type: 'value', scale: true, splitNumber: 3 },
      series: [{ type: values.length > 12 ? 'line' : 'bar', data: values, showSymbol: false, areaStyle: values.length > 12 ? { opacity: 0.15 } : undefined }],
    });
  }
}

/** Why an image failed, and the end of its log. */
function reason(failure, open) {
  return [
    make('p', { class: 'reason', style: 'color: var(--bad)' }, make('b', {}, failure.error), `: ${failure.message}`),
    make('details', { open }, make('summary', {}, `Log: ${failure.log}`), make('pre', { tabindex: 0 }, failure.tail || 'The log is not in this page; see the file.')),
  ];
}

function copied(text) {
  const button = make('button', { type: 'button', class: 'plain' }, 'Copy');
  button.addEventListener('click', async () => {
    try { await navigator.clipboard.writeText(text); button.textContent = 'Copied'; } catch { getSelection().selectAllChildren(button.previousSibling); }
  });
  return make('div', { class: 'copy' }, make('pre', { tabindex: 0 }, text), button);
}
