#include "control-plane/admission/reader.h"

#include <utility>

#include "control-plane/store/keys.h"
#include "control-plane/watch/codec.h"
#include "shared/base/limits.h"
#include "shared/base/status.h"
#include "shared/resource/registry.h"

namespace perigee::control {

absl::StatusOr<std::optional<Stored>> ReadObject(Store& store, std::string_view kind,
                                                 std::string_view project, std::string_view name) {
  const absl::StatusOr<Record> record = store.Get(keys::Intent(kind, project, name));
  if (absl::IsNotFound(record.status())) return std::nullopt;
  PERIGEE_RETURN_IF_ERROR(record);
  Stored stored{.revision = record->revision};
  PERIGEE_ASSIGN_OR_RETURN(stored.object, DecodeIntent(kind, record->value, record->revision));
  return std::optional<Stored>(std::move(stored));
}

absl::StatusOr<std::optional<Stored>> ReadWithStatus(Store& store, std::string_view kind,
                                                     std::string_view project, std::string_view name) {
  PERIGEE_ASSIGN_OR_RETURN(std::optional<Stored> stored, ReadObject(store, kind, project, name));
  if (!stored.has_value()) return stored;
  const absl::StatusOr<Record> status = store.Get(keys::Status(kind, MetaOf(*stored->object).uid()));
  if (absl::IsNotFound(status.status())) return stored;
  PERIGEE_RETURN_IF_ERROR(status);
  PERIGEE_RETURN_IF_ERROR(MergeStatus(status->value, *stored->object));
  return stored;
}

absl::StatusOr<std::vector<Stored>> ReadAll(Store& store, std::string_view kind, std::string_view project) {
  const std::string prefix =
      project.empty() ? keys::IntentOfKind(kind) : keys::IntentOfProject(kind, project);
  std::vector<Stored> all;
  std::string after;
  while (true) {
    PERIGEE_ASSIGN_OR_RETURN(const Page page, store.List(prefix, limits::kListPage, after));
    for (const Record& record : page.records) {
      PERIGEE_ASSIGN_OR_RETURN(auto object, DecodeIntent(kind, record.value, record.revision));
      all.push_back({std::move(object), record.revision});
    }
    if (!page.more) return all;
    after = page.records.back().key;
  }
}

}  // namespace perigee::control
