// One Watch: what is, SYNCED, then what happens; an event that is forgotten is no change. A reader that is too slow is cut off with OUT_OF_RANGE and lists again.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "control-plane/admission/observation.h"
#include "control-plane/watch/model.h"
#include "proto/perigee/v1/cloud_service.pb.h"
#include "shared/resource/selector.h"

namespace perigee::control {

// Next is for one thread at a time. Must not outlive the model's owner's Shown.
class WatchStream {
 public:
  using Shown = std::function<v1::Resource(const google::protobuf::Message&)>;
  struct Filter {
    std::set<std::string> kinds;
    std::string project;  // empty: all
    v1::LabelSelector selector;
  };
  WatchStream(const Model& model, const Observation& observation, std::unique_ptr<Subscription> subscription,
              Filter filter, bool begin_with_what_is, Shown shown);

  // Some responses, in order; empty after `timeout`. OUT_OF_RANGE: too slow. CANCELLED: the server stops.
  [[nodiscard]] absl::StatusOr<std::vector<v1::WatchResponse>> Next(absl::Duration timeout);
  // As Subscription::SetWakeup.
  void SetWakeup(std::function<void()> wakeup) { subscription_->SetWakeup(std::move(wakeup)); }

 private:
  bool Selected(const google::protobuf::Message& object) const;
  // The oldest of those still to be given; null when there are none.
  absl::StatusOr<ObjectPtr> NextFirst();

  const Observation& observation_;
  const std::unique_ptr<Subscription> subscription_;
  const Filter filter_;
  const Shown shown_;
  std::deque<ObjectPtr> first_;           // what is, still to be given
  std::deque<std::string> first_events_;  // and events, which the model does not hold: uids
  bool synced_;
  int64_t revision_;
};

}  // namespace perigee::control
