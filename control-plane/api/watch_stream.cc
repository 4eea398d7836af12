#include "control-plane/api/watch_stream.h"

#include <utility>

#include "control-plane/api/records.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"

namespace perigee::control {
namespace {

constexpr size_t kResponsesAtOnce = 64;

}  // namespace

WatchStream::WatchStream(const Model& model, const Observation& observation,
                         std::unique_ptr<Subscription> subscription, Filter filter, bool begin_with_what_is,
                         Shown shown)
    : observation_(observation),
      subscription_(std::move(subscription)),
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
  if (!filter_.kinds.contains("Event")) return;
  std::vector<std::string> uids = observation_.EventUids();
  first_events_.assign(std::make_move_iterator(uids.begin()), std::make_move_iterator(uids.end()));
}

bool WatchStream::Selected(const google::protobuf::Message& object) const {
  if (const auto* event = dynamic_cast<const v1::Event*>(&object))
    return IsOfProject(event->object(), filter_.project);
  const v1::ObjectMeta& meta = MetaOf(object);
  if (!filter_.project.empty() && KindOf(object).project_scoped && meta.project() != filter_.project)
    return false;
  return Matches(filter_.selector, meta.labels());
}

absl::StatusOr<ObjectPtr> WatchStream::NextFirst() {
  if (!first_.empty()) {
    ObjectPtr object = std::move(first_.front());
    first_.pop_front();
    return object;
  }
  while (!first_events_.empty()) {
    absl::StatusOr<v1::Event> event = observation_.FindEvent(first_events_.front());
    first_events_.pop_front();
    if (absl::IsNotFound(event.status())) continue;  // forgotten meanwhile
    PERIGEE_RETURN_IF_ERROR(event);
    if (Selected(*event)) return std::make_shared<v1::Event>(*std::move(event));
  }
  return nullptr;
}

absl::StatusOr<std::vector<v1::WatchResponse>> WatchStream::Next(absl::Duration timeout) {
  std::vector<v1::WatchResponse> responses;
  while (!synced_ && responses.size() < kResponsesAtOnce) {
    PERIGEE_ASSIGN_OR_RETURN(const ObjectPtr object, NextFirst());
    v1::WatchResponse& response = responses.emplace_back();
    response.set_revision(revision_);
    synced_ = object == nullptr;
    response.set_type(synced_ ? v1::WatchResponse::TYPE_SYNCED : v1::WatchResponse::TYPE_PUT);
    if (object != nullptr) *response.mutable_resource() = shown_(*object);
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
