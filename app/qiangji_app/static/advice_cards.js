/** Advice cards: what, why, by which text and version, what is missing; the doctor decides. */
import { hasText, t } from "/static/api.js";
import { button, fill, h, when } from "/static/dom.js";

/** Colours of the rules' urgency, after those of cases. */
const LEVEL = { emergency: "critical", urgent: "urgent", soon: "priority", routine: "routine", none: "routine" };

/**
 * Cards, the most urgent first, then what would decide more.
 * `acts`: {decide(card, decision), refer(card), focus(code)}; without `decide` nothing can be answered.
 */
export function drawCards(box, { cards, asks, faulty = [] }, acts = {}) {
  fill(box, faulty.length ? h("p", { class: "qp-card qp-card-refuse", role: "alert", dataset: { testid: "advice-faulty" } }, t("ui.advice.faulty", { names: faulty.join(t("ui.ai.comma")) })) : null,
    cards.length ? cards.map((card) => adviceCard(card, acts)) : h("p", { class: "qp-card qp-card-wait", role: "status", dataset: { testid: "no-advice" } }, t("ui.advice.none")),
    asks.length ? asksList(asks, acts) : null,
    h("p", { class: "qp-fine" }, t("ui.advice.limits")));
}

export function adviceCard(card, acts = {}) {
  const level = LEVEL[card.urgency] || "routine";
  return h("article", { class: `qp-advice-card qp-edge-${level}`, dataset: { testid: "advice-card", topic: card.topic, urgency: card.urgency }, role: card.urgency === "emergency" ? "alert" : null },
    h("header", {}, h("span", { class: `qp-badge qp-urgency-${level}` }, card.urgency_text), h("h3", {}, card.title)),
    h("p", { class: "qp-advice-text" }, card.text),
    card.actions.length ? h("ul", { class: "qp-advice-actions" }, card.actions.map((one) => h("li", {}, h("b", {}, one.text), limitOf(one)))) : null,
    scores(card.computed),
    h("details", { open: card.urgency === "emergency", class: "qp-advice-why" }, h("summary", {}, t("ui.advice.why")), whyList(card)),
    card.missing.length ? h("p", { class: "qp-advice-missing" }, t("ui.advice.missing"), missingChips(card.missing, acts)) : null,
    h("p", { class: "qp-fine qp-advice-source", dataset: { testid: "advice-source" } }, sourceLine(card.source), h("span", { class: "qp-line" }, t("ui.advice.version", { rule: card.rule, edition: card.edition, version: card.version.slice(0, 12) }))),
    h("p", { class: "qp-advice-note" }, t("ui.advice.note")), answerRow(card, acts));
}

function limitOf(action) {
  if (action.days !== null) return t("ui.advice.days", { n: action.days });
  if (action.within_hours !== null) return t("ui.advice.hours", { n: action.within_hours });
  return "";
}

/** `《document》edition, clause`, with the address where there is one. */
export function sourceLine(source) {
  const words = t("ui.advice.source", { document: source.document, edition: source.edition, clause: source.clause });
  return source.url ? h("a", { href: source.url, target: "_blank", rel: "noopener noreferrer" }, words) : h("span", {}, words);
}

function whyList(card) {
  if (!card.inputs.length) return h("p", { class: "qp-fine" }, t("ui.advice.no_inputs"));
  return h("ul", { class: "qp-fact-list" }, card.inputs.map((one) => h("li", {}, h("b", {}, `${one.name} ${one.text}`), one.context.length ? ` ${one.context.join(t("ui.ai.comma"))}` : "", h("span", { class: "qp-fine" }, ` ${when(one.at)} `), originChip(one))));
}

/** Who states a fact; kept apart wherever one is shown. */
export const originChip = (fact) => h("span", { class: `qp-source qp-origin-${fact.origin}` }, fact.origin_text);

function scores(computed) {
  const names = [...new Set(Object.keys(computed).map((key) => key.replace(/_(low|high)$/, "")))];
  return names.map((name) => {
    const [low, high] = [computed[`${name}_low`], computed[`${name}_high`]];
    const label = hasText(`ui.advice.score.${name}`) ? t(`ui.advice.score.${name}`) : name;
    return low === undefined ? null : h("p", { class: "qp-score" }, low === high ? t("ui.advice.score_exact", { name: label, n: low }) : t("ui.advice.score_range", { name: label, low, high }));
  });
}

const missingChips = (missing, acts) => h("span", { class: "qp-chips" }, missing.map((one) => h("button", { type: "button", class: "qp-chip", disabled: !acts.focus, onclick: () => acts.focus && acts.focus(one.code) }, one.name)));

/** What would decide more, a line a rule. */
function asksList(asks, acts) {
  return h("details", { class: "qp-fold", dataset: { testid: "advice-asks" } }, h("summary", {}, t("ui.advice.asks", { n: asks.length })),
    asks.map((card) => h("div", { class: "qp-ask" }, h("b", {}, card.title), missingChips(card.missing, acts), h("span", { class: "qp-fine qp-line" }, sourceLine(card.source)))));
}

function answerRow(card, acts) {
  const found = card.advice;
  if (found && found.decision !== "open") {
    const words = found.decision === "accepted" ? t("ui.advice.accepted", { at: when(found.decided_at) }) : t("ui.advice.overridden", { at: when(found.decided_at), reason: t(`ui.advice.reason.${found.reason_code}`), text: found.reason });
    return h("div", { class: "qp-row" }, h("span", { class: `qp-badge ${found.decision === "accepted" ? "qp-state-acknowledged" : "qp-state-returned"}`, dataset: { testid: "advice-decided" } }, words), referButton(card, acts));
  }
  if (!acts.decide) return null;
  return h("div", { class: "qp-row" }, button(t("ui.advice.accept"), () => acts.decide(card, "accepted"), { kind: "primary", testid: "advice-accept" }), button(t("ui.advice.override"), () => acts.decide(card, "overridden"), { testid: "advice-override" }), referButton(card, acts));
}

function referButton(card, acts) {
  const asksFor = card.actions.some((one) => one.kind === "refer_up");
  return asksFor && acts.refer ? button(t("ui.advice.refer"), () => acts.refer(card), { kind: "danger", testid: "advice-refer" }) : null;
}
