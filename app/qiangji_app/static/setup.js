/** First administrator of an installation, by the one-time token. */
import { ApiError, call, loadTexts, t } from "/static/api.js";

const at = (id) => document.getElementById(id);
const lang = (/(?:^|; )qj_lang=(zh|en)/.exec(document.cookie) || [])[1] || "zh";

async function submit(event) {
  event.preventDefault();
  at("error").hidden = true;
  const body = Object.fromEntries(["token", "display_name", "login", "password"].map((name) => [name, at(name).value.trim()]));
  try {
    await call("POST", "/setup", { ...body, password: at("password").value }, { quiet401: true });
    at("form").hidden = true;
    at("done").hidden = false;
  } catch (error) {
    at("error").textContent = error instanceof ApiError ? `${error.message} ${error.advice}` : t("ui.error.unknown");
    at("error").hidden = false;
  }
}

await loadTexts(lang);
document.title = `${t("ui.setup.title")} · ${t("ui.shell.brand")}`;
for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
at("form").addEventListener("submit", submit);
