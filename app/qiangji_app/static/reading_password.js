/** The password beside what is signed: one field in the same dialog, shown only where it is needed. */
import { ApiError, get, session, t, updateSession } from "/static/api.js";
import { guarded, h } from "/static/dom.js";

const ASKED_AGAIN = ["sign.password_needed", "session.wrong_password"];

/** True while a password entered before still counts. */
export function isUnlocked() {
  const until = session().unlocked_until;
  return Boolean(until) && new Date(until).getTime() > Date.now();
}

export class PasswordField {
  /** `submit` is the test id of the dialog's button that Enter presses; `failed` says what did not happen. */
  constructor({ isNeeded, submit, failed }) {
    this.failed = failed;
    this.input = h("input", { type: "password", class: "qp-input", autocomplete: "current-password", "aria-label": t("ui.sign.password"), dataset: { testid: "sign-password" } });
    this.wrong = h("p", { class: "qp-field-error", hidden: true, role: "alert" });
    this.ask = h("label", { hidden: !isNeeded }, h("b", {}, t("ui.sign.password")), h("span", { class: "qp-fine" }, ` ${t("ui.sign.password_text")}`), this.input);
    this.element = h("div", { class: "qp-password" }, this.ask, this.wrong);
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.input.closest("dialog").querySelector(`[data-testid="${submit}"]`).click();
    });
  }

  /** Run `act(password)`; false, with the reason in the dialog, where the server refuses. */
  async run(act) {
    const isAsked = !this.ask.hidden;
    if (isAsked && !this.input.value) return this.refuse(t("ui.sign.password_needed"));
    let done;
    try {
      done = await act(isAsked ? this.input.value : "");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (ASKED_AGAIN.includes(error.code)) this.ask.hidden = false;
      const isRefused = error.status >= 400 && error.status < 500; // else nobody knows what became of it
      return this.refuse([isRefused && this.failed, error.message, error.advice].filter(Boolean).join(" "));
    }
    if (isAsked) guarded(async () => updateSession(await get("/session"))); // it is signed, whatever becomes of this
    return done;
  }

  refuse(text) {
    this.wrong.textContent = text;
    this.wrong.hidden = false;
    this.input.select();
    this.wrong.scrollIntoView({ block: "nearest" });
    return false;
  }
}
