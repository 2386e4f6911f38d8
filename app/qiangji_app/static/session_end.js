/** A session that ends while the page is open: the same person signs in again on top of it, and nothing typed is lost. */
import { ApiError, call, session, t, updateSession } from "/static/api.js";
import { dialog, h } from "/static/dom.js";

let asking = null;

/** True when the same account is signed in again; one question however many requests were refused. */
export function signInAgain() {
  asking = asking || ask().finally(() => { asking = null; });
  return asking;
}

async function ask() {
  const { user } = session();
  const password = h("input", { type: "password", class: "qp-input", autocomplete: "current-password", autofocus: true, dataset: { testid: "again-password" } });
  const wrong = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  const signIn = async () => {
    try {
      updateSession(await call("POST", "/session", { login: user.login, password: password.value }, { quiet401: true }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      wrong.textContent = [error.message, error.advice].filter(Boolean).join(" ");
      wrong.hidden = false;
      password.select();
      return false;
    }
    return true;
  };
  const done = await dialog({
    title: t("ui.shell.session_ended"), testid: "session-ended", veiled: true,
    body: h("div", {}, h("p", {}, t("ui.shell.session_ended_text", { name: user.display_name })), h("label", {}, t("ui.login.password"), password), wrong),
    actions: [{ text: t("ui.shell.other_person"), kind: "quiet", run: () => null }, { text: t("ui.login.submit"), kind: "primary", testid: "again-yes", run: signIn }],
  });
  return done === true && !session().must_change_password;
}
