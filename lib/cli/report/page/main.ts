// SPDX-License-Identifier: Apache-2.0
//
// The page of a report: a head, and two views. What is looked at is in the address after `#`, so that it can be linked
// to and gone back from. Runs when the page is loaded.
import { fill, make } from './dom';
import type { PageRequest } from './format';
import { helpDialog } from './help';
import { overview } from './overview';
import { type Report, readReport } from './read-data';
import { nameStages, nextTheme, onTheme, startTheme, theme } from './theme';
import { moment, nanos, whole } from './units';
import { Workbench } from './workbench';

type View = 'overview' | 'requests';
const VIEWS: readonly View[] = ['overview', 'requests'];
const TITLES = { overview: 'Overview', requests: 'Requests' } as const;
/** A trace, its root span, and a slice of it. */
const ADDRESS = /^#request=([0-9a-f]+)(?:\.([0-9a-f]+))?(?:\.([0-9a-f]+))?$/;

class Page {
  readonly #report: Report;
  readonly #workbench: Workbench;
  readonly #help = helpDialog();
  readonly #panels: Readonly<Record<View, HTMLElement>>;
  readonly #tabs: Readonly<Record<View, HTMLElement>>;
  #request: PageRequest | undefined;

  constructor(report: Report) {
    this.#report = report;
    this.#workbench = new Workbench(report, (request) => {
      this.#request = request;
      this.#tellAddress('requests');
    });
    this.#panels = {
      overview: panel(
        'overview',
        overview(report, (request) => this.#open(request)),
      ),
      requests: panel('requests', this.#workbench.element),
    };
    this.#tabs = { overview: this.#tab('overview'), requests: this.#tab('requests') };
    document.addEventListener('keydown', (event) => this.#key(event));
    addEventListener('hashchange', () => this.#openAddress());
  }

  drawIn(element: HTMLElement): void {
    fill(element, this.#head(), make('main', {}, this.#panels.overview, this.#panels.requests), this.#help);
    this.#openAddress();
  }

  #head(): HTMLElement {
    const { summary, files } = this.#report.data;
    const period = nanos(Number(BigInt(summary.endUnixNano) - BigInt(summary.startUnixNano)));
    const began = `${moment(summary.startUnixNano, 0).slice(0, 19)} UTC`;
    const tabs = { role: 'tablist', 'aria-label': 'Views' };
    const title = files.map(({ path }) => path).join('\n');
    const keys = { type: 'button', 'aria-label': 'Keys (?)' };
    return make(
      'header',
      {},
      make('h1', {}, 'gpuspan', make('span', {}, ' report')),
      make(
        'div',
        { class: 'tabs', attributes: tabs, on: { keydown: (event) => this.#moveTab(event) } },
        this.#tabs.overview,
        this.#tabs.requests,
      ),
      make('p', { class: 'what', title }, `${whole(summary.requests.count)} requests, ${period} from ${began}`),
      themeButton(),
      make('button', { attributes: keys, title: 'Keys (?)', on: { click: () => this.#help.showModal() } }, '?'),
    );
  }

  #show(view: View): void {
    for (const each of VIEWS) {
      this.#panels[each].hidden = each !== view;
      this.#tabs[each].setAttribute('aria-selected', String(each === view));
      this.#tabs[each].tabIndex = each === view ? 0 : -1;
    }
    document.body.classList.toggle('fixed', view === 'requests');
    const first = this.#workbench.requests[0];
    if (view === 'requests' && this.#request === undefined && first !== undefined) this.#workbench.open(first);
    this.#tellAddress(view);
  }

  #open(request: PageRequest, spanId?: string): void {
    this.#workbench.open(request, spanId);
    this.#show('requests');
  }

  #tellAddress(view: View): void {
    const request = view === 'requests' ? this.#request : undefined;
    history.replaceState(null, '', request === undefined ? '#' : `#request=${request.traceId}.${request.spanId}`);
  }

  #openAddress(): void {
    const [, traceId, spanId, sliceId] = ADDRESS.exec(location.hash) ?? [];
    const request = this.#workbench.requests.find(
      (each) => each.traceId === traceId && (spanId === undefined || each.spanId === spanId),
    );
    if (request === undefined) this.#show('overview');
    else this.#open(request, sliceId);
  }

  #key(event: KeyboardEvent): void {
    const { tagName } = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || this.#help.open || tagName === 'INPUT') return;
    const actions: Readonly<Record<string, () => void>> = {
      1: () => this.#show('overview'),
      2: () => this.#show('requests'),
      '/': () => {
        this.#show('requests');
        this.#workbench.focusFilter();
      },
      '[': () => this.#workbench.step(-1),
      ']': () => this.#workbench.step(1),
      t: nextTheme,
      '?': () => this.#help.showModal(),
    };
    const action = actions[event.key.toLowerCase()];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #tab(view: View): HTMLElement {
    const attributes = { type: 'button', role: 'tab', 'aria-controls': `panel-${view}` };
    return make('button', { id: `tab-${view}`, attributes, on: { click: () => this.#show(view) } }, TITLES[view]);
  }

  #moveTab(event: KeyboardEvent): void {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const other = this.#panels.overview.hidden ? 'overview' : 'requests';
    this.#show(other);
    this.#tabs[other].focus();
    event.preventDefault();
  }
}

function panel(view: View, content: HTMLElement): HTMLElement {
  return make(
    'div',
    { id: `panel-${view}`, attributes: { role: 'tabpanel', 'aria-labelledby': `tab-${view}` } },
    content,
  );
}

function themeButton(): HTMLElement {
  const button = make('button', { class: 'theme', attributes: { type: 'button' }, on: { click: nextTheme } });
  onTheme(() => {
    button.textContent = { auto: 'Auto', light: 'Light', dark: 'Dark' }[theme()];
    button.setAttribute('aria-label', `Colours: ${theme()}. Change (T)`);
    button.title = 'Light, dark, or as the system is (T)';
  });
  return button;
}

const report = readReport();
nameStages(report.data.summary.stages.map(({ name }) => name));
startTheme();
new Page(report).drawIn(document.getElementById('app')!);
