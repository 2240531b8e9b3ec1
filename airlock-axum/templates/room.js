'use strict';
(() => {
  const settings = JSON.parse(document.getElementById('airlock').textContent);
  const { base, words } = settings;
  if (settings.state === 'not-sent') return;

  const find = (name) => document.querySelector(`[data-airlock="${name}"]`);
  const say = (name, text) => {
    const element = find(name);
    if (!element) return;
    if (element.textContent !== text) element.textContent = text;
    element.hidden = text === '';
  };
  const hide = (...names) => names.forEach((name) => {
    const element = find(name);
    if (element) element.hidden = true;
  });
  const fill = (text, value) => text.replace('{}', value);
  const reload = () => location.reload();

  // The page asks by itself: what works without a script, by the header `Refresh`, is not needed.
  window.stop();

  // Kept over reloads of this tab.
  const kept = (name, value) => {
    try {
      if (value !== undefined) sessionStorage.setItem(`${base} ${name}`, value);
      return Number(sessionStorage.getItem(`${base} ${name}`) ?? 0);
    } catch {
      return value ?? 0;
    }
  };
  let first = settings.position === null ? 0 : Math.max(kept('first'), settings.position);
  let shown = settings.position === null ? 0 : kept('shown');
  let spoken = settings.position;
  let over = false;
  let timer;
  let events;

  const ahead = (state) => {
    if (!state.position_exact) return fill(words.pool, state.waiting);
    if (state.ahead === 0) return words.ahead_none;
    return state.ahead === 1 ? words.ahead_one : fill(words.ahead, state.ahead);
  };

  const wait = (milliseconds) => {
    if (milliseconds === undefined) return words.wait_unknown;
    const minutes = milliseconds / 60000;
    if (minutes < 0.75) return words.wait_moment;
    if (minutes < 1.5) return words.wait_minute;
    if (minutes < 90) return fill(words.wait_minutes, Math.round(minutes));
    return fill(words.wait_hours, Math.round(minutes / 60));
  };

  const place = (state) => {
    if (state.position === undefined) return;
    say('position', String(state.position));
    say('ahead', ahead(state));
    say('wait', wait(state.estimated_wait_ms));
    first = kept('first', Math.max(first, state.position));
    // It never moves backwards, whatever happens to the line.
    shown = kept('shown', Math.max(shown, Math.round(100 * (first - state.position) / Math.max(first, 1))));
    const progress = find('progress');
    if (progress) progress.value = shown;
    document.title = `${state.position} · ${words.queued}`;
    // A screen reader need not hear every step.
    if (spoken === null || state.position <= 3 || spoken - state.position >= Math.max(1, spoken / 4)) {
      if (spoken !== state.position) say('live', `${words.position}: ${state.position}. ${ahead(state)}`);
      spoken = state.position;
    }
  };

  const stop = () => {
    over = true;
    clearTimeout(timer);
    events?.close();
    kept('first', 0);
    kept('shown', 0);
  };

  const gone = () => {
    stop();
    say('title', words.missed);
    say('detail', words.missed_detail);
    hide('place', 'leave', 'note', 'reopens', 'reason', 'live');
    document.title = words.missed;
    const again = find('again');
    again.hidden = false;
    again.querySelector('a').focus();
  };

  const claim = async () => {
    stop();
    say('title', words.offered);
    say('detail', words.offered_detail);
    say('live', words.offered);
    hide('place', 'leave', 'note', 'reopens', 'reason');
    document.title = words.offered;
    try {
      const answer = await fetch(`${base}/claim`, { method: 'POST', headers: { accept: 'application/json' } });
      if (answer.ok) return reload();
      if (answer.status === 409) return gone();
    } catch { /* It is tried again. */ }
    timer = setTimeout(claim, 1000);
  };

  const reopening = (state) => {
    const reopens = state.reopens_in_ms && new Date(Date.now() + state.reopens_in_ms);
    const time = reopens && reopens.toLocaleString(words.language, { dateStyle: 'medium', timeStyle: 'short' });
    say('reopens', time ? fill(words.reopens, time) : '');
  };

  const closed = (state) => {
    say('title', words.closed);
    say('detail', words.closed_detail);
    say('reason', state.reason ?? '');
    say('wait', '');
    reopening(state);
    document.title = words.closed;
  };

  // Answers when to ask again.
  const heed = (state) => {
    if (over) return;
    switch (state.status) {
      case 'admitted': stop(); return reload();
      case 'offered': return claim();
      case 'closed': place(state); closed(state); break;
      case 'queued':
        say('title', words.queued);
        say('detail', words.queued_detail);
        say('reason', '');
        say('reopens', '');
        place(state);
        break;
      // Who had a place has none any more; who had none may try for one.
      default: if (settings.position !== null) return gone(); stop(); return reload();
    }
  };

  const poll = async () => {
    if (over || events) return;
    let after = settings.refresh_after_ms ?? settings.retry_after_ms ?? 10000;
    try {
      const answer = await fetch(`${base}/status`, { headers: { accept: 'application/json' }, cache: 'no-store' });
      if (!answer.ok) throw new Error(String(answer.status));
      const state = await answer.json();
      after = state.refresh_after_ms ?? after;
      say('note', words.keep_open);
      heed(state);
    } catch {
      say('note', words.offline);
      after = Math.min(after, 5000);
    }
    if (!over) {
      clearTimeout(timer);
      timer = setTimeout(poll, Math.max(after, 500));
    }
  };

  const listen = () => new Promise((done) => {
    if (over) return done();
    events = new EventSource(`${base}/events`);
    for (const name of ['position', 'offered', 'admitted', 'closed', 'missed']) {
      events.addEventListener(name, (event) => {
        heed(JSON.parse(event.data));
        if (over) done();
      });
    }
    let lost;
    events.onopen = () => {
      clearTimeout(lost);
      lost = undefined;
      say('note', words.keep_open);
    };
    events.onerror = () => {
      if (over) return done();
      // A stream that has ended comes back by itself, and soon; one that is refused does not.
      lost ??= setTimeout(() => over || say('note', words.offline), 5000);
      if (events.readyState === EventSource.CLOSED) {
        clearTimeout(lost);
        events = undefined;
        poll();
        done();
      }
    };
  });

  const form = find('leave');
  // Without a script the page would come back by itself, and take a new place.
  if (form) form.hidden = false;
  form?.addEventListener('submit', async (event) => {
    event.preventDefault();
    stop();
    try {
      await fetch(`${base}/leave`, { method: 'POST' });
    } catch { /* Its place is lost by itself. */ }
    gone();
    say('title', words.left);
    say('detail', '');
    document.title = words.left;
  });

  reopening(settings);
  const inLine = settings.position !== null;
  if (inLine && find('progress')) find('progress').value = shown;
  timer = setTimeout(poll, Math.min(settings.refresh_after_ms ?? settings.retry_after_ms ?? 10000, inLine ? 1000 : 10000));
  // Of several tabs one listens, and the others ask.
  if (inLine && window.EventSource && navigator.locks) {
    navigator.locks.request(`airlock ${base}`, listen).catch(() => {});
  } else if (inLine && window.EventSource && !navigator.locks) {
    listen();
  }
})();
