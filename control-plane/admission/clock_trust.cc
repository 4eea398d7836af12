#include "control-plane/admission/clock_trust.h"

namespace perigee::control {
namespace {

constexpr absl::Duration kJump = absl::Minutes(1);  // more than NTP slews between two looks
constexpr absl::Duration kGapAtStart = absl::Hours(24);
constexpr std::chrono::hours kProbation{24};
constexpr std::chrono::seconds kOneLook{1};

}  // namespace

ClockTrust::ClockTrust(const Clock& clock) : clock_(clock), last_(LookAtBoth()) {}

// The machine may sleep between the two clocks, which is no jump: look again.
ClockTrust::Look ClockTrust::LookAtBoth() const {
  while (true) {
    const std::chrono::nanoseconds before = clock_.SinceBoot();
    const absl::Time wall = clock_.Now();
    if (clock_.SinceBoot() - before < kOneLook) return {wall, before};
  }
}

void ClockTrust::CompareWithLastKnown(absl::Time last) {
  if (absl::AbsDuration(clock_.Now() - last) > kGapAtStart) steady_from_ = clock_.SinceBoot() + kProbation;
}

std::optional<absl::Time> ClockTrust::SteadyNow() {
  const Look look = LookAtBoth();
  const absl::Duration jump = (look.wall - last_.wall) - absl::FromChrono(look.since_boot - last_.since_boot);
  if (absl::AbsDuration(jump) > kJump) steady_from_ = look.since_boot + kProbation;
  last_ = look;
  if (look.since_boot < steady_from_) return std::nullopt;
  return look.wall;
}

}  // namespace perigee::control
