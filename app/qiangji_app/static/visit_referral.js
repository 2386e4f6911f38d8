/** From an advice card to the form of a referral, filled in with what is known. */
import { newId, post } from "/static/api.js";

/** Begin a draft that carries the visit and what the card rests on, and open it. */
export async function openReferral(card) {
  const draft = await post(`/advice/${encodeURIComponent(card.advice.id)}/referral`, { referral_id: newId() });
  location.assign(`/referrals?referral=${encodeURIComponent(draft.id)}`);
}
