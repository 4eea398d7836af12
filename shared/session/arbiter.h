// Two streams with one identity: a copied disk, or a satellite's own ghost, a stream that broke without
// either end hearing of it. The old one is challenged. If it answers, there are two living holders of the
// identity: both end, and it is quarantined. If it ends or stays silent, it was a ghost and the new one takes
// its place. A satellite drops its old stream before it opens another, so its ghost cannot answer. Pure:
// nonces are given.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace perigee {

using SessionId = uint64_t;

class IdentityArbiter {
 public:
  struct Admit {
    SessionId session;
  };
  struct Challenge {
    SessionId session;
    std::string nonce;
  };
  // The ghost: end it, the other was admitted.
  struct Replace {
    SessionId session;
  };
  // A third while two are being judged: let it come again later.
  struct ComeAgain {
    SessionId session;
  };
  struct QuarantineBoth {
    std::string uid;
    SessionId older, newer;
  };
  using Verdict = std::variant<Admit, Challenge, Replace, ComeAgain, QuarantineBoth>;
  using Verdicts = std::vector<Verdict>;

  explicit IdentityArbiter(absl::Duration answer_within = absl::Seconds(3));

  Verdicts Arrived(const std::string& uid, SessionId session, std::string nonce,
                   std::chrono::nanoseconds now);
  Verdicts Answered(const std::string& uid, SessionId session, const std::string& nonce);
  Verdicts Ended(const std::string& uid, SessionId session);
  Verdicts Tick(std::chrono::nanoseconds now);
  std::optional<std::chrono::nanoseconds> next_tick() const;

 private:
  struct Contest {
    SessionId newcomer;
    std::string nonce;
    std::chrono::nanoseconds until;
  };
  struct Holder {
    SessionId session = 0;
    std::optional<Contest> contest;
  };
  static void TakePlace(Holder& holder, Verdicts* out);

  const std::chrono::nanoseconds answer_within_;
  std::map<std::string, Holder> holders_;
};

}  // namespace perigee
