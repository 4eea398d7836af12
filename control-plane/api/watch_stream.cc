#include "control-plane/api/watch_stream.h"

#include <utility>

#include "shared/base/status.h"
#include "shared/resource/registry.h"

namespace perigee::control {
namespace {

constexpr size_t kResponsesAtOnce = 64;

}  // namespace

WatchStream::WatchStream(const Model& model, std::unique_ptr<Subscription> subscription, Filter filter,
                         bool begin_with_what_is, Shown shown)
    : subscription_(std::move(subscription)),
      filter_(std::move(filter)),
      shown_(std::move(shown)),
      synced_(!begin_with_what_is),
      revision_(model.revision()) {
  if (!begin_with_what_is) return;
  // After the subscription: a change between the two comes twice, never not.
  for (const std::string& kind : filter_.kinds) {
    for (ObjectPtr& object : model.List(kind, filter_.project)) {
      if (Selected(*object)) first_.push_back(std::move(object));
    }
  }
}

bool WatchStream::Selected(const google::protobuf::Message& object) const {
  const v1::ObjectMeta& meta = MetaOf(object);
  if (!filter_.project.empty() && KindOf(object).project_scoped && meta.project() != filter_.project)
    return false;
  return Matches(filter_.selector, meta.labels());
}

absl::StatusOr<std::vector<v1::WatchResponse>> WatchStream::Next(absl::Duration timeout) {
  std::vector<v1::WatchResponse> responses;
  for (; !first_.empty() && responses.size() < kResponsesAtOnce; first_.pop_front()) {
    v1::WatchResponse& response = responses.emplace_back();
    response.set_type(v1::WatchResponse::TYPE_PUT);
    *response.mutable_resource() = shown_(*first_.front());
    response.set_revision(revision_);
  }
  if (first_.empty() && !synced_) {
    synced_ = true;
    v1::WatchResponse& response = responses.emplace_back();
    response.set_type(v1::WatchResponse::TYPE_SYNCED);
    response.set_revision(revision_);
  }
  if (!responses.empty()) return responses;
  PERIGEE_ASSIGN_OR_RETURN(const std::vector<ModelChange> changes, subscription_->Next(timeout));
  for (const ModelChange& change : changes) {
    if (!Selected(*change.object)) continue;
    v1::WatchResponse& response = responses.emplace_back();
    response.set_type(change.deleted ? v1::WatchResponse::TYPE_DELETE : v1::WatchResponse::TYPE_PUT);
    *response.mutable_resource() = shown_(*change.object);
    response.set_revision(change.revision);
  }
  return responses;
}

}  // namespace perigee::control
