#include "control-plane/cloudctl/watch.h"

#include <ostream>
#include <set>

#include "control-plane/cloudctl/columns.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

// Which events are about an object or its replicas. The server follows kinds, not objects, so replicas are learned
// from the assignments that come on the same stream, before their events.
class About {
 public:
  explicit About(const std::string& uid) : uid_(uid), uids_({uid}) {}

  void Learn(const v1::Assignment& assignment) {
    const v1::AssignmentSpec& spec = assignment.spec();
    if (spec.workload_uid() == uid_ || spec.satellite_uid() == uid_)
      uids_.insert(assignment.metadata().uid());
  }
  bool Has(const v1::Event& event) const { return uids_.contains(event.object().uid()); }

 private:
  const std::string uid_;
  std::set<std::string> uids_;  // a replica that is gone stays: its last events come later
};

TableView ViewOf(const Session& session, const OutputForm& form, const KindInfo& kind) {
  return {.now = session.now,
          .zone = session.zone,
          .wide = form.type == OutputForm::Type::kWide,
          .with_project = session.all_projects && kind.project_scoped};
}

// Prints what is there when the server has said all of it, then a line for each change.
class Watcher {
 public:
  Watcher(Session& session, OutputForm form, const Watched& watched)
      : session_(session),
        form_(std::move(form)),
        watched_(watched),
        about_(watched.about.uid()),
        columns_(ColumnsOf(*watched.target.kind, ViewOf(session, form_, *watched.target.kind))),
        table_(MakeTable(columns_)) {}

  absl::Status Take(const v1::WatchResponse& response) {
    if (response.type() == v1::WatchResponse::TYPE_SYNCED) {
      synced_ = true;
      Flush();
      return absl::OkStatus();
    }
    if (!HasObject(response.resource()) || !IsAsked(response.resource())) return absl::OkStatus();
    const auto& object = ObjectOf(response.resource());
    if (response.type() == v1::WatchResponse::TYPE_DELETE) {
      session_.out() << ShortName(object) << " deleted\n" << std::flush;
      return absl::OkStatus();
    }
    if (IsTable(form_)) {
      AddObject(table_, columns_, object);
      if (synced_) Flush();
      return absl::OkStatus();
    }
    if (form_.type == OutputForm::Type::kYaml) session_.out() << "---\n";
    PERIGEE_RETURN_IF_ERROR(PrintObject(session_, form_, object));
    session_.out() << std::flush;
    return absl::OkStatus();
  }

 private:
  bool IsAsked(const v1::Resource& resource) {
    if (!watched_.about.uid().empty()) {
      if (resource.has_assignment()) about_.Learn(resource.assignment());
      return resource.has_event() && about_.Has(resource.event());
    }
    return watched_.target.name.empty() || MetaOf(ObjectOf(resource)).name() == watched_.target.name;
  }

  void Flush() { session_.out() << table_.RenderNew(RenderingFor(session_, form_)) << std::flush; }

  Session& session_;
  const OutputForm form_;
  const Watched& watched_;
  About about_;
  const std::vector<ColumnSpec> columns_;
  Table table_;
  bool synced_ = false;
};

v1::WatchRequest RequestFor(Session& session, const Watched& watched) {
  v1::WatchRequest request;
  request.add_kinds(watched.target.kind->kind);
  request.set_project(session.ProjectFor(*watched.target.kind));
  request.set_selector(watched.selector);
  if (!watched.about.uid().empty()) {
    request.add_kinds("Assignment");
    request.set_project(watched.about.project());
  }
  return request;
}

}  // namespace

absl::Status Watch(Session& session, const OutputForm& form, const Watched& watched) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  const v1::WatchRequest request = RequestFor(session, watched);
  while (true) {
    Watcher watcher(session, form, watched);
    absl::Status failure;
    const absl::Status ended = client->Watch(request, [&](const v1::WatchResponse& response) {
      failure = watcher.Take(response);
      return failure.ok() && session.out().good();
    });
    PERIGEE_RETURN_IF_ERROR(failure);
    // Cut off for lagging behind: begin again with what is.
    if (ended.code() != absl::StatusCode::kOutOfRange) return ended;
  }
}

}  // namespace perigee::control
