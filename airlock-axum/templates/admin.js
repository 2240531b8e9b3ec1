'use strict';
(() => {
  // Behind a proxy the path is another one: what the browser shows counts.
  const base = location.origin + location.pathname.replace(/\/+$/, '');
  const PAGE = 25;
  const find = (name) => document.querySelector(`[data-airlock="${name}"]`);
  const linked = () => {
    try { return decodeURIComponent(location.hash.slice(1)); } catch { return ''; }
  };
  const state = { selected: linked(), q: '', offset: 0, resource: null, people: 0 };

  // ---- elements ----

  const SVG = 'http://www.w3.org/2000/svg';
  const put = (element, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };
  const make = (tag, attributes = {}, ...children) => put(document.createElement(tag), attributes, children);
  const draw = (tag, attributes = {}, ...children) => put(document.createElementNS(SVG, tag), attributes, children);
  const say = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const show = (element, shown) => { element.hidden = !shown; };
  const notice = (text) => { say(find('notice'), text); show(find('notice'), text !== ''); };

  // Makes a list show these items, and leaves what is there where it is: whoever is on a button stays on it.
  const list = (parent, items, key, build, update) => {
    const focused = parent.contains(document.activeElement) ? document.activeElement : null;
    const known = new Map([...parent.children].map((element) => [element.dataset.key, element]));
    items.forEach((item, index) => {
      const name = key(item);
      let element = known.get(name);
      if (element) known.delete(name);
      else { element = build(item); element.dataset.key = name; }
      if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
      update(element, item);
    });
    for (const element of known.values()) element.remove();
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus();
  };

  // ---- words ----

  const number = (value) => value.toLocaleString('en');
  const rate = (value) => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 });
  const span = (milliseconds) => {
    if (milliseconds === undefined) return '–';
    if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
    const seconds = milliseconds / 1000;
    if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
  };
  const SWITCHES = { open: 'open', closed: 'closed', hold: 'on hold', drain: 'draining', bypass: 'bypassed' };
  const switched = ({ state, reopen_in_ms: after }) =>
    SWITCHES[state] + (after === undefined || state === 'open' ? '' : `, opens in ${span(after)}`);
  const badge = (element, value, text = switched(value)) => {
    element.dataset.state = value.state;
    say(element, text);
    element.title = value.reason ?? '';
  };
  const of = (inUse, limit) => (limit === undefined || limit >= 4294967295 ? number(inUse) : `${number(inUse)} of ${number(limit)}`);

  // ---- plots ----

  const line = (values, top, name) => {
    const points = values.map((value, index) => (value === null ? null : `${index + 0.5},${(1 - value / top).toFixed(3)}`));
    const runs = points.reduce((all, point) => {
      if (point === null) all.push([]);
      else all.at(-1).push(point);
      return all;
    }, [[]]);
    // A single point is a short line.
    const path = runs.filter((run) => run.length).map((run) => `M${run.join('L')}${run.length === 1 ? 'h.5' : ''}`).join('');
    return draw('path', { class: name, d: path });
  };
  const plot = (svg, history, limit) => {
    if (!history) return;
    const steps = history.admitted.length;
    const loads = [...history.in_use, ...history.waiting].filter((value) => value !== null);
    const top = Math.max(1, limit < 4294967295 ? limit : 1, ...loads) * 1.05;
    const most = Math.max(1, ...history.admitted);
    const bars = history.admitted.map((count, index) =>
      draw('rect', { x: index + 0.1, width: 0.8, y: 1 - count / most, height: count / most }));
    svg.setAttribute('viewBox', `0 0 ${steps} 1`);
    svg.setAttribute('preserveAspectRatio', 'none');
    const last = (values) => values.findLast((value) => value !== null) ?? 0;
    svg.setAttribute('aria-label', `Last five minutes: at most ${number(most)} admitted in ${history.step_ms / 1000} seconds; `
      + `in use up to ${number(Math.max(0, ...history.in_use))}, now ${number(last(history.in_use))}; `
      + `waiting up to ${number(Math.max(0, ...history.waiting))}, now ${number(last(history.waiting))}`);
    svg.replaceChildren(draw('g', { class: 'bars' }, ...bars), line(history.in_use, top, 'load'), line(history.waiting, top, 'wait'));
  };

  // ---- airlocks ----

  const figure = (name, title) => make('div', {}, make('dt', {}, title), make('dd', { 'data-airlock': name }, '–'));
  const card = ({ name }) => make('li', { class: 'card', 'data-airlock': 'airlock', 'data-name': name },
    make('div', { class: 'top' }, make('h3', {}, name), make('span', { class: 'switch', 'data-airlock': 'state' })),
    make('p', { class: 'quiet', 'data-airlock': 'why', hidden: '' }),
    make('dl', { class: 'figures' },
      figure('in-use', 'In use'), figure('limit', 'Limit'), figure('waiting', 'Waiting'), figure('total', 'Resources'),
      figure('admitted', 'Admitted/s'), figure('wait', 'Wait p50 / p95')),
    draw('svg', { role: 'img', 'data-airlock': 'plot' }),
    make('p', { class: 'legend' }, make('span', { class: 'bars' }, 'admitted'), make('span', { class: 'load' }, 'in use'), make('span', { class: 'wait' }, 'waiting')),
    make('div', { class: 'actions' },
      make('button', { type: 'button', 'data-airlock': 'select', onclick: () => select(name) }, 'Resources'),
      make('button', { type: 'button', 'data-airlock': 'airlock-switch', 'aria-label': `Switch ${name}…`, onclick: () => askSwitch(name) }, 'Switch…')));

  let airlocks = new Map();
  const showAirlock = (element, airlock) => {
    const part = (name) => element.querySelector(`[data-airlock="${name}"]`);
    const selected = airlock.name === state.selected;
    element.dataset.selected = selected;
    part('select').setAttribute('aria-pressed', selected);
    part('select').setAttribute('aria-label', `Resources of ${airlock.name}`);
    const known = airlock.error === undefined;
    let why = airlock.switch?.reason ?? '';
    if (!known) why = `The store cannot be asked: ${airlock.error}`;
    else if (airlock.unwell_for_ms !== undefined) why = `Unwell: nobody is let in for ${span(airlock.unwell_for_ms)}. ${why}`;
    say(part('why'), why);
    part('why').classList.toggle('error', !known);
    show(part('why'), why !== '');
    show(part('state'), known);
    if (known) badge(part('state'), airlock.switch);
    say(part('in-use'), known ? number(airlock.in_use) : '–');
    say(part('limit'), airlock.limit === undefined ? '–' : `${number(airlock.limit)}${airlock.total > 1 ? ' each' : ''}`);
    say(part('waiting'), known ? number(airlock.waiting) : '–');
    say(part('total'), known ? number(airlock.total) : '–');
    say(part('admitted'), rate(airlock.admitted_per_second));
    say(part('wait'), airlock.wait_ms === undefined ? '–' : `${span(airlock.wait_ms.p50)} / ${span(airlock.wait_ms.p95)}`);
    plot(part('plot'), airlock.history, airlock.total > 1 ? 1 : airlock.limit ?? 1);
  };

  const select = (name) => {
    Object.assign(state, { selected: name, q: '', offset: 0 });
    find('search').value = '';
    history.replaceState(null, '', `#${encodeURIComponent(name)}`);
    refresh();
    find('resources-section').scrollIntoView({ block: 'nearest' });
  };

  // ---- resources ----

  const row = ({ resource }) => make('tr', { 'data-airlock': 'resource-row', 'data-name': resource },
    make('th', { scope: 'row' }, make('button', { type: 'button', class: 'link', onclick: () => open(resource) }, resource)),
    ...['in-use', 'waiting', 'admitted', 'p50', 'p95'].map((name) => make('td', { class: 'number', 'data-airlock': name })),
    make('td', {}, make('span', { class: 'switch', 'data-airlock': 'state' }), make('span', { class: 'quiet', 'data-airlock': 'inherits' }, 'as the airlock')),
    make('td', {}, draw('svg', { role: 'img', 'data-airlock': 'plot' })));
  const showResource = (element, one) => {
    const part = (name) => element.querySelector(`[data-airlock="${name}"]`);
    say(part('in-use'), of(one.in_use, one.limit) + (one.limit_override === undefined ? '' : ' *'));
    part('in-use').title = one.limit_override === undefined ? '' : `configured: ${one.configured_limit}`;
    say(part('waiting'), number(one.waiting));
    say(part('admitted'), rate(one.admitted_per_second));
    say(part('p50'), span(one.wait_ms?.p50));
    say(part('p95'), span(one.wait_ms?.p95));
    show(part('state'), one.switch !== undefined);
    show(part('inherits'), one.switch === undefined);
    if (one.switch) badge(part('state'), one.switch);
    plot(part('plot'), one.history, one.limit);
  };
  const showResources = (listing) => {
    const { total, offset, resources } = listing;
    if (total > 0 && offset >= total) {
      state.offset = Math.floor((total - 1) / PAGE) * PAGE;
      return;
    }
    say(find('selected'), listing.name);
    show(find('resources-section'), true);
    const body = find('resources');
    list(body, resources, (one) => one.resource, row, showResource);
    if (total === 0) body.replaceChildren(make('tr', {}, make('td', { colspan: '8', class: 'quiet' }, state.q ? 'None of those in use is called so.' : 'None is in use.')));
    say(find('page'), total === 0 ? '' : `${number(offset + 1)}–${number(offset + resources.length)} of ${number(total)}`);
    find('previous').disabled = offset === 0;
    find('next').disabled = offset + resources.length >= total;
  };
  const turn = (by) => { state.offset = Math.max(0, state.offset + by * PAGE); refresh(); };
  find('previous').addEventListener('click', () => turn(-1));
  find('next').addEventListener('click', () => turn(1));
  let typing;
  find('search').addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => { Object.assign(state, { q: find('search').value.trim(), offset: 0 }); refresh(); }, 250);
  });

  // ---- one resource ----

  let inspected = null;
  const open = (resource) => {
    Object.assign(state, { resource, people: 0 });
    inspected = null;
    say(find('resource-name'), resource);
    say(find('resource-state'), 'Loading…');
    for (const name of ['holders', 'waiters']) find(name).replaceChildren();
    find('resource').showModal();
    refresh();
  };
  find('resource').addEventListener('close', () => { state.resource = null; });
  find('resource-close').addEventListener('click', () => find('resource').close());
  find('resource-switch').addEventListener('click', () => inspected && askSwitch(inspected.airlock, inspected));
  find('resource-limit').addEventListener('click', () => inspected && askLimit(inspected));
  const turnPeople = (by) => { state.people = Math.max(0, state.people + by * PAGE); refresh(); };
  find('people-previous').addEventListener('click', () => turnPeople(-1));
  find('people-next').addEventListener('click', () => turnPeople(1));

  const nameOf = ({ identity, fence }) => identity ?? (fence === undefined ? 'somebody anonymous' : `the anonymous one with fence ${fence}`);
  const evictButton = (where, one) => make('button', {
    type: 'button', 'data-airlock': 'evict', 'aria-label': `Put out… ${nameOf(one)}`, onclick: () => askEvict(where, one),
  }, 'Put out…');
  const holder = (one) => make('tr', { 'data-airlock': 'holder', 'data-fence': one.fence, 'data-identity': one.identity ?? '' },
    make('td', {}, evictButton('holders', one)), make('td', {}, one.identity ?? make('span', { class: 'quiet' }, 'anonymous')),
    make('td', { class: 'number', 'data-airlock': 'age' }), make('td', { class: 'number' }, String(one.fence)), make('td', { class: 'number' }, number(one.weight)));
  const waiter = (one) => make('tr', { 'data-airlock': 'waiter', 'data-identity': one.identity ?? '' },
    make('td', {}, ...(one.identity === undefined ? [] : [evictButton('waiters', one)])), make('td', { class: 'number', 'data-airlock': 'position' }),
    make('td', {}, one.identity ?? make('span', { class: 'quiet' }, 'anonymous')), make('td', { class: 'number', 'data-airlock': 'age' }),
    make('td', { class: 'number' }, number(one.weight)));
  const nobody = (name, columns, text) => {
    if (find(name).childElementCount === 0) find(name).append(make('tr', { 'data-key': 'nobody' }, make('td', { colspan: columns, class: 'quiet' }, text)));
  };
  const showInspected = (one) => {
    inspected = one;
    const own = one.switch ? `${switched(one.switch)} by its own switch` : `${switched(one.airlock_switch)}, as the airlock`;
    const reason = (one.switch ?? one.airlock_switch).reason;
    const limit = one.limit_override === undefined ? '' : ` (configured: ${number(one.configured_limit)})`;
    say(find('resource-state'), `${of(one.in_use, one.limit)} in use${limit}, ${number(one.offered)} of them offered; ${number(one.waiting)} waiting; ${own}${reason ? `: ${reason}` : ''}`);
    list(find('holders'), one.holders, (each) => `h${each.fence}`, holder, (element, each) => {
      say(element.querySelector('[data-airlock="age"]'), each.offered ? `offered ${span(each.age_ms)} ago` : span(each.age_ms));
    });
    nobody('holders', '5', one.offset ? 'No more.' : 'Nobody is inside.');
    list(find('waiters'), one.waiters, (each) => `w${each.identity ?? `#${each.position}`}`, waiter, (element, each) => {
      say(element.querySelector('[data-airlock="age"]'), span(each.age_ms));
      say(element.querySelector('[data-airlock="position"]'), number(each.position));
    });
    nobody('waiters', '5', one.offset ? 'No more.' : 'Nobody waits.');
    say(find('people-page'), `From ${number(one.offset + 1)} on`);
    find('people-previous').disabled = one.offset === 0;
    find('people-next').disabled = one.holders.length < PAGE && one.waiters.length < PAGE;
  };

  // ---- doing ----

  const path = (airlock, what, query = {}) => {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
    const text = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
    return `airlocks${airlock === undefined ? '' : `/${encodeURIComponent(airlock)}`}${what}${text ? `?${text}` : ''}`;
  };
  const ask = async (method, where, body) => {
    const headers = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const answer = await fetch(`${base}/${where}`, {
      method, headers, body: body && JSON.stringify(body), cache: 'no-store', signal: AbortSignal.timeout(10000),
    });
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    let detail = `The server answered ${answer.status}.`;
    try { detail = (await answer.json()).detail ?? detail; } catch { /* That is all it says. */ }
    throw Object.assign(new Error(detail), { status: answer.status });
  };
  // Asks by a dialog, and does what `work` says when it is confirmed.
  const dialogs = {};
  for (const name of ['switch', 'limit', 'confirm']) {
    const [dialog, form, error, apply] = [find(name), find(`${name}-form`), find(`${name}-error`), find(`${name}-apply`)];
    const run = async (work) => {
      apply.disabled = true;
      try {
        const done = await work(form.elements);
        dialog.close();
        notice(done);
        refresh();
      } catch (problem) {
        say(error, problem.status === undefined ? 'The server cannot be reached. Nothing is known to have changed.' : problem.message);
        show(error, true);
      } finally {
        apply.disabled = false;
      }
    };
    dialogs[name] = { form, run, open: (work) => { show(error, false); dialogs[name].work = work; dialog.showModal(); } };
    form.addEventListener('submit', (event) => { event.preventDefault(); run(dialogs[name].work); });
    find(`${name}-cancel`).addEventListener('click', () => dialog.close());
  }

  const askSwitch = (airlock, one) => {
    const resource = one?.resource;
    const current = one ? one.switch : airlocks.get(airlock)?.switch;
    const { elements } = dialogs.switch.form;
    say(find('switch-title'), `Switch ${resource ?? airlock}`);
    show(find('switch-inherit'), resource !== undefined);
    elements.state.value = current?.state ?? (one ? '' : 'open');
    elements.reason.value = current?.reason ?? '';
    elements.minutes.value = '';
    labelSwitch();
    dialogs.switch.open(async () => {
      const chosen = elements.state.value;
      const where = path(airlock, '/switch', { resource });
      if (chosen === '') await ask('DELETE', where);
      else {
        const to = { state: chosen };
        if (elements.reason.value.trim() !== '') to.reason = elements.reason.value.trim();
        if (elements.minutes.value !== '' && chosen !== 'open') to.reopen_in_ms = Math.round(60000 * Number(elements.minutes.value));
        await ask('PUT', where, to);
      }
      return `${resource ?? airlock} is ${chosen === '' ? 'switched as its airlock' : SWITCHES[chosen]} now.`;
    });
  };
  const labelSwitch = () => {
    const chosen = dialogs.switch.form.elements.state.value;
    say(find('switch-apply'), chosen === '' ? 'Clear its switch' : `Set to ${chosen}`);
  };
  dialogs.switch.form.addEventListener('change', labelSwitch);

  const askLimit = (one) => {
    const { airlock, resource } = one;
    say(find('limit-title'), `Limit of ${resource}`);
    dialogs.limit.form.elements.limit.value = one.limit;
    say(find('limit-note'), `Configured: ${number(one.configured_limit)}. Raising it lets waiters in at once; lowering it puts nobody out. 0 lets nobody in.`);
    show(find('limit-clear'), one.limit_override !== undefined);
    find('limit-clear').onclick = () => dialogs.limit.run(async () => {
      await ask('DELETE', path(airlock, '/limit', { resource }));
      return `${resource} has its configured limit again.`;
    });
    dialogs.limit.open(async ({ limit }) => {
      await ask('PUT', path(airlock, '/limit', { resource }), { limit: Number(limit.value) });
      return `At most ${number(Number(limit.value))} at once at ${resource} from now on.`;
    });
  };

  const askEvict = (where, { identity, fence }) => {
    const { airlock, resource } = inspected;
    const whom = nameOf({ identity, fence });
    say(find('confirm-title'), `Put ${whom} out?`);
    say(find('confirm-detail'), where === 'holders'
      ? `Its lease at ${resource} ends at once, and its work is stopped where it notices. The next in line is let in.`
      : `It loses its place in line at ${resource}, and is told so.`);
    dialogs.confirm.open(async () => {
      // By the number, it is this admission and no later one.
      await ask('DELETE', path(airlock, `/${where}`, where === 'holders' ? { resource, fence } : { resource, identity }));
      return `${whom} is out.`;
    });
  };

  // ---- asking again ----

  const connection = (name, text) => {
    find('connection').dataset.state = name;
    say(find('connection'), text);
  };
  const look = async () => {
    const all = await ask('GET', path(undefined, '', { history: true }));
    airlocks = new Map(all.airlocks.map((airlock) => [airlock.name, airlock]));
    if (!airlocks.has(state.selected)) state.selected = all.airlocks[0]?.name;
    list(find('airlocks'), all.airlocks, (airlock) => airlock.name, card, showAirlock);
    const { selected, q, offset, resource, people } = state;
    if (selected !== undefined && airlocks.get(selected).error === undefined) {
      const listing = await ask('GET', path(selected, '', { history: true, q, offset, count: PAGE }));
      if (selected === state.selected && q === state.q) showResources(listing);
    }
    if (resource !== null) {
      const one = await ask('GET', path(selected, '/resource', { name: resource, offset: people, count: PAGE }));
      if (resource === state.resource && people === state.people) showInspected(one);
    }
  };
  let timer;
  let looking = false;
  let again = false;
  const refresh = async () => {
    clearTimeout(timer);
    if (looking) { again = true; return; }
    looking = true;
    const began = performance.now();
    try {
      await look();
      connection('live', 'Live');
    } catch (problem) {
      if (problem.status === undefined) connection('lost', 'The connection is lost: these figures are old. Trying again.');
      else connection('lost', `These figures are old: ${problem.message} Trying again.`);
    }
    looking = false;
    const took = performance.now() - began;
    // A store with thousands of resources is not asked all the time, nor for a page that nobody sees.
    const pause = Math.min(30000, Math.max(2000, 4 * took));
    if (again) { again = false; refresh(); } else if (!document.hidden) timer = setTimeout(refresh, pause);
  };
  document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
  refresh();
})();
