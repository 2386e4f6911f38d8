/** Form and files differ: the two questions, whose they are and of which day, each with its own reason. */
import { t } from "/static/api.js";
import { dialog, h } from "/static/dom.js";
import { known } from "/static/parts.js";

const DATE = "examined_at";
const PERSON_CHOICES = ["entered", "spelling", "checked"];
const DATE_CHOICES = ["clock", "none", "old"];

/** Reasons for what differs as `{ reason, date_reason }`; null when the person went back. */
export function askIdentity(fields, differences, yes) {
  const asked = [
    fields.some((field) => field && field !== DATE) && question("reason", "person", PERSON_CHOICES.map((name) => t(`ui.submit.mismatch_choice.${name}`))),
    fields.includes(DATE) && question("date_reason", "date", DATE_CHOICES.map((name) => t(`ui.submit.date_choice.${name}`))),
  ].filter(Boolean);
  return dialog({
    title: t("ui.submit.mismatch"),
    body: h("div", {}, h("div", { class: "qp-differences-box", dataset: { testid: "mismatch" } }, h("p", {}, t("ui.submit.mismatch_text")), differenceTable(fields, differences)), asked.map((one) => one.element)),
    actions: [
      { text: t("ui.common.cancel"), run: () => null, kind: "quiet" },
      { text: yes, kind: "danger", testid: "reason-yes", run: () => {
        const missing = asked.filter((one) => !one.isAnswered());
        if (missing.length) { missing[0].focus(); return false; }
        return Object.fromEntries(asked.map((one) => [one.name, one.text()]));
      } },
    ],
  });
}

function question(name, kind, choices) {
  const title = t(`ui.submit.why.${kind}`);
  const area = h("textarea", { rows: 2, class: "qp-input", "aria-label": title, dataset: { testid: name === "reason" ? "reason" : "date-reason" } });
  const hint = h("p", { class: "qp-field-error", role: "alert", hidden: true }, t("ui.common.reason_needed"));
  const chips = h("div", { class: "qp-chips" }, choices.map((choice) => h("button", { type: "button", class: "qp-chip", onclick: () => { area.value = choice; area.focus(); } }, choice)));
  return {
    name,
    element: h("section", { dataset: { testid: `why-${kind}` } }, h("h3", {}, title), chips, area, hint),
    text: () => area.value.trim(),
    isAnswered: () => { hint.hidden = Boolean(area.value.trim()); return hint.hidden; },
    focus: () => area.focus(),
  };
}

/** What differs, a row for each thing said, with the files that say it. */
export function differenceTable(fields, differences) {
  if (!differences.length) return h("ul", { class: "qp-mismatch" }, fields.filter(Boolean).map((field) => h("li", {}, known("ui.form", field))));
  return h("table", { class: "qp-differences", dataset: { testid: "differences" } },
    h("thead", {}, h("tr", {}, ["field", "form", "says", "file"].map((name) => h("th", { scope: "col" }, t(`ui.difference.${name}`))))),
    h("tbody", {}, grouped(differences).map(({ one, files }) => h("tr", {}, [known("ui.form", one.field), firstSide(one), shown(one.field, one.in_file)].map((text) => h("td", {}, text)), h("td", { title: files.join("\n") }, filesText(files))))));
}

function shown(field, value) {
  return (field === "sex" && value ? known("ui.sex", value) : value) || "—";
}

/** What the form says; where two files are compared, what the other file says, with its name. */
function firstSide(one) {
  const value = shown(one.field, one.in_form);
  return one.other_file ? t("ui.difference.other", { value, name: one.other_file }) : value;
}

/** A difference in one line. */
export function differenceLine(one) {
  const texts = { form: shown(one.field, one.in_form), file: shown(one.field, one.in_file) };
  return one.other_file ? t("ui.identity.between", { ...texts, other: one.other_file, name: one.file_name }) : t("ui.identity.values", texts);
}

/** Several files that say the same thing are one row. */
function grouped(differences) {
  const rows = new Map();
  for (const one of differences) {
    const key = `${one.field}|${one.other_file}|${one.in_form}|${one.in_file}`;
    if (!rows.has(key)) rows.set(key, { one, files: [] });
    rows.get(key).files.push(one.file_name);
  }
  return [...rows.values()];
}

function filesText(files) {
  return files.length === 1 ? files[0] : t("ui.difference.files", { name: files[0], n: files.length });
}
