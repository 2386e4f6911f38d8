/** 阅片: the worklist, and a case with viewer and report. */
import { hasRole, start, t } from "/static/api.js";
import { button, fill, h, showError } from "/static/dom.js";
import { placeholder } from "/static/parts.js";
import { Worklist } from "/static/reading_worklist.js";
import { ReadingCase } from "/static/reading_case.js";

/** Start the page in an element. */
export async function mount(root) {
  fill(root, placeholder("loading", ""));
  try {
    await start();
    if (!hasRole("specialist")) {
      fill(root, placeholder("empty", t("ui.reading.not_for_you")));
      return;
    }
    new ReadingPage(root).open();
  } catch (error) {
    if (error.name === "SignedOut") return;
    showError(error);
    fill(root, placeholder("error", error.message, button(t("ui.common.retry"), () => location.reload())));
  }
}

class ReadingPage {
  constructor(root) {
    this.root = root;
    this.page = h("main", { class: "qp-page qp-reading" });
    this.worklist = new Worklist({ onopen: (id) => this.go(id) });
    this.reading = null;
  }

  open() {
    fill(this.root, this.page);
    window.addEventListener("popstate", () => this.show());
    document.addEventListener("keydown", (event) => this.key(event));
    this.show();
  }

  show() {
    const id = new URLSearchParams(location.search).get("case");
    if (this.reading) this.reading.close();
    this.reading = null;
    document.body.classList.toggle("qp-in-case", Boolean(id));
    if (!id) {
      fill(this.page, this.worklist.element);
      this.worklist.resume();
      return;
    }
    this.worklist.pause();
    this.reading = new ReadingCase(id, { onback: () => this.go(null), onnext: () => this.next(id) });
    fill(this.page, this.reading.element);
    this.reading.open();
  }

  go(id) {
    history.pushState({}, "", id ? `${location.pathname}?case=${encodeURIComponent(id)}` : location.pathname);
    this.show();
  }

  /** The most urgent case that nobody reads, other than this one. */
  async next(id) {
    this.go(await this.worklist.nextAfter(id));
  }

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]") || isTyping(event.target)) return;
    const taken = this.reading ? this.reading.key(event.key, event) : this.worklist.key(event.key);
    if (taken) event.preventDefault();
  }
}

function isTyping(target) {
  return target instanceof Element && target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]");
}
