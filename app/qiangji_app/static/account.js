/** One's own account: who I am here, and another password. */
import { ApiError, put, session, t, updateSession } from "/static/api.js";
import { button, dialog, h, toast } from "/static/dom.js";
import { known } from "/static/parts.js";

const LEAST = 10; // characters, as the server demands

/** Open the dialog of one's own account; language and sign-out are here too, where a phone's header has no room. */
export async function openAccount({ language, signOut }) {
  const { user } = session();
  const rows = [
    ["ui.account.name", user.display_name], ["ui.account.site", user.site.name], ["ui.account.roles", user.roles.map((role) => known("ui.role", role)).join(t("ui.ai.comma"))],
    ["ui.account.licence", user.licence_number], ["ui.account.signs", user.sign_modalities.map((one) => known("ui.modality", one)).join(t("ui.ai.comma"))],
  ].filter(([, value]) => value);
  const close = () => document.querySelector("dialog[open]").close();
  const acts = h("p", { class: "qp-row" }, button(t("ui.shell.other_language"), async () => { close(); await language(); }, { testid: "account-language" }), button(t("ui.shell.sign_out"), async () => { close(); await signOut(); }, { testid: "account-sign-out" }));
  await dialog({ title: t("ui.account.title"), testid: "account-dialog", body: h("div", {}, h("dl", { class: "qp-facts" }, rows.map(([key, value]) => h("div", {}, h("dt", {}, t(key)), h("dd", {}, value)))), acts,
    h("h3", {}, t("ui.account.password")), passwordForm({ ondone: close })) });
}

/** Present password, the wanted one twice; `ondone` after it was changed. */
export function passwordForm({ ondone }) {
  const field = (name, auto) => h("input", { type: "password", class: "qp-input", autocomplete: auto, required: true, dataset: { testid: `password-${name}` } });
  const [present, wanted, again] = [field("present", "current-password"), field("wanted", "new-password"), field("again", "new-password")];
  const wrong = h("p", { class: "qp-field-error", role: "alert", hidden: true });
  const refuse = (text, input) => { wrong.textContent = text; wrong.hidden = false; input.focus(); };
  const change = async () => {
    wrong.hidden = true;
    if (wanted.value.length < LEAST) return refuse(t("ui.account.too_short", { n: LEAST }), wanted);
    if (wanted.value !== again.value) return refuse(t("ui.account.differ"), again);
    try {
      updateSession(await put("/session/password", { present: present.value, wanted: wanted.value }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return refuse([error.message, error.advice].filter(Boolean).join(" "), present);
    }
    toast(t("ui.account.changed"));
    return ondone();
  };
  const yes = button(t("ui.account.change"), change, { kind: "primary", testid: "password-change" });
  yes.type = "submit"; // Enter in any of the three lines presses it
  return h("form", { class: "qp-plain-form", noValidate: true, onsubmit: (event) => event.preventDefault() },
    h("label", {}, t("ui.account.present"), present), h("label", {}, t("ui.account.wanted", { n: LEAST }), wanted), h("label", {}, t("ui.account.again"), again), wrong, yes);
}
