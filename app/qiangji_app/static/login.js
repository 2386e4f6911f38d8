/** Sign-in page: plain, no Gradio; demo accounts fill in with one click. */
import { ApiError, call, hasText, loadTexts, t } from "/static/api.js";

const at = (id) => document.getElementById(id);
let lang = (/(?:^|; )qj_lang=(zh|en)/.exec(document.cookie) || [])[1] || "zh";

async function show() {
  await loadTexts(lang);
  document.title = `${t("ui.login.title")} · ${t("ui.shell.brand")}`;
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
}

/** Only a path of this server may follow a sign-in. */
function target() {
  const next = new URLSearchParams(location.search).get("next") || "/";
  return /^\/(?![/\\])/.test(next) ? next : "/";
}

async function submit(event) {
  event.preventDefault();
  at("error").hidden = true;
  at("submit").disabled = true;
  try {
    const made = await call("POST", "/session", { login: at("login").value.trim(), password: at("password").value }, { quiet401: true });
    if (made.language !== lang && /qj_lang=/.test(document.cookie)) await keepLanguage(made.csrf);
    location.assign(target());
  } catch (error) {
    at("error").textContent = error instanceof ApiError ? `${error.message} ${error.advice}` : t("ui.error.unknown");
    at("error").hidden = false;
    at("submit").disabled = false;
    at("password").select();
  }
}

/** The language chosen on this page becomes the account's. */
async function keepLanguage(csrf) {
  await fetch("/api/v1/session/language", { method: "PUT", credentials: "same-origin", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf }, body: JSON.stringify({ language: lang }) });
}

async function demo() {
  let known;
  try {
    known = await call("GET", "/demo", undefined, { quiet401: true });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return;
    throw error;
  }
  at("demo").hidden = !known.accounts.length;
  at("accounts").replaceChildren(...known.accounts.map((account) => {
    const item = document.createElement("button");
    item.type = "button";
    item.dataset.login = account.login;
    const name = document.createElement("b");
    name.textContent = account.display_name;
    const role = document.createElement("span");
    role.textContent = [].concat(account.role || account.roles || []).map((one) => (hasText(`ui.role.${one}`) ? t(`ui.role.${one}`) : one)).join(t("ui.ai.comma"));
    item.append(name, role);
    item.addEventListener("click", () => {
      at("login").value = account.login;
      at("password").value = account.password;
      at("submit").focus();
    });
    return item;
  }));
}

at("form").addEventListener("submit", submit);
at("language").addEventListener("click", async () => {
  lang = lang === "zh" ? "en" : "zh";
  document.cookie = `qj_lang=${lang}; path=/; max-age=31536000; SameSite=Strict`;
  await show();
  await demo();
});
await show();
document.body.classList.add("ready");
await demo();
