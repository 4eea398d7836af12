#include "control-plane/cloudctl/watch.h"

#include <ostream>

#include "control-plane/cloudctl/columns.h"
#include "shared/base/status.h"

namespace perigee::control {
namespace {

bool IsTable(const OutputForm& form) {
  return form.type == OutputForm::Type::kTable || form.type == OutputForm::Type::kWide;
}

// Prints what is there when the server has said all of it, then a line for each change.
class Watcher {
 public:
  Watcher(Session& session, OutputForm form, Target target)
      : session_(session),
        form_(std::move(form)),
        target_(std::move(target)),
        columns_(
            ColumnsOf(*target_.kind, {.now = session.now,
                                      .zone = session.zone,
                                      .wide = form_.type == OutputForm::Type::kWide,
                                      .with_project = session.all_projects && target_.kind->project_scoped})),
        table_(MakeTable(columns_)) {}

  absl::Status Take(const v1::WatchResponse& response) {
    if (response.type() == v1::WatchResponse::TYPE_SYNCED) {
      synced_ = true;
      if (IsTable(form_)) session_.out() << table_.Render(session_.rendering) << std::flush;
      return absl::OkStatus();
    }
    if (!HasObject(response.resource())) return absl::OkStatus();
    const auto& object = ObjectOf(response.resource());
    if (!target_.name.empty() && MetaOf(object).name() != target_.name) return absl::OkStatus();
    if (response.type() == v1::WatchResponse::TYPE_DELETE) {
      session_.out() << ShortName(object) << " deleted\n" << std::flush;
      return absl::OkStatus();
    }
    if (!IsTable(form_)) {
      if (form_.type == OutputForm::Type::kYaml) session_.out() << "---\n";
      PERIGEE_RETURN_IF_ERROR(PrintObject(session_, form_, object));
      session_.out() << std::flush;
      return absl::OkStatus();
    }
    AddRow(object);
    return absl::OkStatus();
  }

 private:
  // As wide as what was printed before, so that the columns stay under each other.
  void AddRow(const google::protobuf::Message& object) {
    if (!synced_) return AddObject(table_, columns_, object);
    Table longer = table_;
    AddObject(longer, columns_, object);
    const std::string text = longer.Render(session_.rendering);
    const std::string line = text.substr(text.rfind('\n', text.size() - 2) + 1);
    session_.out() << line << std::flush;
  }

  Session& session_;
  const OutputForm form_;
  const Target target_;
  const std::vector<ColumnSpec> columns_;
  Table table_;
  bool synced_ = false;
};

}  // namespace

absl::Status Watch(Session& session, const OutputForm& form, const Target& target,
                   const std::string& selector) {
  PERIGEE_ASSIGN_OR_RETURN(Client * client, session.client());
  v1::WatchRequest request;
  request.add_kinds(target.kind->kind);
  request.set_project(session.ProjectFor(*target.kind));
  request.set_selector(selector);
  while (true) {
    Watcher watcher(session, form, target);
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
