#include "shared/session/arbiter.h"

#include <utility>

namespace perigee {

IdentityArbiter::IdentityArbiter(absl::Duration answer_within)
    : answer_within_(absl::ToInt64Nanoseconds(answer_within)) {}

void IdentityArbiter::TakePlace(Holder& holder, Verdicts* out) {
  holder.session = holder.contest->newcomer;
  holder.contest.reset();
  out->push_back(Admit{holder.session});
}

IdentityArbiter::Verdicts IdentityArbiter::Arrived(const std::string& uid, SessionId session,
                                                   std::string nonce, std::chrono::nanoseconds now) {
  auto [it, fresh] = holders_.try_emplace(uid);
  Holder& holder = it->second;
  if (fresh) {
    holder.session = session;
    return {Admit{session}};
  }
  if (holder.contest) return {ComeAgain{session}};
  holder.contest = Contest{session, nonce, now + answer_within_};
  return {Challenge{holder.session, std::move(nonce)}};
}

IdentityArbiter::Verdicts IdentityArbiter::Answered(const std::string& uid, SessionId session,
                                                    const std::string& nonce) {
  const auto it = holders_.find(uid);
  if (it == holders_.end() || !it->second.contest) return {};
  const Holder& holder = it->second;
  if (holder.session != session || holder.contest->nonce != nonce) return {};
  Verdicts verdicts{QuarantineBoth{uid, holder.session, holder.contest->newcomer}};
  holders_.erase(it);
  return verdicts;
}

IdentityArbiter::Verdicts IdentityArbiter::Ended(const std::string& uid, SessionId session) {
  const auto it = holders_.find(uid);
  if (it == holders_.end()) return {};
  Holder& holder = it->second;
  Verdicts verdicts;
  if (holder.contest && holder.contest->newcomer == session) {
    holder.contest.reset();
  } else if (holder.session == session) {
    if (holder.contest) {
      TakePlace(holder, &verdicts);
    } else {
      holders_.erase(it);
    }
  }
  return verdicts;
}

IdentityArbiter::Verdicts IdentityArbiter::Tick(std::chrono::nanoseconds now) {
  Verdicts verdicts;
  for (auto& [uid, holder] : holders_) {
    if (!holder.contest || now < holder.contest->until) continue;
    verdicts.push_back(Replace{holder.session});
    TakePlace(holder, &verdicts);
  }
  return verdicts;
}

std::optional<std::chrono::nanoseconds> IdentityArbiter::next_tick() const {
  std::optional<std::chrono::nanoseconds> next;
  for (const auto& [uid, holder] : holders_) {
    if (holder.contest && (!next || holder.contest->until < *next)) next = holder.contest->until;
  }
  return next;
}

}  // namespace perigee
